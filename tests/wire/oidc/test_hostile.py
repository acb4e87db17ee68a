"""Every hostile provider, in a sign-in of its own that could have succeeded."""

from datetime import timedelta
from typing import Any

import pytest

from gateway.browser.endings import LINK_PAGE
from gateway.storage import tables as t
from idp_fixtures.openid_provider.hostile import ATTACKS, TWINS, Attack
from tests.wire.oidc.conftest import ANN, Stage
from tests.wire.oidc.inside import inside

KIND = pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
PARTS = 4
WITHOUT_KEYS = frozenset({"key-of-another-kind", "key-shared"})
"""Refused by their algorithm, before keys are asked for."""

FRESH = timedelta(minutes=2)
"""After this, keys are asked for again."""

SIGN_INS = [x for x in ATTACKS.values() if not x.at.keys() & {"discovery", "logout"}]
SLOW = [x for x in SIGN_INS if x.name.endswith("-slow")]
QUICK = [x for x in SIGN_INS if x not in SLOW]


def remember(stage: Stage) -> None:
    """Two sign-ins for attacks that use what came before."""
    stage.sign_in()
    stage.sign_in()


@KIND
@pytest.mark.parametrize("part", range(PARTS))
def test_a_hostile_answer_is_refused_like_any_other_failure(
    stage: Stage, part: int, entries: list[Any]
) -> None:
    """No session, no row, no 500, no stumbling, nowhere to go, and one page for all.

    After each of them an honest sign-in succeeds: nothing of it stays.
    """
    remember(stage)
    pages, taken = set(), []
    with inside() as place:
        stage.server.site.elsewhere = place.url
        for attack in QUICK[part::PARTS]:
            before = stage.counted()
            answer = refused(stage, attack)
            if answer is None:
                taken.append(attack.name)
                continue
            if LINK_PAGE not in answer:
                pages.add(answer)
            assert stage.counted() == before, attack.name
            recover(stage)
        assert place.visitors == []
    assert taken == []
    assert len(pages) == 1
    assert [entry for entry in entries if entry["event"] == "unexpected"] == []
    assert not [path for path in stage.server.site.visited if path.startswith("/evil")]


def refused(stage: Stage, attack: Attack) -> str | None:
    """Sign in at a provider that misbehaves; return the page without its code, None for success."""
    stage.clock.advance(FRESH)
    who = stage.agree(attack)
    stage.server.site.attack = attack
    asked = stage.server.site.visited.count("/jwks")
    browser, answer = stage.attempt(who)
    stage.server.site.attack = None
    if "jwks" in attack.at and attack.name not in WITHOUT_KEYS:
        assert stage.server.site.visited.count("/jwks") > asked, attack.name
    code = answer.headers.get("X-Sign-In-Failure")
    if answer.status_code != 403 or code is None or browser.session is not None:
        return None
    request_id = answer.headers["X-Request-Id"]
    return answer.text.replace(code, "…").replace(request_id, "…")


def recover(stage: Stage) -> None:
    """An honest sign-in, once keys are asked for again."""
    stage.clock.advance(FRESH)
    stage.agree()
    stage.sign_in()


@KIND
@pytest.mark.parametrize("attack", SLOW, ids=lambda attack: attack.name)
def test_a_provider_that_drips_is_left(stage: Stage, attack: Attack) -> None:
    who = stage.agree(attack)
    stage.server.site.attack = attack
    assert stage.refusal(who) == "provider_unreachable"


@pytest.mark.parametrize("part", range(PARTS))
def test_what_looks_odd_and_is_right_is_taken(stage: Stage, part: int) -> None:
    for twin in list(TWINS.values())[part::PARTS]:
        who = stage.agree(twin)
        stage.server.site.attack = twin
        stage.clock.advance(FRESH)
        stage.sign_in(who)
        stage.server.site.attack = None


@KIND
def test_a_failure_keeps_a_trace_without_secrets(stage: Stage) -> None:
    stage.server.site.attack = ATTACKS["aud-foreign"]
    assert stage.refusal() == "audience_mismatch"
    trace = stage.lodge.rows(t.signin_traces)[0]
    assert (trace.outcome, trace.code) == ("refused", "audience_mismatch")
    checks = trace.document["checks"]
    assert [check["passed"] for check in checks] == [True] * (len(checks) - 1) + [False]
    told = str(trace.document)
    grant = stage.server.site.grants[-1]
    for secret in (*stage.server.site.tokens, grant.request.nonce, grant.request.state, "eyJ"):
        assert secret is not None
        assert secret not in told


@KIND
def test_two_organisations_providers_are_not_mixed_up(stage: Stage) -> None:
    """A good code of one connection brought to the address of another finds no attempt."""
    browser = stage.browser()
    way = stage.visit(stage.begin(browser), ANN)
    moved = way.replace(stage.addresses.redirect_uri, stage.addresses.redirect_uri[:-9] + "x")
    assert browser.get(moved).status_code == 404
