"""Acme and its neighbour Globex, and Mia, who is in both: by SAML or by OpenID Connect."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from werkzeug.test import TestResponse

from gateway.services import organisations
from gateway.storage.unit_of_work import Work
from idp_fixtures.openid_provider.accounts import Account as OpenIDAccount
from idp_fixtures.openid_provider.accounts import okta as openid_account
from idp_fixtures.openid_provider.keys import spare
from idp_fixtures.openid_provider.server import serving
from idp_fixtures.saml_idp.provider import Account as SAMLAccount
from idp_fixtures.saml_idp.provider import okta as saml_account
from tests.clock import Clock
from tests.factories import PASSWORD, PASSWORD_HASH, provision
from tests.service.api.examples import Things, things
from tests.wire.oidc import conftest as openid
from tests.wire.saml import conftest as saml
from tests.wire.saml.conftest import ORIGIN, Browser

MIA = "mia@acme.test"

Account = SAMLAccount | OpenIDAccount


@dataclass
class Neighbours:
    """Both houses, whose people sign in by one protocol, and everything that Globex has.

    `account` makes an account of a provider, by subject, address, name and groups. The stages of
    both protocols are asked alike.
    """

    acme: Any
    globex: Any
    theirs: Things
    account: Callable[[str, str, str, Sequence[str]], Account]

    def by_provider(self) -> "Visitor":
        """Mia as Acme's provider signs her in."""
        return Visitor(self.acme.sign_in(self.account(MIA, MIA, "Mia", [])))

    def by_password(self) -> "Visitor":
        """Mia by her own password."""
        browser = self.acme.browser()
        form = {"email": MIA, "password": PASSWORD}
        answer = browser.post(f"{ORIGIN}/login/password", form, headers={"Origin": ORIGIN})
        assert answer.status_code == 303, answer.text
        return Visitor(browser)


@dataclass
class Visitor:
    """A browser with a session, calling the API as our pages do."""

    browser: Browser

    def call(self, method: str, path: str, json: Any = None, **rest: Any) -> TestResponse:
        """Call the API."""
        headers = {"Origin": ORIGIN, "Sec-Fetch-Site": "same-origin"}
        if method != "GET":
            headers["X-CSRF-Token"] = self.me()["form_token"]
        return self.browser.client.open(
            f"/api/v1{path}", method=method, json=json, headers=headers, base_url=ORIGIN, **rest
        )

    def me(self) -> dict[str, Any]:
        """Who the session is."""
        answer = self.browser.client.get("/api/v1/me", base_url=ORIGIN)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.get_json()
        return found

    def opens(self) -> list[str]:
        """Names of the organisations that the session opens."""
        return [each["name"] for each in self.me()["organisations"]]


@contextmanager
def by_saml(work: Work, clock: Clock) -> Iterator[Neighbours]:
    """Both houses with a SAML provider each."""
    with saml.application(work) as app:
        houses = [saml.staged(app, work, clock, slug) for slug in ("acme", "globex")]
        yield _furnished(work, houses, saml_account)


@contextmanager
def by_openid(work: Work, clock: Clock) -> Iterator[Neighbours]:
    """Both houses with an OpenID provider each."""
    with (
        serving(clock=clock) as one,
        serving(clock=clock) as other,
        openid.gateway(work, one, other) as app,
    ):
        houses = []
        for server, slug in ((one, "acme"), (other, "globex")):
            server.provider.keys = [spare("RS256", kid=slug)]
            houses.append(openid.staged(app, work, clock, server, slug))
        yield _furnished(work, houses, openid_account)


def _furnished(work: Work, houses: Sequence[Any], account: Callable[..., Account]) -> Neighbours:
    """Mia had her account at Globex first; then Acme, whose domain she has, provisioned her."""
    acme, globex = houses
    globex.lodge.do(
        lambda uow: organisations.add_member(
            uow, email=MIA, display_name="Mia", role="admin", password_hash=PASSWORD_HASH
        )
    )
    provision(work, acme.lodge.house, MIA, "m1")
    return Neighbours(acme, globex, things(work, globex.lodge.house), account)
