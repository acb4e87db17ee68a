"""One request at a connection's address, and the verbs that every path needs."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import TypeVar

from flask import Request, Response

from gateway.browser import pages
from gateway.browser.cookies import Cookies
from gateway.domain.identity import Context
from gateway.domain.signin import Attempt, SAMLAddresses, SAMLConnection, Trace
from gateway.saml import requests
from gateway.saml.reading import sent
from gateway.services import sessions, signin, sso_connections
from gateway.settings import Settings
from gateway.storage import person_work
from gateway.storage.unit_of_work import UnitOfWork, Work

T = TypeVar("T")


@dataclass
class Visit:
    """A request, the connection that its address names, and what is known so far.

    `attempt` is set as soon as the request has shown that it belongs to one; a failure ends it.
    """

    work: Work
    settings: Settings
    cookies: Cookies
    connection: SAMLConnection
    request: Request
    context: Context
    now: datetime
    trace: Trace
    attempt: Attempt | None = None

    @cached_property
    def addresses(self) -> SAMLAddresses:
        """Our addresses of the connection, from the settings."""
        return SAMLAddresses.of(self.settings.origin, self.connection.slug)

    @property
    def session_token(self) -> str | None:
        """What the browser says its session is."""
        return self.cookies.read(self.request, self.cookies.session)

    def run(self, verb: Callable[[UnitOfWork], T]) -> T:
        """Run a verb as the connection, under the organisation's lock."""
        connection = self.connection
        actor = sso_connections.actor(connection)
        return self.work.run(connection.organisation_id, actor, verb, self.context)

    def find_attempt(self, handle: str) -> Attempt:
        """Return the attempt that a handle and this browser's cookie belong to.

        :raises SignInFailed: none.
        """
        cookie = self.cookies.read(self.request, self.cookies.attempt(handle)) if handle else None
        with self.work.read(self.connection.organisation_id) as uow:
            self.attempt = signin.find(uow, self.connection.id, handle, cookie)
        return self.attempt

    def begin(
        self, *, test: str | None = None, return_to: str | None = None, again: bool = False
    ) -> Response:
        """Begin a sign-in and send the browser to the provider; `again` has it ask for proof.

        :raises SignInFailed: nobody signs in through the connection now.
        """
        with person_work.read(self.work, self.context) as here:
            session = sessions.find(here, self.session_token)
        attempt = self.run(
            lambda uow: signin.begin(
                uow,
                self.connection.id,
                test=test,
                return_to=return_to,
                session_id=session.id if session else None,
                force=again,
            )
        )
        letter = requests.authn_request(self.connection, self.addresses, attempt, self.now)
        return self.remembering(attempt, sent(letter))

    def remembering(self, attempt: Attempt, response: Response) -> Response:
        """Let the browser keep the attempt's secret; it comes back with a post across sites."""
        name = self.cookies.attempt(attempt.handle)
        self.cookies.keep(response, name, attempt.cookie, attempt.expires_at, cross_site=True)
        return response

    def forgetting(self, response: Response) -> Response:
        """Let the browser forget the secret of the attempt that has ended."""
        if self.attempt is not None:
            name = self.cookies.attempt(self.attempt.handle)
            self.cookies.drop(response, name, cross_site=True)
        return response

    def refused(self, code: str) -> Response:
        """Keep the redacted trace, and return the one answer to every failure."""
        self.run(lambda uow: signin.fail(uow, self.connection.id, self.attempt, code, self.trace))
        return self.failed(code)

    def failed(self, code: str) -> Response:
        """Return the one answer to every failure."""
        return self.forgetting(pages.failure(self.request, code, self.context.request_id))
