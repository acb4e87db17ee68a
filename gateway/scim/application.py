"""SCIM at /scim/v2/{connection}: HTTP in, HTTP out, every refusal in SCIM's form."""

import logging
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from scim2_models import PayloadTooLargeException, SCIMException
from sqlalchemy import Connection
from werkzeug.exceptions import ClientDisconnected, RequestEntityTooLarge
from werkzeug.wrappers import Request

from gateway.domain.errors import GatewayError, RateLimited
from gateway.domain.identity import Context
from gateway.logs import logger
from gateway.scim import auth, bulk, oauth, offers
from gateway.scim.allowance import Allowances
from gateway.scim.answers import Answer, Asked, House, Turn
from gateway.scim.bodies import decode
from gateway.scim.dialects import Dialect, Reading, chosen, detect
from gateway.scim.engine import Engine, Operation, Target, lists_members
from gateway.scim.errors import Refusal, refusal_of, unexpected
from gateway.scim.limits import MAX_BODY
from gateway.scim.seen import Seen
from gateway.services import connections
from gateway.services.page_ends import PageEnds
from gateway.services.request_log import RequestLog
from gateway.services.scim_tokens import Authenticated
from gateway.services.uses import Uses
from gateway.settings import Settings
from gateway.storage import tables as t
from gateway.storage.unit_of_work import Work
from gateway.wsgi import ORGANISATION, REQUEST_ID, respond

PREFIX = "/scim/v2"
MEDIA_TYPE = "application/scim+json"
WITH_BODY = frozenset(
    {
        Operation.create,
        Operation.replace,
        Operation.patch,
        Operation.search_with_body,
        Operation.bulk,
    }
)
_log = logger("scim")


class UnsupportedMediaType(SCIMException):
    """The body is not said to be JSON (RFC 7644 §3.8)."""

    status = 415
    _default_detail = "A body is application/scim+json."


class Application:
    """Serves every connection of the installation."""

    def __init__(
        self,
        work: Work,
        settings: Settings,
        uses: Uses,
        log: RequestLog,
        allowances: Allowances,
    ) -> None:
        house = House(work, Engine(), PageEnds(work))
        self._desk = Desk(house, settings, uses, allowances, log)

    def serves(self, path: str) -> bool:
        """Whether a path is this application's."""
        return path.startswith(PREFIX) and path[len(PREFIX) :][:1] in ("", "/")

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Answer one WSGI request."""
        request = Request(environ)
        try:
            answer, media_type = self._desk.serve(request)
        except ClientDisconnected:
            answer, media_type = Answer(400), MEDIA_TYPE
        content = None if answer.body is None else (media_type, answer.body.encode())
        return respond(request, start_response, answer.status, answer.headers, content)


@dataclass(frozen=True)
class Desk:
    """Where requests arrive and answers leave."""

    house: House
    settings: Settings
    uses: Uses
    allowances: Allowances
    log: RequestLog

    @property
    def work(self) -> Work:
        """Where units of work are opened."""
        return self.house.work

    def serve(self, request: Request) -> tuple[Answer, str]:
        """Return the answer to one request, whatever it is, and its media type."""
        connection, _, path = request.path[len(PREFIX) + 1 :].partition("/")
        if path == oauth.PATH and request.method == "POST":
            return self._token(request, connection)
        seen = Seen(request.method, path)
        media_type = MEDIA_TYPE
        try:
            with self.work.platform() as database:
                who = self._authenticated(database, request, connection, seen)
                answer, dialect = self._answered(database, request, who, path, seen)
            media_type = _media_type(request, dialect)
        except (GatewayError, SCIMException) as refused:
            answer = _refused(refusal_of(refused), seen)
        except ClientDisconnected:
            raise
        except Exception as bug:
            _log.error("unexpected", operation=request.method, exc_info=bug)
            answer = _refused(unexpected(_request_id(request)), seen)
        self._note(request, seen, answer.status)
        return answer, media_type

    def _token(self, request: Request, connection: str) -> tuple[Answer, str]:
        try:
            counter = oauth.Counter(self.work, self.allowances)
            answer = counter.answer(connection, request, _context(request, None))
        except ClientDisconnected:
            raise
        except Exception as bug:
            _log.error("unexpected", operation="token", exc_info=bug)
            return _refused(unexpected(_request_id(request))), MEDIA_TYPE
        return answer, oauth.MEDIA_TYPE

    def _authenticated(
        self, database: Connection, request: Request, connection: str, seen: Seen
    ) -> Authenticated:
        header = request.headers.get("Authorization")
        now = self.work.clock()
        who = auth.authenticate(database, now, connection, header)
        auth.require_network(who, request.remote_addr)
        own = who.connection
        request.environ[ORGANISATION] = own.organisation_id
        self.uses.note(t.scim_tokens.c.last_used_at, own.organisation_id, who.token_id, now)
        try:
            self.allowances.take(own.id)
        except RateLimited:
            # Counted alone: a flood would push everything else out of the log.
            self.log.count(own.organisation_id, own.id, "rate_limited", "requests")
            raise
        seen.connection = own
        return who

    def _note(self, request: Request, seen: Seen, status: int) -> None:
        """Remember the request for the admin of its connection; written once a second."""
        entry = seen.entry(self.work.clock(), status, _context(request, None))
        if entry is not None:
            self.log.note(entry)

    def _answered(
        self, database: Connection, request: Request, who: Authenticated, path: str, seen: Seen
    ) -> tuple[Answer, Dialect]:
        place = offers.find(path)
        if place is not None:
            return self._offered(database, request, who, place)
        target = self.house.engine.route(_method(request), path)
        raw = self._body(request, target)
        body = decode(raw) if raw is not None else None
        detected = detect(request.headers.get("User-Agent"), body)
        own = who.connection
        reading = Reading(chosen(own.dialect, detected, own.detected_dialect))
        asked = self._asked(request, target, who, body, reading)
        turn = Turn(self.house, database, who, asked)
        seen.turn = turn
        started = time.perf_counter()
        try:
            if target.operation is Operation.bulk:
                operations = bulk.read(turn)
                self.allowances.charge(own.id, max(len(operations.entries) - 1, 0))
                return bulk.answer(turn, operations), reading.dialect
            return turn.answer(), reading.dialect
        finally:
            self._remember(turn, detected, time.perf_counter() - started)

    def _offered(
        self,
        database: Connection,
        request: Request,
        who: Authenticated,
        place: tuple[str, str | None],
    ) -> tuple[Answer, Dialect]:
        """Answer what is asked of roles and entitlements."""
        own = who.connection
        if _method(request) != "GET":
            raise offers.ReadOnly
        auth.require_some_reading(who.scopes)
        dialect = chosen(
            own.dialect, detect(request.headers.get("User-Agent")), own.detected_dialect
        )
        with self.work.beside(database, own.organisation_id) as uow:
            body = offers.read(uow, self._base(who), place, _query(request))
        return Answer(200, body), dialect

    def _base(self, who: Authenticated) -> str:
        return f"{self.settings.origin}{PREFIX}/{who.connection.id}"

    def _body(self, request: Request, target: Target) -> bytes | None:
        """Return the body of a request that has one.

        :raises SCIMException: 413 above the limit, 415 where it is said to be no JSON.
        """
        if target.operation not in WITH_BODY:
            return None
        limit = int(self.settings.scim_max_body)
        if not lists_members(target):
            limit = min(limit, MAX_BODY)
        request.max_content_length = limit
        try:
            raw = request.get_data(cache=False)
        except RequestEntityTooLarge:
            raise PayloadTooLargeException(detail=f"A body has at most {limit} bytes.") from None
        if not _is_json(request.mimetype):
            raise UnsupportedMediaType
        return raw

    def _asked(
        self, request: Request, target: Target, who: Authenticated, body: Any, reading: Reading
    ) -> Asked:
        headers = request.headers
        return Asked(
            target=target,
            method=_method(request),
            base=self._base(who),
            secret=auth.credential(headers.get("Authorization")),
            query=_query(request),
            body=body,
            if_match=headers.get("If-Match"),
            if_none_match=headers.get("If-None-Match"),
            reading=reading,
            context=_context(request, who.connection.id),
        )

    def _remember(self, turn: Turn, detected: Dialect | None, seconds: float) -> None:
        """Log how the request was understood; keep whose dialect the connection speaks."""
        own = turn.connection
        if _log.is_enabled_for(logging.DEBUG):
            _log.debug(
                "scim",
                connection=str(own.id),
                operation=turn.asked.target.operation.value,
                dialect=turn.reading.dialect.name,
                deviations=dict(turn.reading.deviations) or None,
                ms=round(seconds * 1000, 1),
            )
        if detected is None or detected.name == own.detected_dialect:
            return
        name = detected.name
        self.work.run_unlocked(
            own.organisation_id,
            turn.actor,
            lambda uow: connections.notice_dialect(uow, own.id, name),
            turn.asked.context,
        )


def _query(request: Request) -> dict[str, str]:
    if not request.query_string:
        return {}
    arguments = request.args
    return {name.lower(): arguments[name] for name in arguments}


def _method(request: Request) -> str:
    return "GET" if request.method == "HEAD" else request.method


def _request_id(request: Request) -> str:
    return str(request.environ.get(REQUEST_ID, ""))


def _context(request: Request, connection_id: UUID | None) -> Context:
    agent = request.headers.get("User-Agent")
    return Context(_request_id(request), request.remote_addr, agent, connection_id)


def _is_json(mimetype: str) -> bool:
    """Whether a media type is JSON; none at all counts as JSON (RFC 7644 §3.8)."""
    return not mimetype or mimetype == "application/json" or mimetype.endswith("+json")


def _media_type(asked: Request, dialect: Dialect) -> str:
    """Return application/json to those who want nothing else, or whose dialect wants it."""
    accepted = asked.headers.get("Accept", "")
    if "application/json" in accepted and MEDIA_TYPE not in accepted:
        return "application/json"
    return dialect.media_type


def _refused(refusal: Refusal, seen: Seen | None = None) -> Answer:
    if seen is not None:
        seen.detail = refusal.detail
    return Answer(refusal.status, refusal.body, refusal.headers)
