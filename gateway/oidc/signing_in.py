"""What the callback does with what the browser brings from the provider (Core §3.1)."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from flask import Response

from gateway.browser.endings import ending
from gateway.domain.errors import SignInFailed
from gateway.domain.judging import Unacceptable, step
from gateway.domain.signin import AssertedIdentity, Attempt
from gateway.net.http import HTTPClient
from gateway.oidc import claims as said_by
from gateway.oidc import exchange, parameters, tokens
from gateway.oidc.documents import parsed
from gateway.oidc.keys import Keys
from gateway.oidc.tokens import Claims, Token
from gateway.oidc.visits import Visit
from gateway.services import signin
from gateway.services.signin import Replay

PARAMETERS = ("code", "state", "iss", "error")
ID_TOKEN_TYPES = frozenset({None, "jwt"})


@dataclass(frozen=True)
class SigningIn:
    """One answer of a provider."""

    visit: Visit
    client: HTTPClient
    keys: Keys

    def answer(self) -> Response:
        """Return a session or the next step.

        :raises SignInFailed: any check failed.
        """
        visit = self.visit
        with step(visit.trace, "form"):
            sent = parameters.single(visit.request.args, PARAMETERS)
        attempt = self._attempt(sent.get("state", ""))
        with step(visit.trace, "answer"):
            self._require_issuer(sent)
            code = self._code(sent)
        with step(visit.trace, "code"):
            answered = exchange.tokens(
                self.client,
                visit.connection,
                attempt,
                code,
                visit.addresses.redirect_uri,
                visit.now,
            )
        identity, used = self._judged(attempt, code, answered)
        end = visit.run(lambda uow: signin.complete(uow, attempt, identity, used, visit.trace))
        return visit.forgetting(ending(visit.request, visit.cookies, visit.context.request_id, end))

    # -- what the browser brought ------------------------------------------------------

    def _attempt(self, handle: str) -> Attempt:
        """Return the attempt that this answers, which nobody else can finish any more.

        It is consumed before anything is asked of the provider: a code is tried once.
        """
        visit = self.visit
        try:
            attempt = visit.find_attempt(handle)
            visit.run_unlocked(
                lambda uow: signin.consume(uow, visit.connection.id, handle, attempt.cookie)
            )
        except SignInFailed:
            visit.trace.cross("attempt", "no attempt of this browser")
            raise
        visit.trace.tick("attempt", "begun by this browser")
        return attempt

    def _require_issuer(self, sent: dict[str, str]) -> None:
        """RFC 9207: an answer that names another issuer was mixed up on its way."""
        connection = self.visit.connection
        said = sent.get("iss")
        if said is None and not connection.iss_parameter_supported:
            return
        if said != tokens.issuer_of(connection):
            raise Unacceptable("issuer_mismatch", f"the answer is of {said!r}")

    def _code(self, sent: dict[str, str]) -> str:
        if "error" in sent:
            raise Unacceptable("provider_refused", sent["error"])
        if not sent.get("code"):
            raise Unacceptable("malformed", "no code")
        return sent["code"]

    # -- what the provider said ----------------------------------------------------------

    def _judged(
        self, attempt: Attempt, code: str, answered: dict[str, Any]
    ) -> tuple[AssertedIdentity, Replay]:
        visit = self.visit
        connection, trace = visit.connection, visit.trace
        with step(trace, "signature") as said:
            if "id_token" not in answered:
                raise Unacceptable("token_invalid", "no id_token")
            token = tokens.opened(answered["id_token"], connection, self.keys, ID_TOKEN_TYPES)
            said.detail = token.algorithm
        with step(trace, "issuer") as said:
            tokens.require_issuer(token.claims, connection)
            domain = tokens.hosted_domain(token.claims, connection)
            said.detail = domain or ""
        with step(trace, "audience"):
            tokens.require_audience(token.claims, connection)
        with step(trace, "time"):
            ends = tokens.require_lively(token.claims, connection, visit.now)
        with step(trace, "nonce"):
            if not tokens.same(token.claims.get("nonce"), attempt.nonce):
                raise Unacceptable("nonce_mismatch")
        with step(trace, "at_hash"):
            tokens.require_half_hash(token, "at_hash", answered.get("access_token"))
            tokens.require_half_hash(token, "c_hash", code)
        with step(trace, "authentication"):
            proved_at = self._authenticated(token.claims, attempt)
        with step(trace, "subject") as said:
            said_by.subject(token.claims)
            known = self._with_userinfo(token, answered)
            said.detail = "from the claims"
        with step(trace, "claims"):
            identity = replace(
                self._identity(known, proved_at), id_token=token.text, hosted_domain=domain
            )
        return identity, Replay(f"id_token {_mark(token)}", ends)

    def _authenticated(self, claims: Claims, attempt: Attempt) -> datetime | None:
        """Return when the person signed in at the provider, which may have to be lately.

        Core §3.1.2.1: who was asked for `max_age` has to say it. Nobody else has to.
        """
        connection, now = self.visit.connection, self.visit.now
        at = tokens.instant(claims, "auth_time")
        if at is not None and at > now + connection.clock_skew:
            raise Unacceptable("not_yet_valid", "the sign-in lies in the future")
        earliest = None
        if attempt.force:
            earliest = attempt.created_at
        elif connection.max_age is not None:
            earliest = now - timedelta(seconds=connection.max_age)
        if earliest is None:
            return at
        if at is None:
            raise Unacceptable("authentication_undated", "max_age was asked for, no auth_time came")
        if at < earliest - connection.clock_skew:
            raise Unacceptable("authentication_too_old", f"auth_time {at.isoformat()}")
        return at

    def _with_userinfo(self, token: Token, answered: dict[str, Any]) -> Claims:
        """Return the claims, with those that userinfo adds; the signed token's own win."""
        connection = self.visit.connection
        if not connection.use_userinfo:
            return token.claims
        access = answered.get("access_token")
        if access is None:
            raise Unacceptable("token_invalid", "no access token for userinfo")
        reply = exchange.userinfo(self.client, connection, access)
        if reply.media_type == "application/jwt":
            signed = tokens.opened(
                reply.body.decode("ascii", "replace"), connection, self.keys, ID_TOKEN_TYPES
            )
            tokens.require_issuer({"tid": connection.tenant, **signed.claims}, connection)
            tokens.require_audience(signed.claims, connection)
            tokens.require_not_ended(signed.claims, connection, self.visit.now)
            more = signed.claims
        elif reply.media_type == "application/json":
            more = parsed(reply.body, "userinfo")
        else:
            raise Unacceptable("userinfo_mismatch", f"userinfo is {reply.media_type!r}")
        if more.get("sub") != token.claims["sub"]:
            raise Unacceptable("userinfo_mismatch", "userinfo is about somebody else")
        said_by.groups(more, connection.attributes)
        # Whether an address is verified is said of the address that stands beside it.
        vouched = (token.claims if "email" in token.claims else more).get("email_verified")
        return {**more, **token.claims, "email_verified": vouched}

    def _identity(self, claims: Claims, proved_at: datetime | None) -> AssertedIdentity:
        connection = self.visit.connection
        mapping = connection.attributes
        name_id = said_by.subject(claims)
        verified = claims.get("email_verified") is True
        if mapping.subject == "email" and not verified:
            raise Unacceptable("email_unverified", "the subject is an address nobody vouches for")
        subject = said_by.subject(claims, mapping.subject) if mapping.subject else name_id
        return AssertedIdentity(
            connection_id=connection.id,
            issuer=tokens.issuer_of(connection),
            subject=subject,
            name_id=name_id,
            session_index=said_by.one(claims, "sid"),
            email=said_by.one(claims, mapping.email),
            email_verified=verified,
            display_name=said_by.one(claims, mapping.display_name),
            attributes=said_by.kept(claims),
            groups=said_by.groups(claims, mapping),
            authenticated_at=proved_at,
        )


def _mark(token: Token) -> str:
    """Return what a token is told apart by: its signature, of which no other has the same."""
    return token.text.rpartition(".")[2]
