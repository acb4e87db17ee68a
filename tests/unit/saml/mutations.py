"""Changes to valid documents, drawn from a seed: some keep the signature, most break it."""

import base64
import random
from collections.abc import Callable
from copy import deepcopy
from typing import Any

from lxml import etree

Tree = Any
Mutation = Callable[[random.Random, Tree], None]
WORDS = (
    *("", " ", "evil", "_request", "2026-01-05T12:00:00Z", "9999-12-31T23:59:59Z", "NaN", "-1"),
    *(
        "https://evil.example/acs",
        "urn:oasis:names:tc:SAML:2.0:cm:bearer",
        "A" * 3_000,
        "ы",
        "\t\n",
    ),
    *("http://www.w3.org/2000/09/xmldsig#rsa-sha1", "#", "true", "%s%n", "ы", "\t\n", "]]>"),
)
"""Values that something somewhere may stumble over."""


def mutated(seed: int, document: bytes, unsigned: Callable[[Tree], list[Tree]]) -> bytes:
    """Return a document changed in one to three places.

    `unsigned` names the elements that no signature covers. About half of the changes are made
    there alone, so that they get past it.
    """
    chance = random.Random(seed)  # noqa: S311 - repeatable, not secret
    if chance.random() < 0.15:
        return _bytes_changed(chance, document)
    root = etree.fromstring(document)
    places = unsigned(root) if chance.random() < 0.6 else list(root.iter(etree.Element))
    for _ in range(chance.choice((1, 1, 2, 3))):
        chance.choice(MUTATIONS)(chance, chance.choice(places))
    return bytes(etree.tostring(root))


def _bytes_changed(chance: random.Random, document: bytes) -> bytes:
    text = bytearray(document)
    for _ in range(chance.randint(1, 4)):
        place = chance.randrange(len(text))
        match chance.randrange(4):
            case 0:
                text[place] = chance.randrange(256)
            case 1:
                del text[place : place + chance.randint(1, 40)]
            case 2:
                text[place:place] = text[place : place + chance.randint(1, 200)]
            case _:
                text[place:place] = chance.choice((b"<!--x-->", b"<?x?>", b"\x00", b"<a/>", b"&x;"))
    return bytes(text)


def _attribute(chance: random.Random, node: Tree) -> None:
    if node.attrib:
        node.set(chance.choice(sorted(node.attrib)), chance.choice(WORDS).strip("\x00"))


def _attribute_gone(chance: random.Random, node: Tree) -> None:
    if node.attrib:
        del node.attrib[chance.choice(sorted(node.attrib))]


def _attribute_new(chance: random.Random, node: Tree) -> None:
    node.set(chance.choice(("ID", "Id", "Version", "Destination", "foo")), chance.choice(WORDS))


def _text(chance: random.Random, node: Tree) -> None:
    node.text = chance.choice(WORDS) if len(node) == 0 or chance.random() < 0.1 else "\n "


def _tail(chance: random.Random, node: Tree) -> None:
    node.tail = chance.choice((" ", "\n", "x", ""))


def _gone(chance: random.Random, node: Tree) -> None:
    del chance
    if node.getparent() is not None:
        node.getparent().remove(node)


def _copied(chance: random.Random, node: Tree) -> None:
    everything = list(node.getroottree().getroot().iter(etree.Element))
    chance.choice(everything).append(deepcopy(node))


def _moved(chance: random.Random, node: Tree) -> None:
    everything = list(node.getroottree().getroot().iter(etree.Element))
    place = chance.choice(everything)
    if place not in list(node.iter()):
        place.append(node)


def _renamed(chance: random.Random, node: Tree) -> None:
    everything = list(node.getroottree().getroot().iter(etree.Element))
    node.tag = chance.choice(everything).tag


def _base64(chance: random.Random, node: Tree) -> None:
    """Change one bit of a value that is base64."""
    try:
        value = bytearray(base64.b64decode(node.text or "", validate=True))
    except ValueError:
        return
    if value:
        value[chance.randrange(len(value))] ^= 1 << chance.randrange(8)
        node.text = base64.b64encode(value).decode()


MUTATIONS: tuple[Mutation, ...] = (
    *(_attribute,) * 2,
    _attribute_gone,
    _attribute_new,
    *(_text,) * 4,
    *(_base64,) * 4,
    _tail,
    _gone,
    _copied,
    _moved,
    _renamed,
)
"""What is done, the gentler the more often: most cases shall get as far as a signature."""
