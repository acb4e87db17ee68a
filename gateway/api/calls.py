"""One request from its key to its answer: authenticate, authorise, read, one verb, write."""

import hashlib
import json
import re
from collections.abc import Mapping
from contextlib import nullcontext, suppress
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from flask import Request
from pydantic import BaseModel
from sqlalchemy import select

from gateway.api import reading
from gateway.api.callers import Callers
from gateway.api.downloads import Downloads, Reading
from gateway.api.endpoint import CHATBOT, ORGANISATION, Endpoint
from gateway.api.models import SHOWN_ONCE
from gateway.api.problems import STATUSES, Unreadable
from gateway.domain.closures import GONE
from gateway.domain.errors import (
    GatewayError,
    InvalidRequest,
    NotFound,
    NotPermitted,
    PlanFeature,
    PreconditionFailed,
    Refused,
)
from gateway.domain.identity import Context
from gateway.logs import logger
from gateway.services import explaining, idempotency, principals
from gateway.services.exports import Download
from gateway.services.idempotency import Once
from gateway.services.principals import Principal
from gateway.settings import Settings
from gateway.storage import person_work
from gateway.storage import tables as t
from gateway.storage.person_work import PersonWork
from gateway.storage.unit_of_work import UnitOfWork, Work
from gateway.wsgi import REQUEST_ID

PROPER_KEY = re.compile(r"[\x21-\x7e]{1,200}")
"""What an Idempotency-Key may be."""

_log = logger("api")
Ids = Mapping[str, UUID]
Wish = reading.Wish | Unreadable | GatewayError


@dataclass(frozen=True)
class Call:
    """Who asks, and through what: for endpoints that need more than their unit of work."""

    work: Work
    settings: Settings
    principal: Principal
    context: Context


@dataclass(frozen=True)
class Answer:
    """Status, body and ETag, ready to be sent; or a file, whose end the sender tells of."""

    status: int
    body: bytes
    etag: str | None
    replayed: bool = False
    download: Download | None = None


@dataclass(frozen=True)
class Dispatcher:
    """Carries out endpoints; `readers` holds, by path, who reads the resource there."""

    work: Work
    settings: Settings
    callers: Callers
    readers: Mapping[str, Endpoint]
    downloads: Downloads

    def answer(self, endpoint: Endpoint, request: Request, ids: Ids) -> Answer:
        """Return what the endpoint answers to the request.

        Whoever may not ask learns that first: a body that is wrong is told of afterwards.

        :raises GatewayError: a refusal. :raises Unreadable: a request that reached no rule.
        """
        principal = self.callers.principal(request, endpoint, ids)
        wish = self._wish(endpoint, request)
        turn = _Turn(self, endpoint, request, ids, principal, wish)
        try:
            _require_reach(endpoint, principal, ids)
            done = self._done(turn)
        except GatewayError as error:
            raise self._named(error, turn) from None
        if isinstance(done, Refused):
            raise self._named(done.error, turn)
        return done

    def _named(self, error: GatewayError, turn: "_Turn") -> GatewayError:
        """Give a denial the id by which it can be explained, and log it."""
        if STATUSES[type(error)] == 403:
            principal, chatbot_id = turn.principal, turn.ids.get(CHATBOT)
            asked = explaining.Question(
                principal.member_id or principal.key_id,
                turn.endpoint.allow.atom or turn.endpoint.operation,
                chatbot_id if turn.endpoint.on_chatbot else None,
                self.work.clock(),
            )
            error.details["decision_id"] = explaining.decision_id(asked)
            _log.info("refused", operation=turn.endpoint.operation, code=error.code)
        return error

    def _wish(self, endpoint: Endpoint, request: Request) -> Wish:
        try:
            return reading.wish(endpoint, request, int(self.settings.max_body))
        except (Unreadable, GatewayError) as wrong:
            return wrong

    def _done(self, turn: "_Turn") -> Answer | Refused:
        if not turn.endpoint.downloads:
            return self._write(turn) if turn.endpoint.writes else self._read(turn)
        place = self.downloads.begin(turn.ids[ORGANISATION])
        try:
            done = self._write(turn)
        except BaseException:
            place.end()
            raise
        if isinstance(done, Refused) or done.download is None:
            place.end()
            return done
        chunks = Reading(done.download.chunks, place)
        return replace(done, download=replace(done.download, chunks=chunks))

    def _read(self, turn: "_Turn") -> Answer:
        if turn.endpoint.personal:
            with person_work.read(self.work, turn.context) as here:
                return turn.written(turn.call(None, here=here))
        if not turn.endpoint.scoped:
            return turn.written(turn.call(None))
        with self.work.read(turn.ids[ORGANISATION], turn.principal.actor, turn.context) as uow:
            turn.authorise(uow)
            return turn.written(turn.call(uow))

    def _write(self, turn: "_Turn") -> Answer | Refused:
        actor = turn.principal.actor
        if turn.endpoint.personal:
            turn.prepare()
            return person_work.run(self.work, turn.change_person, turn.context)
        if not turn.endpoint.scoped:
            turn.understood()
            return self.work.found(actor, turn.change, turn.context)
        organisation_id = turn.ids[ORGANISATION]
        if isinstance(turn.wish, Exception) or turn.endpoint.prepare is not None:
            with self.work.read(organisation_id, actor, turn.context) as uow:
                turn.authorise(uow)
            turn.prepare()
        return self.work.run(organisation_id, actor, turn.judge_and_change, turn.context)


@dataclass
class _Turn:
    """One request on its way through its unit of work; judging brings `principal` up to date."""

    dispatcher: Dispatcher
    endpoint: Endpoint
    request: Request
    ids: Ids
    principal: Principal
    wish: Wish
    prepared: Any = None

    @property
    def context(self) -> Context:
        return Context(
            request_id=self.request.environ.get(REQUEST_ID, ""),
            ip=self.request.remote_addr,
            user_agent=(self.request.user_agent.string or None),
        )

    def authorise(self, uow: UnitOfWork) -> None:
        if self.principal.is_operator:
            _require_organisation(uow)
        self.principal = principals.timely(uow, self.principal)
        self._require()
        self.understood()

    def judge_and_change(self, uow: UnitOfWork) -> Answer | Refused:
        """Judge under the lock: what ended since the key was read no longer counts."""
        self.principal = principals.refreshed(uow, self.principal)
        self._require()
        return self.change(uow)

    def change(self, uow: UnitOfWork) -> Answer | Refused:
        once = self._once()
        if once is None:
            return self._change(uow)
        kept = idempotency.begin(uow, once)
        if kept is not None:
            body = kept.body.encode()
            return Answer(kept.status, body, self._tag(body), replayed=True)
        answer = self._change(uow)
        if isinstance(answer, Refused):
            idempotency.forget(uow, once)
        else:
            body = _without_secrets(answer.body, self.endpoint.answer)
            idempotency.finish(uow, once, idempotency.Kept(answer.status, body.decode()))
        return answer

    def prepare(self) -> None:
        """Ask of the outside world what the verb will need, with no transaction open."""
        wish = self.understood()
        if self.endpoint.prepare is not None:
            self.prepared = self.endpoint.prepare(self.asker, wish.body, self.ids)

    def change_person(self, here: PersonWork) -> Answer:
        """Judge the session in the transaction of the change, then change."""
        if self.principal.token is not None:
            self.principal = principals.of_session(here, self.principal.token, None)
        return self.written(self.call(None, here=here))

    @property
    def asker(self) -> Call:
        """Who asks, and through what."""
        dispatcher = self.dispatcher
        return Call(dispatcher.work, dispatcher.settings, self.principal, self.context)

    def call(
        self,
        uow: UnitOfWork | None,
        endpoint: Endpoint | None = None,
        here: PersonWork | None = None,
    ) -> Any:
        """Call the endpoint's function with what its signature asks for."""
        endpoint = endpoint or self.endpoint
        wish = self.understood()
        given: dict[str, Any] = {
            "uow": uow,
            "here": here,
            "prepared": self.prepared,
            "body": wish.body,
            "query": wish.query,
            "page": wish.page,
            "call": self.asker,
            **self.ids,
        }
        return endpoint.function(**{name: given[name] for name in endpoint.wants})

    def written(self, value: BaseModel | Download | None) -> Answer:
        if isinstance(value, Download):
            return Answer(self.endpoint.status, b"", None, download=value)
        body = _json(value)
        return Answer(self.endpoint.status, body, self._tag(body))

    def understood(self) -> reading.Wish:
        if isinstance(self.wish, Exception):
            raise self.wish
        return self.wish

    def _require(self) -> None:
        if self.endpoint.allow.fresh:
            self.principal.require_fresh(self.dispatcher.work.clock())
        atom = self.endpoint.allow.atom
        if atom is None:
            return
        chatbot = self.ids.get(CHATBOT) if self.endpoint.on_chatbot else None
        # The plan is asked last: whoever lacks the permission is refused for that.
        with suppress(PlanFeature) if self.endpoint.allow.beyond_plan else nullcontext():
            self.principal.require(atom, chatbot)

    def _change(self, uow: UnitOfWork) -> Answer | Refused:
        self._require_match(uow)
        done = self.call(uow)
        return done if isinstance(done, Refused) else self.written(done)

    def _require_match(self, uow: UnitOfWork) -> None:
        """Compare If-Match with the resource as it is under the lock (RFC 9110 §13.1.1)."""
        wanted = self.request.headers.get("If-Match")
        reader = self.dispatcher.readers.get(self.endpoint.path)
        if wanted is None or reader is None or not self.endpoint.tagged:
            return
        present = etag(_json(self.call(uow, reader)))
        if wanted.strip() != "*" and present not in [tag.strip() for tag in wanted.split(",")]:
            raise PreconditionFailed(
                "The resource has changed since you read it.",
                levers=("Read it again and decide on what it is now.",),
                etag=present,
            )

    def _tag(self, body: bytes) -> str | None:
        return etag(body) if self.endpoint.tagged and body else None

    def _once(self) -> Once | None:
        key = self.request.headers.get("Idempotency-Key")
        if key is None:
            return None
        if self.endpoint.downloads:
            raise InvalidRequest(
                "A file is not kept for retries; ask again without the key.",
                field="Idempotency-Key",
                place="header",
            )
        if not PROPER_KEY.fullmatch(key):
            raise InvalidRequest(
                "An Idempotency-Key has 1 to 200 visible ASCII characters.",
                field="Idempotency-Key",
                place="header",
            )
        wish = self.understood()
        said = [self.request.method, self.request.full_path, _json(wish.body).decode()]
        request_hash = hashlib.sha256(json.dumps(said).encode()).hexdigest()
        actor = self.principal.actor
        return Once(f"{actor.type}:{actor.id}", key, request_hash)


def etag(body: bytes) -> str:
    """Return the strong entity tag of a representation (RFC 9110 §8.8.3)."""
    return f'"{hashlib.sha256(body).hexdigest()[:32]}"'


def _require_reach(endpoint: Endpoint, principal: Principal, ids: Ids) -> None:
    """Refuse a key outside its reach; another organisation's looks like none at all."""
    allow = endpoint.allow
    if principal.is_operator:
        if not allow.operator:
            raise NotPermitted(
                "Operator keys manage the installation, not what is inside an organisation.",
                levers=("Use an API key of the organisation.",),
            )
        return
    if endpoint.scoped and ids[ORGANISATION] != principal.organisation_id:
        raise _no_organisation()
    if allow.person:
        if principal.session is None and not allow.anyone:
            raise NotPermitted("Only people do this, in a session of their own.")
        return
    if allow.atom is None and not allow.anyone:
        raise NotPermitted("Only operators may do this.", levers=("Ask the operator.",))


def _require_organisation(uow: UnitOfWork) -> None:
    o = t.organisations.c
    here = select(o.id).where(o.id == uow.organisation_id, o.state.not_in(GONE))
    if uow.one(here) is None:
        raise _no_organisation()


def _no_organisation() -> NotFound:
    return NotFound("No such organisation.")


def _json(value: BaseModel | None) -> bytes:
    return b"" if value is None else value.model_dump_json(by_alias=True).encode()


def _without_secrets(body: bytes, model: type[BaseModel] | None) -> bytes:
    """Return what may be kept of an answer: secrets are shown once and never stored."""
    secret = [
        name
        for name, field in (model.model_fields if model else {}).items()
        if field.json_schema_extra == SHOWN_ONCE
    ]
    if not secret:
        return body
    return json.dumps({**json.loads(body), **dict.fromkeys(secret)}).encode()
