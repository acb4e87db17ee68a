"""A gateway with an OpenID Connect connection, a provider on loopback, and a browser."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import count
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
import structlog
from pydantic import HttpUrl, SecretStr
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from gateway.app import Gateway, create_app
from gateway.domain.errors import SessionEnded
from gateway.domain.sessions import Entrance
from gateway.domain.signin import OIDCAddresses
from gateway.services import sessions
from gateway.settings import Settings
from gateway.storage import person_work
from gateway.storage import tables as t
from gateway.storage.engine import Engines
from gateway.storage.unit_of_work import Work
from idp_fixtures.openid_provider.accounts import Account, okta
from idp_fixtures.openid_provider.hostile import Attack
from idp_fixtures.openid_provider.keys import spare
from idp_fixtures.openid_provider.provider import Client
from idp_fixtures.openid_provider.server import OpenIDServer, serving
from tests.clock import Clock, CountedIds
from tests.factories import house, provision
from tests.service.signin.lodge import VAULT, Lodge, connected
from tests.wire.saml.conftest import ORIGIN, Browser

CLIENT = "gateway-at-acme"
SECRET = "a-secret-of-the-client"
GOOGLE = "https://accounts.google.com"
ATTRIBUTES = {"email": "email", "display_name": "name", "groups": "groups"}
ANN = okta("ann@acme.test", "ann@acme.test", "Ann Acme", ["Support"])


@dataclass
class Stage:
    """An organisation, its connection, its provider, and whoever comes by."""

    app: Gateway
    lodge: Lodge
    server: OpenIDServer
    addresses: OIDCAddresses
    clock: Clock

    def browser(self) -> Browser:
        """A fresh browser."""
        return Browser(self.app.test_client())

    def begin(self, browser: Browser, **query: str) -> str:
        """Begin a sign-in; return where the browser is sent."""
        path = urlsplit(self.addresses.login_url).path
        answer = browser.client.get(path, query_string=query, base_url=ORIGIN)
        assert answer.status_code in (302, 303), answer.text
        place = answer.headers["Location"]
        assert place.startswith(f"{self.server.url}/authorize?"), place
        return place

    def visit(self, place: str, who: Account = ANN) -> str:
        """Sign in at the provider; return where it sends the browser."""
        self.server.add(who)
        answer = requests.get(place, params={"user": who.sub}, timeout=10, allow_redirects=False)
        assert answer.status_code == 302, answer.text
        return answer.headers["Location"]

    def come_back(self, browser: Browser, place: str, who: Account = ANN) -> TestResponse:
        """Sign in at the provider and come back."""
        way = self.visit(place, who)
        assert way.startswith(f"{self.addresses.redirect_uri}?")
        return browser.get(way)

    def attempt(self, who: Account = ANN) -> tuple[Browser, TestResponse]:
        """Try to sign in."""
        browser = self.browser()
        return browser, self.come_back(browser, self.begin(browser), who)

    def sign_in(self, who: Account = ANN) -> Browser:
        """Sign in, which must succeed."""
        browser, answer = self.attempt(who)
        assert answer.status_code == 303, (answer.headers.get("X-Sign-In-Failure"), self.traces())
        assert browser.session
        return browser

    def refusal(self, who: Account = ANN) -> str:
        """Sign in, which must be refused; return the code."""
        browser, answer = self.attempt(who)
        assert browser.session is None
        assert answer.status_code == 403, answer.text
        return answer.headers["X-Sign-In-Failure"]

    def agree(self, attack: Attack | None = None) -> Account:
        """Let both sides agree on what an attack presumes; return who shall sign in."""
        given = dict(attack.given) if attack else {}
        provider, tenant = self.server.provider, given.get("tenant")
        provider.tenant = tenant
        provider.issuer = self.server.url + ("/{tenantid}/v2.0" if tenant else "")
        if domain := given.get("domain"):
            provider.issuer = GOOGLE
        provider.says_iss = given.get("says_iss", True)
        auth, userinfo = given.get("auth", "client_secret_basic"), given.get("userinfo")
        algorithm = given.get("algorithm", "RS256")
        self.server.register(
            replace(
                provider.clients[CLIENT],
                algorithm=algorithm,
                auth=auth,
                key=self.our_certificate,
                signed_userinfo=userinfo == "signed",
            )
        )
        self.lodge.configure(
            issuer=provider.issuer,
            tenant=tenant,
            algorithms=[algorithm],
            client_auth=auth,
            use_userinfo=bool(userinfo),
            max_age=given.get("max_age"),
            iss_parameter_supported=provider.says_iss,
            jit=bool(given.get("newcomer")),
        )
        who = newcomer() if given.get("newcomer") else ANN
        return Account(who.sub, {**who.claims, "tid": tenant, "hd": domain})

    @property
    def our_certificate(self) -> str:
        """The certificate of our key, as an admin gives it to the provider."""
        keys = self.lodge.rows(t.sso_keys, connection_id=self.lodge.connection_id)
        return str(keys[0].certificate)

    def entrance(self, browser: Browser) -> Entrance:
        """What the browser's session is in the organisation."""
        token = browser.session
        assert token is not None
        with person_work.read(self.lodge.work) as here:
            return sessions.entrance(here, token, self.lodge.organisation_id)

    def is_live(self, browser: Browser) -> bool:
        """Whether the browser's session still lives."""
        try:
            self.entrance(browser)
        except SessionEnded:
            return False
        return True

    def groups(self, browser: Browser) -> set[str]:
        """Names of the groups that sign-ins asserted of a member."""
        member = self.entrance(browser).member_id
        seats = self.lodge.rows(t.asserted_memberships, member_id=member)
        live = {seat.group_id for seat in seats if seat.valid_to is None}
        return {row.display_name for row in self.lodge.rows(t.directory_groups) if row.id in live}

    def traces(self) -> list[Any]:
        """What sign-ins left, for whoever reads a failing test."""
        return [row.document for row in self.lodge.rows(t.signin_traces)][-1:]

    def counted(self) -> dict[str, int]:
        """How many people, links and sessions there are."""
        with self.lodge.work.platform() as database:
            return {
                table.name: database.execute(select(func.count()).select_from(table)).scalar_one()
                for table in (t.persons, t.members, t.identities, t.sessions, t.session_proofs)
            }


def asked(place: str) -> dict[str, str]:
    """What the provider is asked."""
    return {name: values[0] for name, values in parse_qs(urlsplit(place).query).items()}


_numbers = count()


def newcomer() -> Account:
    """Somebody whom nobody knows yet."""
    number = next(_numbers)
    return okta(f"new-{number}", f"new-{number}@acme.test", f"New {number}", [])


@pytest.fixture
def server(clock: Clock) -> Iterator[OpenIDServer]:
    with serving(clock=clock) as server:
        server.provider.keys = [spare("RS256", kid="ours")]
        yield server


@pytest.fixture
def work(engines: Engines, clock: Clock) -> Work:
    return Work(engines, clock=clock, new_id=CountedIds(), vault=VAULT)


@pytest.fixture
def stage(server: OpenIDServer, work: Work, clock: Clock) -> Iterator[Stage]:
    """Acme, whose Ann is provisioned and signs in through its provider."""
    with gateway(work, server) as app:
        yield staged(app, work, clock, server)


@contextmanager
def gateway(work: Work, *servers: OpenIDServer) -> Iterator[Gateway]:
    """Run the application; it may speak to these providers and to nobody else inside."""
    settings = Settings.model_construct(
        base_url=HttpUrl(ORIGIN),
        database_url=SecretStr("unused"),
        plain_http_cookies=False,
        outbound_allow=tuple(server.url.removeprefix("http://") for server in servers),
    )
    app = create_app(settings, work)
    yield app
    app.flush()


def staged(
    app: Gateway, work: Work, clock: Clock, server: OpenIDServer, slug: str = "acme"
) -> Stage:
    """An organisation with an active OpenID Connect connection and its provider."""
    published = server.provider.discovery()
    endpoints = ("authorization_endpoint", "token_endpoint", "jwks_uri", "userinfo_endpoint")
    wish = {
        "issuer": server.issuer,
        "client_id": CLIENT,
        "client_secret": SECRET,
        "iss_parameter_supported": True,
        "scopes": ["openid", "profile", "email", "groups"],
        "attributes": ATTRIBUTES,
        "subject_claim": None,
        "end_session_endpoint": published["end_session_endpoint"],
        **{name: published[name] for name in endpoints},
    }
    home = house(work, slug)
    made = connected(work, home, "oidc", wish)
    provision(work, home, f"ann@{slug}.test", "e1")
    connection = made.rows(t.sso_connections, id=made.connection_id)[0]
    addresses = OIDCAddresses.of(ORIGIN, connection.slug)
    server.register(
        Client(
            id=CLIENT,
            redirect_uris=(addresses.redirect_uri,),
            secret=SECRET,
            post_logout_redirect_uris=(f"{ORIGIN}/login",),
            backchannel_logout_uri=addresses.backchannel_logout_url,
        )
    )
    return Stage(app, made, server, addresses, clock)


@pytest.fixture
def entries() -> Iterator[list[Any]]:
    """What was logged."""
    with structlog.testing.capture_logs() as found:
        yield found
