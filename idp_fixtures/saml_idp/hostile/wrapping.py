"""Signature wrapping: what is signed stays, and something else would be read."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace

from lxml import etree

from idp_fixtures.saml_idp import messages, security
from idp_fixtures.saml_idp.hostile.scenes import (
    ATTACKS,
    EVIL,
    Attack,
    Scene,
    assertion_of,
    attack,
    document,
    evil_copy,
    signature_of,
    signed_response,
)
from idp_fixtures.saml_idp.messages import SAML, SAMLP, Element, child
from idp_fixtures.saml_idp.security import DS


@attack
def wrapped_response_inside_signature(scene: Scene) -> bytes:
    """XSW1: an evil Response, the signed one inside its signature."""
    original = signed_response(scene)
    evil = evil_copy(original)
    signature = deepcopy(signature_of(original))
    evil.insert(1, signature)
    original.remove(signature_of(original))
    signature.append(original)
    return document(evil)


@attack
def wrapped_response_before_signature(scene: Scene) -> bytes:
    """XSW2: an evil Response with the signed one as its child."""
    original = signed_response(scene)
    evil = evil_copy(original)
    signature = deepcopy(signature_of(original))
    original.remove(signature_of(original))
    evil.insert(1, original)
    evil.insert(2, signature)
    return document(evil)


@attack
def wrapped_assertion_before(scene: Scene) -> bytes:
    """XSW3: an evil assertion before the signed one."""
    root = scene.response()
    original = assertion_of(root)
    original.addprevious(evil_copy(original))
    return document(root)


@attack
def wrapped_assertion_around(scene: Scene) -> bytes:
    """XSW4: an evil assertion with the signed one inside."""
    root = scene.response()
    original = assertion_of(root)
    evil = evil_copy(original)
    root.replace(original, evil)
    evil.append(original)
    return document(root)


@attack
def wrapped_assertion_after(scene: Scene) -> bytes:
    """XSW5: the signature moved to an evil assertion, the original behind it."""
    root = scene.response()
    original = assertion_of(root)
    evil = evil_copy(original)
    signature = signature_of(original)
    original.remove(signature)
    evil.insert(1, signature)
    original.addprevious(evil)
    return document(root)


@attack
def wrapped_assertion_inside_signature(scene: Scene) -> bytes:
    """XSW6: the signature moved to an evil assertion, the original inside the signature."""
    root = scene.response()
    original = assertion_of(root)
    evil = evil_copy(original)
    root.replace(original, evil)
    signature = signature_of(original)
    original.remove(signature)
    evil.insert(1, signature)
    signature.append(original)
    return document(root)


@attack
def wrapped_assertion_in_extensions(scene: Scene) -> bytes:
    """XSW7: an evil assertion with the same ID in Extensions."""
    root = scene.response()
    original = assertion_of(root)
    extensions = etree.Element(f"{{{SAMLP}}}Extensions")
    extensions.append(evil_copy(original, keep_id=True))
    root.insert(1, extensions)
    return document(root)


@attack
def wrapped_assertion_in_object(scene: Scene) -> bytes:
    """XSW8: the signature moved to an evil assertion, the original in its Object."""
    root = scene.response()
    original = assertion_of(root)
    evil = evil_copy(original)
    root.replace(original, evil)
    signature = signature_of(original)
    original.remove(signature)
    evil.insert(1, signature)
    child(signature, DS, "Object").append(original)
    return document(root)


def _hidden(where: Callable[[Element], Element]) -> Attack:
    def make(scene: Scene) -> bytes:
        root = scene.response()
        original = assertion_of(root)
        evil = evil_copy(original)
        signature = signature_of(original)
        original.remove(signature)
        root.replace(original, evil)
        evil.insert(1, signature)
        where(evil).append(original)
        return document(root)

    return make


def _advice(evil: Element) -> Element:
    advice = etree.Element(f"{{{SAML}}}Advice")
    evil.find(f"{{{SAML}}}Conditions").addnext(advice)
    return advice


def _key_info(evil: Element) -> Element:
    return evil.find(f".//{{{DS}}}KeyInfo")


def _attribute_value(evil: Element) -> Element:
    return evil.find(f".//{{{SAML}}}AttributeValue")


def _confirmation(evil: Element) -> Element:
    return evil.find(f".//{{{SAML}}}SubjectConfirmationData")


def _context(evil: Element) -> Element:
    return child(evil.find(f".//{{{SAML}}}AuthnContext"), SAML, "AuthnContextDecl")


for _name, _where in {
    "advice": _advice,
    "key-info": _key_info,
    "attribute-value": _attribute_value,
    "confirmation": _confirmation,
    "context": _context,
}.items():
    ATTACKS[f"original-hidden-in-{_name}"] = _hidden(_where)


@attack
def original_hidden_in_status(scene: Scene) -> bytes:
    """The signed assertion in StatusDetail, an evil one where it is read."""
    root = scene.response()
    original = assertion_of(root)
    root.replace(original, evil_copy(original))
    child(root.find(f"{{{SAMLP}}}Status"), SAMLP, "StatusDetail").append(original)
    return document(root)


@attack
def two_signed_assertions(scene: Scene) -> bytes:
    """Two assertions, each properly signed."""
    root = scene.response()
    other = messages.assertion(replace(scene.recipe, assertion_id="_other", name_id=EVIL))
    root.append(other)
    security.sign(other, scene.idp.key)
    return document(root)


@attack
def assertion_beside_encrypted(scene: Scene) -> bytes:
    """An evil assertion beside the encrypted one."""
    root = scene.response()
    original = assertion_of(root)
    evil = evil_copy(original)
    security.encrypt(original, scene.encryption)
    root.append(evil)
    return document(root)


@attack
def one_id_twice(scene: Scene) -> bytes:
    """The Response has the assertion's ID."""
    root = scene.response()
    root.set("ID", assertion_of(root).get("ID"))
    return document(root)


@attack
def one_id_as_xml_id(scene: Scene) -> bytes:
    """Something else claims the signed ID by another attribute."""
    root = scene.response()
    root.set("{http://www.w3.org/XML/1998/namespace}id", assertion_of(root).get("ID"))
    return document(root)
