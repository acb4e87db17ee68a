"""A client that authlib makes of the simulated OpenID provider, and how it signs in."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import requests
from authlib.integrations.requests_client import OAuth2Session

from idp_fixtures.openid_provider.accounts import okta
from idp_fixtures.openid_provider.provider import Client
from idp_fixtures.openid_provider.server import OpenIDServer

BACK = "http://127.0.0.1:9/callback"
MIA = okta("mia", "mia@acme.test", "Mia Acme", ["Support"])
VERIFIER = "v" * 43


def client(**more: Any) -> Client:
    said = {"id": "us", "redirect_uris": (BACK,), "secret": "s3cret", **more}
    return Client(**said)


def session(server: OpenIDServer, **more: Any) -> OAuth2Session:
    """A client that authlib makes."""
    known = server.provider.clients["us"]
    return OAuth2Session(
        known.id,
        more.pop("secret", known.secret),
        scope="openid email",
        redirect_uri=BACK,
        code_challenge_method="S256",
        token_endpoint_auth_method=known.auth,
        **more,
    )


def go(server: OpenIDServer, ours: OAuth2Session, **query: Any) -> dict[str, str]:
    """Send the browser there, and say with what it comes back."""
    address, _ = ours.create_authorization_url(
        f"{server.url}/authorize", code_verifier=VERIFIER, nonce="n", **query
    )
    answer = requests.get(address, timeout=5, allow_redirects=False)
    assert answer.status_code == 302, answer.text
    place = answer.headers["Location"]
    assert place.startswith(BACK)
    return {name: values[0] for name, values in parse_qs(urlsplit(place).query).items()}


def redeem(server: OpenIDServer, ours: OAuth2Session, code: str, **more: Any) -> dict[str, Any]:
    said = {"code": code, "code_verifier": VERIFIER, **more}
    token: dict[str, Any] = ours.fetch_token(f"{server.url}/token", **said)
    return token
