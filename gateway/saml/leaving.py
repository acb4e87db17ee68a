"""Single logout at our address: the provider's requests and answers, and our own beginning."""

from dataclasses import dataclass

from flask import Response

from gateway.browser import pages
from gateway.domain.errors import SignInFailed
from gateway.domain.judging import Unacceptable, step
from gateway.domain.signin import Attempt
from gateway.saml import reading
from gateway.saml.bindings import Fields
from gateway.saml.logout import Desk, LogoutRequest
from gateway.saml.visits import Visit
from gateway.services import attempts, replay, session_ends
from gateway.storage.unit_of_work import UnitOfWork

SIGNED_OUT = "/login"


@dataclass(frozen=True)
class Leaving:
    """One request at the logout address."""

    visit: Visit

    def answer(self) -> Response:
        """Return the answer to a provider's message, or our own request to the provider.

        :raises SignInFailed: any check failed; no session has ended.
        """
        visit = self.visit
        posted = visit.request.method == "POST"
        with step(visit.trace, "form"):
            fields = self._fields(posted=posted)
            name = fields.name
        if name == "SAMLRequest":
            return self._asked(fields, posted=posted)
        if name == "SAMLResponse":
            return self._answered(fields, posted=posted)
        return self._begin()

    # -- the provider begins ---------------------------------------------------------

    def _asked(self, fields: Fields, *, posted: bool) -> Response:
        """End the sessions that a provider's signed request names, and say so to it."""
        visit = self.visit
        wanted = self._desk.request(fields, visit.trace, posted=posted)
        ended = visit.run(lambda uow: self._end(uow, wanted))
        letter = self._desk.answer(wanted.id, fields.relay_state, known=ended > 0)
        return reading.sent(letter) if letter else pages.redirect(SIGNED_OUT)

    def _end(self, uow: UnitOfWork, wanted: LogoutRequest) -> int:
        connection_id = self.visit.connection.id
        if not replay.remember(uow, connection_id, wanted.replay_key, wanted.until):
            raise SignInFailed("replayed")
        return session_ends.end_by_provider(
            uow, connection_id, subject=wanted.name_id, session_indexes=wanted.session_indexes
        )

    # -- we begin ----------------------------------------------------------------------

    def _begin(self) -> Response:
        """End this browser's session, then ask the provider to end its own."""
        visit = self.visit
        if not reading.is_own(visit.request, visit.settings.origin):
            raise SignInFailed("attempt_elsewhere")
        proof = visit.end_session()
        response = pages.redirect(SIGNED_OUT)
        if proof is not None and visit.connection.slo_url is not None:
            attempt = visit.run(
                lambda uow: attempts.begin(uow, visit.connection.id, return_to=SIGNED_OUT)
            )
            letter = self._desk.ask(proof, attempt.request_id, attempt.handle)
            response = reading.sent(letter) if letter else response
            visit.remembering(attempt, response)
        visit.cookies.drop(response, visit.cookies.session)
        return response

    def _answered(self, fields: Fields, *, posted: bool) -> Response:
        """Take the provider's answer to our request: the session here has ended before."""
        visit = self.visit
        attempt: Attempt = visit.find_attempt(fields.relay_state)
        self._desk.response(fields, visit.trace, attempt.request_id, posted=posted)
        visit.run(lambda uow: attempts.spend(uow, attempt))
        return visit.forgetting(pages.redirect(attempt.return_to))

    # -- inside --------------------------------------------------------------------------

    @property
    def _desk(self) -> Desk:
        return Desk(self.visit.connection, self.visit.addresses, self.visit.now)

    def _fields(self, *, posted: bool) -> Fields:
        request = self.visit.request
        if not posted:
            return reading.queried(request)
        if not request.content_length:
            return Fields({}, {})
        fields = reading.posted(request)
        if reading.queried(request).name is not None:
            raise Unacceptable("malformed", "one message in the form, another in the query")
        return fields
