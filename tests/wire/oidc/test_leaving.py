"""Logout over HTTP: by the back channel, begun by the provider, and begun by us."""

import json
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from werkzeug.test import TestResponse

from gateway.services import sign_in_upkeep
from gateway.storage import tables as t
from idp_fixtures.openid_provider.accounts import okta
from idp_fixtures.openid_provider.hostile import ATTACKS, EVIL, Scene
from idp_fixtures.openid_provider.hostile.scenes import DAY, claims_of
from idp_fixtures.openid_provider.keys import spare
from idp_fixtures.openid_provider.keys import token as signed
from idp_fixtures.openid_provider.provider import LOGOUT_EVENT
from tests.factories import provision
from tests.wire.oidc.conftest import CLIENT, Stage

SQLITE = pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
LOGOUTS = [attack for attack in ATTACKS.values() if "logout" in attack.at]
BOB = okta("bob@acme.test", "bob@acme.test", "Bob", [])


def send(stage: Stage, token: str) -> TestResponse:
    """The provider's server posts a token."""
    return stage.browser().post(stage.addresses.backchannel_logout_url, {"logout_token": token})


def logout_token(stage: Stage, **says: Any) -> str:
    return stage.server.provider.logout_token(stage.server.provider.clients[CLIENT], **says)


def sid_of_last(stage: Stage) -> str:
    return stage.server.site.grants[-1].sid


def test_a_provider_ends_the_session_that_it_names(stage: Stage) -> None:
    mine = stage.sign_in()
    sid = sid_of_last(stage)
    other = stage.sign_in()
    answer = send(stage, logout_token(stage, sub="ann@acme.test", sid=sid))
    assert answer.status_code in (200, 204)
    assert "no-store" in answer.headers["Cache-Control"]
    assert (stage.is_live(mine), stage.is_live(other)) == (False, True)


def test_a_session_alone_is_enough(stage: Stage) -> None:
    mine = stage.sign_in()
    send(stage, logout_token(stage, sid=sid_of_last(stage)))
    assert not stage.is_live(mine)


def test_without_a_session_all_of_the_subject_end(stage: Stage) -> None:
    provision(stage.lodge.work, stage.lodge.house, "bob@acme.test", "e2")
    mine = [stage.sign_in(), stage.sign_in()]
    bobs = stage.sign_in(BOB)
    send(stage, logout_token(stage, sub="ann@acme.test"))
    assert [stage.is_live(browser) for browser in (*mine, bobs)] == [False, False, True]


def test_subject_and_session_must_both_be_the_sessions(stage: Stage) -> None:
    provision(stage.lodge.work, stage.lodge.house, "bob@acme.test", "e2")
    mine = stage.sign_in()
    for says in (
        {"sub": "bob@acme.test", "sid": sid_of_last(stage)},
        {"sub": "ann@acme.test", "sid": "another"},
        {"sub": "ANN@acme.test"},
        {"sid": "another"},
    ):
        assert send(stage, logout_token(stage, **says)).status_code < 500
        assert stage.is_live(mine)


def test_a_logout_token_is_used_once(stage: Stage) -> None:
    token = logout_token(stage, sub="ann@acme.test")
    stage.sign_in()
    assert send(stage, token).status_code in (200, 204)
    mine = stage.sign_in()
    assert send(stage, token).status_code == 400
    assert stage.is_live(mine)


def test_our_logout_shows_the_provider_its_own_token_and_forgets_it(stage: Stage) -> None:
    """Kept sealed while the session lives; a session that has ended shows it to nobody."""
    browser, other = stage.sign_in(), stage.sign_in()
    sealed = [row.id_token for row in stage.lodge.rows(t.session_proofs)]
    assert all(sealed)
    assert not any("eyJ" in each for each in sealed)
    path = stage.addresses.login_url.removesuffix("login") + "logout"
    asked = parse_qs(urlsplit(browser.get(path).headers["Location"]).query)
    hint = claims_of(asked["id_token_hint"][0])
    assert (hint["iss"], hint["sub"]) == (stage.server.issuer, "ann@acme.test")
    assert asked["client_id"] == [CLIENT]
    stage.lodge.do(sign_in_upkeep.settle)
    kept = [row.id_token for row in stage.lodge.rows(t.session_proofs)]
    assert sorted(map(bool, kept)) == [False, True]
    send(stage, logout_token(stage, sub="ann@acme.test"))
    stage.lodge.do(sign_in_upkeep.settle)
    assert not any(row.id_token for row in stage.lodge.rows(t.session_proofs))
    assert not stage.is_live(other)


@SQLITE
def test_a_token_too_long_for_an_address_is_not_kept(stage: Stage) -> None:
    long = okta("ann@acme.test", "ann@acme.test", "Ann", ["G" * 200 + str(x) for x in range(20)])
    browser = stage.sign_in(long)
    path = stage.addresses.login_url.removesuffix("login") + "logout"
    assert "id_token_hint" not in browser.get(path).headers["Location"]


@SQLITE
def test_a_hostile_logout_token_ends_nothing(stage: Stage) -> None:
    mine = stage.sign_in()
    scene = Scene(stage.server.site)
    for attack in LOGOUTS:
        honest = logout_token(stage, sub="ann@acme.test", sid=sid_of_last(stage))
        token = attack.at["logout"](scene, honest)
        answer = send(stage, token)
        assert answer.status_code in (400, 413), (attack.name, answer.status_code, answer.text)
        assert stage.is_live(mine), attack.name
        if answer.status_code == 400:
            assert json.loads(answer.text)["error"] == "invalid_request", attack.name
    send(stage, logout_token(stage, sub="ann@acme.test"))
    assert not stage.is_live(mine)


@SQLITE
def test_what_is_not_for_us_or_not_of_now_makes_us_ask_nobody_for_keys(stage: Stage) -> None:
    """Anybody can post such a token, and its provider may take its time."""
    now = stage.server.provider.now
    for says in (
        {"iss": EVIL},
        {"aud": "another-client"},
        {"iat": now - DAY},
        {"exp": now - DAY},
        {"events": None},
        {"nonce": "n"},
        {"jti": None},
        {"sub": None, "sid": None},
    ):
        token = logout_token(stage, **{"sub": "ann@acme.test", **says})
        assert send(stage, token).status_code == 400, says
    assert "/jwks" not in stage.server.site.visited


@SQLITE
def test_tokens_of_unknown_keys_do_not_make_us_wait_for_a_provider_that_drips(
    stage: Stage,
) -> None:
    """It is asked once; when it behaves again, the honest logout ends the session."""
    mine = stage.sign_in()
    asked = stage.server.site.visited.count("/jwks")
    stage.server.site.attack = ATTACKS["jwks-slow"]
    for number in range(10):
        bogus = replace(spare("RS256"), kid=f"unheard-{number}")
        claims = stage.server.provider.logout_claims(
            stage.server.provider.clients[CLIENT], sub="ann@acme.test"
        )
        assert send(stage, signed(claims, bogus, typ="logout+jwt")).status_code == 400
    assert stage.server.site.visited.count("/jwks") == asked + 1
    stage.server.site.attack = None
    assert stage.is_live(mine)
    send(stage, logout_token(stage, sub="ann@acme.test"))
    assert not stage.is_live(mine)


@SQLITE
def test_an_id_token_is_no_logout_token_and_the_other_way_round(stage: Stage) -> None:
    mine = stage.sign_in()
    grant = stage.server.site.grants[-1]
    assert send(stage, stage.server.provider.id_token(grant)).status_code == 400
    both = stage.server.provider.id_token(grant, events={LOGOUT_EVENT: {}}, jti="j")
    assert send(stage, both).status_code == 400
    assert stage.is_live(mine)


@SQLITE
@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        pytest.param(b"", "application/x-www-form-urlencoded", id="nothing"),
        pytest.param(b"x=y", "application/x-www-form-urlencoded", id="no-token"),
        pytest.param(
            b"logout_token=a&logout_token=b", "application/x-www-form-urlencoded", id="twice"
        ),
        pytest.param(b'{"logout_token": "x"}', "application/json", id="json"),
        pytest.param(b"logout_token=%ff", "application/x-www-form-urlencoded", id="no-text"),
    ],
)
def test_what_is_no_form_is_refused(stage: Stage, body: bytes, content_type: str) -> None:
    path = stage.addresses.backchannel_logout_url.removeprefix("https://gateway.test")
    answer = stage.browser().client.post(
        path, base_url="https://gateway.test", data=body, content_type=content_type
    )
    assert answer.status_code in (400, 415)
