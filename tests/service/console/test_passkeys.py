"""Passkeys over HTTP, made and used by an authenticator in software."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from werkzeug.test import TestResponse

from gateway.app import Gateway
from gateway.services import terms
from gateway.storage import tables as t
from tests.clock import Clock
from tests.factories import PASSWORD, PASSWORD_HASH
from tests.service.console.authenticator import PRESENT, Authenticator, plain
from tests.service.console.browser import Browser
from tests.service.signin.lodge import Lodge


@pytest.fixture
def owner(acme: Lodge) -> UUID:
    person_id = acme.person_of("owner@acme.test")
    acme.person(lambda here: here.change(t.persons, person_id, password_hash=PASSWORD_HASH))
    return person_id


@pytest.fixture
def browser(gateway: Gateway, owner: UUID) -> Browser:
    """The owner's, signed in by password a moment ago."""
    assert owner
    here = Browser(gateway)
    here.post("/login/password", email="owner@acme.test", password=PASSWORD)
    return here


def add(browser: Browser, key: Authenticator, name: str = "Laptop") -> TestResponse:
    """Make a passkey."""
    begun = browser.api("POST", "/me/passkeys:begin").get_json()
    answer = key.make(begun["options"])
    wish = {"token": begun["token"], "name": name, "answer": answer}
    return browser.api("POST", "/me/passkeys", wish)


def enter(gateway: Gateway, key: Authenticator, **says: str) -> tuple[Browser, TestResponse]:
    """Sign in by a passkey in a fresh browser."""
    here = Browser(gateway)
    options = here.send("/login/passkey/options", {"return_to": "/there"}).get_json()
    return here, here.send("/login/passkey", key.prove(options, **says))


def failure(answer: TestResponse) -> str:
    assert answer.status_code == 403, answer.text
    return answer.headers["X-Sign-In-Failure"]


def test_a_passkey_is_added_and_signs_in_by_itself(gateway: Gateway, browser: Browser) -> None:
    key = Authenticator()
    made = add(browser, key)
    assert made.status_code == 201, made.text
    assert browser.api("GET", "/me/passkeys").get_json()["items"] == [made.get_json()]
    here, landed = enter(gateway, key)
    assert landed.get_json() == {"location": "/there"}
    me = here.api("GET", "/me").get_json()
    assert (me["factors"], [x["name"] for x in me["organisations"]]) == (["passkey"], ["Acme"])


def test_it_is_two_factors_in_one(gateway: Gateway, browser: Browser, acme: Lodge) -> None:
    key = Authenticator()
    add(browser, key)
    acme.do(lambda uow: terms.override(uow, {"require_mfa": True}))
    assert browser.api("GET", "/me").get_json()["organisations"] == []
    assert enter(gateway, key)[0].api("GET", "/me").get_json()["organisations"]


FORGED: dict[str, dict[str, Any]] = {
    "another site asked": {"origin": "https://evil.example"},
    "bound to another host": {"host": "evil.example"},
    "nobody verified the person": {"flags": PRESENT},
    "nobody was present": {"flags": 0},
    "an unknown key": {"id": b"x" * 32},
}


@pytest.mark.parametrize("how", FORGED)
def test_what_does_not_fit_signs_nobody_in(gateway: Gateway, browser: Browser, how: str) -> None:
    key = Authenticator()
    add(browser, key)
    for name, value in FORGED[how].items():
        setattr(key, name, value)
    here, refused = enter(gateway, key)
    assert failure(refused) == "credentials_wrong"
    assert here.session is None


@pytest.mark.parametrize("field", ["signature", "userHandle", "authenticatorData"])
def test_a_changed_answer_signs_nobody_in(gateway: Gateway, browser: Browser, field: str) -> None:
    key = Authenticator()
    add(browser, key)
    assert failure(enter(gateway, key, **{field: plain(b"y" * 70)})[1]) == "credentials_wrong"


def test_an_answer_counts_once_in_its_browser_for_five_minutes(
    gateway: Gateway, browser: Browser, clock: Clock
) -> None:
    key = Authenticator()
    add(browser, key)
    here = Browser(gateway)
    options = here.send("/login/passkey/options", {}).get_json()
    answer = key.prove(options)
    assert failure(Browser(gateway).send("/login/passkey", answer)) == "attempt_unknown"
    clock.advance(timedelta(minutes=5))
    assert failure(here.send("/login/passkey", answer)) == "attempt_unknown"
    options = here.send("/login/passkey/options", {}).get_json()
    step = here.client.get_cookie("gateway-step-passkey")
    assert step is not None
    answer = key.prove(options)
    assert here.send("/login/passkey", answer).status_code == 200
    here.client.set_cookie("gateway-step-passkey", step.value)
    assert failure(here.send("/login/passkey", answer)) == "attempt_unknown"


def test_a_cloned_key_is_noticed(gateway: Gateway, browser: Browser) -> None:
    """Its counter went on elsewhere (WebAuthn §6.1.1)."""
    key = Authenticator()
    add(browser, key)
    key.signed = 5
    assert enter(gateway, key)[1].status_code == 200
    key.signed = 2
    assert failure(enter(gateway, key)[1]) == "credentials_wrong"


def test_adding_needs_a_fresh_proof_and_its_own_question(browser: Browser, clock: Clock) -> None:
    key = Authenticator()
    begun = browser.api("POST", "/me/passkeys:begin").get_json()
    for foreign in (Authenticator("https://evil.example"), Authenticator(host="evil.example")):
        again = browser.api("POST", "/me/passkeys:begin").get_json()
        wish = {"token": again["token"], "name": "x", "answer": foreign.make(again["options"])}
        assert browser.api("POST", "/me/passkeys", wish).status_code == 422
    clock.advance(timedelta(minutes=5, seconds=1))
    wish = {"token": begun["token"], "name": "x", "answer": key.make(begun["options"])}
    for method, path, body in (
        ("POST", "/me/passkeys:begin", None),
        ("POST", "/me/passkeys", wish),
    ):
        assert browser.api(method, path, body).get_json()["code"] == "step_up_required"
    browser.post("/login/password", email="owner@acme.test", password=PASSWORD)
    assert add(browser, key).status_code == 201


def test_a_removed_passkey_signs_nobody_in_and_other_sessions_end(
    gateway: Gateway, browser: Browser
) -> None:
    key = Authenticator()
    made = add(browser, key).get_json()
    there, _ = enter(gateway, key)
    assert browser.api("POST", f"/me/passkeys/{made['id']}:remove").status_code == 204
    assert there.api("GET", "/me").status_code == 401
    assert browser.api("GET", "/me").status_code == 200
    assert failure(enter(gateway, key)[1]) == "credentials_wrong"


def test_a_failed_passkey_appears_in_the_login_history(
    gateway: Gateway, browser: Browser, acme: Lodge
) -> None:
    """A known key that proves nothing is somebody's failure; an unknown one is nobody's."""
    key = Authenticator()
    add(browser, key)
    enter(gateway, key, signature=plain(b"y" * 70))
    key.id = b"x" * 32
    enter(gateway, key)
    told = browser.api("GET", f"/organisations/{acme.organisation_id}/login-history").get_json()
    failed = [x for x in told["items"] if x["result"] == "refused"]
    assert [(x["method"], x["code"]) for x in failed] == [("passkey", "credentials_wrong")]
