"""What an assertion consumer does with what the browser brings from the provider."""

from dataclasses import dataclass

from flask import Response

from gateway.browser.endings import ending
from gateway.domain.errors import SignInFailed
from gateway.domain.judging import Unacceptable, step
from gateway.domain.signin import MAX_AGE, Attempt
from gateway.saml import gate, reading, response
from gateway.saml.response import Accepted, Expected
from gateway.saml.visits import Visit
from gateway.services import signin
from gateway.services.signin import Replay
from gateway.storage.unit_of_work import UnitOfWork


@dataclass(frozen=True)
class SigningIn:
    """One answer of a provider."""

    visit: Visit

    def answer(self) -> Response:
        """Return a session or the next step.

        :raises SignInFailed: any check failed.
        """
        visit = self.visit
        with step(visit.trace, "form"):
            fields = reading.posted(visit.request)
            if fields.name != "SAMLResponse":
                raise Unacceptable("malformed", "no SAMLResponse")
        field = fields.values["SAMLResponse"]
        try:
            attempt = visit.find_attempt(fields.relay_state)
        except SignInFailed as unknown:
            return self._unasked(field, unknown.reason)
        visit.trace.tick("attempt", "begun by this browser")
        asked_again_at = attempt.created_at if attempt.force else None
        expected = Expected(attempt.request_id, asked_again_at)
        return self._completed(attempt, self._judged(field, expected))

    def _judged(self, field: str, expected: Expected) -> Accepted:
        visit = self.visit
        return response.judge(
            field, visit.connection, visit.addresses, expected, visit.now, visit.trace
        )

    def _completed(self, attempt: Attempt, accepted: Accepted) -> Response:
        """End the attempt: it is consumed and the assertion is used, in one transaction."""
        visit = self.visit
        until = visit.now + MAX_AGE + 2 * visit.connection.clock_skew
        used = Replay(f"assertion {accepted.assertion_id}", until)

        def complete(uow: UnitOfWork) -> signin.Ending:
            signin.consume(uow, attempt.connection_id, attempt.handle, attempt.cookie)
            return signin.complete(uow, attempt, accepted.identity, used, visit.trace)

        end = visit.run(complete)
        return visit.forgetting(ending(visit.request, visit.cookies, visit.context.request_id, end))

    def _unasked(self, field: str, reason: str) -> Response:
        """Refuse what this browser did not ask for, or begin afresh where the connection says so.

        A good unsolicited assertion signs nobody in: it only takes the browser to the provider.
        """
        visit = self.visit
        unsolicited = _names_no_request(field)
        with step(visit.trace, "attempt") as said:
            if not unsolicited:
                raise Unacceptable(reason, "no attempt of this browser")
            if visit.connection.idp_initiated == "off":
                raise Unacceptable("unsolicited", "begun by the provider")
            said.detail = "begun by the provider"
        self._judged(field, Expected(None))
        return visit.begin()


def _names_no_request(field: str) -> bool:
    """Whether a message that the gate lets in answers no request of anybody's."""
    try:
        root = gate.response(gate.decoded(field), allow_cbc=True).root
    except Unacceptable:
        return False
    return root.get("InResponseTo") is None
