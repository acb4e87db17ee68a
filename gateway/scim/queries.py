"""The statements behind pages, made once for each shape of query; values are bound."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Integer,
    Select,
    Uuid,
    and_,
    bindparam,
    case,
    func,
    literal,
    null,
    or_,
    select,
    union_all,
)

from gateway.scim.directory import directory
from gateway.scim.filters import compile_filter, sort_expression
from gateway.scim.places import CONNECTION, ORGANISATION
from gateway.scim.remembering import remembered
from gateway.scim.sql import SPELLINGS, Expression
from gateway.storage import tables as t
from gateway.storage.among import among
from gateway.storage.unindexed import unindexed


@dataclass(frozen=True, slots=True)
class Shape:
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
    few: bool = False
    """Found by the filter's own index and then sorted, instead of looked for along the ids."""


LOOKUP_COLUMNS: dict[tuple[str, str], ColumnElement[Any]] = {
    ("User", "username"): t.directory_users.c.user_name_key,
    ("User", "externalid"): t.directory_users.c.external_id,
    ("Group", "displayname"): t.directory_groups.c.display_name_key,
    ("Group", "externalid"): t.directory_groups.c.external_id,
}
_SIZE = bindparam("size", type_=Integer())
_OFFSET = bindparam("offset", type_=Integer())
_SEEK_ID = bindparam("seek_id", type_=Uuid())


@lru_cache(maxsize=64)
def one_query(kind: str, database: str, related: bool, named: bool) -> Select[Any]:  # noqa: FBT001
    shape = Shape((kind,), database, seek="one", related=related, named=named)
    return _columns(shape).where(*_live(kind), _table(kind).c.id == bindparam("id", type_=Uuid()))


@remembered(1024)
def page_query(shape: Shape) -> Select[Any]:
    kind = shape.kinds[0]
    table = _table(kind)
    key = _sort_key(kind, shape)
    statement = _columns(shape, key).where(*_conditions(kind, shape))
    if shape.seek == "start":
        statement = _from_start(statement, kind, shape)
    elif shape.seek == "end":
        statement = _from_end(statement, kind, shape)
    else:
        statement = statement.where(*_narrowed(shape, table.c.id, key))
    return statement.order_by(*_order(shape, table.c.id, key)).limit(_SIZE)


@lru_cache(maxsize=2)
def seats_query(database: str) -> Select[Any]:
    """User and group of every seat that the users of a page hold, in order of both."""
    seat, spelling = t.directory_memberships.c, SPELLINGS[database]
    return (
        select(
            spelling.written(seat.user_id).label("user_id"),
            spelling.written(seat.group_id).label("group_id"),
        )
        .where(
            seat.organisation_id == ORGANISATION,
            seat.connection_id == CONNECTION,
            among(seat.user_id, "users"),
            seat.valid_to.is_(None),
        )
        .order_by(seat.user_id, seat.group_id)
    )


@lru_cache(maxsize=2)
def names_query(database: str) -> Select[Any]:
    """Id and name of the groups that a page shows."""
    group, spelling = t.directory_groups.c, SPELLINGS[database]
    return select(spelling.written(group.id).label("id"), group.display_name).where(
        group.organisation_id == ORGANISATION,
        group.connection_id == CONNECTION,
        among(group.id, "groups"),
    )


@remembered(64)
def keys_query(shape: Shape) -> Select[Any]:
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


@remembered(256)
def count_query(
    kinds: tuple[str, ...], database: str, condition: str | None, lookup: str | None
) -> Select[Any]:
    shape = Shape(kinds, database, condition, lookup)
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


@remembered(256)
def at_most_query(shape: Shape) -> Select[Any]:
    """How many rows of one type fulfil a filter, as far as `size` counts."""
    found = select(literal(1)).where(*_conditions(shape.kinds[0], shape)).limit(_SIZE)
    return select(func.count()).select_from(found.subquery())


def _columns(shape: Shape, key: Expression | None = None) -> Select[Any]:
    kind = shape.kinds[0]
    c = _table(kind).c
    found = directory(kind, shape.database)
    spelling = found.spelling
    return select(
        spelling.written(c.id).label("id"),
        c.document,
        c.version,
        spelling.spelled(c.created_at).label("created"),
        spelling.spelled(c.last_modified).label("modified"),
        (c.active if kind == "User" else null()).label("active"),
        (found.related[shape.named] if shape.related else null()).label("related"),
        _column(key).label("key"),
        _whole(shape).label("total"),
    )


def _whole(shape: Shape) -> Expression:
    """How many rows there are where nothing is filtered; the page brings it along."""
    if shape.filter is not None or shape.lookup is not None or shape.seek == "one":
        return null()
    counted = count_query(shape.kinds, shape.database, None, None)
    return counted.scalar_subquery()


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


def _conditions(kind: str, shape: Shape) -> tuple[Expression, ...]:
    live = _live(kind)
    if shape.lookup is not None:
        return (*live, LOOKUP_COLUMNS[kind, shape.lookup] == bindparam("wanted"))
    if shape.filter is not None:
        return (*live, compile_filter(kind, shape.database, shape.filter, shape.kinds))
    return live


def _sort_key(kind: str, shape: Shape) -> Expression | None:
    if shape.sort_by is None:
        return None
    return sort_expression(kind, shape.database, shape.sort_by, shape.kinds)


def _from_start(statement: Select[Any], kind: str, shape: Shape) -> Select[Any]:
    """Skip to a deep start by its key, which an index alone finds, and read on from there."""
    if shape.sort_by or shape.filter or shape.lookup:
        return statement.offset(_OFFSET)
    row_id = _table(kind).c.id
    return statement.where(row_id >= _id_at(kind, row_id, _OFFSET))


def _from_end(statement: Select[Any], kind: str, shape: Shape) -> Select[Any]:
    """As `_from_start`, by the shorter way from the last row, of which the count tells the place.

    The count is of the same instant as the rows: what comes or goes meanwhile moves no page.
    """
    row_id, whole = _table(kind).c.id, _whole(shape)
    after = case((whole > _OFFSET, whole - 1 - _OFFSET), else_=0)
    return statement.where(row_id >= _id_at(kind, row_id.desc(), after), whole > _OFFSET)


def _id_at(kind: str, order: Expression, offset: Expression) -> Expression:
    """The id that stands so many rows behind the first one of an order."""
    found = select(_table(kind).c.id).where(*_live(kind)).order_by(order).offset(offset).limit(1)
    return found.correlate(None).scalar_subquery()


def _order(shape: Shape, row_id: Expression, key: Expression | None) -> list[Expression]:
    if shape.few:
        row_id = unindexed(row_id)
    columns = [row_id] if key is None else [key.is_(None), key, row_id]
    if shape.descending != shape.seek.startswith("before"):
        return [column.desc() for column in columns]
    return [column.asc() for column in columns]


def _narrowed(shape: Shape, row_id: Expression, key: Expression | None) -> tuple[Expression, ...]:
    """Only rows beyond the cursor's position, in the direction of reading."""
    if shape.seek in ("first", "start", "end"):
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
