"""Accounts of people's own over HTTP: what answers and work tell, and what each step asks for."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID

import pyotp
import pytest
from sqlalchemy import event

from gateway.app import Gateway
from gateway.delivery.worker import Worker
from gateway.services import domains, home_realm, throttle
from gateway.storage import tables as t
from tests.clock import Clock
from tests.factories import PASSWORD, PASSWORD_HASH
from tests.service.console.browser import Browser, says
from tests.service.signin.lodge import Lodge

OWNER = "owner@acme.test"
STEP = timedelta(seconds=30)


@pytest.fixture
def owner(acme: Lodge) -> UUID:
    """Acme's owner, with a password."""
    person_id = acme.person_of(OWNER)
    acme.person(lambda here: here.change(t.persons, person_id, password_hash=PASSWORD_HASH))
    return person_id


def signed_in(gateway: Gateway, email: str = OWNER) -> Browser:
    """A browser in which somebody has just given the password."""
    browser = Browser(gateway)
    answer = browser.post("/login/password", email=email, password=PASSWORD)
    assert answer.status_code == 303, answer.text
    return browser


def with_authenticator(browser: Browser, clock: Clock) -> tuple[pyotp.TOTP, list[str]]:
    """Set up an authenticator; return it with the recovery codes."""
    made = browser.api("POST", "/me/totp").get_json()
    totp = pyotp.TOTP(made["secret"])
    done = browser.api("POST", "/me/totp:confirm", {"code": totp.at(clock())})
    assert done.status_code == 200, done.text
    clock.advance(STEP)
    return totp, done.get_json()["codes"]


@contextmanager
def counted(gateway: Gateway) -> Iterator[list[str]]:
    """The statements that run meanwhile."""
    seen: list[str] = []

    def note(_c: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        seen.append(statement.split("\n", 1)[0][:60])

    engines = {id(x): x for x in (gateway.work.engines.serving, gateway.work.engines.plain)}
    for engine in engines.values():
        event.listen(engine, "before_cursor_execute", note)
    yield seen
    for engine in engines.values():
        event.remove(engine, "before_cursor_execute", note)


# -- nobody learns who has an account ----------------------------------------------------

ASKING: dict[str, Callable[[Browser, str], Any]] = {
    "the way in": lambda b, email: b.post("/login", email=email),
    "a wrong password": lambda b, email: b.post("/login/password", email=email, password="wrong"),
    "a link by mail": lambda b, email: b.post("/login/forgot", email=email),
}


@pytest.mark.parametrize("what", ASKING)
@pytest.mark.usefixtures("owner")
def test_an_unknown_address_is_answered_by_the_same_words_and_the_same_work(
    gateway: Gateway, what: str
) -> None:
    """Counted in statements: what is told apart by neither cannot be told apart by time."""
    told, worked = [], []
    for email in (OWNER, "nobody@acme.test", "second@acme.test"):
        with counted(gateway) as statements:
            answer = ASKING[what](Browser(gateway), email)
        told.append((answer.status_code, says(answer).replace(email, "")))
        worked.append(statements)
    assert told[0] == told[1] == told[2]
    assert worked[0] == worked[1] == worked[2]
    assert len(worked[0]) > 0


@pytest.mark.usefixtures("acme")
def test_an_unknown_domain_is_the_same_work_as_a_known_one(gateway: Gateway) -> None:
    worked = []
    for email in ("a@acme.test", "a@nobody.test", "a@[192.0.2.1]", "", "a@b", "ä@ß.test"):
        with gateway.work.platform() as database, counted(gateway) as statements:
            home_realm.find(database, email)
        worked.append(len(statements))
    assert set(worked) == {1}


@pytest.mark.usefixtures("acme")
def test_unknown_domains_are_answered_alike(browser: Browser, acme: Lodge) -> None:
    """One that a neighbour claims, and has not proved, is one that nobody has."""
    acme.do(lambda uow: domains.claim(uow, "claimed.test"))
    answers = {
        says(browser.post("/login", email=f"a@{domain}")).replace(domain, "")
        for domain in ("claimed.test", "nobody.test", "sub.acme.test", "192.0.2.1")
    }
    assert len(answers) == 1


# -- factors -----------------------------------------------------------------------------


@pytest.mark.usefixtures("owner")
def test_an_organisation_that_asks_for_two_factors_opens_to_two(
    gateway: Gateway, acme: Lodge, clock: Clock
) -> None:
    """Whoever lacks the second can still sign in to add it."""
    admin = signed_in(gateway)
    policy = f"/organisations/{acme.organisation_id}/sign-in-policy"
    changed = admin.api("PATCH", policy, {"require_mfa": True, "session_hours": 1})
    assert changed.get_json() == {"require_mfa": True, "session_hours": 1}
    assert admin.api("GET", policy).status_code == 401, "the session that set it has one factor"
    lacking = signed_in(gateway)
    assert lacking.api("GET", "/me").get_json()["organisations"] == []
    totp, codes = with_authenticator(lacking, clock)
    for code in (totp.at(clock()), codes[0]):
        browser = Browser(gateway)
        asked = browser.post("/login/password", email=OWNER, password=PASSWORD)
        assert asked.headers["Location"] == "/login/code"
        landed = browser.submit(browser.get("/login/code"), code=code)
        assert landed.status_code == 303
        assert browser.api("GET", policy).status_code == 200
    clock.advance(timedelta(hours=1, seconds=1))
    assert browser.api("GET", policy).status_code == 401, "an hour is over"


@pytest.mark.usefixtures("owner")
def test_every_change_of_credentials_asks_for_a_fresh_proof(gateway: Gateway, clock: Clock) -> None:
    browser = signed_in(gateway)
    clock.advance(timedelta(minutes=5, seconds=1))
    changes: tuple[tuple[str, Any], ...] = (
        ("/me/password", {"password": "another horse battery"}),
        ("/me/totp", None),
        ("/me/totp:confirm", {"code": "123456"}),
        ("/me/totp:remove", None),
        ("/me/recovery-codes", None),
        ("/me/passkeys:begin", None),
        (f"/me/passkeys/{UUID(int=1)}:remove", None),
    )
    for path, body in changes:
        assert browser.api("POST", path, body).get_json()["code"] == "step_up_required", path
    before = browser.session
    browser.post("/login/password", email=OWNER, password=PASSWORD)
    assert browser.session != before, "each proof makes a session of its own"
    for path, body in changes[:2]:
        assert browser.api("POST", path, body).status_code in (201, 204)


@pytest.mark.usefixtures("owner")
def test_a_new_factor_ends_the_sessions_elsewhere(gateway: Gateway, clock: Clock) -> None:
    here, there = signed_in(gateway), signed_in(gateway)
    with_authenticator(here, clock)
    assert here.api("GET", "/me").status_code == 200
    assert there.api("GET", "/me").status_code == 401


@pytest.mark.usefixtures("owner")
def test_a_reset_by_mail_ends_every_session_and_asks_for_the_second_factor_still(
    gateway: Gateway, acme: Lodge, clock: Clock
) -> None:
    before = signed_in(gateway)
    with_authenticator(before, clock)
    stranger = Browser(gateway)
    stranger.post("/login/forgot", email=OWNER)
    text = acme.mailed(OWNER)
    page = stranger.get(text[text.index("/login/set-password") :].split()[0])
    assert stranger.submit(page, password="another horse battery").status_code == 303
    assert before.api("GET", "/me").status_code == 401
    entered = stranger.post("/login/password", email=OWNER, password="another horse battery")
    assert entered.headers["Location"] == "/login/code"


# -- the login history ---------------------------------------------------------------------


@pytest.mark.usefixtures("owner")
def test_the_history_has_every_outcome(gateway: Gateway, acme: Lodge, clock: Clock) -> None:
    """S2-06: time, method, address, agent and result; failures too."""
    admin = signed_in(gateway)
    totp, _ = with_authenticator(admin, clock)
    Browser(gateway).post("/login/password", email=OWNER, password="wrong")
    coded = Browser(gateway)
    coded.post("/login/password", email=OWNER, password=PASSWORD)
    assert coded.submit(coded.get("/login/code"), code="000000").status_code == 403
    coded.submit(coded.get("/login/code"), code=totp.at(clock()))
    for _ in range(throttle.PASSWORD_HERE.tries + 3):
        Browser(gateway).post("/login/password", email=OWNER, password="wrong")
    acme.end(acme.says("stranger"))
    Worker(acme.work, mailer=None).tell_failures()
    path = f"/organisations/{acme.organisation_id}/login-history"
    told = admin.api("GET", f"{path}?limit=100").get_json()["items"]
    outcomes = {(x["method"], x["result"], x["code"]) for x in told}
    assert outcomes == {
        ("password", "success", None),
        ("password+totp", "success", None),
        ("password", "refused", "credentials_wrong"),
        ("password", "refused", "throttled"),
        ("code", "refused", "credentials_wrong"),
        ("saml", "refused", "unknown_person"),
    }
    assert [x["code"] for x in told].count("throttled") == 1
    assert all(x["ip"] == "127.0.0.1" for x in told if x["method"] != "saml")
    mine = admin.api("GET", f"{path}?member={acme.house.owner_id}").get_json()["items"]
    assert {x["member_id"] for x in mine} == {str(acme.house.owner_id)}
    nobody = admin.api("GET", f"{path}?member={acme.house.successor_id}").get_json()
    assert nobody["items"] == []


@pytest.mark.usefixtures("owner")
def test_sessions_are_listed_and_ended_by_the_person_and_by_an_admin(
    gateway: Gateway, acme: Lodge
) -> None:
    """S1-08: one's own sessions; the administrator's view of a member's."""
    second = acme.person_of("second@acme.test")
    acme.person(lambda here: here.change(t.persons, second, password_hash=PASSWORD_HASH))
    admin = signed_in(gateway)
    phone, laptop = (signed_in(gateway, "second@acme.test") for _ in range(2))
    own = phone.api("GET", "/sessions").get_json()["items"]
    assert sorted(x["current"] for x in own) == [False, True]
    other = next(x["id"] for x in own if not x["current"])
    assert phone.api("POST", f"/sessions/{other}:revoke").status_code == 204
    assert laptop.api("GET", "/me").status_code == 401
    member = f"/organisations/{acme.organisation_id}/members/{acme.house.successor_id}"
    seen = admin.api("GET", f"{member}/sessions").get_json()["items"]
    assert [x["method"] for x in seen] == ["own"]
    assert admin.api("POST", f"{member}/sessions/{seen[0]['id']}:revoke").status_code == 204
    assert phone.api("GET", "/me").get_json()["organisations"] == [], "closed here, not elsewhere"


def test_asking_for_mail_is_throttled_without_a_word(browser: Browser, acme: Lodge) -> None:
    told = {
        says(browser.post("/login/forgot", email="nina@example.org"))
        for _ in range(throttle.MAIL_ACCOUNT.tries + 2)
    }
    assert len(told) == 1
    assert acme.counted(t.letters)["letters"] == throttle.MAIL_ACCOUNT.tries
