"""What XML itself can do, and what it can cost."""

from collections.abc import Callable
from string import ascii_letters

from lxml import etree

from idp_fixtures.saml_idp import security
from idp_fixtures.saml_idp.hostile.scenes import (
    ATTACKS,
    Attack,
    Scene,
    assertion_of,
    attack,
    document,
)
from idp_fixtures.saml_idp.messages import SAML, SAMLP, child
from idp_fixtures.saml_idp.security import DS, EXC_C14N


def _text(change: Callable[[bytes], bytes]) -> Attack:
    return lambda scene: change(document(scene.response()))


ENTITY = b'<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
LAUGHS = (
    b"<!DOCTYPE r ["
    + b'<!ENTITY a "aaaaaaaaaa">'
    + b"".join(
        b'<!ENTITY %c "%s">' % (ord("b") + x, b"&%c;" % (ord("a") + x) * 10) for x in range(9)
    )
    + b"]>"
)

_SAID_16 = '<?xml version="1.0" encoding="UTF-16"?>'

for _name, _change in {
    "doctype": lambda text: b"<!DOCTYPE r>" + text,
    "external-entity": lambda text: ENTITY + text.replace(b">Support<", b">&x;<", 1),
    "laughing-entities": lambda text: LAUGHS + text.replace(b">Support<", b">&j;<", 1),
    "external-dtd": lambda text: b'<!DOCTYPE r SYSTEM "http://127.0.0.1:1/x.dtd">' + text,
    "comment-in-name": lambda text: text.replace(b"</saml:NameID>", b"<!-- --></saml:NameID>", 1),
    "comment-before-root": lambda text: b"<!-- -->" + text,
    "instruction-in-name": lambda text: text.replace(
        b"</saml:NameID>", b"<?x y?></saml:NameID>", 1
    ),
    "instruction-before-root": lambda text: b'<?xml-stylesheet href="x"?>' + text,
    "utf-16": lambda text: text.decode().encode("utf-16"),
    "utf-16-without-mark": lambda text: (_SAID_16 + text.decode()).encode("utf-16-le"),
    "utf-16-big-endian": lambda text: (_SAID_16 + text.decode()).encode("utf-16-be"),
    "utf-16-not-said": lambda text: ('<?xml version="1.0"?>' + text.decode()).encode("utf-16-le"),
    "utf-16-with-doctype": lambda text: (
        '<?xml version="1.0"?><!DOCTYPE r [<!ENTITY x "y">]>' + text.decode()
    ).encode("utf-16-le"),
    "utf-32-without-mark": lambda text: text.decode().encode("utf-32-le"),
    "said-to-be-utf-7": lambda text: b'<?xml version="1.0" encoding="UTF-7"?>' + text,
    "said-to-be-latin-1": lambda text: b'<?xml version="1.0" encoding="ISO-8859-1"?>' + text,
    "bytes-that-are-no-utf-8": lambda text: text.replace(b">Support<", b">\xff\xfe<", 1),
    "nul-byte": lambda text: text.replace(b">Support<", b">\x00<", 1),
    "two-roots": lambda text: text + text,
    "cut-off": lambda text: text[: len(text) // 2],
    "not-xml": lambda _: b"\x89PNG",
    "nothing": lambda _: b"",
    "unknown-entity": lambda text: text.replace(b">Support<", b">&nbsp;<", 1),
    "text-between": lambda text: text.replace(b"<saml:Subject>", b"x<saml:Subject>", 1),
}.items():
    ATTACKS[_name] = _text(_change)


@attack
def another_root(scene: Scene) -> bytes:
    """The signed assertion alone, without a Response."""
    return document(assertion_of(scene.response()))


@attack
def a_logout_response(scene: Scene) -> bytes:
    """A message of another kind."""
    root = scene.response()
    root.tag = f"{{{SAMLP}}}LogoutResponse"
    return document(root)


# -- what costs: each must be refused in no time ---------------------------------------------


@attack
def too_large(scene: Scene) -> bytes:
    """Over 256 KiB, properly signed."""
    return document(scene.response(attributes={"photo": ["A" * 270_000]}))


@attack
def too_many_elements(scene: Scene) -> bytes:
    """6 500 attribute values, properly signed, below 256 KiB."""
    root = scene.unsigned(attributes={})
    statement = child(assertion_of(root), SAML, "AttributeStatement")
    attribute = child(statement, SAML, "Attribute")
    attribute.set("Name", "g")
    for _ in range(6_500):
        child(attribute, SAML, "AttributeValue")
    security.sign(assertion_of(root), scene.idp.key)
    return document(root)


@attack
def fifty_thousand_attributes(scene: Scene) -> bytes:
    """50 000 empty elements that no schema knows."""
    return _stuffed(scene, b"<a/>" * 50_000)


@attack
def many_xml_attributes(scene: Scene) -> bytes:
    """20 000 XML attributes of one element."""
    many = b"".join(b' a%d=""' % x for x in range(20_000))
    return _stuffed(scene, b"<saml:AttributeStatement%s/>" % many)


@attack
def many_xml_attributes_in_all(scene: Scene) -> bytes:
    """24 XML attributes at each of 1 900 elements, properly signed twice."""
    root = scene.unsigned()
    value = next(root.iter(f"{{{SAML}}}AttributeValue"))
    value.text = None
    place = etree.SubElement(value, "{urn:x}many", nsmap={"x": "urn:x"})
    for _ in range(1_900):
        etree.SubElement(place, "{urn:x}a").attrib.update(dict.fromkeys(ascii_letters[:24], ""))
    security.sign(assertion_of(root), scene.idp.key)
    security.sign(root, scene.idp.key)
    return document(root)


@attack
def many_namespaces(scene: Scene) -> bytes:
    """12 000 namespaces declared at one element."""
    many = b"".join(b' xmlns:a%d="b"' % x for x in range(12_000))
    return _stuffed(scene, b"<saml:AttributeStatement%s/>" % many)


@attack
def many_namespaces_in_steps(scene: Scene) -> bytes:
    """Twenty namespaces at each of many elements within each other."""
    opened = b"".join(
        b"<a%s>" % b"".join(b' xmlns:n%dx%d="b"' % (x, y) for y in range(20)) for x in range(200)
    )
    return _stuffed(scene, opened + b"</a>" * 200)


@attack
def deep(scene: Scene) -> bytes:
    """5 000 elements within each other."""
    return _stuffed(scene, b"<a>" * 5_000 + b"</a>" * 5_000)


@attack
def many_signatures(scene: Scene) -> bytes:
    """500 signatures."""
    return _stuffed(scene, b"<ds:Signature xmlns:ds='%s'/>" % DS.encode() * 500)


@attack
def many_ids(scene: Scene) -> bytes:
    """5 000 elements with the same ID."""
    return _stuffed(scene, b'<saml:Audience ID="a"/>' * 5_000)


@attack
def long_prefix_list(scene: Scene) -> bytes:
    """A canonicalisation with 20 000 prefixes."""
    root = scene.response()
    transform = root.find(f".//{{{DS}}}Transforms")[-1]
    prefixes = etree.SubElement(transform, f"{{{EXC_C14N}}}InclusiveNamespaces")
    prefixes.set("PrefixList", " ".join(f"a{x}" for x in range(20_000)))
    return document(root)


@attack
def many_audiences(scene: Scene) -> bytes:
    """2 000 audiences, properly signed."""
    ours = list(scene.recipe.audiences[0])
    return document(scene.response(audiences=[ours + ["urn:x"] * 2_000]))


def _stuffed(scene: Scene, filling: bytes) -> bytes:
    place = b"<saml:AttributeStatement>"
    return document(scene.response()).replace(place, filling + place, 1)
