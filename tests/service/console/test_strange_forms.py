"""What no page of ours sends, at every page that takes a form or JSON: refused, and no defect.

And what another site sends: refused as well, at each of them.
"""

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
ELSEWHERE = (
    {"Origin": "https://evil.test"},
    {"Origin": "null"},
    {"Origin": "http://localhost.evil.test"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
)
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


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
@pytest.mark.parametrize("said", ELSEWHERE, ids=lambda said: " ".join(*said.items()))
def test_no_page_takes_the_form_of_another_site(gateway: Gateway, said: dict[str, str]) -> None:
    """Nor does it take a cookie away, which would sign somebody out."""
    paths = [
        rule.rule.replace("<string(length=43):link>", "a" * 43)
        for rule in gateway.url_map.iter_rules()
        if "POST" in (rule.methods or ()) and rule.endpoint.startswith("console.")
    ]
    assert len(paths) > 10
    for path in paths:
        answer = gateway.test_client().post(path, data=USUAL, headers=said)
        assert answer.status_code == 403, path
        assert "Set-Cookie" not in answer.headers, path
