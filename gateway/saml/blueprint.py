"""The blueprint at /saml/{slug}: sign-in, single logout and metadata of each connection.

Whatever goes wrong with a message, the browser gets the same answer with a stable code.
"""

from dataclasses import dataclass

from flask import Blueprint, Response

from gateway.browser.cookies import Cookies
from gateway.browser.visits import Reception
from gateway.saml import metadata
from gateway.saml.leaving import Leaving
from gateway.saml.signing_in import SigningIn
from gateway.saml.visits import Visit
from gateway.services import sso_connections
from gateway.settings import Settings
from gateway.storage.unit_of_work import Work

PREFIX = "/saml"


def blueprint(work: Work, settings: Settings) -> Blueprint:
    """Return the blueprint that serves every SAML connection of the installation."""
    find = sso_connections.saml_by_slug
    desk = Desk(Reception(work, settings, Cookies.of(settings), find))
    bp = Blueprint("saml", __name__, url_prefix=PREFIX)
    for path, methods, serve in (
        ("acs", ["POST"], desk.acs),
        ("login", ["GET"], desk.login),
        ("logout", ["GET", "POST"], desk.logout),
        ("metadata", ["GET"], desk.metadata),
    ):
        bp.add_url_rule(f"/<slug>/{path}", endpoint=path, view_func=serve, methods=methods)
    return bp


@dataclass(frozen=True)
class Desk:
    """Where requests arrive and answers leave."""

    reception: Reception

    def metadata(self, slug: str) -> Response:
        """Answer with our metadata of a connection."""
        visit = self.reception.received(slug, Visit)
        document = metadata.service_provider(visit.connection, visit.addresses)
        response = Response(document, content_type=metadata.MEDIA_TYPE)
        response.headers["Cache-Control"] = "public, max-age=300"
        return response

    def login(self, slug: str) -> Response:
        """Begin a sign-in; see `Reception.begin`."""
        return self.reception.begin(slug, Visit)

    def acs(self, slug: str) -> Response:
        """Take the identity provider's answer."""
        return self.reception.guarded(slug, Visit, lambda visit: SigningIn(visit).answer())

    def logout(self, slug: str) -> Response:
        """Take a logout message of the provider, or begin a logout of this browser's session."""
        return self.reception.guarded(slug, Visit, lambda visit: Leaving(visit).answer())
