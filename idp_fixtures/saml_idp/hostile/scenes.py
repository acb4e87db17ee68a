"""What every attack starts from, and the list that it enters."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, replace

from lxml import etree

from idp_fixtures.saml_idp import messages, security
from idp_fixtures.saml_idp.keys import Key
from idp_fixtures.saml_idp.messages import SAML, Element, Recipe
from idp_fixtures.saml_idp.provider import SAMLProvider
from idp_fixtures.saml_idp.security import DS, Encryption

EVIL = "evil"


@dataclass(frozen=True)
class Scene:
    """A provider, what it would honestly say, an attacker's key, and the encryption to use."""

    idp: SAMLProvider
    recipe: Recipe
    attacker: Key
    encryption: Encryption

    def response(self, **says: object) -> Element:
        """The honest Response, signed as the provider does."""
        return self.idp.issue(replace(self.recipe, **says))  # type: ignore[arg-type]

    def unsigned(self, **says: object) -> Element:
        """The Response without a signature."""
        return messages.response(replace(self.recipe, **says))  # type: ignore[arg-type]


Attack = Callable[[Scene], bytes]
ATTACKS: dict[str, Attack] = {}
"""Name → what makes the document."""


def attack(make: Attack) -> Attack:
    """Enter a function into the list, by its name with hyphens."""
    ATTACKS[make.__name__.replace("_", "-")] = make
    return make


def document(root: Element) -> bytes:
    """Return a tree as bytes."""
    return bytes(etree.tostring(root))


def assertion_of(root: Element) -> Element:
    """Return the assertion that is a child of the root."""
    return root.find(f"{{{SAML}}}Assertion")


def signature_of(root: Element) -> Element:
    """Return the first signature."""
    return next(root.iter(f"{{{DS}}}Signature"))


def evil_copy(node: Element, *, keep_id: bool = False) -> Element:
    """Return a copy without signature that names the attacker's wish."""
    copy = deepcopy(node)
    for signature in list(copy.iter(f"{{{DS}}}Signature")):
        signature.getparent().remove(signature)
    for name_id in copy.iter(f"{{{SAML}}}NameID"):
        name_id.text = EVIL
    if not keep_id:
        copy.set("ID", "_evil")
    return copy


def signed_response(scene: Scene) -> Element:
    """Return a Response of which the envelope is signed."""
    root = scene.unsigned()
    security.sign(root, scene.idp.key)
    return root
