"""Where pages by index ended, so that the next one begins after the row that was shown last.

An index counts from the beginning, and every deletion in between shifts whoever follows: without
this memory a client that walks by index would miss as many users as were deleted meanwhile. It
only ever decides where a page begins; forgotten ends are found by counting.
"""

import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, bindparam, delete, func, literal, select
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql import Insert

from gateway.storage import tables as t
from gateway.storage.prepared import fetch
from gateway.storage.unit_of_work import Work

LIFE = timedelta(minutes=15)
"""How long an end is remembered: longer than any client rests between two pages."""

MOST_KEPT = 20_000
"""Ends that a process remembers by itself; the oldest go first."""

End = Any
"""A position as pages know it: plain JSON."""


@dataclass(frozen=True, slots=True)
class Walk:
    """One query that a client of a connection pages through."""

    organisation_id: UUID
    connection_id: UUID
    query: str


@dataclass(frozen=True)
class PageEnds:
    """The ends of all walks: rows on PostgreSQL, whose processes share them, else in memory.

    SQLite is served by one process, and a write of its own would keep every reader waiting.
    """

    work: Work
    _kept: OrderedDict[tuple[Walk, int], tuple[datetime, End]] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def before(self, walk: Walk, start: int) -> End | None:
        """Return after what the page from `start` begins; None where nobody remembers."""
        since = self.work.clock() - LIFE
        if self._is_shared:
            values = {
                "organisation": walk.organisation_id,
                "connection": walk.connection_id,
                "query": walk.query,
                "start": start,
                "since": since,
            }
            with self.work.platform() as connection:
                rows = fetch(connection, _FIND, values)
            return rows[0].position if rows else None
        with self._lock:
            kept_at, end = self._kept.get((walk, start), (since, None))
        return end if kept_at > since else None

    def keep(self, walk: Walk, start: int, end: End) -> None:
        """Remember after what the page from `start` begins."""
        now = self.work.clock()
        if self._is_shared:
            with self.work.platform() as connection:
                connection.execute(
                    _KEEP,
                    {
                        "organisation_id": walk.organisation_id,
                        "connection_id": walk.connection_id,
                        "query": walk.query,
                        "start": start,
                        "position": end,
                        "kept_at": now,
                    },
                )
            return
        with self._lock:
            self._kept[walk, start] = (now, end)
            self._kept.move_to_end((walk, start))
            if len(self._kept) > MOST_KEPT:
                self._kept.popitem(last=False)

    @property
    def _is_shared(self) -> bool:
        return self.work.engines.dialect == "postgresql"


def forget(connection: Connection, now: datetime) -> None:
    """Drop the ends that nobody can use any more."""
    connection.execute(delete(t.page_ends).where(t.page_ends.c.kept_at <= now - LIFE))


def _kept() -> Insert:
    """One statement, committed without waiting for the disk: a crash may forget it."""
    e = t.page_ends.c
    names = ("organisation_id", "connection_id", "query", "start", "position", "kept_at")
    at_ease = select(func.set_config("synchronous_commit", "off", literal(value=True)).label("x"))
    row = select(*(bindparam(name, type_=e[name].type) for name in names))
    statement = postgresql.insert(t.page_ends).from_select(
        names, row.select_from(at_ease.subquery())
    )
    return statement.on_conflict_do_update(
        index_elements=list(names[:4]),
        set_={"position": statement.excluded.position, "kept_at": statement.excluded.kept_at},
    )


_KEEP = _kept()
_FIND = select(t.page_ends.c.position).where(
    t.page_ends.c.organisation_id == bindparam("organisation"),
    t.page_ends.c.connection_id == bindparam("connection"),
    t.page_ends.c.query == bindparam("query"),
    t.page_ends.c.start == bindparam("start"),
    t.page_ends.c.kept_at > bindparam("since"),
)
