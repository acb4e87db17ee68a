"""Logout: the provider's back-channel message, and our own beginning at the provider."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from flask import Response

from gateway.browser import csrf, pages
from gateway.domain.errors import SignInFailed
from gateway.domain.judging import Unacceptable, step
from gateway.domain.sessions import SSOProof
from gateway.oidc import claims as said_by
from gateway.oidc import parameters, tokens
from gateway.oidc.keys import Keys
from gateway.oidc.tokens import Claims
from gateway.oidc.visits import Visit
from gateway.services import replay, session_ends
from gateway.storage.unit_of_work import UnitOfWork

EVENT = "http://schemas.openid.net/event/backchannel-logout"
LOGOUT_TYPES = frozenset({None, "jwt", "logout+jwt"})
SIGNED_OUT = "/login"
LARGEST_FORM = 80 * 1024


class Message(Visit):
    """What a provider sends by itself: no browser waits, and no page is answered."""

    def failed(self, code: str) -> Response:  # noqa: ARG002 - admins see it, the sender does not
        """Return the one answer to every failure."""
        return _said(400, {"error": "invalid_request"})


@dataclass(frozen=True)
class BackChannel:
    """A provider's logout token (OpenID Connect Back-Channel Logout 1.0 §2.5)."""

    visit: Message
    keys: Keys

    def answer(self) -> Response:
        """End the sessions that a token names; 200 when they have ended, or there were none.

        :raises SignInFailed: any check failed; no session has ended.
        """
        claims = self._judged()
        self.visit.run(lambda uow: self._end(uow, claims))
        return _said(200, {})

    def _judged(self) -> Claims:
        """Return what the provider says.

        Anybody may post here. What is not for us, or not of now, is refused before its signature
        is looked at: for that its provider may have to be asked, who may take a while.
        """
        visit = self.visit
        connection, trace = visit.connection, visit.trace
        with step(trace, "form"):
            sent = self._token()
            claims = tokens.unproved(sent)
        with step(trace, "issuer"):
            tokens.require_issuer({"tid": connection.tenant, **claims}, connection)
        with step(trace, "audience"):
            tokens.require_audience(claims, connection)
        with step(trace, "time"):
            tokens.require_lively(claims, connection, visit.now)
        with step(trace, "event"):
            _require_event(claims)
        with step(trace, "subject"):
            _require_named(claims)
        with step(trace, "signature") as said:
            token = tokens.opened(sent, connection, self.keys, LOGOUT_TYPES, asked=False)
            said.detail = token.algorithm
        return token.claims

    def _token(self) -> str:
        values = parameters.form(self.visit.request, LARGEST_FORM).getlist("logout_token")
        if len(values) != 1:
            raise Unacceptable("malformed", f"{len(values)} logout tokens")
        return values[0]

    def _end(self, uow: UnitOfWork, claims: Claims) -> None:
        connection = self.visit.connection
        ends = tokens.require_lively(claims, connection, self.visit.now)
        until = ends + 2 * connection.clock_skew
        if not replay.remember(uow, connection.id, f"logout {claims['jti']}", until):
            raise SignInFailed("replayed")
        session_id = said_by.one(claims, "sid")
        session_ends.end_by_provider(
            uow,
            connection.id,
            subject=said_by.one(claims, "sub"),
            session_indexes=[session_id] if session_id else [],
        )


def _require_event(claims: Claims) -> None:
    events = claims.get("events")
    if not isinstance(events, Mapping) or not isinstance(events.get(EVENT), Mapping):
        raise Unacceptable("token_invalid", "no logout event")
    if "nonce" in claims:
        raise Unacceptable("token_invalid", "a logout token has no nonce")


def _require_named(claims: Claims) -> None:
    for name in ("jti", "sub", "sid"):
        if name in claims:
            said_by.subject(claims, name)
    if "jti" not in claims:
        raise Unacceptable("token_invalid", "no jti")
    if "sub" not in claims and "sid" not in claims:
        raise Unacceptable("subject_missing", "neither sub nor sid")


@dataclass(frozen=True)
class Leaving:
    """Our own logout (OpenID Connect RP-Initiated Logout 1.0)."""

    visit: Visit

    def answer(self) -> Response:
        """End this browser's session, then ask the provider to end its own.

        :raises SignInFailed: the request does not come from a page of ours.
        """
        visit = self.visit
        if not csrf.is_ours(visit.request, visit.settings.origin):
            raise SignInFailed("attempt_elsewhere")
        proof = visit.end_session()
        response = pages.redirect(self._way(proof) if proof is not None else SIGNED_OUT)
        visit.cookies.drop(response, visit.cookies.session)
        return response

    def _way(self, proof: SSOProof) -> str:
        """Return the provider's logout page; where it leads back to is registered there."""
        connection, origin = self.visit.connection, self.visit.settings.origin
        address = connection.end_session_endpoint
        if address is None:
            return SIGNED_OUT
        asked = {
            "client_id": connection.client_id,
            "post_logout_redirect_uri": f"{origin}{SIGNED_OUT}",
        }
        if proof.id_token is not None:
            asked["id_token_hint"] = proof.id_token
        return f"{address}{'&' if '?' in address else '?'}{urlencode(asked)}"


def _said(status: int, body: dict[str, Any]) -> Response:
    response = Response(json.dumps(body), status, content_type="application/json")
    response.headers["Cache-Control"] = "no-store"
    return response
