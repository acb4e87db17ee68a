"""Pages of the directory: filtered, sorted, by index (RFC 7644 §3.4.2) or by cursor (RFC 9865).

Rows come in the order of their ids, or of a sort value and then their ids; a missing value is
last when ascending and first when descending. A cursor's position is the row it starts after.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

from scim2_models import InvalidCursorException
from sqlalchemy import (
    ColumnElement,
    Integer,
    Row,
    Select,
    Uuid,
    and_,
    bindparam,
    func,
    literal,
    null,
    or_,
    select,
    union_all,
)

from gateway.domain.connections import Connection
from gateway.domain.text import fold
from gateway.scim.directory import directory
from gateway.scim.filters import compile_filter, require_bounded, sort_expression
from gateway.scim.places import CONNECTION, ORGANISATION
from gateway.scim.rendering import Stored
from gateway.scim.sql import Expression
from gateway.storage import tables as t
from gateway.storage.unit_of_work import UnitOfWork

LOOKUP = re.compile(r'\s*(userName|externalId|displayName)\s+eq\s+"([^"\\\0-\x1f]*)"\s*', re.I)
"""The filters that providers send before every write; their statements are made once."""

FARTHEST = 2**31 - 1
"""A startIndex beyond this is as far; the offset is a 32-bit integer in SQL."""


@dataclass(frozen=True, slots=True)
class Query:
    """What a page shows. `position` is a cursor's, None the beginning; `start` counts from 1.

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


@dataclass(frozen=True, slots=True)
class _Shape:
    """All of a query that makes its statement differ; values are bound."""

    kinds: tuple[str, ...]
    database: str
    filter: str | None = None
    lookup: str | None = None
    sort_by: str | None = None
    descending: bool = False
    seek: str = "first"
    related: bool = True
    named: bool = False


def find_page(uow: UnitOfWork, connection: Connection, query: Query) -> Page:
    """Return one page of the connection's directory.

    :raises SCIMException: the filter, the sort attribute or the cursor is not sound.
    """
    shape, values = _shaped(uow, connection, query)
    backwards = shape.seek.startswith("before")
    size = query.count + 1 if query.by_cursor and query.count else query.count
    statement = _statement(shape) if len(shape.kinds) == 1 else _keys_statement(shape)
    found = list(uow.all(statement, size=size, **values)) if query.count else []
    more = len(found) > query.count
    found = found[: query.count]
    if backwards:
        found.reverse()
    total = _total(uow, shape, values, query, len(found))
    if len(shape.kinds) > 1:
        rows = _loaded(uow, connection, query, found)
    else:
        rows = [_stored(shape.kinds[0], each) for each in found]
    if not (query.by_cursor and found):
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
    statement = _one_statement(kind, uow.connection.dialect.name, related, named)
    row = uow.one(
        statement,
        organisation=uow.organisation_id,
        connection=connection.id,
        id=resource_id,
    )
    return None if row is None else _stored(kind, row)


def _shaped(uow: UnitOfWork, connection: Connection, query: Query) -> tuple[_Shape, dict[str, Any]]:
    values: dict[str, Any] = {
        "organisation": uow.organisation_id,
        "connection": connection.id,
    }
    shape = _Shape(
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
        require_bounded(query.filter)
    lookup = _lookup(query)
    if lookup is not None:
        shape = replace(shape, filter=None, lookup=lookup[0])
        values["wanted"] = lookup[1]
    if query.by_cursor:
        seek, bound = _seek(query)
        return replace(shape, seek=seek), values | bound
    if query.start > 1:
        values["offset"] = min(query.start, FARTHEST) - 1
        return replace(shape, seek="start"), values
    return shape, values


def _lookup(query: Query) -> tuple[str, str] | None:
    match = LOOKUP.fullmatch(query.filter) if query.filter and len(query.kinds) == 1 else None
    if match is None:
        return None
    name, value = match[1].lower(), match[2]
    if (query.kinds[0], name) not in _LOOKUP_COLUMNS:
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


def _position(way: str, shape: _Shape, row: Row[Any]) -> list[Any]:
    if shape.sort_by is None:
        return [way, "id", None, str(row.id)]
    if row.key is None:
        return [way, "none", None, str(row.id)]
    if isinstance(row.key, datetime):
        return [way, "instant", row.key.isoformat(), str(row.id)]
    return [way, "value", row.key, str(row.id)]


def _total(uow: UnitOfWork, shape: _Shape, values: dict[str, Any], query: Query, found: int) -> int:
    """Count only where the page does not tell: a last page by index knows the total."""
    filtered = shape.filter is not None or shape.lookup is not None
    if filtered and not query.by_cursor and 0 < found < query.count:
        return query.start - 1 + found
    if filtered and not query.by_cursor and query.start == 1 and found < query.count:
        return found
    bound = {k: v for k, v in values.items() if k in ("organisation", "connection", "wanted")}
    counted = _count_statement(shape.kinds, shape.database, shape.filter, shape.lookup)
    return int(uow.scalar(counted, **bound) or 0)


def _stored(kind: str, row: Row[Any]) -> Stored:
    return Stored(
        kind,
        row.id,
        row.document,
        row.version,
        row.created_at,
        row.last_modified,
        row.active,
        row.related,
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


# -- statements -------------------------------------------------------------------

_LOOKUP_COLUMNS: dict[tuple[str, str], ColumnElement[Any]] = {
    ("User", "username"): t.directory_users.c.user_name_key,
    ("User", "externalid"): t.directory_users.c.external_id,
    ("Group", "displayname"): t.directory_groups.c.display_name_key,
    ("Group", "externalid"): t.directory_groups.c.external_id,
}
_SIZE = bindparam("size", type_=Integer())
_OFFSET = bindparam("offset", type_=Integer())
_SEEK_ID = bindparam("seek_id", type_=Uuid())


@lru_cache(maxsize=64)
def _one_statement(kind: str, database: str, related: bool, named: bool) -> Select[Any]:  # noqa: FBT001
    shape = _Shape((kind,), database, related=related, named=named)
    return _columns(shape).where(*_live(kind), _table(kind).c.id == bindparam("id", type_=Uuid()))


@lru_cache(maxsize=1024)
def _statement(shape: _Shape) -> Select[Any]:
    kind = shape.kinds[0]
    table = _table(kind)
    key = _sort_key(kind, shape)
    statement = _columns(shape, key).where(*_conditions(kind, shape))
    if shape.seek == "start":
        statement = _from_start(statement, kind, shape)
    else:
        statement = statement.where(*_narrowed(shape, table.c.id, key))
    return statement.order_by(*_order(shape, table.c.id, key)).limit(_SIZE)


@lru_cache(maxsize=64)
def _keys_statement(shape: _Shape) -> Select[Any]:
    """Type, id and sort value of rows of several types, as one collection."""
    parts = [
        select(
            literal(kind).label("kind"),
            _table(kind).c.id,
            _column(_sort_key(kind, shape)).label("key"),
        ).where(*_conditions(kind, shape))
        for kind in shape.kinds
    ]
    every = union_all(*parts).subquery()
    key = every.c.key if shape.sort_by else None
    statement = select(every).where(*_narrowed(shape, every.c.id, key))
    if shape.seek == "start":
        statement = statement.offset(_OFFSET)
    return statement.order_by(*_order(shape, every.c.id, key)).limit(_SIZE)


@lru_cache(maxsize=256)
def _count_statement(
    kinds: tuple[str, ...], database: str, condition: str | None, lookup: str | None
) -> Select[Any]:
    shape = _Shape(kinds, database, condition, lookup)
    if condition is None and lookup is None:
        c = t.directory_counts.c
        columns = {"User": c.users, "Group": c.groups}
        counted: Expression = sum((columns[kind] for kind in kinds[1:]), columns[kinds[0]])
        return select(counted).where(
            c.organisation_id == ORGANISATION, c.connection_id == CONNECTION
        )
    parts = [
        select(func.count()).select_from(_table(kind)).where(*_conditions(kind, shape))
        for kind in kinds
    ]
    whole: Expression = parts[0].scalar_subquery()
    for part in parts[1:]:
        whole = whole + part.scalar_subquery()
    return select(whole)


def _columns(shape: _Shape, key: Expression | None = None) -> Select[Any]:
    kind = shape.kinds[0]
    c = _table(kind).c
    found = directory(kind, shape.database)
    return select(
        c.id,
        c.document,
        c.version,
        c.created_at,
        c.last_modified,
        (c.active if kind == "User" else null()).label("active"),
        (found.related[shape.named] if shape.related else null()).label("related"),
        _column(key).label("key"),
    )


def _column(key: Expression | None) -> Expression:
    return null() if key is None else key


def _table(kind: str) -> Any:
    return t.directory_users if kind == "User" else t.directory_groups


def _live(kind: str) -> tuple[Expression, ...]:
    c = _table(kind).c
    return (
        c.organisation_id == ORGANISATION,
        c.connection_id == CONNECTION,
        c.deleted_at.is_(None),
    )


def _conditions(kind: str, shape: _Shape) -> tuple[Expression, ...]:
    live = _live(kind)
    if shape.lookup is not None:
        return (*live, _LOOKUP_COLUMNS[kind, shape.lookup] == bindparam("wanted"))
    if shape.filter is not None:
        return (*live, compile_filter(kind, shape.database, shape.filter, shape.kinds))
    return live


def _sort_key(kind: str, shape: _Shape) -> Expression | None:
    if shape.sort_by is None:
        return None
    return sort_expression(kind, shape.database, shape.sort_by, shape.kinds)


def _from_start(statement: Select[Any], kind: str, shape: _Shape) -> Select[Any]:
    """Skip to a deep start by its key, which an index alone finds, and read on from there."""
    if shape.sort_by or shape.filter or shape.lookup:
        return statement.offset(_OFFSET)
    table = _table(kind)
    first = select(table.c.id).where(*_live(kind)).order_by(table.c.id).offset(_OFFSET).limit(1)
    return statement.where(table.c.id >= first.correlate(None).scalar_subquery())


def _order(shape: _Shape, row_id: Expression, key: Expression | None) -> list[Expression]:
    columns = [row_id] if key is None else [key.is_(None), key, row_id]
    if shape.descending != shape.seek.startswith("before"):
        return [column.desc() for column in columns]
    return [column.asc() for column in columns]


def _narrowed(shape: _Shape, row_id: Expression, key: Expression | None) -> tuple[Expression, ...]:
    """Only rows beyond the cursor's position, in the direction of reading."""
    if shape.seek in ("first", "start"):
        return ()
    up = shape.descending == shape.seek.startswith("before")
    beyond_id = row_id > _SEEK_ID if up else row_id < _SEEK_ID
    if shape.seek.endswith("id") or key is None:
        return (beyond_id,)
    if shape.seek.endswith("none"):
        beyond = and_(key.is_(None), beyond_id)
        return (beyond if up else or_(key.is_not(None), beyond),)
    sought = bindparam("seek_key", type_=key.type)
    beyond = or_(key > sought if up else key < sought, and_(key == sought, beyond_id))
    return (or_(beyond, key.is_(None)) if up else beyond,)
