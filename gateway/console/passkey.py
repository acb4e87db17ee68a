"""Signing in by a passkey: the page's script asks the authenticator, and brings its answer."""

import json
from dataclasses import dataclass
from typing import Any

from flask import Response, request

from gateway.browser import pages
from gateway.console.desk import Desk
from gateway.domain.errors import SignInFailed
from gateway.services import own_signin, passkeys
from gateway.storage.person_work import PersonWork

STEP = "passkey"


@dataclass(frozen=True)
class PasskeyPages:
    """What the page's script talks to."""

    desk: Desk

    def options(self) -> Response:
        """Say what an authenticator is asked for."""
        desk = self.desk
        desk.require_own_page()
        wanted = _read().get("return_to")
        return_to = wanted if isinstance(wanted, str) else None
        token, options = desk.person(
            lambda here: passkeys.begin_sign_in(here, desk.party, return_to)
        )
        response = _json(options)
        until = desk.work.clock() + own_signin.STEP_LIFETIME
        desk.cookies.keep(response, desk.cookies.step(STEP), token, until)
        return response

    def sign_in(self) -> Response:
        """Take the authenticator's answer, and open a session."""
        desk = self.desk
        desk.require_own_page()
        answer = _read()
        name = desk.cookies.step(STEP)
        token = desk.cookies.read(request, name)
        session = desk.session()
        replaces = session.id if session else None
        try:
            opened, return_to = desk.person(
                lambda here: passkeys.sign_in(here, token, answer, desk.party, replaces=replaces)
            )
        except SignInFailed as refused:
            self._keep(answer, refused)
            raise
        response = _json({"location": return_to})
        desk.cookies.keep(response, desk.cookies.session, opened.token, opened.expires_at)
        desk.cookies.drop(response, name)
        return response

    def _keep(self, answer: dict[str, Any], refused: SignInFailed) -> None:
        """Record a key that proved nothing with the organisations that it would have opened."""

        def keep(here: PersonWork) -> None:
            person_id = passkeys.person_of(here, answer)
            if person_id is not None:
                own_signin.record_failure(here, person_id, "passkey", refused.reason)

        self.desk.person(keep)


def _read() -> dict[str, Any]:
    body = request.get_json(silent=True)
    if body is not None and not isinstance(body, dict):
        raise SignInFailed("malformed")
    return body or {}


def _json(value: Any) -> Response:
    response = Response(json.dumps(value), content_type="application/json")
    response.headers.update(pages.HEADERS)
    return response
