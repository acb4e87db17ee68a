"""The sign-in pages, as a browser sees them."""

import re
from datetime import timedelta
from html import unescape
from uuid import UUID

import pyotp
import pytest
from flask import Response

from gateway.browser.cookies import Cookies
from gateway.domain.signin import LinkProposed
from gateway.services import credentials, people, sso_setup
from gateway.settings import Settings
from gateway.storage import tables as t
from tests.clock import Clock
from tests.service.console.browser import Browser, says
from tests.service.signin.lodge import Lodge

PASSWORD = "correct horse battery"
HASH = people.hash_password(PASSWORD)


@pytest.fixture
def owner(acme: Lodge) -> UUID:
    person_id = acme.person_of("owner@acme.test")
    acme.person(lambda here: here.change(t.persons, person_id, password_hash=HASH))
    return person_id


@pytest.mark.usefixtures("owner")
def test_a_person_signs_in_and_out(browser: Browser, globex: Lodge) -> None:
    assert browser.get("/").headers["Location"] == "/login"
    page = browser.submit(browser.get("/login?return_to=/there"), email="guest@nowhere.test")
    assert "Your password" in says(page)
    landed = browser.submit(page, email="owner@acme.test", password=PASSWORD)
    assert (landed.status_code, landed.headers["Location"]) == (303, "/there")
    assert browser.session
    assert "Acme" in says(browser.get("/"))
    assert globex.slug.title() not in says(browser.get("/"))
    asked = browser.get("/logout")
    assert browser.session, "a link alone signs nobody out"
    assert "Signed out" in says(browser.submit(asked))
    assert not browser.session
    assert browser.get("/").headers["Location"] == "/login"


@pytest.mark.usefixtures("owner")
def test_people_of_a_proved_domain_are_shown_their_way_in(browser: Browser, acme: Lodge) -> None:
    """Whoever it is: an address that nobody has is answered like the owner's."""
    answers = {
        email: says(browser.post("/login", email=email)).replace(email, "")
        for email in ("owner@acme.test", "nobody@acme.test")
    }
    assert len(set(answers.values())) == 1
    assert "Continue with Okta" in answers["owner@acme.test"]
    acme.do(lambda uow: uow.update(t.sso_connections, {"id": acme.connection_id}, enforced=True))
    sent = browser.post("/login", email="x@acme.test", return_to="/a?b=c")
    assert sent.status_code == 303
    assert sent.headers["Location"].endswith("/login?return_to=%2Fa%3Fb%3Dc")
    assert "/saml/" in sent.headers["Location"]


@pytest.mark.usefixtures("owner")
def test_own_factors_are_asked_for_where_the_domain_leads_to_a_provider_alone(
    browser: Browser, acme: Lodge
) -> None:
    """A break-glass owner, and whoever has other organisations, finds the way by the pages."""
    acme.do(lambda uow: uow.update(t.sso_connections, {"id": acme.connection_id}, enforced=True))
    way = re.search(r'href="(/login/password[^"]*)"', says(browser.get("/login?return_to=/there")))
    assert way
    page = browser.get(unescape(way[1]))
    assert "Your password" in says(page)
    landed = browser.submit(page, email="owner@acme.test", password=PASSWORD)
    assert landed.headers["Location"] == "/there"
    assert "Acme" in says(browser.get("/"))


@pytest.mark.parametrize("email", ["owner@acme.test", "nobody@acme.test", "second@acme.test", ""])
@pytest.mark.usefixtures("owner")
def test_every_wrong_password_is_answered_alike(browser: Browser, email: str) -> None:
    answer = browser.post("/login/password", email=email, password="wrong horse battery")
    assert answer.status_code == 403
    assert answer.headers["X-Sign-In-Failure"] == "credentials_wrong"
    assert browser.session is None
    assert says(answer).replace(f'value="{email}"', 'value=""').count("do not fit") == 1


def test_a_code_follows_the_password(
    browser: Browser, acme: Lodge, owner: UUID, clock: Clock
) -> None:
    secret, _ = acme.person(lambda here: credentials.begin_totp(here, owner, "Gateway"))
    totp = pyotp.TOTP(secret)
    code = totp.at(clock())
    acme.person(lambda here: credentials.confirm_totp(here, owner, code))
    clock.advance(timedelta(minutes=1))
    asked = browser.post("/login/password", email="owner@acme.test", password=PASSWORD)
    assert asked.headers["Location"] == "/login/code"
    assert browser.session is None
    page = browser.get("/login/code")
    assert browser.submit(page, code="000000").status_code == 403
    landed = browser.submit(page, code=totp.at(clock()))
    assert landed.status_code == 303
    assert browser.session


@pytest.mark.usefixtures("owner")
def test_another_sites_form_signs_nobody_in_or_out(browser: Browser) -> None:
    fields = {"email": "owner@acme.test", "password": PASSWORD}
    for origin in ("https://evil.test", "null", "http://localhost:81"):
        assert browser.post("/login/password", origin, **fields).status_code == 403
    assert browser.session is None
    browser.post("/login/password", **fields)
    for token in ({}, {"form_token": "0" * 64}):
        assert browser.post("/logout", **token).status_code == 403
    assert browser.session


@pytest.mark.parametrize(
    "where",
    ["https://evil.test/", "//evil.test/", "/\\evil.test", "javascript:alert(1)", "/a\r\nX: y"],
)
@pytest.mark.usefixtures("owner")
def test_the_way_back_is_one_of_our_own_paths(browser: Browser, where: str) -> None:
    landed = browser.post(
        "/login/password", email="owner@acme.test", password=PASSWORD, return_to=where
    )
    assert landed.headers["Location"] == "/"


def test_an_account_is_created_by_a_mailed_link(browser: Browser, acme: Lodge) -> None:
    """S0-17: through the pages, from the address to the first session."""
    told = browser.submit(browser.get("/login/forgot"), email="nina@example.org")
    same = browser.submit(browser.get("/login/forgot"), email="owner@acme.test")
    assert says(told) == says(same)
    link = acme.mailed("nina@example.org")
    path = link[link.index("/login/sign-up") :].split()[0]
    page = browser.get(path)
    assert browser.submit(page, name="Nina", password="short").status_code == 422
    landed = browser.submit(page, name="Nina", password=PASSWORD)
    assert landed.headers["Location"] == "/"
    assert "Hello, Nina" in says(browser.get("/"))
    assert browser.get(path).status_code == 403


@pytest.mark.usefixtures("owner")
def test_an_account_at_the_provider_is_linked_by_proof(browser: Browser, acme: Lodge) -> None:
    """The provider proves one half, the person's own password the other."""
    proposed = acme.end(acme.says("olga-17", "owner@acme.test"))
    assert isinstance(proposed, LinkProposed)
    browser.client.set_cookie("gateway-link", proposed.token)
    asked = browser.get("/login/link")
    assert "Sign in" in says(asked)
    browser.post("/login/password", email="owner@acme.test", password=PASSWORD)
    assert browser.post("/login/link").status_code == 403
    landed = browser.submit(browser.get("/login/link"))
    assert landed.status_code == 303
    assert acme.entrance(acme.sign_in("olga-17")).member_id == acme.house.owner_id
    browser.client.set_cookie("gateway-link", proposed.token)
    assert browser.submit(browser.get("/login/link")).status_code == 403, "once"


def test_a_stranger_cannot_take_a_proposed_link(
    browser: Browser, acme: Lodge, globex: Lodge
) -> None:
    person_id = globex.person_of("owner@globex.test")
    globex.person(lambda here: here.change(t.persons, person_id, password_hash=HASH))
    proposed = acme.end(acme.says("olga-17", "owner@acme.test"))
    assert isinstance(proposed, LinkProposed)
    browser.client.set_cookie("gateway-link", proposed.token)
    browser.post("/login/password", email="owner@globex.test", password=PASSWORD)
    refused = browser.submit(browser.get("/login/link"))
    assert refused.headers["X-Sign-In-Failure"] == "unknown_person"
    assert acme.counted(t.identities) == {"identities": 0}


@pytest.mark.usefixtures("owner")
def test_a_link_is_not_made_once_its_connection_is_switched_off(
    browser: Browser, acme: Lodge
) -> None:
    proposed = acme.end(acme.says("olga-17", "owner@acme.test"))
    assert isinstance(proposed, LinkProposed)
    browser.client.set_cookie("gateway-link", proposed.token)
    browser.post("/login/password", email="owner@acme.test", password=PASSWORD)
    acme.do(lambda uow: sso_setup.disable(uow, acme.connection_id))
    refused = browser.submit(browser.get("/login/link"))
    assert refused.headers["X-Sign-In-Failure"] == "connection_inactive"
    assert acme.counted(t.identities) == {"identities": 0}


@pytest.mark.usefixtures("acme")
def test_no_page_lets_anything_foreign_in(browser: Browser) -> None:
    for path in ("/login", "/login/code", "/login/forgot"):
        page = browser.get(path)
        policy = page.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert page.headers["Cache-Control"] == "no-store"
        assert "<style" not in says(page)
        assert " style=" not in says(page)
        assert "onclick" not in says(page)
    for name in ("signin.css", "passkey.js", "post.js"):
        assert browser.get(f"/static/{name}").status_code == 200
    for name in ("../pages.py", "nothing.css"):
        assert browser.get(f"/static/{name}").status_code == 404


def test_cookies_are_bound_to_the_host_over_https(settings: Settings) -> None:
    cookies = Cookies.of(settings.model_copy(update={"plain_http_cookies": False}))
    response = Response()
    until = Clock()() + timedelta(hours=1)
    cookies.keep(response, cookies.session, "secret", until)
    cookies.keep(response, cookies.attempt("handle"), "secret", until, cross_site=True)
    for kept, same_site in zip(
        response.headers.getlist("Set-Cookie"), ("Lax", "None"), strict=True
    ):
        assert kept.startswith("__Host-")
        parts = {part.strip() for part in kept.split(";")}
        assert {"Secure", "HttpOnly", "Path=/", f"SameSite={same_site}"} <= parts
        assert not any(part.startswith("Domain") for part in parts)
