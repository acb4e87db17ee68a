"""ID tokens: good twins that are taken, and each way to be wrong, refused with its code."""

import json
from datetime import timedelta
from typing import Any

import pytest

from gateway.domain.judging import Unacceptable
from gateway.oidc import tokens
from gateway.oidc.documents import parsed
from idp_fixtures.openid_provider.keys import (
    compact,
    encoded,
    half_hash,
    new_key,
    spare,
    token_by_secret,
)
from tests.clock import Clock
from tests.unit.oidc.bench import (
    ISSUER,
    NOW,
    OURS,
    claims,
    connection,
    keys_of,
    publishing,
    signed,
    verdict,
)

TENANT = "11111111-2222-3333-4444-555555555555"
TEMPLATE = "https://login.example/{tenantid}/v2.0"
CHECKS = ["signature", "issuer", "audience", "time", "nonce", "at_hash", "subject"]


def test_an_honest_token_passes_every_check() -> None:
    found = verdict(signed())
    assert (found.code, found.checks) == (None, CHECKS)


@pytest.mark.parametrize(
    "says",
    [
        pytest.param({"aud": ["us"]}, id="a-list-of-us-alone"),
        pytest.param({"aud": ["us", "other"], "azp": "us"}, id="made-for-us-among-others"),
        pytest.param({"azp": "us"}, id="made-for-us"),
        pytest.param({"exp": NOW - 59}, id="ended-within-the-skew"),
        pytest.param({"iat": NOW + 59}, id="made-within-the-skew"),
        pytest.param({"nbf": NOW + 59}, id="good-within-the-skew"),
        pytest.param({"exp": NOW + 300.5}, id="half-a-second"),
        pytest.param({"at_hash": half_hash("access")}, id="the-access-tokens-digest"),
        pytest.param({"sub": "x" * 255}, id="a-subject-of-255"),
    ],
)
def test_what_is_right_is_taken(says: dict[str, Any]) -> None:
    assert verdict(signed(claims(**says))).code is None


@pytest.mark.parametrize("algorithm", ["RS256", "RS512", "PS256", "ES256", "ES384", "EdDSA"])
def test_each_algorithm_is_taken_where_it_is_agreed_on_and_nowhere_else(algorithm: str) -> None:
    key = spare(algorithm)
    keys, text = keys_of(publishing(key.jwk, spare("ES512").jwk)), signed(key=key)
    assert verdict(text, keys, algorithms=(algorithm,)).code is None
    assert verdict(text, keys, algorithms=("ES512",)).code == "algorithm_refused"


@pytest.mark.parametrize(
    ("says", "code"),
    [
        ({"iss": "https://evil.example"}, "issuer_mismatch"),
        ({"iss": f"{ISSUER}/"}, "issuer_mismatch"),
        ({"iss": None}, "issuer_mismatch"),
        ({"iss": [ISSUER]}, "issuer_mismatch"),
        ({"aud": "other"}, "audience_mismatch"),
        ({"aud": "US"}, "audience_mismatch"),
        ({"aud": []}, "audience_mismatch"),
        ({"aud": None}, "audience_mismatch"),
        ({"aud": {"us": 1}}, "audience_mismatch"),
        ({"aud": ["us", 7]}, "audience_mismatch"),
        ({"aud": ["us", "other"]}, "audience_mismatch"),
        ({"aud": ["us", "other"], "azp": "other"}, "audience_mismatch"),
        ({"azp": "other"}, "audience_mismatch"),
        ({"azp": ""}, "audience_mismatch"),
        ({"exp": NOW - 60}, "expired"),
        ({"exp": None}, "token_invalid"),
        ({"exp": str(NOW + 300)}, "token_invalid"),
        ({"exp": True}, "token_invalid"),
        ({"exp": 1e300}, "token_invalid"),
        ({"exp": NOW + 400 * 86_400}, "token_invalid"),
        ({"iat": None}, "token_invalid"),
        ({"iat": NOW + 61}, "not_yet_valid"),
        ({"iat": NOW - 3_600}, "expired"),
        ({"nbf": NOW + 61}, "not_yet_valid"),
        ({"nbf": "now"}, "token_invalid"),
        ({"nonce": None}, "nonce_mismatch"),
        ({"nonce": "then"}, "nonce_mismatch"),
        ({"nonce": ["now"]}, "nonce_mismatch"),
        ({"at_hash": half_hash("another")}, "token_invalid"),
        ({"at_hash": ""}, "token_invalid"),
        ({"at_hash": 7}, "token_invalid"),
        ({"sub": None}, "subject_missing"),
        ({"sub": ""}, "subject_missing"),
        ({"sub": " "}, "subject_missing"),
        ({"sub": "mia "}, "subject_missing"),
        ({"sub": "mia\u0000"}, "subject_missing"),
        ({"sub": 7}, "subject_missing"),
        ({"sub": "x" * 256}, "subject_missing"),
    ],
)
def test_what_a_token_claims_wrongly_is_refused(says: dict[str, Any], code: str) -> None:
    assert verdict(signed(claims(**says))).code == code


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ({"alg": "none"}, "algorithm_refused"),
        ({"alg": "None"}, "algorithm_refused"),
        ({"alg": "HS256"}, "algorithm_refused"),
        ({"alg": "RS1"}, "algorithm_refused"),
        ({"alg": ["RS256"]}, "algorithm_refused"),
        ({"alg": "PS256"}, "algorithm_refused"),
        ({"typ": "at+jwt"}, "token_invalid"),
        ({"typ": "logout+jwt"}, "token_invalid"),
        ({"typ": 7}, "token_invalid"),
        ({"crit": ["exp"]}, "token_invalid"),
        ({"b64": False}, "token_invalid"),
        ({"zip": "DEF"}, "token_invalid"),
        ({"jwk": spare("RS256").jwk}, "token_invalid"),
        ({"jku": "https://evil.example/keys"}, "token_invalid"),
        ({"x5u": "https://evil.example/chain"}, "token_invalid"),
        ({"x5c": ["AA=="]}, "token_invalid"),
        ({"kid": "unknown"}, "key_unknown"),
        ({"kid": "../../dev/null"}, "key_unknown"),
        ({"kid": 7}, "key_unknown"),
    ],
)
def test_what_a_header_must_not_say_is_refused(header: dict[str, Any], code: str) -> None:
    assert verdict(signed(**header)).code == code


def test_nobody_elses_signature_fits() -> None:
    other = spare("RS256")
    assert verdict(signed(key=other, kid="ours")).code == "signature_invalid"
    good = signed()
    head, body, mark = good.split(".")
    forged = encoded(json.dumps(claims(sub="evil")).encode())
    for text in (f"{head}.{forged}.{mark}", f"{head}.{body}.{mark[:-8]}", f"{head}.{body}.AAAA"):
        assert verdict(text).code == "signature_invalid"
    by_our_public_key = token_by_secret(claims(), OURS.pem.encode(), kid="ours")
    assert verdict(by_our_public_key).code == "algorithm_refused"


@pytest.mark.parametrize(
    "text",
    [
        None,
        7,
        "",
        "a.b",
        "a.b.c.d.e",
        " " + signed(),
        signed() + "\n",
        signed().replace(".", "=.", 1),
        "." + signed(),
        signed().rpartition(".")[0] + ".",
        "x" * 70_000,
        compact(b'{"alg":"RS256","alg":"none"}', b"{}", OURS.sign),
        compact(b"[]", b"{}", OURS.sign),
    ],
    # Signatures differ from run to run, and processes of one run must agree on names.
    ids=[
        "nothing",
        "a-number",
        "empty",
        "two-parts",
        "five-parts",
        "a-space-before",
        "a-line-after",
        "padded",
        "a-dot-before",
        "no-signature",
        "too-long",
        "an-algorithm-twice",
        "a-list-as-header",
    ],
)
def test_what_is_no_signed_token_is_refused(text: object) -> None:
    assert verdict(text).code == "malformed"


@pytest.mark.parametrize(
    "payload",
    [b"", b"[]", b'"x"', b"{", b'{"sub":"a","sub":"b"}', b'{"exp":NaN}', b"\xff{}", b"[" * 5_000],
    ids=str,
)
def test_a_signed_payload_that_two_readers_read_differently_is_refused(payload: bytes) -> None:
    if payload:
        assert verdict(signed(payload)).code == "malformed"


@pytest.mark.parametrize(
    "text", ['{"a":"\\ud800"}', "{}".encode("utf-16"), "\ufeff{}", "1"], ids=repr
)
def test_json_of_strangers_is_read_in_one_way(text: str | bytes) -> None:
    with pytest.raises(Unacceptable):
        parsed(text, "x")


def test_a_number_beyond_all_calendars_is_no_instant() -> None:
    with pytest.raises(Unacceptable):
        tokens.instant(parsed('{"exp":1e999}', "x"), "exp")


def test_a_tenants_token_names_the_tenant_that_is_pinned() -> None:
    ours: dict[str, Any] = {"issuer": TEMPLATE, "tenant": TENANT}
    issuer = TEMPLATE.replace("{tenantid}", TENANT)
    assert verdict(signed(claims(iss=issuer, tid=TENANT)), **ours).code is None
    for says, code in (
        ({"iss": issuer, "tid": "another"}, "tenant_mismatch"),
        ({"iss": issuer}, "tenant_mismatch"),
        ({"iss": TEMPLATE, "tid": TENANT}, "issuer_mismatch"),
        ({"iss": TEMPLATE.replace("{tenantid}", "another"), "tid": TENANT}, "issuer_mismatch"),
    ):
        assert verdict(signed(claims(**says)), **ours).code == code


# -- keys -----------------------------------------------------------------------------------


def test_a_new_key_is_asked_for_and_an_unknown_one_not_without_end() -> None:
    shelf, clock, new = publishing(OURS.jwk), Clock(), spare("RS256")
    keys = keys_of(shelf, clock)
    assert verdict(signed(), keys).code is None
    for _ in range(5):
        assert verdict(signed(key=new), keys).code == "key_unknown"
    assert len(shelf.asked) == 2, "it was asked for once, and not again so soon"
    shelf.documents.update(publishing(OURS.jwk, new.jwk).documents)
    clock.advance(timedelta(seconds=31))
    assert verdict(signed(key=new), keys).code is None
    assert len(shelf.asked) == 3


def test_no_address_in_a_token_is_ever_asked() -> None:
    shelf = publishing(OURS.jwk)
    verdict(signed(jku="https://evil.example/keys"), keys_of(shelf))
    assert "https://evil.example/keys" not in shelf.asked


@pytest.mark.parametrize(
    "published",
    [
        pytest.param([], id="none"),
        pytest.param([OURS.jwk, OURS.jwk], id="twice"),
        pytest.param([OURS.jwk, {**spare("RS256").jwk, "kid": "ours"}], id="two-of-one-name"),
        pytest.param([OURS.private_jwk], id="private"),
        pytest.param([{**OURS.jwk, "use": "enc"}], id="for-encryption"),
        pytest.param([{**OURS.jwk, "key_ops": ["sign"]}], id="that-only-signs"),
        pytest.param([{**OURS.jwk, "alg": "RS512"}], id="of-another-algorithm"),
        pytest.param([{**OURS.jwk, "n": ""}], id="without-its-number"),
        pytest.param([{**OURS.jwk, "n": "!!!"}], id="that-is-no-number"),
        pytest.param([{**OURS.jwk, "kty": "oct", "k": "AA"}], id="shared"),
        pytest.param([{**spare("ES256").jwk, "kid": "ours"}], id="of-another-kind"),
        pytest.param([7, None, "x"], id="that-are-none"),
    ],
)
def test_a_key_that_cannot_be_meant_is_no_key(published: list[Any]) -> None:
    assert verdict(signed(), keys_of(publishing(*published))).code == "key_unknown"


def test_weak_keys_are_refused() -> None:
    weak = new_key("RS256", "weak", bits=1024)
    found = verdict(signed(key=weak), keys_of(publishing(weak.jwk)))
    assert found.code == "key_unknown"


def test_without_a_name_the_only_key_is_meant_and_of_two_none() -> None:
    text = signed(kid=None)
    assert verdict(text).code is None
    two = publishing(OURS.jwk, spare("RS256").jwk)
    assert verdict(text, keys_of(two)).code == "key_unknown"


def test_a_provider_that_cannot_be_asked_signs_nobody_in() -> None:
    shelf = publishing()
    shelf.documents.clear()
    assert verdict(signed(), keys_of(shelf)).code == "provider_unreachable"


def test_what_has_ended_is_refused_where_nothing_has_to_say_when() -> None:
    now = Clock()()
    tokens.require_not_ended({}, connection(), now)
    for says in ({"exp": NOW - 3_600}, {"nbf": NOW + 3_600}, {"iat": NOW + 3_600}):
        with pytest.raises(Unacceptable):
            tokens.require_not_ended(says, connection(), now)


@pytest.mark.parametrize("issuer", ["https://accounts.google.com", "accounts.google.com"])
@pytest.mark.parametrize(
    ("said", "domain"),
    [
        pytest.param("acme.test", "acme.test", id="ours"),
        pytest.param("ACME.Test", "acme.test", id="in-capitals"),
        pytest.param("bücher.test", "xn--bcher-kva.test", id="in-letters"),
        pytest.param(None, None, id="absent"),
        pytest.param("", None, id="empty"),
        pytest.param("test", None, id="one-label"),
        pytest.param("ann@acme.test", None, id="an-address"),
        pytest.param(["acme.test"], None, id="in-a-list"),
        pytest.param({"acme.test": 1}, None, id="in-an-object"),
        pytest.param(True, None, id="true"),
        pytest.param(7, None, id="a-number"),
        pytest.param("acme.test\u0000", None, id="with-a-nul"),
        pytest.param("acme.test\n", None, id="with-a-line-break"),
        pytest.param(" acme.test", None, id="padded"),
        pytest.param("a" * 5_000 + ".test", None, id="long"),
    ],
)
def test_an_account_at_google_belongs_to_a_workspace(
    issuer: str, said: object, domain: str | None
) -> None:
    """Whoever is in none may still have an account under a company's address."""
    found = verdict(signed(claims(iss=issuer, hd=said)), issuer=issuer)
    assert found.code == (None if domain else "hosted_domain_unproved")
    if found.token is not None:
        agreed = connection(issuer=issuer)
        assert tokens.hosted_domain(found.token.claims, agreed) == domain


def test_no_other_issuer_is_asked_for_a_hosted_domain() -> None:
    found = verdict(signed(claims(hd="evil.example")))
    assert found.token is not None
    assert tokens.hosted_domain(found.token.claims, connection()) is None
