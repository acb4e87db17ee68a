"""What no page of ours sends, at every page that takes a form or JSON: refused, and no defect."""

from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from gateway.app import Gateway
from tests.service.console.authenticator import Authenticator
from tests.service.console.browser import Browser
from tests.service.console.test_passkeys import add, browser, owner

__all__ = ["browser", "owner"]

FORMS = {
    "/login": ("email", "return_to"),
    "/login/password": ("email", "password", "return_to"),
    "/login/forgot": ("email",),
    "/login/code": ("code",),
    "/login/set-password": ("token", "password"),
    "/login/sign-up": ("token", "name", "password"),
    "/login/link": ("form_token",),
    "/logout": ("form_token",),
    f"/invitations/{'a' * 43}/account": ("name", "password"),
    f"/invitations/{'a' * 43}/accept": ("form_token",),
}
USUAL = {"email": "ann@acme.test", "password": "p" * 20, "return_to": "/", "name": "Ann"}
TEXTS = ("a\0b@acme.test", "a" * 390 + "@acme.test", "\u202e<script>\r\nBcc: c@d.test")
VALUES: tuple[Any, ...] = (5, [[]], {"id": 1}, "\0", "\ud800", "é", None)
POSTGRES = pytest.mark.parametrize("kind", ["postgresql"], indirect=True)
"""It takes less than SQLite."""


@pytest.fixture
def entries() -> Iterator[list[Any]]:
    """What was logged."""
    with structlog.testing.capture_logs() as found:
        yield found


def defects(entries: list[Any]) -> list[Any]:
    return [entry for entry in entries if entry["event"] == "unexpected"]


@POSTGRES
def test_no_text_in_a_form_is_a_defect(gateway: Gateway, entries: list[Any]) -> None:
    for path, names in FORMS.items():
        for name in names:
            for text in TEXTS:
                sent = {each: USUAL.get(each, "x") for each in names} | {name: text}
                answer = Browser(gateway).post(path, **sent)
                assert answer.status_code < 500, (path, name, text)
    assert defects(entries) == []


@POSTGRES
def test_no_json_for_a_passkey_is_a_defect(gateway: Gateway, entries: list[Any]) -> None:
    for value in VALUES:
        here = Browser(gateway)
        assert here.send("/login/passkey/options", value).status_code < 500
        assert here.send("/login/passkey/options", {"return_to": value}).status_code < 500
        assert here.send("/login/passkey", {"id": value, "response": value}).status_code < 500
    assert defects(entries) == []


@POSTGRES
def test_no_answer_about_a_known_passkey_is_a_defect(
    gateway: Gateway, browser: Browser, entries: list[Any]
) -> None:
    """Whoever has a key of their own can have it say anything."""
    key = Authenticator()
    add(browser, key)
    for name in ("clientDataJSON", "authenticatorData", "signature", "userHandle"):
        for value in (*VALUES, "AAAA", "W10"):
            here = Browser(gateway)
            options = here.send("/login/passkey/options", {}).get_json()
            answer = here.send("/login/passkey", key.prove(options, **{name: value}))
            assert answer.status_code in (200, 403), (name, value)
    assert defects(entries) == []
