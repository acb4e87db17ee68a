"""One request answered: read what is asked, call one verb or one query, write the answer."""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar
from uuid import UUID

from scim2_models import InvalidValueException, NotImplementedException
from sqlalchemy import Connection as Database

from gateway.domain.connections import Connection
from gateway.domain.errors import NotFound, NotPermitted, Refused
from gateway.domain.identity import Actor, ActorType, Context
from gateway.scim import auth, engine, offers
from gateway.scim.bodies import require_message
from gateway.scim.changes import Done, perform, understand
from gateway.scim.dialects import OKTA, SUB_ATTRIBUTE_AFTER_FILTER, Reading
from gateway.scim.engine import Engine, Operation, Target
from gateway.scim.filters import is_value_path_comparison
from gateway.scim.models import MAX_PAGE_SIZE, PAGE_SIZE
from gateway.scim.pages import FARTHEST, Page, Query, find_one, find_page, held
from gateway.scim.places import parsed_id
from gateway.scim.projection import Projection, read_projection
from gateway.scim.rendering import Stored, etag, listing, location, resource
from gateway.services.page_ends import PageEnds, Walk
from gateway.services.scim_tokens import Authenticated
from gateway.storage.unit_of_work import UnitOfWork, Work

T = TypeVar("T")
SEARCH_SCHEMA = "urn:ietf:params:scim:api:messages:2.0:SearchRequest"
KINDS = ("User", "Group")
ANSWERED_MEMBERS = 1000
"""Members beyond which a group is not sent back after a PATCH."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back; a body is JSON text."""

    status: int
    body: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Asked:
    """A request whose sender is known. `query` has lower-case names, `body` is decoded JSON."""

    target: Target
    method: str
    base: str
    secret: str
    query: Mapping[str, str]
    body: Any
    if_match: str | None
    if_none_match: str | None
    reading: Reading
    context: Context


@dataclass(frozen=True, slots=True)
class House:
    """What all turns share."""

    work: Work
    engine: Engine
    ends: PageEnds


class Turn:
    """A request on its way; it reads on the connection that told who asks."""

    def __init__(self, house: House, database: Database, who: Authenticated, asked: Asked) -> None:
        self.work = house.work
        self.ends = house.ends
        self.engine = house.engine
        self.database = database
        self.scopes = who.scopes
        self.connection: Connection = who.connection
        self.asked = asked
        self.reading = asked.reading
        self.changed: Mapping[str, int] = {}

    @property
    def actor(self) -> Actor:
        """The connection as the audit names it."""
        return Actor(ActorType.SCIM_CONNECTION, str(self.connection.id), self.connection.name)

    def answer(self) -> Answer:
        """Return the answer of every operation but Bulk.

        :raises GatewayError: a rule refuses. :raises SCIMException: the request is not sound.
        """
        target = self.asked.target
        if target.me:
            raise NotImplementedException(
                detail="A connection's token stands for no user: /Me is not served."
            )
        if target.operation is Operation.query:
            return self._get()
        if target.operation is Operation.search:
            return self._list(self.asked.query)
        if target.operation is Operation.search_with_body:
            return self._list(self._searched())
        if target.operation.value in engine.PLACES:
            return self._discover()
        return self._write()

    def _discover(self) -> Answer:
        asked, name = self.asked, self.asked.target.operation.value
        own = offers.described(name, asked.target.resource_id, asked.base)
        if own is not None:
            return Answer(200, json.dumps(own, ensure_ascii=False))
        query = {k: v for k, v in asked.query.items() if k == "filter"}
        body, headers = self.engine.discover(asked.base, asked.target, query)
        if self.reading.dialect is OKTA:
            body = offers.told_too(name, body, asked.base)
        return Answer(200, body, headers)

    # -- reading ------------------------------------------------------------------

    def _get(self) -> Answer:
        kind = self._kind()
        auth.require(self.scopes, kind, write=False)
        projection = self._projection((kind,))
        resource_id = self._resource_id(kind)
        with self.work.beside(self.database, self.connection.organisation_id) as uow:
            stored = self._found(uow, kind, resource_id, projection)
        tag = etag(stored.version)
        judged = self._conditions()
        if judged is not None and not judged.check(tag, "GET"):
            return Answer(304, None, {"ETag": tag})
        return Answer(200, self._text(stored, projection), self._headers(stored))

    def _list(self, asked: Mapping[str, str]) -> Answer:
        kinds = self._searched_kinds()
        projection = read_projection(
            kinds, asked.get("attributes"), asked.get("excludedattributes")
        )
        query, sealed = self._query(kinds, asked, projection)
        goes_on = not query.by_cursor and 1 < query.start <= FARTHEST
        walk = self._walk(sealed) if goes_on else None
        if walk is not None:
            query = replace(query, position=self.ends.before(walk, query.start))
        with self.work.beside(self.database, self.connection.organisation_id) as uow:
            page = find_page(uow, self.connection, query)
        if not query.by_cursor and page.next is not None:
            self.ends.keep(walk or self._walk(sealed), query.start + query.count, page.next)
        texts = [self._text(stored, projection) for stored in page.rows]
        return Answer(200, listing(texts, page.total, **self._paging(page, query, sealed)))

    def _query(
        self, kinds: tuple[str, ...], asked: Mapping[str, str], projection: Projection | None
    ) -> tuple[Query, dict[str, Any]]:
        """Return the query, and what of it a cursor is sealed for."""
        filter_, cursor = asked.get("filter"), asked.get("cursor")
        if filter_ is not None and is_value_path_comparison(filter_):
            self.reading.tolerate(SUB_ATTRIBUTE_AFTER_FILTER, "No comparison follows brackets.")
        if cursor is not None and "startindex" in asked:
            raise InvalidValueException(detail="Page by cursor or by startIndex, not by both.")
        count = _integer(asked, "count", PAGE_SIZE, least=0, most=MAX_PAGE_SIZE)
        descending = _is_descending(asked.get("sortorder"))
        sealed = {
            "connection": str(self.connection.id),
            "kinds": kinds,
            "filter": filter_,
            "sort": [asked.get("sortby"), descending],
        }
        query = Query(
            kinds=kinds,
            count=count,
            start=_integer(asked, "startindex", 1, least=1),
            filter=filter_,
            sort_by=asked.get("sortby"),
            descending=descending,
            by_cursor=cursor is not None,
            position=engine.unseal(self.asked.secret, sealed, count, cursor) if cursor else None,
            related=projection is None or any(projection.needs_related(k) for k in kinds),
            named=projection is not None and any(projection.needs_names(k) for k in kinds),
        )
        return query, sealed

    def _walk(self, sealed: Mapping[str, Any]) -> Walk:
        """Return the walk by index that a page belongs to."""
        own = self.connection
        secret = hashlib.sha256(self.asked.secret.encode()).hexdigest()
        return Walk(own.organisation_id, own.id, engine.digest({**sealed, "secret": secret}))

    def _paging(self, page: Page, query: Query, sealed: Mapping[str, Any]) -> dict[str, Any]:
        if not query.by_cursor:
            return {"startIndex": query.start}
        secret = self.asked.secret
        return {
            "nextCursor": engine.seal(secret, sealed, query.count, page.next),
            "previousCursor": engine.seal(secret, sealed, query.count, page.previous),
        }

    def _searched(self) -> dict[str, str]:
        """Return the parameters of a POST on .search (RFC 7644 §3.4.3) as a query has them."""
        message = require_message(SEARCH_SCHEMA, self.asked.body, self.reading)
        found = {}
        for name, value in message.items():
            if isinstance(value, list) and all(isinstance(each, str) for each in value):
                found[name] = ",".join(value)
            elif isinstance(value, str | int) and not isinstance(value, bool):
                found[name] = str(value)
            elif value is not None:
                raise InvalidValueException(detail=f"'{name}' is text or a number.")
        return found

    def _searched_kinds(self) -> tuple[str, ...]:
        endpoint = self.asked.target.endpoint
        if endpoint is not None:
            kind = engine.kind_at(endpoint)
            auth.require(self.scopes, kind, write=False)
            return (kind,)
        kinds = tuple(kind for kind in KINDS if auth.may(self.scopes, kind, write=False))
        if not kinds:
            raise NotPermitted("This token may not read.")
        return kinds

    # -- writing ------------------------------------------------------------------

    def _write(self) -> Answer:
        kind = self._kind()
        auth.require(self.scopes, kind, write=True)
        projection = self._projection((kind,))
        created = self.asked.target.operation is Operation.create
        resource_id = None if created else self._resource_id(kind)
        method = self.asked.method
        change = understand(kind, method, resource_id, self.asked.body, self.reading)
        judged = self._conditions()

        def verb(uow: UnitOfWork) -> Answer | Refused:
            done = perform(uow, self.connection, change, judged.check if judged else None)
            self.changed = uow.recorded()
            if isinstance(done, Refused):
                return done
            return self._written(uow, kind, done, projection)

        answer = self.changed_by(verb)
        if isinstance(answer, Refused):
            raise answer.error
        return answer

    def _written(
        self, uow: UnitOfWork, kind: str, done: Done | None, projection: Projection | None
    ) -> Answer:
        if done is None:
            return Answer(204)
        if self._is_silent(kind, done, projection):
            return Answer(204, None, {"ETag": etag(done.version)})
        if done.user is not None:
            shown = projection is None or projection.needs_related(kind)
            stored = held(uow, self.connection, done.user, related=shown)
        else:
            stored = self._found(uow, kind, done.id, projection)
        headers = self._headers(stored)
        if self.asked.target.operation is Operation.create:
            return Answer(
                201,
                self._text(stored, projection),
                {"Location": location(self.asked.base, kind, stored.id), **headers},
            )
        return Answer(200, self._text(stored, projection), headers)

    def _is_silent(self, kind: str, done: Done, projection: Projection | None) -> bool:
        """A group's PATCH is answered without the group where nobody reads it, or nobody could."""
        if kind != "Group" or self.asked.method != "PATCH" or projection is not None:
            return False
        answers = self.reading.dialect.group_patch_answers
        return not answers or done.member_count > ANSWERED_MEMBERS

    # -- parts --------------------------------------------------------------------

    def changed_by(self, verb: Callable[[UnitOfWork], T]) -> T:
        """Run a verb under the organisation's lock, commit, and return its result."""
        return self.work.run(
            self.connection.organisation_id,
            self.actor,
            verb,
            self.asked.context,
            on=self.database,
        )

    def _kind(self) -> str:
        return engine.kind_at(self.asked.target.endpoint or "")

    def _resource_id(self, kind: str) -> UUID:
        found = parsed_id(self.asked.target.resource_id or "")
        if found is None:
            raise NotFound(f"No such {kind.lower()}.")
        return found

    def _projection(self, kinds: Iterable[str]) -> Projection | None:
        query = self.asked.query
        return read_projection(kinds, query.get("attributes"), query.get("excludedattributes"))

    def _conditions(self) -> engine.Conditions | None:
        return engine.conditions(self.asked.if_match, self.asked.if_none_match)

    def _found(
        self, uow: UnitOfWork, kind: str, resource_id: UUID, projection: Projection | None
    ) -> Stored:
        stored = find_one(
            uow,
            self.connection,
            kind,
            resource_id,
            related=projection is None or projection.needs_related(kind),
            named=projection is not None and projection.needs_names(kind),
        )
        if stored is None:
            raise NotFound(f"No such {kind.lower()}.")
        return stored

    def _text(self, stored: Stored, projection: Projection | None) -> str:
        text = resource(stored, self.asked.base)
        if projection is None:
            return text
        return json.dumps(projection.apply(stored.kind, json.loads(text)), ensure_ascii=False)

    def _headers(self, stored: Stored) -> dict[str, str]:
        place = location(self.asked.base, stored.kind, stored.id)
        return {"ETag": etag(stored.version), "Content-Location": place}


def _integer(
    asked: Mapping[str, str], name: str, default: int, *, least: int, most: int | None = None
) -> int:
    text = asked.get(name)
    if text is None:
        return default
    try:
        value = max(int(text[:20]), least)
    except ValueError:
        raise InvalidValueException(detail=f"'{name}' is a whole number.") from None
    return value if most is None else min(value, most)


def _is_descending(order: str | None) -> bool:
    if order is None or order.lower() == "ascending":
        return False
    if order.lower() != "descending":
        raise InvalidValueException(detail="'sortOrder' is ascending or descending.")
    return True
