"""One request at a sign-on connection's address, and the verbs that every path needs.

The protocol rooms share how a request is received and how it is refused: by one answer with a
stable code, whatever went wrong with what the browser brought.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from flask import Request, Response, abort, request
from sqlalchemy import Connection
from werkzeug.exceptions import ClientDisconnected

from gateway.browser import pages
from gateway.browser.cookies import Cookies
from gateway.domain.errors import GatewayError, SignInFailed
from gateway.domain.identity import Context
from gateway.domain.sessions import SSOProof
from gateway.domain.signin import Attempt, SSOConnection, Trace
from gateway.logs import logger
from gateway.services import session_ends, sessions, signin, sso_connections
from gateway.settings import Settings
from gateway.storage import person_work
from gateway.storage.unit_of_work import UnitOfWork, Work
from gateway.storage.vault import Vault
from gateway.wsgi import REQUEST_ID, VISITED

T = TypeVar("T")
SLUG_LIMIT = 100
_log = logger("sign-on")


@dataclass
class Visit(ABC):
    """A request, the connection that its address names, and what is known so far.

    `attempt` is set as soon as the request has shown that it belongs to one; a failure ends it.
    """

    work: Work
    settings: Settings
    cookies: Cookies
    connection: Any
    request: Request
    context: Context
    now: datetime
    trace: Trace
    attempt: Attempt | None = None

    @property
    def session_token(self) -> str | None:
        """What the browser says its session is."""
        return self.cookies.read(self.request, self.cookies.session)

    def run(self, verb: Callable[[UnitOfWork], T]) -> T:
        """Run a verb as the connection, under the organisation's lock."""
        connection = self.connection
        actor = sso_connections.actor(connection)
        return self.work.run(connection.organisation_id, actor, verb, self.context)

    def run_unlocked(self, verb: Callable[[UnitOfWork], T]) -> T:
        """As `run`, without the lock: what anybody may do who knows the address holds up nobody."""
        connection = self.connection
        actor = sso_connections.actor(connection)
        return self.work.run_unlocked(connection.organisation_id, actor, verb, self.context)

    def find_attempt(self, handle: str) -> Attempt:
        """Return the attempt that a handle and this browser's cookie belong to.

        :raises SignInFailed: none.
        """
        cookie = self.cookies.read(self.request, self.cookies.attempt(handle)) if handle else None
        with self.work.read(self.connection.organisation_id) as uow:
            self.attempt = signin.find(uow, self.connection.id, handle, cookie)
        return self.attempt

    def open_attempt(self, *, test: str | None, return_to: str | None, again: bool) -> Attempt:
        """Begin a sign-in of this browser; `again` has the provider ask for proof.

        :raises SignInFailed: nobody signs in through the connection now.
        """
        with person_work.read(self.work, self.context) as here:
            session = sessions.find(here, self.session_token)
        return self.run_unlocked(
            lambda uow: signin.begin(
                uow,
                self.connection.id,
                test=test,
                return_to=return_to,
                session_id=session.id if session else None,
                force=again,
            )
        )

    def begin(
        self, *, test: str | None = None, return_to: str | None = None, again: bool = False
    ) -> Response:
        """Begin a sign-in and send the browser to the provider; `again` has it ask for proof.

        :raises SignInFailed: nobody signs in through the connection now.
        """
        attempt = self.open_attempt(test=test, return_to=return_to, again=again)
        return self.remembering(attempt, self.sent_to_provider(attempt))

    @abstractmethod
    def sent_to_provider(self, attempt: Attempt) -> Response:
        """Return what takes the browser to the provider, with the protocol's own request."""

    def end_session(self) -> SSOProof | None:
        """End this browser's session; return what the provider had proved of it, if anything."""
        with person_work.read(self.work, self.context) as here:
            session = sessions.find(here, self.session_token)
            proof = sessions.sso_proof(here, self.session_token, self.connection.id)
        if session is not None:
            session_id = session.id
            person_work.run(
                self.work, lambda here: session_ends.sign_out(here, session_id), self.context
            )
        return proof

    def remembering(self, attempt: Attempt, response: Response) -> Response:
        """Let the browser keep the attempt's secret; it comes back with a post across sites."""
        self.cookies.keep_attempt(
            self.request, response, attempt.handle, attempt.cookie, attempt.expires_at
        )
        return response

    def forgetting(self, response: Response) -> Response:
        """Let the browser forget the secret of the attempt that has ended."""
        if self.attempt is not None:
            name = self.cookies.attempt(self.attempt.handle)
            self.cookies.drop(response, name, cross_site=True)
        return response

    def refused(self, code: str) -> Response:
        """Keep the redacted trace, and return the one answer to every failure."""
        self.run_unlocked(
            lambda uow: signin.fail(uow, self.connection.id, self.attempt, code, self.trace)
        )
        return self.failed(code)

    def failed(self, code: str) -> Response:
        """Return the one answer to every failure."""
        return self.forgetting(pages.failure(self.request, code, self.context.request_id))


Find = Callable[[Connection, Vault, str], SSOConnection | None]
V = TypeVar("V", bound=Visit)


@dataclass(frozen=True)
class Reception:
    """Receives requests at the addresses of one protocol's connections."""

    work: Work
    settings: Settings
    cookies: Cookies
    find: Find

    def received(self, slug: str, kind: type[V]) -> V:
        """Return the visit of a connection's address; an unknown one is no address at all."""
        connection = None
        # What no slug looks like is not looked up: PostgreSQL takes no NUL, for one.
        if len(slug) <= SLUG_LIMIT and slug.isascii() and slug.isalnum():
            with self.work.platform() as database:
                connection = self.find(database, self.work.vault, slug)
        if connection is None:
            abort(404)
        request.environ[VISITED] = connection.organisation_id
        context = Context(
            request_id=str(request.environ.get(REQUEST_ID, "")),
            ip=request.remote_addr,
            user_agent=request.headers.get("User-Agent"),
            connection_id=connection.id,
        )
        now = self.work.clock()
        return kind(
            self.work, self.settings, self.cookies, connection, request, context, now, Trace()
        )

    def begin(self, slug: str, kind: type[V]) -> Response:
        """Begin a sign-in, and send the browser to the identity provider.

        `return_to` is a path of ours, `test` the secret of a test, `again` asks for fresh proof.
        """
        asked = request.args
        return self.guarded(
            slug,
            kind,
            lambda visit: visit.begin(
                test=asked.get("test"), return_to=asked.get("return_to"), again="again" in asked
            ),
        )

    def guarded(self, slug: str, kind: type[V], answer: Callable[[V], Response]) -> Response:
        """Answer one request, whatever happens, by its own answer or the one of all failures."""
        visit = self.received(slug, kind)
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
