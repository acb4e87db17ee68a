"""How messages travel: by redirect within bounds, by post, signed as the connection says."""

import base64
import zlib
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import pytest
from lxml import etree

from gateway.domain.judging import Unacceptable
from gateway.domain.signin import Attempt
from gateway.saml import bindings, requests
from gateway.saml.bindings import Letter
from idp_fixtures.saml_idp import security
from idp_fixtures.saml_idp.provider import unpacked
from tests.clock import NOON
from tests.unit.saml.bench import ADDRESSES, SERVICE, connection, key, provider


def attempt(**more: Any) -> Attempt:
    known = {
        "id": UUID(int=3),
        "connection_id": UUID(int=7),
        "handle": "handle+/=",
        "cookie": "cookie",
        "nonce": "nonce",
        "code_verifier": "verifier",
        "request_id": "_asked",
        "return_to": "/",
        "test": False,
        "created_at": NOON,
        "expires_at": NOON + timedelta(minutes=10),
    }
    return Attempt(**{**known, **more})


def ask(sso: Any, **more: Any) -> Letter:
    return requests.authn_request(sso, ADDRESSES, attempt(**more), NOON)


def message(letter: Letter) -> Any:
    if letter.form is not None:
        return etree.fromstring(unpacked(letter.form["SAMLRequest"], posted=True))
    query = parse_qs(urlsplit(letter.address).query)
    return etree.fromstring(unpacked(query["SAMLRequest"][0], posted=False))


@pytest.mark.parametrize("binding", ["redirect", "post"])
@pytest.mark.parametrize("signs", [False, True])
def test_a_request_says_who_asks_and_where_to_answer(binding: str, signs: bool) -> None:
    letter = ask(connection(sso_binding=binding, sign_requests=signs))
    root = message(letter)
    assert root.get("ID") == "_asked"
    assert root.get("Destination") == "https://idp.example/saml/sso"
    assert root.get("AssertionConsumerServiceURL") == ADDRESSES.acs_url
    assert root.findtext("{*}Issuer") == ADDRESSES.entity_id
    assert root.get("ForceAuthn") is None
    # Asking for a context breaks passkeys and second factors at some providers.
    assert root.find("{*}RequestedAuthnContext") is None
    assert root.find("{*}NameIDPolicy") is None


def test_a_request_asks_for_fresh_proof_and_a_format_where_that_is_wanted() -> None:
    wanted = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"
    root = message(ask(connection(name_id_format=wanted), force=True))
    assert root.get("ForceAuthn") == "true"
    assert root.find("{*}NameIDPolicy").get("Format") == wanted


def test_a_posted_request_is_signed_by_our_newest_key() -> None:
    signed = message(ask(connection(sso_binding="post", sign_requests=True)))
    assert security.verified(signed, key("sp-new").certificate)
    plain = message(ask(connection(sso_binding="post")))
    assert not security.verified(plain, key("sp-new").certificate)


def test_a_request_by_redirect_is_signed_in_its_query() -> None:
    address = ask(connection(sign_requests=True)).address
    fields = bindings.from_query(urlsplit(address).query.encode())
    found = bindings.query_signature(fields, "SAMLRequest", (key("sp-new").certificate,))
    assert found
    assert fields.values["RelayState"] == "handle+/="
    bare = bindings.from_query(urlsplit(ask(connection()).address).query.encode())
    with pytest.raises(Unacceptable, match="signature_missing"):
        bindings.query_signature(bare, "SAMLRequest", (key("sp-new").certificate,))


def test_an_address_that_has_a_query_keeps_it() -> None:
    address = ask(connection(sso_url="https://idp.example/sso?app=7")).address
    assert address.startswith("https://idp.example/sso?app=7&SAMLRequest=")


def deflated(body: bytes) -> str:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return base64.b64encode(packer.compress(body) + packer.flush()).decode()


def test_deflated_messages_are_read() -> None:
    assert bindings.inflated(deflated(b"<a/>")) == b"<a/>"
    assert len(bindings.inflated(deflated(b"x" * 262_144))) == 262_144


@pytest.mark.parametrize(
    "field",
    [
        pytest.param(deflated(b"x" * 262_145), id="one-byte-too-many"),
        pytest.param(deflated(b"x" * 200_000_000), id="bomb"),
        pytest.param(base64.b64encode(zlib.compress(b"<a/>")).decode(), id="zlib-header"),
        pytest.param(base64.b64encode(b"<a/>").decode(), id="not-deflated"),
        pytest.param(deflated(b"<a/>" * 50)[:8] + "====", id="bad-base64"),
        pytest.param(
            base64.b64encode(base64.b64decode(deflated(b"<a/>")) + b"x").decode(), id="rest"
        ),
        pytest.param(
            base64.b64encode(base64.b64decode(deflated(b"<ab/>"))[:-2]).decode(), id="cut"
        ),
        pytest.param("", id="nothing"),
    ],
)
def test_what_is_not_deflated_or_expands_too_far_is_refused(field: str) -> None:
    with pytest.raises(Unacceptable, match="malformed"):
        bindings.inflated(field)


@pytest.mark.parametrize(
    "query",
    [
        b"SAMLRequest=a&SAMLRequest=b",
        b"SAMLRequest=a&RelayState=x&RelayState=y",
        b"SAMLRequest=a&%53AMLRequest=b",
        b"SAMLRequest=%ff",
        b"SAMLRequest=\xff",
        b"&".join(b"x%d=1" % x for x in range(13)),
        b"SAMLRequest=" + b"a" * 400_000,
    ],
)
def test_a_field_that_comes_twice_or_cannot_be_read_is_refused(query: bytes) -> None:
    with pytest.raises(Unacceptable, match="malformed"):
        bindings.from_query(query)


def test_a_request_and_a_response_at_once_are_refused() -> None:
    fields = bindings.from_form(b"SAMLRequest=a&SAMLResponse=b")
    with pytest.raises(Unacceptable, match="malformed"):
        _ = fields.name


def signed_query(method: str, signer: str = "idp", change: str = "") -> bindings.Fields:
    idp = provider(keys=[key(signer)])
    root = idp.logout_request(SERVICE, "mia")
    address = idp.by_redirect(ADDRESSES.logout_url, "SAMLRequest", root, "r s", method)
    return bindings.from_query((urlsplit(address).query + change).encode())


@pytest.mark.parametrize("digest", ["256", "384", "512"])
def test_a_signed_query_is_taken(digest: str) -> None:
    by_rsa = signed_query(f"{security.MORE}rsa-sha{digest}")
    assert bindings.query_signature(by_rsa, "SAMLRequest", connection().certificates)
    by_ec = signed_query(f"{security.MORE}ecdsa-sha{digest}", "ec-idp")
    assert bindings.query_signature(by_ec, "SAMLRequest", (key("ec-idp").certificate,))


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        pytest.param(
            lambda: signed_query(f"{security.DS}rsa-sha1"), "algorithm_refused", id="sha1"
        ),
        pytest.param(
            lambda: signed_query(security.RSA_SHA256, "attacker"), "signature_invalid", id="other"
        ),
        pytest.param(
            lambda: bindings.from_query(
                b"SAMLRequest=a&SigAlg=%s&Signature=" % security.RSA_SHA256.encode()
            ),
            "signature_invalid",
            id="empty",
        ),
        pytest.param(
            lambda: bindings.from_query(
                b"SAMLRequest=a&SigAlg=%s&Signature=!!" % security.RSA_SHA256.encode()
            ),
            "malformed",
            id="garbage",
        ),
        pytest.param(
            lambda: bindings.from_query(b"SAMLRequest=a&Signature=AAAA"),
            "signature_missing",
            id="no-algorithm",
        ),
        pytest.param(
            lambda: _stripped(signed_query(security.RSA_SHA256)),
            "signature_invalid",
            id="relay-gone",
        ),
    ],
)
def test_a_query_signed_otherwise_is_refused(fields: Any, code: str) -> None:
    with pytest.raises(Unacceptable, match=code):
        bindings.query_signature(fields(), "SAMLRequest", connection().certificates)


def _stripped(fields: bindings.Fields) -> bindings.Fields:
    raw = {name: value for name, value in fields.raw.items() if name != "RelayState"}
    return bindings.Fields(fields.values, raw)
