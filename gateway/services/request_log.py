"""What identity providers sent and what became of it: buffered, written each second, kept by plan.

Nothing a decision rests on: a crash loses the last second, and a full buffer drops what comes on
top. Names of attributes are kept, never their values, and never a credential.
"""

import threading
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, Table, delete, func, select
from sqlalchemy.dialects import postgresql, sqlite

from gateway.storage import tables as t
from gateway.storage.unit_of_work import UnitOfWork, Work
from gateway.storage.writes import Insert, WriteSet

MOST_WAITING = 10_000
"""Entries that wait for the next flush; more are dropped and counted."""

DEFAULT_DAYS = 30
RETENTION = "scim_log_days"
"""The policy that says for how many days requests are kept; a plan may set it."""

PURGED_AT_ONCE = 2_000
DAY = timedelta(hours=24)
DEVIATION = "deviation"
CYCLES: Mapping[str, timedelta] = {"entra": timedelta(minutes=40)}
"""Dialects whose providers come in cycles; the others come when something changes."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One request: received, understood, changed, answered."""

    organisation_id: UUID
    connection_id: UUID
    received_at: datetime
    method: str
    path: str
    operation: str | None
    dialect: str | None
    received: Mapping[str, Any]
    deviations: Mapping[str, int]
    changed: Mapping[str, int]
    status: int
    detail: str | None
    milliseconds: float
    request_id: str
    ip: str | None
    user_agent: str | None


_COLUMNS = tuple(each.name for each in fields(Entry))

Subject = tuple[UUID, UUID, str, str]
"""Organisation, connection, kind and subject of an attention item."""


@dataclass
class RequestLog:
    """The buffer of one process."""

    dropped: int = 0
    _entries: list[Entry] = field(default_factory=list)
    _counts: Counter[Subject] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, entry: Entry) -> None:
        """Remember a request and count its deviations; takes no time worth measuring."""
        with self._lock:
            for name, times in entry.deviations.items():
                key = (entry.organisation_id, entry.connection_id, DEVIATION, name)
                self._counts[key] += times
            if len(self._entries) < MOST_WAITING:
                self._entries.append(entry)
            else:
                self.dropped += 1

    def count(self, organisation_id: UUID, connection_id: UUID, kind: str, subject: str) -> None:
        """Count what a connection's admin should look at, without an entry of its own."""
        with self._lock:
            self._counts[organisation_id, connection_id, kind, subject] += 1

    def flush(self, work: Work) -> None:
        """Write what was noted since the last flush."""
        with self._lock:
            entries, self._entries = self._entries, []
            counts, self._counts = self._counts, Counter()
        if not entries and not counts:
            return
        rows = [_row(work.new_id(), entry) for entry in entries]

        def write(connection: Connection, now: datetime) -> None:
            if rows:
                noted = WriteSet([Insert(t.scim_requests, rows)])
                noted.send(connection)
            # In key order, so that two processes never wait for each other in a circle.
            for subject, times in sorted(counts.items()):
                _raise_count(connection, subject, times, now)

        work.run_platform(write)


def _row(entry_id: UUID, entry: Entry) -> dict[str, Any]:
    # Not by `asdict`, which copies what is within: it took half of the time of a flush.
    return {"id": entry_id, **{name: getattr(entry, name) for name in _COLUMNS}}


@dataclass(frozen=True, slots=True)
class Health:
    """How a connection fares: its last contact, and its requests of the last 24 hours."""

    last_contact: datetime | None
    next_expected: datetime | None
    requests: int
    refused: int

    @property
    def success_rate(self) -> float | None:
        """Share of the requests that were not refused; None without any."""
        return None if not self.requests else 1 - self.refused / self.requests


@dataclass(frozen=True, slots=True)
class Filters:
    """Which requests are wanted."""

    method: str | None = None
    operation: str | None = None
    refused: bool | None = None
    since: datetime | None = None
    until: datetime | None = None


def listing(
    uow: UnitOfWork, connection_id: UUID, filters: Filters, before: UUID | None, limit: int
) -> Sequence[Row[Any]]:
    """Return a connection's requests, the newest first, from before the one named."""
    c = t.scim_requests.c
    wanted = uow.own(t.scim_requests).where(c.connection_id == connection_id)
    conditions = {
        c.method: filters.method,
        c.operation: filters.operation,
    }
    for column, value in conditions.items():
        if value is not None:
            wanted = wanted.where(column == value)
    if filters.refused is not None:
        wanted = wanted.where(c.status >= 400 if filters.refused else c.status < 400)
    if filters.since is not None:
        wanted = wanted.where(c.received_at >= filters.since)
    if filters.until is not None:
        wanted = wanted.where(c.received_at < filters.until)
    if before is not None:
        wanted = wanted.where(c.id < before)
    return uow.all(wanted.order_by(c.id.desc()).limit(limit))


def health(uow: UnitOfWork, connection_id: UUID, dialect: str | None) -> Health:
    """Return how a connection that speaks this dialect fares."""
    token, c = t.scim_tokens.c, t.scim_requests.c
    used = uow.one(
        select(func.max(token.last_used_at).label("at")).where(
            token.organisation_id == uow.organisation_id, token.connection_id == connection_id
        )
    )
    counted = uow.one(
        select(
            func.count().label("requests"),
            func.count().filter(c.status >= 400).label("refused"),
        ).where(
            c.organisation_id == uow.organisation_id,
            c.connection_id == connection_id,
            c.received_at > uow.now - DAY,
        )
    )
    last = used.at if used else None
    cycle = CYCLES.get(dialect or "")
    expected = last + cycle if last is not None and cycle is not None else None
    requests, refused = (counted.requests, counted.refused) if counted else (0, 0)
    return Health(last, expected, requests, refused)


def deviations(uow: UnitOfWork, connection_id: UUID) -> Sequence[Row[Any]]:
    """Return every deviation that was tolerated of a connection, with its count, by name."""
    c = t.attention_items.c
    columns = (c.subject.label("name"), c.count.label("times"), c.first_seen, c.last_seen)
    wanted = uow.own(t.attention_items, *columns)
    return uow.all(
        wanted.where(c.connection_id == connection_id, c.kind == DEVIATION).order_by(c.subject)
    )


def purge(work: Work) -> int:
    """Drop requests older than their organisation keeps them; say how many."""
    with work.platform() as connection:
        kept = _days(connection)
    return sum(_purged(work, organisation_id, days) for organisation_id, days in kept)


def _days(connection: Connection) -> Iterable[tuple[UUID, int]]:
    policy, bond = t.policies.c, t.connections.c
    chosen = {
        row.organisation_id: int(row.value)
        for row in connection.execute(
            select(policy.organisation_id, policy.value).where(
                policy.name == RETENTION, policy.valid_to.is_(None)
            )
        )
    }
    owners = connection.execute(
        select(bond.organisation_id).where(bond.kind == "scim").distinct()
    ).all()
    return [(row.organisation_id, chosen.get(row.organisation_id, DEFAULT_DAYS)) for row in owners]


def _purged(work: Work, organisation_id: UUID, days: int) -> int:
    c = t.scim_requests.c
    total = 0

    def drop(connection: Connection, now: datetime) -> int:
        own = c.organisation_id == organisation_id
        old = (
            select(c.id)
            .where(own, c.received_at < now - timedelta(days=days))
            .order_by(c.received_at)
            .limit(PURGED_AT_ONCE)
        )
        ids = connection.execute(old).scalars().all()
        if ids:
            connection.execute(delete(t.scim_requests).where(own, c.id.in_(ids)))
        return len(ids)

    while dropped := work.run_platform(drop):
        total += dropped
    return total


def _raise_count(connection: Connection, subject: Subject, times: int, now: datetime) -> None:
    table: Table = t.attention_items
    make = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    organisation_id, connection_id, kind, name = subject
    connection.execute(
        make(table)
        .values(
            organisation_id=organisation_id,
            connection_id=connection_id,
            kind=kind,
            subject=name,
            details={},
            count=times,
            first_seen=now,
            last_seen=now,
        )
        .on_conflict_do_update(
            index_elements=["organisation_id", "connection_id", "kind", "subject"],
            set_={"count": table.c.count + times, "last_seen": now},
        )
    )
