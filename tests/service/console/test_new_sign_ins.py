"""Sign-ins from where a person has not been before, over HTTP: told to the person, once."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from werkzeug.test import TestResponse

from gateway.app import Gateway
from gateway.storage import tables as t
from tests.clock import Clock
from tests.factories import PASSWORD, PASSWORD_HASH
from tests.service.console.authenticator import Authenticator
from tests.service.console.browser import Browser
from tests.service.signin.lodge import Lodge

OWNER = "owner@acme.test"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
EDGE = "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/126.0 Safari/537.36 Edg/126.0"
HOME, ABROAD = "192.0.2.1", "198.51.100.7"


@pytest.fixture
def owner(acme: Lodge) -> UUID:
    """Acme's owner, with a password, who has never signed in."""
    person_id = acme.person_of(OWNER)
    acme.person(lambda here: here.change(t.persons, person_id, password_hash=PASSWORD_HASH))
    return person_id


def come(gateway: Gateway, ip: str, agent: str) -> Browser:
    """A browser somewhere."""
    browser = Browser(gateway)
    browser.client.environ_base |= {"REMOTE_ADDR": ip, "HTTP_USER_AGENT": agent}
    return browser


def enter(browser: Browser, password: str = PASSWORD) -> TestResponse:
    return browser.post("/login/password", email=OWNER, password=password)


def told(acme: Lodge) -> list[dict[str, Any]]:
    """All letters about new sign-ins, the oldest first."""
    return acme.letters("new_sign_in")


@pytest.mark.usefixtures("owner")
def test_a_sign_in_from_a_new_place_is_told_and_says_when_how_and_from_where(
    gateway: Gateway, acme: Lodge, clock: Clock
) -> None:
    """Semantics §6, e-mail: the first one ever is told to nobody, and a place once."""
    assert enter(come(gateway, HOME, FIREFOX)).status_code == 303
    assert enter(come(gateway, "192.0.2.200", FIREFOX)).status_code == 303
    assert told(acme) == []
    clock.advance(timedelta(minutes=3))
    for _ in range(2):
        assert enter(come(gateway, ABROAD, EDGE)).status_code == 303
    (mail,) = told(acme)
    assert (mail["to"], mail["subject"]) == (OWNER, "A new sign-in to your account")
    for said in (
        "o…@acme.test",
        "with your password",
        f"{clock():%Y-%m-%d} at {clock():%H:%M} UTC",
        "Edge on Windows",
        "198.51.100.…",
        "set a new password",
    ):
        assert said in mail["text"]
        assert said in mail["html"]
    for secret in (ABROAD, OWNER, "http", "token", "Mozilla"):
        assert secret not in mail["text"]


@pytest.mark.usefixtures("owner")
def test_another_browser_or_another_network_alone_is_new(gateway: Gateway, acme: Lodge) -> None:
    enter(come(gateway, HOME, FIREFOX))
    enter(come(gateway, HOME, EDGE))
    enter(come(gateway, ABROAD, FIREFOX))
    assert ["Edge" in mail["text"] for mail in told(acme)] == [True, False]


@pytest.mark.usefixtures("owner")
def test_who_fails_is_told_to_nobody(gateway: Gateway, acme: Lodge) -> None:
    enter(come(gateway, HOME, FIREFOX))
    for _ in range(3):
        assert enter(come(gateway, ABROAD, EDGE), "wrong").status_code == 403
    assert told(acme) == []
    assert enter(come(gateway, ABROAD, EDGE)).status_code == 303
    assert len(told(acme)) == 1


@pytest.mark.usefixtures("owner")
def test_a_burst_of_places_is_told_three_times_a_day(
    gateway: Gateway, acme: Lodge, clock: Clock
) -> None:
    enter(come(gateway, HOME, FIREFOX))
    for number in range(10):
        assert enter(come(gateway, f"203.0.{number}.1", EDGE)).status_code == 303
    assert len(told(acme)) == 3
    clock.advance(timedelta(days=1, seconds=1))
    enter(come(gateway, ABROAD, EDGE))
    assert len(told(acme)) == 4


@pytest.mark.usefixtures("owner")
def test_a_browser_that_is_still_signed_in_may_travel(gateway: Gateway, acme: Lodge) -> None:
    browser = come(gateway, HOME, FIREFOX)
    enter(browser)
    browser.client.environ_base["REMOTE_ADDR"] = ABROAD
    assert enter(browser).status_code == 303
    assert told(acme) == []


@pytest.mark.usefixtures("owner")
def test_a_session_that_has_ended_vouches_for_nobody(
    gateway: Gateway, acme: Lodge, clock: Clock
) -> None:
    browser = come(gateway, HOME, FIREFOX)
    enter(browser)
    clock.advance(timedelta(days=60))
    browser.client.environ_base["REMOTE_ADDR"] = ABROAD
    assert enter(browser).status_code == 303
    assert len(told(acme)) == 1


@pytest.mark.usefixtures("owner")
def test_a_session_of_somebody_else_vouches_for_nobody(gateway: Gateway, acme: Lodge) -> None:
    enter(come(gateway, HOME, FIREFOX))
    second = acme.person_of("second@acme.test")
    acme.person(lambda here: here.change(t.persons, second, password_hash=PASSWORD_HASH))
    browser = come(gateway, ABROAD, FIREFOX)
    first = browser.post("/login/password", email="second@acme.test", password=PASSWORD)
    assert (first.status_code, told(acme)) == (303, [])
    assert enter(browser).status_code == 303
    assert [mail["to"] for mail in told(acme)] == [OWNER]


@pytest.mark.usefixtures("owner")
def test_a_passkey_is_told_as_one(gateway: Gateway, acme: Lodge) -> None:
    browser, key = come(gateway, HOME, FIREFOX), Authenticator()
    enter(browser)
    begun = browser.api("POST", "/me/passkeys:begin").get_json()
    wish = {"token": begun["token"], "name": "Laptop", "answer": key.make(begun["options"])}
    assert browser.api("POST", "/me/passkeys", wish).status_code == 201
    other = come(gateway, ABROAD, EDGE)
    options = other.send("/login/passkey/options", {"return_to": "/"}).get_json()
    assert other.send("/login/passkey", key.prove(options)).status_code == 200
    (mail,) = told(acme)
    assert "with a passkey" in mail["text"]
