"""Who calls: a program by its key, or a person's browser by its session."""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from flask import Request

from gateway.api.endpoint import ORGANISATION, Endpoint
from gateway.browser import csrf
from gateway.browser.cookies import Cookies
from gateway.domain.errors import NotPermitted
from gateway.domain.identity import Context
from gateway.services import principals, sessions
from gateway.services.principals import Principal
from gateway.services.uses import Uses
from gateway.settings import Settings
from gateway.storage import person_work
from gateway.storage import tables as t
from gateway.storage.unit_of_work import Work
from gateway.wsgi import ORGANISATION as OWNER


@dataclass(frozen=True)
class Callers:
    """Recognises callers of the API."""

    work: Work
    settings: Settings
    uses: Uses

    def principal(self, request: Request, endpoint: Endpoint, ids: Mapping[str, UUID]) -> Principal:
        """Return who calls; a key in the request wins over a session.

        :raises TokenInvalid: neither. :raises SessionEnded: the session is over.
        :raises NotFound: the session does not open the organisation.
        :raises NotPermitted: a change by a session that no page of ours asked for.
        """
        token = self._session_token(request)
        if "Authorization" in request.headers or token is None:
            found = self._by_key(request)
        else:
            found = self._by_session(request, endpoint, ids, token)
        now = self.work.clock()
        if found.organisation_id and found.member_id and found.is_newly_active(now):
            kept = t.members.c.last_active_at
            self.uses.note(kept, found.organisation_id, found.member_id, now)
        return found

    def _by_session(
        self, request: Request, endpoint: Endpoint, ids: Mapping[str, UUID], token: str
    ) -> Principal:
        if endpoint.writes:
            self._require_own_page(request, token)
        with person_work.read(self.work) as here:
            found = principals.of_session(here, token, ids.get(ORGANISATION))
        self._follow(found)
        return found

    def _by_key(self, request: Request) -> Principal:
        scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
        bearer = secret.strip() if scheme.lower() == "bearer" else ""
        now = self.work.clock()
        with self.work.platform() as database:
            principal = principals.authenticate(database, now, bearer)
        if principal.organisation_id is not None:
            request.environ[OWNER] = principal.organisation_id
            self.uses.note(
                t.api_keys.c.last_used_at, principal.organisation_id, principal.key_id, now
            )
        return principal

    def _session_token(self, request: Request) -> str | None:
        cookies = Cookies.of(self.settings)
        return cookies.read(request, cookies.session)

    def _require_own_page(self, request: Request, token: str) -> None:
        origin = self.settings.origin
        if not csrf.is_ours(request, origin) or not csrf.repeats(request, token):
            raise NotPermitted(
                "A change by a session comes from our own pages, with their form token.",
                levers=(f"Send {csrf.HEADER} with the form_token that `GET /me` shows.",),
            )

    def _follow(self, found: Principal) -> None:
        """Let the session's epoch move up where access was derived afresh, and note its use."""
        entered, session = found.entrance, found.session
        if entered is not None and entered.member_epoch != entered.access_epoch:
            self.work.run_unlocked(
                entered.organisation_id,
                found.actor,
                lambda uow: sessions.follow_epoch(uow, entered),
                Context(),
            )
        if session is not None and session.is_unseen(self.work.clock()):
            person_work.run(self.work, lambda here: sessions.note_seen(here, session.id))
