"""Encrypted assertions: forbidden algorithms, broken ciphertexts, and what hides inside."""

import base64
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace

from lxml import etree

from idp_fixtures.saml_idp import security
from idp_fixtures.saml_idp.hostile.documents import ENTITY
from idp_fixtures.saml_idp.hostile.scenes import (
    ATTACKS,
    EVIL,
    Attack,
    Scene,
    assertion_of,
    attack,
    document,
)
from idp_fixtures.saml_idp.messages import SAML, SAMLP, Element, child
from idp_fixtures.saml_idp.security import DS, XENC


def _encrypted(scene: Scene, plaintext: bytes | None = None, **how: object) -> Element:
    root = scene.response()
    encryption = replace(scene.encryption, **how)  # type: ignore[arg-type]
    security.encrypt(assertion_of(root), encryption, plaintext)
    return root


def _by(**how: object) -> Attack:
    return lambda scene: document(_encrypted(scene, None, **how))


for _name, _how in {
    "key-transport-rsa15": {"transport": security.RSA15},
    "content-by-cbc": {"content": security.CBC256},
}.items():
    ATTACKS[_name] = _by(**_how)


def _inside(change: Callable[[bytes], bytes]) -> Attack:
    def make(scene: Scene) -> bytes:
        honest = document(assertion_of(scene.response()))
        return document(_encrypted(scene, change(honest)))

    return make


for _name, _change in {
    "inside-doctype": lambda text: b"<!DOCTYPE r>" + text,
    "inside-entity": lambda text: ENTITY + text,
    "inside-comment": lambda text: text.replace(b"</saml:NameID>", b"<!-- --></saml:NameID>", 1),
    "inside-not-xml": lambda _: b"\x00\x01\x02",
    "inside-nothing": lambda _: b"",
    "inside-two": lambda text: text + text,
    "inside-text-too": lambda text: b"text" + text,
    "inside-closing-tag": lambda text: b"</here>" + text + b"<here>",
    "inside-response": lambda text: (
        b'<samlp:Response xmlns:samlp="%s"/>' % SAMLP.encode() + text[:0]
    ),
    "inside-too-many": lambda text: text.replace(b"<saml:Subject>", b"<a/>" * 7_000, 1),
    "inside-name-changed": lambda text: text.replace(b"</saml:NameID>", b"x</saml:NameID>", 1),
}.items():
    ATTACKS[_name] = _inside(_change)


@attack
def inside_unsigned(scene: Scene) -> bytes:
    """Encrypted by anybody with our public key, signed by nobody."""
    root = scene.unsigned(name_id=EVIL)
    security.encrypt(assertion_of(root), scene.encryption)
    return document(root)


@attack
def inside_xslt(scene: Scene) -> bytes:
    """A transform that runs a program, in clear only after decryption."""
    inner = etree.fromstring(ATTACKS["transform-xslt"](scene))
    return document(_encrypted(scene, document(assertion_of(inner))))


@attack
def inside_rsa_sha1(scene: Scene) -> bytes:
    """A weak signature, in clear only after decryption."""
    inner = etree.fromstring(ATTACKS["rsa-sha1"](scene))
    return document(_encrypted(scene, document(assertion_of(inner))))


@attack
def inside_encrypted_again(scene: Scene) -> bytes:
    """An encrypted assertion inside the encrypted assertion."""
    inner = document(_encrypted(scene).find(f"{{{SAML}}}EncryptedAssertion"))
    return document(_encrypted(scene, inner))


@attack
def encrypted_for_another(scene: Scene) -> bytes:
    """Encrypted for somebody else's key."""
    return document(_encrypted(scene, certificate=scene.attacker.certificate))


def _ciphered(change: Callable[[Element], None]) -> Attack:
    def make(scene: Scene) -> bytes:
        root = _encrypted(scene)
        change(root)
        return document(root)

    return make


def _values(root: Element) -> list[Element]:
    """The wrapped key's value, then the content's."""
    return list(root.iter(f"{{{XENC}}}CipherValue"))


def _flip(place: int, at: int) -> Callable[[Element], None]:
    def change(root: Element) -> None:
        value = bytearray(base64.b64decode(_values(root)[place].text))
        value[at] ^= 1
        _values(root)[place].text = base64.b64encode(value).decode()

    return change


def _short(place: int, keep: int) -> Callable[[Element], None]:
    def change(root: Element) -> None:
        value = base64.b64decode(_values(root)[place].text)[:keep]
        _values(root)[place].text = base64.b64encode(value).decode()

    return change


def _set(path: str, name: str, value: str) -> Callable[[Element], None]:
    def change(root: Element) -> None:
        root.find(f".//{{{XENC}}}{path}").set(name, value)

    return change


def _cipher_reference(root: Element) -> None:
    content = root.find(f".//{{{XENC}}}EncryptedData/{{{XENC}}}CipherData")
    content.remove(content[0])
    child(content, XENC, "CipherReference").set("URI", "file:///etc/passwd")


def _key_retrieval(root: Element) -> None:
    key = root.find(f".//{{{XENC}}}EncryptedKey")
    key.addprevious(etree.Element(f"{{{DS}}}RetrievalMethod", URI="#k"))


def _two_keys(root: Element) -> None:
    key = root.find(f".//{{{XENC}}}EncryptedKey")
    root.find(f"{{{SAML}}}EncryptedAssertion").append(deepcopy(key))


def _no_key(root: Element) -> None:
    key = root.find(f".//{{{XENC}}}EncryptedKey")
    key.getparent().remove(key)


def _not_base64(root: Element) -> None:
    _values(root)[1].text = "!!!!"


for _name, _alter in {
    "ciphertext-changed": _flip(1, 40),
    "ciphertext-tag-changed": _flip(1, -1),
    "ciphertext-short": _short(1, 20),
    "ciphertext-empty": _short(1, 0),
    "ciphertext-not-base64": _not_base64,
    "wrapped-key-changed": _flip(0, 5),
    "wrapped-key-short": _short(0, 100),
    "content-by-3des": _set("EncryptedData/*", "Algorithm", f"{XENC}tripledes-cbc"),
    "content-type-content": _set("EncryptedData", "Type", f"{XENC}Content"),
    "content-by-reference": _cipher_reference,
    "wrapped-key-by-retrieval": _key_retrieval,
    "two-wrapped-keys": _two_keys,
    "no-wrapped-key": _no_key,
}.items():
    ATTACKS[_name] = _ciphered(_alter)
