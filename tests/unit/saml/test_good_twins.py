"""What honest providers do differently from each other is all taken."""

import base64
from typing import Any

import pytest
from lxml import etree

from gateway.domain.signin import AttributeMapping, Groups
from idp_fixtures.saml_idp import messages, security
from idp_fixtures.saml_idp.messages import SAML
from idp_fixtures.saml_idp.provider import (
    CLAIMS,
    ENTRA_GROUPS,
    Account,
    entra,
    google,
    in_one_string,
    okta,
)
from idp_fixtures.saml_idp.security import ENVELOPED, MORE, OAEP11, XENC, XENC11, Style
from tests.unit.saml.bench import (
    accepts,
    connection,
    encryption,
    key,
    provider,
    recipe,
    refuses,
    response,
    verdict,
)

C14N = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"
C14N11 = "http://www.w3.org/2006/12/xml-c14n11"
EXC_COMMENTS = f"{security.EXC_C14N}WithComments"


@pytest.mark.parametrize(
    "style",
    [
        pytest.param(Style(), id="rsa-sha256"),
        pytest.param(Style(method=f"{MORE}rsa-sha384", digest=f"{MORE}sha384"), id="sha384"),
        pytest.param(Style(method=f"{MORE}rsa-sha512", digest=f"{XENC}sha512"), id="sha512"),
        pytest.param(Style(prefixes="xs"), id="okta-prefix-list"),
        pytest.param(Style(prefixes="#default saml xs xsi"), id="prefix-list"),
        pytest.param(Style(canonicalisation=C14N), id="inclusive-signed-info"),
        pytest.param(Style(canonicalisation=C14N11, transforms=(ENVELOPED, C14N11)), id="c14n-1.1"),
        pytest.param(Style(transforms=(ENVELOPED, C14N)), id="inclusive-assertion"),
        pytest.param(
            Style(canonicalisation=EXC_COMMENTS, transforms=(ENVELOPED, EXC_COMMENTS)),
            id="with-comments",
        ),
        pytest.param(Style(transforms=(ENVELOPED,)), id="one-transform"),
        pytest.param(Style(certificate=False), id="no-key-info"),
    ],
)
@pytest.mark.parametrize("signs", ["response", "assertion", "response assertion"])
def test_every_allowed_signature_is_taken(style: Style, signs: str) -> None:
    idp = provider(style=style, signs=frozenset(signs.split()))
    assert accepts(response(idp)).identity.subject == "mia"


@pytest.mark.parametrize("curve", ["256", "384", "512"])
def test_signatures_on_elliptic_curves_are_taken(curve: str) -> None:
    own = key("ec-idp")
    style = Style(method=f"{MORE}ecdsa-sha{curve}")
    idp = provider(keys=[own], style=style)
    accepts(response(idp), sso=connection(certificates=(own.certificate,)))
    refuses(response(idp), "signature_invalid")


@pytest.mark.parametrize(
    "how",
    [
        pytest.param({"content": f"{XENC11}aes128-gcm"}, id="aes128-gcm"),
        pytest.param({"content": f"{XENC11}aes192-gcm"}, id="aes192-gcm"),
        pytest.param({}, id="aes256-gcm"),
        pytest.param({"transport": OAEP11}, id="oaep-1.1"),
        pytest.param(
            {"transport": OAEP11, "digest": f"{XENC}sha256", "mask": "sha256"}, id="sha256"
        ),
        pytest.param({"transport": OAEP11, "digest": f"{XENC}sha512", "mask": "sha1"}, id="mixed"),
        pytest.param({"digest": f"{XENC}sha256"}, id="mgf1p-sha256"),
        pytest.param({"beside": True}, id="key-beside"),
        pytest.param({"certificate": key("sp-old").certificate}, id="our-older-key"),
    ],
)
@pytest.mark.parametrize("signs", ["response", "assertion", "response assertion"])
def test_every_allowed_encryption_is_taken(how: dict[str, Any], signs: str) -> None:
    idp = provider(encryption=encryption(**how), signs=frozenset(signs.split()))
    assert accepts(response(idp)).identity.subject == "mia"


@pytest.mark.parametrize("bits", [128, 192, 256])
def test_cbc_is_taken_only_where_the_connection_says_so(bits: int) -> None:
    idp = provider(encryption=encryption(content=f"{XENC}aes{bits}-cbc"))
    accepts(response(idp), sso=connection(allow_cbc=True))
    refuses(response(idp), "encryption_refused")


def test_what_a_changed_ciphertext_became_is_not_told() -> None:
    """No padding oracle: from the padding to the signature, every failure has one code."""
    lenient = connection(allow_cbc=True)
    codes = set()
    for place in range(16, 400, 7):
        root = response(provider(encryption=encryption(content=security.CBC256)))
        value = list(root.iter(f"{{{XENC}}}CipherValue"))[1]
        raw = bytearray(base64.b64decode(value.text))
        raw[-place] ^= 0x41
        value.text = base64.b64encode(raw).decode()
        codes.add(verdict(root, sso=lenient).code)
    assert codes == {"decryption_failed"}


def test_prefixes_declared_around_the_encrypted_assertion_hold_inside_it() -> None:
    root = response()
    assertion = root.find(f"{{{SAML}}}Assertion")
    text = etree.tostring(assertion, with_tail=False)
    needy = text.replace(f' xmlns:saml="{SAML}"'.encode(), b"", 1)
    assert needy != text
    security.encrypt(assertion, encryption(), needy)
    accepts(root)


def test_a_connection_may_demand_or_refuse_encryption() -> None:
    clear, sealed = response(), response(provider(encryption=encryption()))
    refuses(clear, "encryption_refused", sso=connection(require_encrypted=True))
    accepts(sealed, sso=connection(require_encrypted=True))
    refuses(sealed, "encryption_refused", sso=connection(allow_encrypted=False))
    accepts(clear, sso=connection(allow_encrypted=False))


@pytest.mark.parametrize("encrypts", [False, True])
def test_a_connection_may_demand_that_very_signature(encrypts: bool) -> None:
    how = encryption() if encrypts else None
    outer = response(provider(signs=frozenset({"response"}), encryption=how))
    inner = response(provider(signs=frozenset({"assertion"}), encryption=how))
    accepts(outer, sso=connection(want_response_signed=True))
    refuses(inner, "signature_missing", sso=connection(want_response_signed=True))
    accepts(inner, sso=connection(want_assertions_signed=True))
    refuses(outer, "signature_missing", sso=connection(want_assertions_signed=True))


def test_any_of_the_connections_certificates_will_do_and_the_one_is_named() -> None:
    """Roll-over: a staged certificate is proved by the first message that its key signed."""
    both = connection(certificates=(key("idp").certificate, key("idp-next").certificate))
    old = accepts(response(), sso=both).identity.signed_by
    new = accepts(response(provider(keys=[key("idp-next")])), sso=both).identity.signed_by
    assert None not in (old, new)
    assert old != new
    refuses(response(provider(keys=[key("idp-next")])), "signature_invalid")


@pytest.mark.parametrize(
    ("account", "mapping"),
    [
        pytest.param(
            okta("mia", "mia@acme.test", "Mia Acme", ["A", "B"]),
            AttributeMapping(email="email", display_name="displayName", groups="groups"),
            id="okta",
        ),
        pytest.param(
            entra("mia", "mia@acme.test", "Mia Acme", ["A", "B"]),
            AttributeMapping(
                email=f"{CLAIMS}/emailaddress",
                display_name="http://schemas.microsoft.com/identity/claims/displayname",
                groups=ENTRA_GROUPS,
            ),
            id="entra",
        ),
        pytest.param(
            google("mia", "mia@acme.test", "Mia Acme", ["A", "B"]),
            AttributeMapping(email="email", display_name="name", groups="groups"),
            id="google",
        ),
        pytest.param(
            in_one_string(okta("mia", "mia@acme.test", "Mia Acme", ["A", "B"]), "groups"),
            AttributeMapping(
                email="email", display_name="displayName", groups="groups", group_separator=";"
            ),
            id="one-string",
        ),
        pytest.param(
            Account(
                "mia",
                {
                    "urn:oid:0.9.2342.19200300.100.1.3": ["mia@acme.test"],
                    "urn:oid:2.16.840.1.113730.3.1.241": ["Mia Acme"],
                    "urn:oid:1.3.6.1.4.1.5923.1.5.1.1": ["A", "B"],
                },
            ),
            AttributeMapping(
                email="urn:oid:0.9.2342.19200300.100.1.3",
                display_name="urn:oid:2.16.840.1.113730.3.1.241",
                groups="urn:oid:1.3.6.1.4.1.5923.1.5.1.1",
            ),
            id="object-identifiers",
        ),
    ],
)
def test_every_market_provider_says_who_and_which_groups(
    account: Account, mapping: AttributeMapping
) -> None:
    """S4-23"""
    said: dict[str, Any] = {"attributes": account.attributes, "name_id": account.name_id}
    taken = accepts(response(**said), sso=connection(attributes=mapping)).identity
    assert (taken.email, taken.display_name) == ("mia@acme.test", "Mia Acme")
    assert taken.groups == Groups.of(["A", "B"])


@pytest.mark.parametrize(
    ("attributes", "groups"),
    [
        pytest.param({}, Groups.ABSENT, id="absent"),
        pytest.param({"groups": []}, Groups.of([]), id="an-attribute-without-values"),
        pytest.param({"groups": [""]}, Groups.of([]), id="an-empty-value"),
        pytest.param({"groups": ["urn:g:a"]}, Groups.of(["urn:g:a"]), id="urns"),
        pytest.param(
            entra("m", "m@a.test", "M", [str(x) for x in range(151)]).attributes,
            Groups.OVERAGE,
            id="entra-overage",
        ),
    ],
)
def test_absent_too_many_and_no_groups_are_three_things(
    attributes: dict[str, Any], groups: Groups
) -> None:
    assert accepts(response(attributes=attributes)).identity.groups == groups


def test_wrapped_base64_is_taken_and_any_other_alphabet_is_not() -> None:
    raw = etree.tostring(response(name_id="mia?>~"))
    text = base64.b64encode(raw).decode()
    lines = "\r\n".join(text[x : x + 76] for x in range(0, len(text), 76))
    accepts(lines)
    for wrong in (
        text.replace("\n", "")[:-1] + "*",
        base64.urlsafe_b64encode(raw + b"\xff\xfe\xfb").decode(),
        " " + text,
        text.rstrip("=") if text.endswith("=") else text[:-1],
        text + "====",
    ):
        refuses(wrong, "malformed")


def test_a_byte_order_mark_and_a_declaration_are_no_obstacle() -> None:
    raw = etree.tostring(response())
    accepts(b'<?xml version="1.0" encoding="UTF-8"?>\n' + raw)
    accepts(b"\xef\xbb\xbf" + raw)


def test_messages_are_read_as_they_were_signed() -> None:
    """CDATA is text, and was signed as text."""
    raw = etree.tostring(messages.response(recipe(name_id="m&amp;a")))
    root = etree.fromstring(raw.replace(b">m&amp;amp;a<", b"><![CDATA[m&amp;a]]><"))
    assertion = root.find(f"{{{SAML}}}Assertion")
    security.sign(assertion, key("idp"))
    assert accepts(root).identity.subject == "m&amp;a"
