"""The blueprint at /oidc/{slug}: sign-in and logout of each OpenID Connect connection."""

import json
from dataclasses import dataclass

from flask import Blueprint, Response

from gateway.browser.cookies import Cookies
from gateway.browser.visits import Reception
from gateway.net.http import HTTPClient
from gateway.oidc import exchange
from gateway.oidc.beginning import Beginning
from gateway.oidc.keys import Keys
from gateway.oidc.leaving import BackChannel, Leaving, Message
from gateway.oidc.signing_in import SigningIn
from gateway.oidc.visits import Visit
from gateway.services import sso_connections
from gateway.settings import Settings
from gateway.storage.unit_of_work import Work

PREFIX = "/oidc"
ASKING = ("callback", "backchannel-logout")
"""Addresses of a connection whose answer may have to wait for its provider."""


def blueprint(work: Work, settings: Settings, client: HTTPClient) -> Blueprint:
    """Return the blueprint that serves every OpenID Connect connection of the installation."""
    reception = Reception(work, settings, Cookies.of(settings), sso_connections.oidc_by_slug)
    desk = Desk(reception, client, Keys(client, work.clock))
    bp = Blueprint("oidc", __name__, url_prefix=PREFIX)
    for path, methods, serve in (
        ("login", ["GET"], desk.login),
        ("initiate", ["GET", "POST"], desk.initiate),
        ("callback", ["GET"], desk.callback),
        ("logout", ["GET", "POST"], desk.logout),
        ("backchannel-logout", ["POST"], desk.backchannel_logout),
        ("jwks", ["GET"], desk.jwks),
    ):
        endpoint = path.replace("-", "_")
        bp.add_url_rule(f"/<slug>/{path}", endpoint=endpoint, view_func=serve, methods=methods)
    return bp


@dataclass(frozen=True)
class Desk:
    """Where requests arrive and answers leave."""

    reception: Reception
    client: HTTPClient
    keys: Keys

    def login(self, slug: str) -> Response:
        """Begin a sign-in; see `Reception.begin`."""
        return self.reception.begin(slug, Visit)

    def initiate(self, slug: str) -> Response:
        """Begin a sign-in that the provider wishes for."""
        return self.reception.guarded(slug, Visit, lambda visit: Beginning(visit).answer())

    def callback(self, slug: str) -> Response:
        """Take the identity provider's answer."""
        return self.reception.guarded(
            slug, Visit, lambda visit: SigningIn(visit, self.client, self.keys).answer()
        )

    def logout(self, slug: str) -> Response:
        """End this browser's session here and at the identity provider."""
        return self.reception.guarded(slug, Visit, lambda visit: Leaving(visit).answer())

    def backchannel_logout(self, slug: str) -> Response:
        """Take a logout token of the identity provider."""
        return self.reception.guarded(
            slug, Message, lambda visit: BackChannel(visit, self.keys).answer()
        )

    def jwks(self, slug: str) -> Response:
        """Answer with our public keys, by which a provider knows us (`private_key_jwt`)."""
        visit = self.reception.received(slug, Visit)
        document = json.dumps({"keys": exchange.public_keys(visit.connection)})
        response = Response(document, content_type="application/jwk-set+json")
        response.headers["Cache-Control"] = "public, max-age=300"
        return response
