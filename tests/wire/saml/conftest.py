"""A gateway with a SAML connection of an organisation, an identity provider, and a browser."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from flask.testing import FlaskClient
from pydantic import HttpUrl, SecretStr
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from gateway.app import Gateway, create_app
from gateway.domain.sessions import Entrance
from gateway.domain.signin import SAMLAddresses
from gateway.services import sessions
from gateway.settings import Settings
from gateway.storage import person_work
from gateway.storage import tables as t
from gateway.storage.engine import Engines
from gateway.storage.unit_of_work import Work
from idp_fixtures.saml_idp.provider import (
    Account,
    AuthnRequest,
    SAMLProvider,
    ServiceProvider,
    okta,
    packed,
)
from tests.clock import Clock, CountedIds
from tests.factories import provision
from tests.service.signin.lodge import VAULT, Lodge, lodge
from tests.unit.saml.bench import ENTITY_ID, key

ORIGIN = "https://gateway.test"
SESSION = "__Host-gateway-session"
ANN = okta("ann@acme.test", "ann@acme.test", "Ann Acme", ["Support"])


@dataclass
class Browser:
    """One browser, with cookies of its own."""

    client: FlaskClient

    def get(self, address: str, **more: Any) -> TestResponse:
        """Follow an address of the gateway's."""
        parts = urlsplit(address)
        path = parts.path + (f"?{parts.query}" if parts.query else "")
        return self.client.get(path, base_url=ORIGIN, **more)

    def post(self, address: str, form: dict[str, str], **more: Any) -> TestResponse:
        """Post a form to the gateway."""
        return self.client.post(urlsplit(address).path, data=form, base_url=ORIGIN, **more)

    @property
    def session(self) -> str | None:
        """The session's token, if there is one."""
        cookie = self.client.get_cookie(SESSION, "gateway.test", "/")
        return cookie.value if cookie and cookie.value else None


@dataclass
class Stage:
    """An organisation, its connection, its provider, and whoever comes by."""

    app: Gateway
    lodge: Lodge
    idp: SAMLProvider
    addresses: SAMLAddresses
    clock: Clock
    browsers: list[Browser] = field(default_factory=list)

    @property
    def service(self) -> ServiceProvider:
        """What the gateway's metadata says."""
        return ServiceProvider.of(self.browser().get(self.addresses.metadata_url).data)

    def browser(self) -> Browser:
        """A fresh browser."""
        return Browser(self.app.test_client())

    def begin(self, browser: Browser, **query: str) -> AuthnRequest:
        """Go to the provider; return what it was asked."""
        answer = browser.client.get(
            urlsplit(self.addresses.login_url).path, query_string=query, base_url=ORIGIN
        )
        assert answer.status_code == 302, answer.text
        return self.idp.read_redirect(answer.headers["Location"])

    def come_back(
        self, browser: Browser, asked: AuthnRequest, account: Account = ANN, **says: Any
    ) -> TestResponse:
        """Bring the provider's answer, with what a test says otherwise."""
        recipe = replace(self.idp.recipe(self.service, account, asked.id), **says)
        form = {"SAMLResponse": packed(self.idp.issue(recipe)), "RelayState": asked.relay_state}
        return browser.post(self.addresses.acs_url, form)

    def sign_in(self, account: Account = ANN, **says: Any) -> Browser:
        """Sign in, which must succeed."""
        browser = self.browser()
        answer = self.come_back(browser, self.begin(browser), account, **says)
        assert answer.status_code == 303, answer.text
        assert browser.session
        return browser

    def entrance(self, browser: Browser) -> Entrance:
        """What the browser's session is in the organisation."""
        token = browser.session
        assert token is not None
        with person_work.read(self.lodge.work) as here:
            return sessions.entrance(here, token, self.lodge.organisation_id)

    def counted(self) -> dict[str, int]:
        """How many people, links and sessions there are."""
        with self.lodge.work.platform() as database:
            return {
                table.name: database.execute(select(func.count()).select_from(table)).scalar_one()
                for table in (t.persons, t.members, t.identities, t.sessions, t.session_proofs)
            }


def refusal(answer: TestResponse) -> str:
    """The code of the one answer to every failure."""
    assert answer.status_code == 403, answer.text
    code: str = answer.headers["X-Sign-In-Failure"]
    assert code in answer.text
    return code


def query_of(answer: TestResponse) -> dict[str, str]:
    """The query of the address that an answer leads to."""
    found = parse_qs(urlsplit(answer.headers["Location"]).query)
    return {name: values[0] for name, values in found.items()}


@pytest.fixture
def work(engines: Engines, clock: Clock) -> Work:
    return Work(engines, clock=clock, new_id=CountedIds(), vault=VAULT)


@pytest.fixture
def app(work: Work) -> Iterator[Gateway]:
    with application(work) as app:
        yield app


@contextmanager
def application(work: Work) -> Iterator[Gateway]:
    """Run the application at its https origin."""
    settings = Settings.model_construct(
        base_url=HttpUrl(ORIGIN), database_url=SecretStr("unused"), plain_http_cookies=False
    )
    app = create_app(settings, work)
    yield app
    app.flush()


@pytest.fixture
def stage(app: Gateway, work: Work, clock: Clock) -> Stage:
    """Acme, whose Ann is provisioned and signs in through its provider."""
    return staged(app, work, clock)


def staged(app: Gateway, work: Work, clock: Clock, slug: str = "acme", **settings: Any) -> Stage:
    """An organisation with an active SAML connection and its provider."""
    entity_id = f"{ENTITY_ID}/{slug}"
    idp = SAMLProvider(
        entity_id=entity_id,
        base_url=f"https://idp.{slug}.test",
        clock=clock,
        keys=[key(f"idp-{slug}")],
    )
    wish = {
        "issuer": entity_id,
        "sso_url": idp.sso_url,
        "slo_url": idp.slo_url,
        "certificates": [idp.key.certificate],
        "attributes": {"email": "email", "display_name": "displayName", "groups": "groups"},
    }
    made = lodge(work, slug, **{**wish, **settings})
    provision(work, made.house, f"ann@{slug}.test", "e1")
    connection_slug = made.rows(t.sso_connections, id=made.connection_id)[0].slug
    return Stage(app, made, idp, SAMLAddresses.of(ORIGIN, connection_slug), clock)
