"""Signing in through an OpenID provider over HTTP: begun by us, by one browser, finished once."""

from dataclasses import replace
from datetime import timedelta
from urllib.parse import urlsplit

import pytest

from gateway.domain.errors import Refused
from gateway.services import directory
from gateway.storage import tables as t
from gateway.storage.unit_of_work import UnitOfWork
from idp_fixtures.openid_provider.accounts import Account, entra, google, guid, okta, overage
from idp_fixtures.openid_provider.hostile.scenes import Attack, saying
from idp_fixtures.openid_provider.keys import spare
from tests.factories import user_record
from tests.held_lock import HELD, while_locked
from tests.wire.oidc.conftest import Stage, asked, newcomer
from tests.wire.places import is_told_of_a_new_place
from tests.wire.saml.conftest import refusal

M = timedelta(minutes=1)


def test_a_provisioned_person_signs_in(stage: Stage) -> None:
    """S4-22"""
    entered = stage.entrance(stage.sign_in())
    assert (entered.member_name, entered.method) == ("Ann", "sso")


def test_a_sign_in_from_a_new_place_is_told_to_the_person(stage: Stage) -> None:
    is_told_of_a_new_place(stage)


def test_the_request_asks_for_a_code_with_a_challenge_and_names_no_secret(stage: Stage) -> None:
    query = asked(stage.begin(stage.browser()))
    assert (query["response_type"], query["code_challenge_method"]) == ("code", "S256")
    assert query["redirect_uri"] == stage.addresses.redirect_uri
    assert set(query["scope"].split()) == {"openid", "profile", "email", "groups"}
    assert len(query["code_challenge"]) == 43
    assert len({query["state"], query["nonce"], query["code_challenge"]}) == 3
    assert not query.keys() & {"code_verifier", "client_secret"}


def test_the_attempts_cookie_crosses_sites_and_the_sessions_does_not(stage: Stage) -> None:
    browser = stage.browser()
    begun = browser.get(stage.addresses.login_url)
    cookie = begun.headers["Set-Cookie"]
    assert cookie.startswith("__Host-gateway-attempt-")
    for part in ("Secure", "HttpOnly", "SameSite=None", "Path=/"):
        assert part in cookie
    ended = stage.come_back(browser, begun.headers["Location"])
    session = next(x for x in ended.headers.getlist("Set-Cookie") if "session" in x)
    assert session.startswith("__Host-gateway-session=")
    assert "SameSite=Lax" in session


def test_the_way_back_lies_with_us_and_is_one_of_our_paths(stage: Stage) -> None:
    for wanted, way in (
        ("/console/members?x=1", "/console/members?x=1"),
        ("https://evil.example/", "/"),
        ("//evil.example/", "/"),
    ):
        browser = stage.browser()
        place = stage.begin(browser, return_to=wanted)
        assert "evil" not in place
        assert stage.come_back(browser, place).headers["Location"] == way


def test_an_attempt_is_finished_once_and_by_its_browser(stage: Stage) -> None:
    mine, other = stage.browser(), stage.browser()
    way = stage.visit(stage.begin(mine))
    assert refusal(other.get(way)) == "attempt_elsewhere"
    assert mine.get(way).status_code == 303
    assert refusal(mine.get(way)) in ("attempt_used", "attempt_elsewhere")
    assert other.session is None


def test_an_attempt_dies_after_ten_minutes(stage: Stage) -> None:
    browser = stage.browser()
    way = stage.visit(stage.begin(browser))
    stage.clock.advance(10 * M + timedelta(seconds=1))
    assert refusal(browser.get(way)) == "attempt_unknown"


def test_an_answer_to_one_attempt_finishes_no_other(stage: Stage) -> None:
    """The code of one attempt under the state of another: nonce and verifier do not fit."""
    browser = stage.browser()
    one, other = stage.visit(stage.begin(browser)), stage.visit(stage.begin(browser))
    code, state = asked(one)["code"], asked(other)["state"]
    mixed = other.replace(asked(other)["code"], code)
    assert state in mixed
    assert refusal(browser.get(mixed)) == "provider_refused"


def test_groups_are_followed_absent_is_not_none_and_overage_is_neither(stage: Stage) -> None:
    stage.lodge.configure(jit=True)
    jim = newcomer()
    elsewhere = overage("https://graph.windows.net/t/users/u/getMemberObjects")
    for groups, left in (
        ({"groups": ["Support", "Eng"]}, {"Support", "Eng"}),
        ({"groups": None}, {"Support", "Eng"}),
        ({"groups": None, **elsewhere}, {"Support", "Eng"}),
        ({"groups": "Eng"}, {"Eng"}),
        ({"groups": []}, set()),
    ):
        browser = stage.sign_in(Account(jim.sub, {**jim.claims, **groups}))
        assert stage.groups(browser) == left, groups


def test_each_provider_of_the_market_is_read(stage: Stage) -> None:
    """Google never says groups, Entra names them by GUID and says nothing of `email_verified`."""
    stage.lodge.configure(jit=True)
    jim, tenant = newcomer(), guid("acme")
    said = (jim.sub, jim.claims["email"], "Jim")
    for account, groups in (
        (okta(*said, ["Support"]), {"Support"}),
        (entra(*said, ["Support"], tenant=tenant), {guid("Support")}),
        (google(*said, domain="acme.test"), {guid("Support")}),
    ):
        assert stage.groups(stage.sign_in(account)) == groups


def test_a_newcomer_with_a_verified_address_becomes_a_member_where_that_is_on(
    stage: Stage,
) -> None:
    who = newcomer()
    before = stage.counted()
    assert stage.refusal(who) == "unknown_person"
    assert stage.counted() == before
    stage.lodge.configure(jit=True)
    assert stage.entrance(stage.sign_in(who)).member_name == who.claims["name"]


def test_who_is_known_by_another_subject_is_not_known(stage: Stage) -> None:
    """An address never links: whoever controls it at the provider is not yet Ann."""
    stage.sign_in()
    before = stage.counted()
    assert stage.refusal(okta("other", "ann@acme.test", "Ann Acme")) == "unknown_person"
    assert stage.counted() == before


def test_a_person_that_scim_deactivated_is_refused_and_leaves_no_row(stage: Stage) -> None:
    """S5-17"""
    browser = stage.sign_in()
    house, user = stage.lodge.house, stage.lodge.rows(t.directory_users)[-1]

    def leave(uow: UnitOfWork) -> None:
        gone = user_record("ann@acme.test", "e1", active=False)
        assert not isinstance(directory.update_user(uow, house.connection, user.id, gone), Refused)

    stage.lodge.do(leave, house.idp)
    assert not stage.is_live(browser)
    before = stage.counted()
    assert stage.refusal() == "deprovisioned_by_idp"
    assert stage.counted() == before


def test_whoever_must_prove_it_again_is_asked_by_the_provider_afresh(stage: Stage) -> None:
    """A proof of five minutes ago is none for what is sensitive, nor is the provider's memory."""
    browser = stage.sign_in()
    stage.clock.advance(6 * M)
    assert not stage.entrance(browser).is_fresh(stage.clock())
    place = stage.begin(browser, again="1")
    assert {"prompt": "login", "max_age": "0"}.items() <= asked(place).items()
    remembers = saying(lambda scene: {"auth_time": scene.now - 360})
    stage.server.site.attack = Attack(name="remembers", says="", at={"id_token": remembers})
    assert refusal(stage.come_back(browser, place)) == "authentication_too_old"
    stage.server.site.attack = None
    before = browser.session
    assert stage.come_back(browser, stage.begin(browser, again="1")).status_code == 303
    assert stage.entrance(browser).is_fresh(stage.clock())
    assert browser.session != before


def test_keys_roll_over_while_people_sign_in(stage: Stage) -> None:
    stage.sign_in()
    provider = stage.server.provider
    provider.roll_over(key=spare("RS256", kid="next"))
    stage.sign_in()
    provider.withdraw()
    stage.clock.advance(2 * M)
    stage.sign_in()


def test_a_key_that_was_withdrawn_is_not_believed_for_long(stage: Stage) -> None:
    stage.sign_in()
    old = stage.server.provider.keys
    stage.server.provider.keys = [spare("RS256", kid="next")]
    stage.sign_in()
    stage.clock.advance(timedelta(days=2))
    published = stage.server.provider.jwks
    stage.server.provider.keys = [*old, *stage.server.provider.keys]
    stage.server.provider.jwks = lambda: {  # type: ignore[method-assign]
        "keys": [key for key in published()["keys"] if key["kid"] == "next"]
    }
    assert stage.refusal() == "key_unknown"


def test_keys_are_not_asked_for_at_each_sign_in(stage: Stage) -> None:
    for _ in range(3):
        stage.sign_in()
    assert stage.server.site.visited.count("/jwks") == 1


def test_unknown_keys_do_not_make_us_ask_without_end(stage: Stage) -> None:
    """Whoever sends tokens of unknown keys does not make us hammer the provider."""
    stage.sign_in()
    for number in range(6):
        token = replace(spare("RS256"), kid=f"unknown-{number}")
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(stage.server.provider, "key", lambda _, key=token: key)
            stage.refusal()
    assert stage.server.site.visited.count("/jwks") <= 3


@pytest.mark.parametrize("kind", ["postgresql"], indirect=True)
def test_who_only_knows_the_address_holds_up_nobody_and_waits_for_nobody(stage: Stage) -> None:
    """Beginning a sign-in and failing at it change no right: neither takes the lock."""
    browser = stage.browser()

    def begin_and_fail() -> None:
        state = asked(stage.begin(browser))["state"]
        for query in (f"code=x&state={state}", "code=x&state=y"):
            iss = f"&iss={stage.server.issuer}"
            refusal(browser.get(f"{stage.addresses.redirect_uri}?{query}{iss}"))

    assert while_locked(stage.lodge.do, begin_and_fail) < HELD / 3
    traces = stage.lodge.rows(t.signin_traces)
    assert sorted(trace.code for trace in traces) == ["attempt_unknown", "provider_refused"]


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_nobody_is_signed_in_by_an_answer_that_nobody_asked_for(stage: Stage) -> None:
    path = urlsplit(stage.addresses.redirect_uri).path
    for query in (
        "",
        "?code=x",
        "?state=x",
        "?code=x&state=y",
        "?error=access_denied",
        "?" + "a" * 5000,
    ):
        refusal(stage.browser().get(path + query))
    assert stage.browser().post(path, {"code": "x"}).status_code in (403, 405)
