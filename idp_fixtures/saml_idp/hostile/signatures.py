"""Signatures that are missing, another's, weak, or mean something else."""

from collections.abc import Callable
from copy import deepcopy

from lxml import etree

from idp_fixtures.saml_idp import security
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
)
from idp_fixtures.saml_idp.messages import SAML, Element, child
from idp_fixtures.saml_idp.security import DS, EXC_C14N, MORE, Style


@attack
def unsigned(scene: Scene) -> bytes:
    """No signature at all."""
    return document(scene.unsigned())


@attack
def signature_cut_off(scene: Scene) -> bytes:
    """A signed Response whose signature was removed, the name changed."""
    return document(evil_copy(scene.response(), keep_id=True))


@attack
def name_changed(scene: Scene) -> bytes:
    """The NameID changed after signing."""
    root = scene.response()
    root.find(f".//{{{SAML}}}NameID").text = EVIL
    return document(root)


@attack
def attribute_added(scene: Scene) -> bytes:
    """A group added after signing."""
    root = scene.response()
    value = root.find(f".//{{{SAML}}}AttributeValue")
    value.addnext(deepcopy(value))
    return document(root)


@attack
def signed_by_another(scene: Scene) -> bytes:
    """Signed by the attacker, whose certificate lies beside."""
    root = scene.unsigned()
    security.sign(assertion_of(root), scene.attacker)
    return document(root)


@attack
def signed_by_another_without_certificate(scene: Scene) -> bytes:
    """Signed by the attacker, no certificate beside."""
    root = scene.unsigned()
    security.sign(assertion_of(root), scene.attacker, Style(certificate=False))
    return document(root)


@attack
def signed_by_another_behind_our_certificate(scene: Scene) -> bytes:
    """Signed by the attacker, the provider's certificate beside."""
    root = scene.unsigned()
    signature = security.sign(assertion_of(root), scene.attacker)
    signature.find(f".//{{{DS}}}X509Certificate").text = scene.idp.key.base64
    return document(root)


@attack
def response_signed_by_another(scene: Scene) -> bytes:
    """A good assertion in an envelope that the attacker signed."""
    root = scene.response()
    security.sign(root, scene.attacker)
    return document(root)


@attack
def assertion_signed_by_another_in_good_envelope(scene: Scene) -> bytes:
    """An assertion that the attacker signed in an envelope that the provider signed."""
    root = scene.unsigned()
    security.sign(assertion_of(root), scene.attacker)
    security.sign(root, scene.idp.key)
    return document(root)


@attack
def signature_value_of_something_else(scene: Scene) -> bytes:
    """A signature value that belongs to another message."""
    root, other = scene.response(), scene.response(assertion_id="_another")
    for name in ("SignatureValue",):
        place = f".//{{{DS}}}{name}"
        root.find(place).text = other.find(place).text
    return document(root)


@attack
def signature_value_empty(scene: Scene) -> bytes:
    """An empty signature value."""
    root = scene.response()
    root.find(f".//{{{DS}}}SignatureValue").text = ""
    return document(root)


# -- what a signature may look like -------------------------------------------------------


def _tinkered(change: Callable[[Element], None], *, complete: bool = True) -> Attack:
    """Change a signature before its values are made; the provider's own key makes them."""

    def make(scene: Scene) -> bytes:
        root = scene.unsigned()
        assertion = assertion_of(root)
        signature = security.template(assertion, scene.idp.key, Style())
        assertion.insert(1, signature)
        change(signature)
        if complete:
            security.complete(signature, scene.idp.key)
        return document(root)

    return make


def _in(signature: Element, name: str) -> Element:
    return signature.find(f".//{{{DS}}}{name}")


def _second_reference(signature: Element) -> None:
    reference = _in(signature, "Reference")
    other = deepcopy(reference)
    reference.addnext(other)


def _reference_to_envelope(signature: Element) -> None:
    root = signature.getroottree().getroot()
    _in(signature, "Reference").set("URI", f"#{root.get('ID')}")


def _reference_to_all(signature: Element) -> None:
    _in(signature, "Reference").set("URI", "")


def _reference_without_uri(signature: Element) -> None:
    del _in(signature, "Reference").attrib["URI"]


def _reference_by_xpointer(signature: Element) -> None:
    own = signature.getparent().get("ID")
    _in(signature, "Reference").set("URI", f"#xpointer(id('{own}'))")


def _transform(algorithm: str, body: str = "") -> Callable[[Element], None]:
    def change(signature: Element) -> None:
        transforms = _in(signature, "Transforms")
        transforms[-1].set("Algorithm", algorithm)
        if body:
            transforms[-1].append(etree.fromstring(body))

    return change


def _third_transform(signature: Element) -> None:
    transforms = _in(signature, "Transforms")
    transforms.append(deepcopy(transforms[-1]))


def _no_transforms(signature: Element) -> None:
    _in(signature, "Reference").remove(_in(signature, "Transforms"))


def _turned_transforms(signature: Element) -> None:
    transforms = _in(signature, "Transforms")
    transforms.append(transforms[0])


def _not_enveloped(signature: Element) -> None:
    transforms = _in(signature, "Transforms")
    transforms.remove(transforms[0])


def _object(signature: Element) -> None:
    child(signature, DS, "Object").text = "something"


def _retrieval(signature: Element) -> None:
    method = child(_in(signature, "KeyInfo"), DS, "RetrievalMethod")
    method.set("URI", "http://127.0.0.1:1/key")


def _canonicalisation(signature: Element) -> None:
    _in(signature, "CanonicalizationMethod").set("Algorithm", "urn:none")


def _stray_text(signature: Element) -> None:
    _in(signature, "SignedInfo").tail = "text"


XSLT = (
    '<xsl:stylesheet xmlns:xsl="http://www.w3.org/1999/XSL/Transform" version="1.0">'
    '<xsl:template match="/"><xsl:copy-of select="//*"/></xsl:template></xsl:stylesheet>'
)
XPATH = f'<ds:XPath xmlns:ds="{DS}">not(ancestor-or-self::node()[@hidden])</ds:XPath>'
PREFIXES = (
    f'<ec:InclusiveNamespaces xmlns:ec="{EXC_C14N}" PrefixList="xs"><b/></ec:InclusiveNamespaces>'
)

for _name, (_change, _complete) in {
    "two-references": (_second_reference, True),
    "reference-to-envelope": (_reference_to_envelope, True),
    "reference-to-everything": (_reference_to_all, True),
    "reference-without-uri": (_reference_without_uri, False),
    "reference-by-xpointer": (_reference_by_xpointer, True),
    "transform-xslt": (_transform("http://www.w3.org/TR/1999/REC-xslt-19991116", XSLT), False),
    "transform-xpath": (_transform("http://www.w3.org/TR/1999/REC-xpath-19991116", XPATH), True),
    "transform-xpath-filter2": (
        _transform("http://www.w3.org/2002/06/xmldsig-filter2", XPATH),
        False,
    ),
    "transform-base64": (_transform(f"{DS}base64"), False),
    "transform-with-content": (_transform(EXC_C14N, PREFIXES), False),
    "three-transforms": (_third_transform, True),
    "no-transforms": (_no_transforms, False),
    "transforms-turned-round": (_turned_transforms, False),
    "transform-not-enveloped": (_not_enveloped, False),
    "signature-with-object": (_object, True),
    "key-by-retrieval": (_retrieval, False),
    "canonicalisation-unknown": (_canonicalisation, False),
    "text-in-signature": (_stray_text, True),
}.items():
    ATTACKS[_name] = _tinkered(_change, complete=_complete)


def _weak(style: Style) -> Attack:
    def make(scene: Scene) -> bytes:
        root = scene.unsigned()
        assertion = assertion_of(root)
        signature = security.template(assertion, scene.idp.key, style)
        assertion.insert(1, signature)
        security.complete_by_hand(signature, scene.idp.key)
        return document(root)

    return make


for _name, _style in {
    "rsa-sha1": Style(method=f"{DS}rsa-sha1"),
    "rsa-md5": Style(method=f"{MORE}rsa-md5"),
    "digest-sha1": Style(digest=f"{DS}sha1"),
    "digest-md5": Style(digest=f"{MORE}md5"),
    "dsa-sha1": Style(method=f"{DS}dsa-sha1"),
    "hmac-sha256": Style(method=f"{MORE}hmac-sha256"),
    "algorithm-unknown": Style(method="urn:none"),
}.items():
    ATTACKS[_name] = _weak(_style)


@attack
def two_signed_infos(scene: Scene) -> bytes:
    """A second SignedInfo in one signature."""
    root = scene.response()
    info = _in(root, "SignedInfo")
    info.addnext(deepcopy(info))
    return document(root)


@attack
def signature_in_subject(scene: Scene) -> bytes:
    """A signature whose parent is neither Response nor assertion."""
    root = scene.response()
    root.find(f".//{{{SAML}}}Subject").append(signature_of(root))
    return document(root)


@attack
def signature_twice(scene: Scene) -> bytes:
    """Two signatures of one assertion."""
    root = scene.response()
    signature = signature_of(root)
    signature.addnext(deepcopy(signature))
    return document(root)
