"""A gateway on loopback with an OpenID Connect connection to a peer."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from typing import Any

import requests

from gateway.domain.signin import OIDCAddresses
from gateway.storage import tables as t
from idp_fixtures.openid_provider.provider import WELL_KNOWN, public_key
from idp_fixtures.openid_provider.server import OpenIDServer, serving
from tests.factories import house, provision
from tests.peers.stage import PATIENCE, Stage, free_port, served
from tests.service.signin.lodge import connected

CLIENT = "gateway-at-acme"
SECRET = "a-secret-of-the-client-that-is-long-enough"
ENDPOINTS = (
    "authorization_endpoint",
    "token_endpoint",
    "jwks_uri",
    "userinfo_endpoint",
    "end_session_endpoint",
)


@dataclass
class OpenIDStage(Stage):
    """Acme's connection to one peer, which listens at `issuer`."""

    issuer: str = ""
    stranger: OpenIDServer = field(kw_only=True)
    """Another provider, that the gateway can reach too."""

    @property
    def port(self) -> int:
        """Where the peer shall listen."""
        return int(self.issuer.rpartition(":")[2])

    @property
    def ours(self) -> OIDCAddresses:
        """What the peer's admin would enter."""
        rows = self.lodge.rows(t.sso_connections, id=self.lodge.connection_id)
        return OIDCAddresses.of(self.origin, rows[0].slug)

    @property
    def login_url(self) -> str:
        return self.ours.login_url

    @property
    def our_key_set(self) -> dict[str, Any]:
        """Our public keys, as the peer's admin would enter them."""
        rows = self.lodge.rows(t.sso_keys, connection_id=self.lodge.connection_id)
        return {
            "keys": [{**public_key(row.certificate).as_dict(), "kid": str(row.id)} for row in rows]
        }

    @property
    def logout_url(self) -> str:
        """Where our own logout begins."""
        return self.login_url.removesuffix("login") + "logout"

    def link(self, subject: str) -> None:
        """Let an account of the peer's be a member's, as an earlier sign-in would have done."""
        said = self.lodge.says(subject, f"{subject}@acme.test", email_verified=True)
        self.lodge.sign_in_with(said)

    def discover(self, **settings: Any) -> None:
        """Take what the peer publishes into the connection."""
        said = requests.get(f"{self.issuer}{WELL_KNOWN}", timeout=PATIENCE).json()
        announced = said.get("authorization_response_iss_parameter_supported", False)
        self.lodge.configure(
            iss_parameter_supported=announced,
            **{name: said[name] for name in ENDPOINTS},
            **settings,
        )


@contextmanager
def openid_staged(database: str) -> Iterator[OpenIDStage]:
    """Serve a gateway with an organisation whose Ann is provisioned; JIT makes the others."""
    peer = f"127.0.0.1:{free_port()}"
    with ExitStack() as open_:
        stranger = open_.enter_context(serving())
        reached = (peer, stranger.url.removeprefix("http://"))
        work, origin = open_.enter_context(served(database, outbound_allow=reached))
        home = house(work, "acme")
        wish: Mapping[str, Any] = {
            "issuer": f"http://{peer}",
            "client_id": CLIENT,
            "client_secret": SECRET,
            "scopes": ["openid", "profile", "email", "groups"],
            "attributes": {"email": "email", "display_name": "name", "groups": "groups"},
            "jit": True,
            "subject_claim": None,
            **dict.fromkeys(ENDPOINTS, f"http://{peer}/not-yet"),
        }
        made = connected(work, home, "oidc", wish)
        provision(work, home, "ann@acme.test", "e1")
        stage = OpenIDStage(made, origin, issuer=f"http://{peer}", stranger=stranger)
        yield open_.enter_context(closing(stage))
