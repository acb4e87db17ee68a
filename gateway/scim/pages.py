"""Pages of the directory: filtered, sorted, by index (RFC 7644 §3.4.2) or by cursor (RFC 9865).

Rows come in the order of their ids, or of a sort value and then their ids; a missing value is
last when ascending and first when descending. A position is the row that a page starts after: a
cursor carries it, and a walk by index goes on from it as long as it is remembered.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from scim2_models import InvalidCursorException, TooManyException
from sqlalchemy import Row

from gateway.domain.connections import Connection
from gateway.domain.directory import StoredUser
from gateway.domain.text import fold
from gateway.scim import limits
from gateway.scim.filters import asks_what_changed_since, is_served_by_index
from gateway.scim.queries import (
    LOOKUP_COLUMNS,
    Shape,
    at_most_query,
    count_query,
    keys_query,
    names_query,
    one_query,
    page_query,
    seats_query,
)
from gateway.scim.rendering import Stored, group_entry
from gateway.services import situations
from gateway.storage.time_limits import TookTooLong, time_limit
from gateway.storage.types import instant_text
from gateway.storage.unit_of_work import UnitOfWork

LOOKUP = re.compile(r'\s*(userName|externalId|displayName)\s+eq\s+"([^"\\\0-\x1f]*)"\s*', re.I)
"""The filters that providers send before every write; their statements are made once."""

FEW = 1_000
"""Rows of which a page is sorted out quickly."""

DEEP = 1_000
"""Rows that are skipped without asking how many there are."""

FARTHEST = 2**31 - 1
"""A startIndex beyond this is as far; the offset is a 32-bit integer in SQL."""


@dataclass(frozen=True, slots=True)
class Query:
    """What a page shows: from after `position`, else from the row that `start` counts to.

    `related` says whether groups or members are shown, `named` whether with members' names.
    """

    kinds: tuple[str, ...]
    count: int
    start: int = 1
    filter: str | None = None
    sort_by: str | None = None
    descending: bool = False
    by_cursor: bool = False
    position: Any = None
    related: bool = True
    named: bool = False


@dataclass(frozen=True, slots=True)
class Page:
    """Rows, how many there are in all, and where the next and the previous page begin."""

    rows: Sequence[Stored]
    total: int
    next: Any = None
    previous: Any = None


def find_page(uow: UnitOfWork, connection: Connection, query: Query) -> Page:
    """Return one page of the connection's directory.

    :raises SCIMException: the filter, the sort attribute or the cursor is not sound, or finding
        the page takes too long.
    """
    shape, values = _shaped(uow, connection, query)
    if _is_quick(shape):
        return _page(uow, connection, query, shape, values)
    try:
        with time_limit(uow.connection, limits.SEARCH_SECONDS):
            return _page(uow, connection, query, shape, values)
    except TookTooLong:
        raise TooManyException(detail=_TOO_MUCH) from None


def _is_quick(shape: Shape) -> bool:
    """Whether no order and no filter makes the database look at everybody."""
    if shape.sort_by is not None:
        return False
    return shape.filter is None or is_served_by_index(shape.filter)


_TOO_MUCH = "This search takes too long here: filter by userName, externalId, id or emails.value."


def _page(
    uow: UnitOfWork, connection: Connection, query: Query, shape: Shape, values: dict[str, Any]
) -> Page:
    apart = shape.kinds == ("User",) and shape.related
    if apart:
        shape = replace(shape, related=False)
    shape = replace(shape, few=_are_few(uow, shape, values))
    backwards = shape.seek.startswith("before")
    size = min(query.count + 1, FARTHEST)
    statement = page_query(shape) if len(shape.kinds) == 1 else keys_query(shape)
    found = list(uow.all(statement, size=size, **values)) if query.count else []
    more = len(found) > query.count
    found = found[: query.count]
    if backwards:
        found.reverse()
    total = _total(uow, shape, values, query, found, more=more)
    if len(shape.kinds) > 1:
        rows = _loaded(uow, connection, query, found)
    else:
        groups = _groups(uow, connection, [row.id for row in found]) if apart else {}
        rows = [_stored(shape.kinds[0], each, groups) for each in found]
    if not found:
        return Page(rows, total)
    following, preceding = (True, more) if backwards else (more, query.position is not None)
    return Page(
        rows,
        total,
        _position("after", shape, found[-1]) if following else None,
        _position("before", shape, found[0]) if preceding else None,
    )


def find_one(
    uow: UnitOfWork,
    connection: Connection,
    kind: str,
    resource_id: UUID,
    *,
    related: bool = True,
    named: bool = False,
) -> Stored | None:
    """Return one live resource of the connection, or None."""
    statement = one_query(kind, uow.connection.dialect.name, related, named)
    row = uow.one(
        statement,
        organisation=uow.organisation_id,
        connection=connection.id,
        id=resource_id,
    )
    return None if row is None else _stored(kind, row)


def held(
    uow: UnitOfWork, connection: Connection, user: StoredUser, *, related: bool = True
) -> Stored:
    """Return a user that this unit has just written; only its groups are read."""
    user_id = str(user.id)
    groups = _held_groups(uow, connection, user) if related else ()
    return Stored(
        "User",
        user_id,
        user.document,
        user.version,
        instant_text(user.created_at),
        instant_text(user.last_modified),
        user.active,
        ",".join(groups),
    )


def _held_groups(uow: UnitOfWork, connection: Connection, user: StoredUser) -> Iterable[str]:
    """Return the groups of a user as a change of it has read them already."""
    if user.version == 1:
        return ()  # Who has just come for the first time is in no group yet.
    known = None
    if user.member_id is not None:
        known = situations.groups(uow, connection.id, user.member_id)
    if known is None:
        return _groups(uow, connection, [str(user.id)]).get(str(user.id), ())
    return [group_entry(str(group.id), group.display_name) for group in known]


def _shaped(uow: UnitOfWork, connection: Connection, query: Query) -> tuple[Shape, dict[str, Any]]:
    values: dict[str, Any] = {
        "organisation": uow.organisation_id,
        "connection": connection.id,
    }
    shape = Shape(
        query.kinds,
        uow.connection.dialect.name,
        query.filter,
        None,
        query.sort_by,
        query.descending,
        related=query.related,
        named=query.named,
    )
    if query.filter is not None:
        limits.require_filter(query.filter)
    lookup = _lookup(query)
    if lookup is not None:
        shape = replace(shape, filter=None, lookup=lookup[0])
        values["wanted"] = lookup[1]
    if query.by_cursor or query.position is not None:
        seek, bound = _seek(query)
        return replace(shape, seek=seek), values | bound
    if query.start > 1:
        values["offset"] = min(query.start, FARTHEST) - 1
        seek = "end" if _is_nearer_the_end(uow, shape, values) else "start"
        return replace(shape, seek=seek), values
    return shape, values


def _is_nearer_the_end(uow: UnitOfWork, shape: Shape, values: dict[str, Any]) -> bool:
    """Whether a page of the whole directory is reached sooner from its last row."""
    narrowed = shape.filter or shape.lookup or shape.sort_by or len(shape.kinds) > 1
    if narrowed or values["offset"] < DEEP:
        return False
    return bool(2 * values["offset"] > _counted(uow, shape, values, ()))


def _lookup(query: Query) -> tuple[str, str] | None:
    match = LOOKUP.fullmatch(query.filter) if query.filter and len(query.kinds) == 1 else None
    if match is None:
        return None
    name, value = match[1].lower(), match[2]
    if (query.kinds[0], name) not in LOOKUP_COLUMNS:
        return None
    return name, value if name == "externalid" else fold(value)


def _seek(query: Query) -> tuple[str, dict[str, Any]]:
    """Return how a cursor's position narrows the rows, and the values to bind."""
    if query.position is None:
        return "first", {}
    try:
        way, kind, value, row_id = query.position
        bound: dict[str, Any] = {"seek_id": UUID(row_id)}
        if way not in ("after", "before") or kind not in ("id", "none", "value", "instant"):
            raise ValueError(way)
        if kind in ("value", "instant"):
            bound["seek_key"] = datetime.fromisoformat(value) if kind == "instant" else value
    except (TypeError, ValueError):
        raise InvalidCursorException from None
    return f"{way} {'value' if kind == 'instant' else kind}", bound


def _are_few(uow: UnitOfWork, shape: Shape, values: dict[str, Any]) -> bool:
    """Whether a provider asks for the latest changes, and there are few.

    SQLite would look for a page of them along the ids, where the latest stand last; PostgreSQL
    judges by itself.
    """
    if shape.database != "sqlite" or shape.filter is None or len(shape.kinds) > 1:
        return False
    if not asks_what_changed_since(shape.filter):
        return False
    bound = {k: v for k, v in values.items() if k in ("organisation", "connection")}
    return int(uow.scalar(at_most_query(shape), **bound, size=FEW + 1)) <= FEW


def _position(way: str, shape: Shape, row: Row[Any]) -> list[Any]:
    if shape.sort_by is None:
        return [way, "id", None, str(row.id)]
    if row.key is None:
        return [way, "none", None, str(row.id)]
    if isinstance(row.key, datetime):
        return [way, "instant", row.key.isoformat(), str(row.id)]
    return [way, "value", row.key, str(row.id)]


def _total(
    uow: UnitOfWork,
    shape: Shape,
    values: dict[str, Any],
    query: Query,
    found: Sequence[Any],
    *,
    more: bool,
) -> int:
    """Count only where the page does not tell.

    By index a last page knows the total, and one with more behind it says that there is more:
    a client stops at the total, though fewer rows were deleted than are still to come.
    """
    if query.by_cursor or not query.count:
        return _counted(uow, shape, values, found)
    shown = query.start - 1 + len(found)
    if not more and (found or query.start == 1 or query.position is not None):
        return shown
    return max(_counted(uow, shape, values, found), shown + 1 if more else 0)


def _counted(uow: UnitOfWork, shape: Shape, values: dict[str, Any], found: Sequence[Any]) -> int:
    filtered = shape.filter is not None or shape.lookup is not None
    if not filtered and found and len(shape.kinds) == 1:
        return int(found[0].total or 0)
    bound = {k: v for k, v in values.items() if k in ("organisation", "connection", "wanted")}
    counted = count_query(shape.kinds, shape.database, shape.filter, shape.lookup)
    return int(uow.scalar(counted, **bound) or 0)


def _groups(
    uow: UnitOfWork, connection: Connection, user_ids: Sequence[str]
) -> dict[str, list[str]]:
    """Return the groups of users, each written out once."""
    database = uow.connection.dialect.name
    own = {"organisation": uow.organisation_id, "connection": connection.id}
    seats = uow.all(seats_query(database), **own, users=user_ids) if user_ids else []
    groups = {seat.group_id for seat in seats}
    named = uow.all(names_query(database), **own, groups=groups) if seats else []
    written = {group.id: group_entry(group.id, group.display_name) for group in named}
    held: dict[str, list[str]] = defaultdict(list)
    for seat in seats:
        held[seat.user_id].append(written[seat.group_id])
    return held


def _stored(kind: str, row: Row[Any], groups: Mapping[str, list[str]] | None = None) -> Stored:
    related = ",".join(groups.get(row.id, ())) if groups else row.related
    return Stored(
        kind,
        row.id,
        row.document,
        row.version,
        row.created,
        row.modified,
        row.active,
        related,
    )


def _loaded(
    uow: UnitOfWork, connection: Connection, query: Query, keys: Sequence[Row[Any]]
) -> list[Stored]:
    """Return the resources of several types, in the order of their keys."""
    rows = (
        find_one(uow, connection, key.kind, key.id, related=query.related, named=query.named)
        for key in keys
    )
    return [row for row in rows if row is not None]
