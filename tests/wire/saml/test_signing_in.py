"""Signing in through a SAML provider over HTTP: begun by us, by one browser, finished once."""

from dataclasses import replace
from datetime import timedelta
from html import unescape
from re import findall
from typing import Any

import pytest

from gateway.app import Gateway
from gateway.browser.cookies import MOST_ATTEMPTS, Cookies
from gateway.domain.errors import Refused
from gateway.services import directory
from gateway.storage import tables as t
from gateway.storage.unit_of_work import Work
from idp_fixtures.saml_idp.provider import okta, packed
from idp_fixtures.saml_idp.security import Encryption
from tests.clock import Clock
from tests.factories import user_record
from tests.held_lock import HELD, while_locked
from tests.unit.saml.bench import key
from tests.wire.places import is_told_of_a_new_place
from tests.wire.saml.conftest import ANN, ORIGIN, Stage, query_of, refusal, staged

M = timedelta(minutes=1)
UNSOLICITED: dict[str, Any] = {"in_response_to": None, "confirmed_in_response_to": None}


def test_a_provisioned_person_signs_in(stage: Stage) -> None:
    """S4-22"""
    browser = stage.sign_in()
    entered = stage.entrance(browser)
    assert (entered.member_name, entered.method) == ("Ann", "sso")


def test_a_sign_in_from_a_new_place_is_told_to_the_person(stage: Stage) -> None:
    is_told_of_a_new_place(stage)


def test_the_cookies_are_the_hosts_own_and_the_attempts_crosses_sites(stage: Stage) -> None:
    browser = stage.browser()
    begun = browser.get(stage.addresses.login_url)
    cookie = begun.headers["Set-Cookie"]
    assert cookie.startswith("__Host-gateway-attempt-")
    for part in ("Secure", "HttpOnly", "SameSite=None", "Path=/"):
        assert part in cookie
    assert "Domain" not in cookie
    ended = stage.come_back(browser, stage.idp.read_redirect(begun.headers["Location"]))
    session = next(x for x in ended.headers.getlist("Set-Cookie") if "session" in x)
    assert session.startswith("__Host-gateway-session=")
    assert "SameSite=Lax" in session
    assert "HttpOnly" in session


def test_the_way_back_lies_with_us_and_is_one_of_our_paths(stage: Stage) -> None:
    for wanted, way in (
        ("/console/members?x=1", "/console/members?x=1"),
        ("https://evil.example/", "/"),
        ("//evil.example/", "/"),
        ("/\\evil.example", "/"),
    ):
        browser = stage.browser()
        asked = stage.begin(browser, return_to=wanted)
        assert "evil" not in asked.relay_state
        assert stage.come_back(browser, asked).headers["Location"] == way


def test_addresses_come_from_the_settings_and_never_from_the_request(stage: Stage) -> None:
    path = stage.addresses.metadata_url.removeprefix(ORIGIN)
    forged = stage.browser().client.get(
        path, base_url="https://evil.example", headers={"X-Forwarded-Host": "evil.example"}
    )
    assert b"evil" not in forged.data
    assert stage.service.acs_url == stage.addresses.acs_url


def test_an_attempt_is_finished_once(stage: Stage) -> None:
    browser = stage.browser()
    asked = stage.begin(browser)
    cookies = {x.key: x.value for x in (browser.client._cookies or {}).values()}
    assert stage.come_back(browser, asked).status_code == 303
    for name, value in cookies.items():
        browser.client.set_cookie(name, value or "", domain="gateway.test", secure=True)
    assert refusal(stage.come_back(browser, asked)) == "attempt_used"


def test_an_attempt_dies_after_ten_minutes(stage: Stage) -> None:
    browser = stage.browser()
    asked = stage.begin(browser)
    # The last change of the organisation may have been a few microseconds ahead of the clock.
    stage.clock.advance(10 * M + timedelta(seconds=1))
    assert refusal(stage.come_back(browser, asked)) == "attempt_unknown"


def test_a_failed_attempt_is_spent(stage: Stage) -> None:
    browser = stage.browser()
    asked = stage.begin(browser)
    assert refusal(stage.come_back(browser, asked, recipient="https://x.example")) != ""
    assert refusal(stage.come_back(browser, asked)) in ("attempt_used", "attempt_elsewhere")


def test_another_browser_cannot_finish_what_this_one_began(stage: Stage) -> None:
    """Login CSRF: the attacker's answer, brought by the victim's browser."""
    asked = stage.begin(stage.browser())
    victim = stage.browser()
    assert refusal(stage.come_back(victim, asked)) == "attempt_elsewhere"
    assert victim.session is None
    stage.begin(victim)
    assert refusal(stage.come_back(victim, asked)) == "attempt_elsewhere"


def test_an_answer_to_one_attempt_finishes_no_other(stage: Stage) -> None:
    browser = stage.browser()
    one, other = stage.begin(browser), stage.begin(browser)
    recipe = stage.idp.recipe(stage.service, ANN, one.id)
    form = {"SAMLResponse": packed(stage.idp.issue(recipe)), "RelayState": other.relay_state}
    assert refusal(browser.post(stage.addresses.acs_url, form)) == "request_mismatch"
    assert stage.come_back(browser, one).status_code == 303


def test_several_sign_ins_may_be_under_way_in_one_browser(stage: Stage) -> None:
    browser = stage.browser()
    first, second = stage.begin(browser), stage.begin(browser)
    assert stage.come_back(browser, second).status_code == 303
    assert stage.come_back(browser, first).status_code == 303


def test_a_browser_that_is_led_here_over_and_over_keeps_its_session(stage: Stage) -> None:
    """Any page may do that to it: what is kept of attempts has a bound, the newest stay."""
    browser = stage.sign_in()
    session = browser.session
    begun = [stage.begin(browser) for _ in range(MOST_ATTEMPTS + 30)]
    names = [Cookies(secure=True).attempt(asked.relay_state) for asked in begun]
    kept = [browser.client.get_cookie(name, "gateway.test", "/") is not None for name in names]
    assert kept == [False] * 30 + [True] * MOST_ATTEMPTS
    assert browser.session == session
    assert refusal(stage.come_back(browser, begun[0])) == "attempt_elsewhere"
    for asked in begun[-MOST_ATTEMPTS:]:
        assert stage.come_back(browser, asked).status_code == 303


def test_an_assertion_signs_in_once_whatever_envelope_it_comes_in(stage: Stage) -> None:
    """Three replays: the same message, the same in a new attempt, and in another envelope."""
    browser = stage.browser()
    asked = stage.begin(browser)
    recipe = stage.idp.recipe(stage.service, ANN, asked.id)
    root = stage.idp.issue(recipe)
    form = {"SAMLResponse": packed(root), "RelayState": asked.relay_state}
    assert browser.post(stage.addresses.acs_url, form).status_code == 303
    assert refusal(browser.post(stage.addresses.acs_url, form)).startswith("attempt_")
    again = stage.begin(browser)
    form["RelayState"] = again.relay_state
    assert refusal(browser.post(stage.addresses.acs_url, form)) == "request_mismatch"
    third = stage.begin(browser)
    root.set("InResponseTo", third.id)
    root.set("ID", "_fresh")
    form = {"SAMLResponse": packed(root), "RelayState": third.relay_state}
    assert refusal(browser.post(stage.addresses.acs_url, form)) == "request_mismatch"
    fourth = stage.begin(browser)
    answer = stage.come_back(browser, fourth, assertion_id=recipe.assertion_id)
    assert refusal(answer) == "replayed"


def test_a_deactivated_person_is_refused_and_leaves_no_row(stage: Stage) -> None:
    stage.sign_in()
    before = stage.counted()
    user = stage.lodge.rows(t.directory_users)[0]
    house = stage.lodge.house

    def leave(uow: Any) -> None:
        gone = user_record("ann@acme.test", "e1", active=False)
        ended = directory.update_user(uow, house.connection, user.id, gone)
        assert not isinstance(ended, Refused)

    stage.lodge.do(leave, house.idp)
    browser = stage.browser()
    answer = stage.come_back(browser, stage.begin(browser))
    assert refusal(answer) == "deprovisioned_by_idp"
    assert browser.session is None
    assert stage.counted() == before


def test_an_unknown_person_is_refused_and_leaves_no_ghost(stage: Stage) -> None:
    before = stage.counted()
    browser = stage.browser()
    stranger = okta("zoe@acme.test", "zoe@acme.test", "Zoe", [])
    assert refusal(stage.come_back(browser, stage.begin(browser), stranger)) == "unknown_person"
    assert stage.counted() == before


# -- begun by the provider ------------------------------------------------------------------


def test_an_unsolicited_assertion_signs_nobody_in(stage: Stage) -> None:
    browser = stage.browser()
    form = stage.idp.answer(stage.service, ANN)
    assert refusal(browser.post(stage.addresses.acs_url, form)) == "unsolicited"
    asked = stage.begin(browser)
    assert refusal(stage.come_back(browser, asked, **UNSOLICITED)) == "unsolicited"
    assert browser.session is None


def test_where_it_may_an_unsolicited_assertion_starts_a_fresh_sign_in(stage: Stage) -> None:
    stage.lodge.configure(idp_initiated="restart")
    browser = stage.browser()
    form = {**stage.idp.answer(stage.service, ANN), "RelayState": "https://evil.example/"}
    answer = browser.post(stage.addresses.acs_url, form)
    assert answer.status_code == 302
    assert browser.session is None
    asked = stage.idp.read_redirect(answer.headers["Location"])
    assert "evil" not in asked.relay_state
    ended = stage.come_back(browser, asked)
    assert (ended.status_code, ended.headers["Location"]) == (303, "/")
    assert browser.session


@pytest.mark.parametrize(
    ("says", "code"),
    [
        pytest.param({"audiences": (("urn:x",),)}, "audience_mismatch", id="for-another"),
        pytest.param({"destination": None}, "destination_mismatch", id="no-destination"),
        pytest.param({"assertion_issued": -20 * M}, "expired", id="old"),
        pytest.param(
            {"issuer": "https://other.test", "assertion_issuer": "https://other.test"},
            "issuer_mismatch",
            id="of-another-provider",
        ),
        pytest.param({"in_response_to": "_any"}, "attempt_unknown", id="answers-something"),
        pytest.param({"confirmed_in_response_to": "_any"}, "request_mismatch", id="half"),
    ],
)
def test_a_bad_unsolicited_assertion_starts_nothing(
    stage: Stage, says: dict[str, Any], code: str
) -> None:
    stage.lodge.configure(idp_initiated="restart")
    recipe = replace(stage.idp.recipe(stage.service, ANN), **says)
    form = {"SAMLResponse": packed(stage.idp.issue(recipe))}
    assert refusal(stage.browser().post(stage.addresses.acs_url, form)) == code


def test_an_unsigned_unsolicited_assertion_starts_nothing(stage: Stage) -> None:
    stage.lodge.configure(idp_initiated="restart")
    stage.idp.signs = frozenset()
    form = stage.idp.answer(stage.service, ANN)
    answer = stage.browser().post(stage.addresses.acs_url, form)
    assert refusal(answer) == "signature_missing"


# -- several organisations -------------------------------------------------------------------


def test_one_organisations_provider_opens_nothing_of_anothers(
    app: Gateway, work: Work, clock: Clock
) -> None:
    """B's e-mail, B's subject, B's connection: whatever A's provider says, it says it of A."""
    acme, globex = staged(app, work, clock), staged(app, work, clock, "globex")
    before = globex.counted()
    ann_of_globex = okta("ann@globex.test", "ann@globex.test", "Ann", [])
    for stage, account in ((acme, ann_of_globex), (globex, ANN)):
        browser = stage.browser()
        answer = stage.come_back(browser, stage.begin(browser), account)
        assert refusal(answer) == "unknown_person"
    browser = acme.browser()
    asked = globex.begin(browser)
    recipe = acme.idp.recipe(globex.service, ann_of_globex, asked.id)
    for issuer in (acme.idp.entity_id, globex.idp.entity_id):
        root = acme.idp.issue(replace(recipe, issuer=issuer, assertion_issuer=issuer))
        form = {"SAMLResponse": packed(root), "RelayState": asked.relay_state}
        answer = browser.post(globex.addresses.acs_url, form)
        assert refusal(answer).startswith(("signature_", "attempt_"))
    own = acme.begin(browser)
    crossed = globex.come_back(browser, own, ann_of_globex)
    assert refusal(crossed).startswith("attempt_")
    assert globex.counted() == before


def test_an_answer_brought_to_another_connection_is_refused(
    app: Gateway, work: Work, clock: Clock
) -> None:
    acme, globex = staged(app, work, clock), staged(app, work, clock, "globex")
    browser = acme.browser()
    asked = acme.begin(browser)
    form = acme.idp.answer(acme.service, ANN, asked)
    assert refusal(browser.post(globex.addresses.acs_url, form)) == "attempt_unknown"
    assert acme.come_back(browser, asked).status_code == 303


# -- what connections agree on -----------------------------------------------------------------


def test_an_encrypted_assertion_is_read_by_either_key_of_ours(stage: Stage) -> None:
    for certificate in stage.service.encryption:
        stage.idp.encryption = Encryption(certificate)
        stage.sign_in()


def test_a_staged_certificate_is_proved_by_its_first_good_sign_in(stage: Stage) -> None:
    """Key rollover without a day on which nobody can sign in."""
    stage.idp.roll_over(key("idp-next"))
    browser = stage.browser()
    assert refusal(stage.come_back(browser, stage.begin(browser))) == "signature_invalid"
    stage.lodge.configure(certificates=[stage.idp.key.certificate])
    states = [row.state for row in stage.lodge.rows(t.sso_certificates)]
    assert sorted(states) == ["active", "staged"]
    stage.sign_in()
    states = [row.state for row in stage.lodge.rows(t.sso_certificates)]
    assert states == ["active", "active"]
    stage.idp.keys.reverse()
    stage.sign_in()


def test_a_request_may_be_posted_and_signed(app: Gateway, work: Work, clock: Clock) -> None:
    stage = staged(app, work, clock, sso_binding="post", sign_requests=True)
    browser = stage.browser()
    page = browser.get(stage.addresses.login_url)
    assert page.status_code == 200
    fields = _fields(page.text)
    asked = stage.idp.read_request(fields["SAMLRequest"], fields["RelayState"], posted=True)
    assert asked.signed
    assert "script-src 'self'" in page.headers["Content-Security-Policy"]
    assert stage.come_back(browser, asked).status_code == 303


def _fields(page: str) -> dict[str, str]:
    found = findall(r'name="(\w+)" value="([^"]*)"', page)
    return {name: unescape(value) for name, value in found}


def test_whoever_must_prove_it_again_is_asked_by_the_provider_afresh(stage: Stage) -> None:
    """A proof of five minutes ago is none for what is sensitive, nor is the provider's memory."""
    browser = stage.sign_in()
    stage.clock.advance(6 * M)
    assert not stage.entrance(browser).is_fresh(stage.clock())
    asked = stage.begin(browser, again="1")
    assert asked.force
    remembered = stage.come_back(browser, asked, authenticated=-6 * M)
    assert refusal(remembered) == "authentication_too_old"
    before = browser.session
    asked = stage.begin(browser, again="1")
    assert stage.come_back(browser, asked, authenticated=timedelta(0)).status_code == 303
    assert stage.entrance(browser).is_fresh(stage.clock())
    assert browser.session != before


@pytest.mark.parametrize("kind", ["postgresql"], indirect=True)
def test_who_only_knows_the_address_holds_up_nobody_and_waits_for_nobody(stage: Stage) -> None:
    """Beginning a sign-in and failing at it change no right: neither takes the lock."""
    browser = stage.browser()

    def begin_and_fail() -> None:
        asked = stage.begin(browser)
        form = {"SAMLResponse": "x", "RelayState": asked.relay_state}
        assert refusal(browser.post(stage.addresses.acs_url, form)) == "malformed"
        unasked = {"SAMLResponse": "x"}
        assert refusal(browser.post(stage.addresses.acs_url, unasked)) == "attempt_unknown"

    assert while_locked(stage.lodge.do, begin_and_fail) < HELD / 3
    traces = stage.lodge.rows(t.signin_traces)
    assert sorted(trace.code for trace in traces) == ["attempt_unknown", "malformed"]
    begun = [row for row in stage.lodge.rows(t.signin_attempts) if not row.test]
    assert [row.consumed_at is None for row in begun] == [False]


def test_an_unknown_address_is_none(stage: Stage) -> None:
    own = stage.addresses.acs_url.split("/")[-2]
    for slug in (
        "nobody",
        "x" * 200,
        own[:-1],
        f"{own}%00",
        "%00",
        "%ED%A0%80",
        "%ff",
        f"{own}%20",
    ):
        for path in ("login", "metadata", "logout"):
            assert stage.browser().get(f"{ORIGIN}/saml/{slug}/{path}").status_code == 404
        assert stage.browser().post(f"{ORIGIN}/saml/{slug}/acs", {}).status_code == 404


def test_the_request_carries_nothing_that_could_be_kept_from_a_passkey(stage: Stage) -> None:
    answer = stage.browser().get(stage.addresses.login_url)
    assert set(query_of(answer)) == {"SAMLRequest", "RelayState"}
