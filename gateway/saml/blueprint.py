"""The blueprint at /saml/{slug}: sign-in, single logout and metadata of each connection.

Whatever goes wrong with a message, the browser gets the same answer with a stable code.
"""

from collections.abc import Callable
from dataclasses import dataclass

from flask import Blueprint, Response, abort, request
from werkzeug.exceptions import ClientDisconnected

from gateway.browser.cookies import Cookies
from gateway.domain.errors import GatewayError, SignInFailed
from gateway.domain.identity import Context
from gateway.domain.signin import Trace
from gateway.logs import logger
from gateway.saml import metadata
from gateway.saml.leaving import Leaving
from gateway.saml.signing_in import SigningIn
from gateway.saml.visits import Visit
from gateway.services import sso_connections
from gateway.settings import Settings
from gateway.storage.unit_of_work import Work

PREFIX = "/saml"
SLUG_LIMIT = 100
REQUEST_ID = "gateway.request_id"
_log = logger("saml")


def blueprint(work: Work, settings: Settings) -> Blueprint:
    """Return the blueprint that serves every SAML connection of the installation."""
    desk = Desk(work, settings, Cookies.of(settings))
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

    work: Work
    settings: Settings
    cookies: Cookies

    def metadata(self, slug: str) -> Response:
        """Answer with our metadata of a connection."""
        visit = self._visit(slug)
        document = metadata.service_provider(visit.connection, visit.addresses)
        response = Response(document, content_type=metadata.MEDIA_TYPE)
        response.headers["Cache-Control"] = "public, max-age=300"
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response

    def login(self, slug: str) -> Response:
        """Begin a sign-in, and send the browser to the identity provider.

        `return_to` is a path of ours, `test` the secret of a test, `again` asks for fresh proof.
        """
        asked = request.args
        return self._guarded(
            slug,
            lambda visit: visit.begin(
                test=asked.get("test"),
                return_to=asked.get("return_to"),
                again="again" in asked,
            ),
        )

    def acs(self, slug: str) -> Response:
        """Take the identity provider's answer."""
        return self._guarded(slug, lambda visit: SigningIn(visit).answer())

    def logout(self, slug: str) -> Response:
        """Take a logout message of the provider, or begin a logout of this browser's session."""
        return self._guarded(slug, lambda visit: Leaving(visit).answer())

    # -- inside ---------------------------------------------------------------------

    def _guarded(self, slug: str, answer: Callable[[Visit], Response]) -> Response:
        """Answer one request, whatever happens, by its own answer or the one of all failures."""
        visit = self._visit(slug)
        try:
            return answer(visit)
        except SignInFailed as refused:
            return visit.refused(refused.reason)
        except GatewayError as refused:
            _log.warning("refused", code=refused.code, connection=str(visit.connection.id))
            return visit.failed(refused.code)
        except ClientDisconnected:
            raise
        except Exception as bug:
            # A message that makes us stumble is answered like any that we understood and refused.
            _log.error("unexpected", connection=str(visit.connection.id), exc_info=bug)
            return visit.refused("malformed")

    def _visit(self, slug: str) -> Visit:
        """Return the visit of a connection's address; an unknown one is no address at all."""
        connection = None
        if len(slug) <= SLUG_LIMIT:
            with self.work.platform() as database:
                connection = sso_connections.saml_by_slug(database, self.work.vault, slug)
        if connection is None:
            abort(404)
        context = Context(
            request_id=str(request.environ.get(REQUEST_ID, "")),
            ip=request.remote_addr,
            user_agent=request.headers.get("User-Agent"),
            connection_id=connection.id,
        )
        return Visit(
            self.work,
            self.settings,
            self.cookies,
            connection,
            request,
            context,
            self.work.clock(),
            Trace(),
        )
