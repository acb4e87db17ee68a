"""Walks: long lists in any of several orders, a page at a time, whatever their length.

An order is a few stretches, such as one for each role, and each stretch is read in the order of
an index. Filters that leave few rows are looked up first, and those rows sorted; filters that
leave many are asked of each row on the way, which soon fills a page.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Column, ColumnElement, CompoundSelect, Row, Select, Table, and_, or_

from gateway.domain.errors import InvalidRequest
from gateway.storage.types import UTCDateTime
from gateway.storage.unindexed import unindexed
from gateway.storage.unit_of_work import UnitOfWork

FEW = 500
"""So many rows are sorted at once; where there are more, a page fills before long."""

Mark = tuple[str, ...]
Condition = ColumnElement[bool]


@dataclass(frozen=True, slots=True)
class Stretch:
    """Rows that follow each other, by `key` and id; without a key by id alone.

    `ids` is a column of another table that leads to them, where that one knows the order.
    """

    name: str
    where: Condition | None = None
    key: Column[Any] | None = None
    ids: Column[Any] | None = None


@dataclass(frozen=True, slots=True)
class Filter:
    """A condition twice: the ids that an index finds by it, and what each row at hand is asked."""

    finds: Select[Any] | CompoundSelect[Any]
    asks: Condition


@dataclass(frozen=True, slots=True, kw_only=True)
class Walk:
    """What is listed, in which order, behind which filters; `where` and `among` hold for all."""

    table: Table
    stretches: Sequence[Stretch]
    where: Condition | None = None
    filters: Sequence[Filter] = ()
    among: Sequence[UUID] | None = None
    descending: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """A row of a walk, and the mark after which the walk goes on."""

    row: Row[Any]
    mark: Mark


def equals(uow: UnitOfWork, column: Column[Any], value: object) -> Filter:
    """Return the filter by one value of a column."""
    ids = column.table.c.id
    return Filter(uow.own(column.table, ids).where(column == value), unindexed(column) == value)


def each_value(
    column: Column[Any], values: Sequence[Any], ids: Column[Any] | None = None
) -> list[Stretch]:
    """Return a stretch for each value of a column, in their order."""
    return [Stretch(str(value), column == value, ids=ids) for value in values]


def by_column(column: Column[Any]) -> list[Stretch]:
    """Return a column's order; rows without a value come last."""
    known = Stretch("known", column.is_not(None) if column.nullable else None, column)
    return [known, Stretch("unknown", column.is_(None))] if column.nullable else [known]


def page(uow: UnitOfWork, walk: Walk, after: Mark | None, limit: int) -> list[Step]:
    """Return at most `limit` rows after a mark.

    :raises InvalidRequest: a mark that this walk does not give.
    """
    here = _narrowed(uow, walk)
    steps: list[Step] = []
    for stretch, start in _ahead(walk, after):
        wanted = _reading(uow, here, stretch, start).limit(limit - len(steps))
        steps += [Step(row, _mark(stretch, row)) for row in uow.all(wanted)]
        if len(steps) == limit:
            break
    return steps


def _narrowed(uow: UnitOfWork, walk: Walk) -> Walk:
    """Return the same walk, among the few rows of the first filter that leaves no more."""
    for each in walk.filters:
        few = [row[0] for row in uow.all(each.finds.limit(FEW + 1))]
        if len(few) <= FEW:
            others = [other for other in walk.filters if other is not each]
            return replace(walk, among=few, filters=others)
    return walk


def _reading(uow: UnitOfWork, walk: Walk, stretch: Stretch, start: Condition | None) -> Select[Any]:
    conditions = [walk.where, stretch.where, start, *(each.asks for each in walk.filters)]
    if walk.among is not None:
        conditions.append(walk.table.c.id.in_(walk.among))
    ids = _ids(walk, stretch)
    order = [ids] if stretch.key is None else [stretch.key, ids]
    found = uow.own(walk.table)
    if stretch.ids is not None:
        # Its rows are not to be looked up by the ids of ours: SQLite begins with it then.
        leads, row_id = stretch.ids.table, unindexed(stretch.ids)
        here = leads.c.organisation_id == uow.organisation_id
        found = found.join(leads, here & (row_id == walk.table.c.id))
    return found.where(*(each for each in conditions if each is not None)).order_by(
        *(each.desc() if walk.descending else each.asc() for each in order)
    )


def _ids(walk: Walk, stretch: Stretch) -> Column[Any]:
    return walk.table.c.id if stretch.ids is None else stretch.ids


def _ahead(walk: Walk, after: Mark | None) -> Iterator[tuple[Stretch, Condition | None]]:
    """Yield the stretches that are still to come, the first of them from the mark on."""
    stretches = list(reversed(walk.stretches) if walk.descending else walk.stretches)
    if after is None:
        yield from ((each, None) for each in stretches)
        return
    try:
        name, value, row_id = after
        begun = [each.name for each in stretches].index(name)
        start = _beyond(walk, stretches[begun], value, UUID(row_id))
    except ValueError:
        raise InvalidRequest(
            "The cursor is not one that this list gave; start again without it.",
            field="cursor",
            place="query",
        ) from None
    yield stretches[begun], start
    yield from ((each, None) for each in stretches[begun + 1 :])


def _beyond(walk: Walk, stretch: Stretch, value: str, row_id: UUID) -> Condition:
    key, ids, down = stretch.key, _ids(walk, stretch), walk.descending
    further: Condition = ids < row_id if down else ids > row_id
    if key is None:
        return further
    place = datetime.fromisoformat(value) if isinstance(key.type, UTCDateTime) else value
    reached = key <= place if down else key >= place
    return and_(reached, or_(key != place, further))


def _mark(stretch: Stretch, row: Row[Any]) -> Mark:
    value = "" if stretch.key is None else getattr(row, stretch.key.name)
    text = value.isoformat() if isinstance(value, datetime) else value
    return stretch.name, text, str(row.id)
