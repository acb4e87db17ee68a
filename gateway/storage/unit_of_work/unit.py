"""The unit of work: what a verb reads and writes through, and the facts of one change."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import (
    CompoundSelect,
    Connection,
    CursorResult,
    Executable,
    Row,
    Select,
    Table,
    UpdateBase,
    bindparam,
    select,
)

from gateway.domain.errors import NotFound
from gateway.domain.events import Fact
from gateway.domain.identity import Actor, Context
from gateway.storage import tables as t
from gateway.storage.facts import Ledger
from gateway.storage.prepared import Record as Record
from gateway.storage.prepared import fetch, fetch_made, tables_of
from gateway.storage.records import Records, place_of
from gateway.storage.vault import Vault
from gateway.storage.writes import Insert, Plus, Update, WriteSet

T = TypeVar("T")
CLOSED = Vault()
TICK = timedelta(microseconds=1)
TRIES = 6
NOUNS = {t.directory_users: "user", t.directory_groups: "group"}


_O = t.organisations.c
COUNTED = (_O.active_members, _O.active_owners, _O.waiting_members, _O.pending_invitations)
COUNTERS = select(*COUNTED).where(_O.id == bindparam("organisation"))


@lru_cache(maxsize=256)
def _by_key(table: Table, names: tuple[str, ...]) -> Select[Any]:
    wanted = [table.c[name] == bindparam(name) for name in ("organisation_id", *names)]
    return select(table).where(*wanted)


class _TakenBack(Exception):
    """Ends a rehearsal."""


@dataclass
class UnitOfWork:
    """What every verb needs: a connection, where, who, when, and the facts so far.

    Writes are collected and sent in order, at the latest when the unit ends and before
    each read that they concern. `now` is fixed when the unit opens, so all rows of one change
    agree; under the organisation's lock it is later than every earlier change of the
    organisation.
    """

    connection: Connection
    organisation_id: UUID
    actor: Actor
    context: Context
    now: datetime
    new_id: Callable[[], UUID]
    memory: dict[str, Any] | None = None
    counters: dict[str, int] = field(default_factory=dict)
    vault: Vault = CLOSED
    _loaded: Records = field(default_factory=Records)
    _pending: WriteSet = field(default_factory=WriteSet)
    _facts: list[tuple[UUID, Fact]] = field(default_factory=list)
    _told: Counter[str] = field(default_factory=Counter)
    _opened: set[tuple[str, object, datetime]] = field(default_factory=set)
    wrote: bool = False

    # -- reading ----------------------------------------------------------

    def one(self, statement: Executable, **values: object) -> Row[Any] | None:
        """Return the only row, or None."""
        rows = self.all(statement, **values)
        if len(rows) > 1:
            raise ValueError("more than one row")
        return rows[0] if rows else None

    def all(self, statement: Executable, **values: object) -> Sequence[Row[Any]]:
        """Return every row; a statement that is bound to values here is prepared once.

        Writes that such a statement could not see go on waiting for their common round trip.
        """
        if values and isinstance(statement, Select | CompoundSelect):
            self._send_what_concerns(statement)
            return fetch(self.connection, statement, values)
        self.flush()
        return self.connection.execute(statement).all()

    def all_made(
        self, statement: Select[Any], make: Callable[[Record], T], **values: object
    ) -> Sequence[T]:
        """Return what `make` makes of every row; a row that came before is not read again."""
        self._send_what_concerns(statement)
        return fetch_made(self.connection, statement, values, make)

    def scalar(self, statement: Executable, **values: object) -> Any:
        """Return the first column of the first row, or None."""
        rows = self.all(statement, **values)
        return rows[0][0] if rows else None

    def own(self, table: Table, *columns: Any) -> Select[Any]:
        """Start a query that can only see this organisation."""
        return select(*(columns or table.c)).where(table.c.organisation_id == self.organisation_id)

    def load(self, table: Table, row_id: UUID, *, noun: str | None = None) -> Record:
        """Return one row of this organisation, as this unit's writes leave it.

        :raises NotFound: absent, or another organisation's: the two look the same.
        """
        found = self.find(table, id=row_id)
        if found is None:
            raise NotFound(f"No such {noun or NOUNS.get(table) or table.name.rstrip('s')}.")
        return found

    def find(self, table: Table, **key: object) -> Record | None:
        """Return the row with this key, read once and then followed through this unit's writes.

        A record is not changed afterwards: an earlier one keeps showing how things were.
        """
        place = place_of(table, key)
        if place not in self._loaded:
            values = {**key, "organisation_id": self.organisation_id}
            self._loaded.keep(place, self.one(_by_key(table, tuple(key)), **values))
        return self._loaded[place]

    def knows(self, table: Table, **key: object) -> bool:
        """Whether this unit knows the row with this key, or that there is none."""
        return place_of(table, key) in self._loaded

    def keep(self, table: Table, record: Record | None, **key: object) -> None:
        """Take a row that came with others as `find` would have read it."""
        self._loaded.keep_record(place_of(table, key), record)

    def keep_rows(self, tables: tuple[Table, ...], rows: Sequence[Any], **key: object) -> None:
        """Take rows of the first table that came with others, until one of them is written to."""
        self._loaded.keep_rows(place_of(tables[0], key), rows, tables)

    def kept_rows(self, table: Table, **key: object) -> Sequence[Any] | None:
        """Return the rows that `keep_rows` took, None if they are not known any more."""
        return self._loaded.rows(place_of(table, key))

    def remembered(self, name: str, load: Callable[[], T]) -> T:
        """Return what `load` reads of the organisation's terms, read once per version of them.

        Under the organisation's lock the version that the lock returned is the newest, so a
        value kept from an earlier unit of this process is exact. It must not be changed.
        """
        if self.memory is None:
            return load()
        if name not in self.memory:
            self.memory[name] = load()
        found: T = self.memory[name]
        return found

    @contextmanager
    def settled(self) -> Iterator[None]:
        """Remember within the block too what this unit changed; the block changes none of it."""
        if self.memory is not None:
            yield
            return
        self.memory = {}
        try:
            yield
        finally:
            self.memory = None

    def terms_changed(self) -> None:
        """Say that policies, subscription, roles, rules, connections or their like changed."""
        self.memory = None
        self.stamp(terms_version=Plus(1))

    # -- writing ----------------------------------------------------------

    def insert(self, table: Table, **values: object) -> None:
        """Add one row of this organisation."""
        self.insert_all(table, [values])

    def insert_all(self, table: Table, rows: Sequence[Mapping[str, object]]) -> None:
        """Add rows of this organisation; each row names the same columns."""
        own: list[dict[str, Any]] = [dict(row) for row in rows]
        if "organisation_id" in table.c:
            own = [{"organisation_id": self.organisation_id, **row} for row in own]
        if own:
            self._loaded.forget_absent(table)
            self._pending.add(Insert(table, own))

    def update(self, table: Table, key: Mapping[str, object], /, **values: object) -> None:
        """Set columns of this organisation's rows that match `key`."""
        own = {"organisation_id": self.organisation_id, **key}
        self._pending.add(Update(table, own, values))
        self._loaded.follow(table, key, values)

    def apply(self, statement: UpdateBase) -> None:
        """Collect a data-changing statement whose result nobody needs."""
        self._loaded.forget(statement.table)
        self._pending.add(statement)

    def count(self, name: str) -> int:
        """Return a counter of the organisation, as this unit's writes leave it."""
        if name not in self.counters:
            self.counters |= self.all(COUNTERS, organisation=self.organisation_id)[0]._asdict()
        return self.counters[name]

    def stamp(self, **values: object) -> None:
        """Set columns of the organisation's own row."""
        for name, value in values.items():
            if isinstance(value, Plus) and name in self.counters:
                self.counters[name] += value.by
        self._pending.add(Update(t.organisations, {"id": self.organisation_id}, values))

    def execute(self, statement: Executable) -> CursorResult[Any]:
        """Run a data-changing statement now and return its result."""
        self.wrote = True
        self._loaded.clear()
        if self._pending:
            self.flush()
        result = self.connection.execute(statement)
        assert isinstance(result, CursorResult)  # noqa: S101 - DML has no other result
        return result

    def create(self, versioned: t.Versioned, **values: object) -> None:
        """Add a current row and open its history."""
        self.insert(versioned.current, **values)
        self._open_interval(versioned, values["id"], values)

    def change(self, versioned: t.Versioned, before: Record, **values: object) -> bool:
        """Set columns of a current row; a changed tracked column closes and opens an interval.

        Returns whether anything differed from `before`; a no-op writes nothing.
        """
        changed = {k: v for k, v in values.items() if getattr(before, k) != v}
        if not changed:
            return False
        self.update(versioned.current, {"id": before.id}, **changed)
        if changed.keys() & set(versioned.tracked):
            self._turn_interval(versioned, before, changed)
        return True

    def record(self, fact: Fact) -> None:
        """Keep a fact in the same transaction as the change it describes."""
        self._facts.append((self.new_id(), fact))

    def record_many(self, action: str, times: int, statement: UpdateBase) -> None:
        """Keep as many facts of one action as a statement writes into the feed by itself.

        Their place is `position`, and their order that of their ids.
        """
        self._told[action] += times
        self.apply(statement)

    @property
    def position(self) -> int:
        """The place of what is recorded next among the facts of this change."""
        return len(self._facts)

    def recorded(self) -> dict[str, int]:
        """Return how often each fact was recorded so far."""
        return dict(self._told + Counter(fact.action for _, fact in self._facts))

    def send(
        self,
        channel: str,
        type: str,
        payload: Mapping[str, object],
        *,
        sealed: str | None = None,
        message_id: UUID | None = None,
    ) -> UUID:
        """Put a message into the outbox, and return its id; it leaves after the commit."""
        message_id = message_id or self.new_id()
        self.insert(
            t.outbox,
            id=message_id,
            channel=channel,
            type=type,
            payload=dict(payload),
            created_at=self.now,
            position=self.position,
            due_at=self.now,
            sealed=sealed,
        )
        return message_id

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """Undo everything of the block when it raises, facts included, and go on.

        The block gets an instant of its own, so that its intervals never collide with those
        of an earlier block of the same unit.
        """
        self.flush()
        self.now += TICK
        since = self.now
        facts, counters, told = len(self._facts), dict(self.counters), self._told.copy()
        try:
            with self.connection.begin_nested():
                yield
                self.flush()
        except BaseException:
            self.memory, self.counters, self._told = None, counters, told
            self._loaded.clear()
            self._pending.clear()
            del self._facts[facts:]
            self._opened = {opened for opened in self._opened if opened[2] < since}
            raise

    def rehearsed(self, verb: Callable[["UnitOfWork"], T]) -> T:
        """Return what a verb returns; nothing of what it did stays."""
        seen: list[T] = []
        with suppress(_TakenBack), self.savepoint():
            seen.append(verb(self))
            raise _TakenBack
        return seen[0]

    def flush(self) -> None:
        """Send the collected writes in order."""
        if self._pending:
            self.wrote = True
            self._pending.send(self.connection)

    def _send_what_concerns(self, statement: Select[Any] | CompoundSelect[Any]) -> None:
        if self._pending and self._pending.touches(tables_of(self.connection, statement)):
            self.flush()

    def finish(self) -> None:
        """Write the facts and stamp the organisation; called once, by the unit's opener."""
        ledger = Ledger(self.organisation_id, self.actor, self.context)
        if self._facts:
            for table, rows in ledger.rows(self._facts, self.now):
                if rows:
                    self._pending.add(Insert(table, rows))
        self.flush()

    def _turn_interval(
        self, versioned: t.Versioned, before: Record, changed: Mapping[str, Any]
    ) -> None:
        """Close the open interval and open the next; one opened at this instant is amended."""
        open_one = {"id": before.id, "valid_to": None}
        if (versioned.history.name, before.id, self.now) in self._opened:
            tracked = {k: v for k, v in changed.items() if k in versioned.tracked}
            self.update(versioned.history, open_one, **tracked)
            return
        self.update(versioned.history, open_one, valid_to=self.now)
        tracked = {name: getattr(before, name) for name in versioned.tracked}
        self._open_interval(versioned, before.id, {**tracked, **changed})

    def _open_interval(
        self, versioned: t.Versioned, row_id: object, values: Mapping[str, Any]
    ) -> None:
        tracked = {name: values.get(name) for name in versioned.tracked}
        self._opened.add((versioned.history.name, row_id, self.now))
        self.insert(versioned.history, id=row_id, valid_from=self.now, valid_to=None, **tracked)


@dataclass
class LockedUnit(UnitOfWork):
    """A unit under the organisation's lock: what it wrote moves the organisation's clock."""

    def finish(self) -> None:
        if self.wrote or self._pending or self._facts:
            self.stamp(last_change=self.now)
        super().finish()
