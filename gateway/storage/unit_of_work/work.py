"""One request, one transaction: the only place that commits."""

import random
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar
from uuid import UUID

from sqlalchemy import (
    Connection,
    bindparam,
    select,
)
from sqlalchemy.exc import DBAPIError

from gateway.domain.closures import GONE
from gateway.domain.errors import NotFound, TryAgain
from gateway.domain.identity import NOWHERE, SYSTEM, Actor, Context
from gateway.storage import tables as t
from gateway.storage.conflicts import is_conflict, is_unique_violation
from gateway.storage.engine import Engines
from gateway.storage.memories import Memories
from gateway.storage.prepared import Record as Record
from gateway.storage.prepared import fetch
from gateway.storage.transactions import CommitLost, frozen, renewed, writing
from gateway.storage.turnstile import Turnstile
from gateway.storage.unit_of_work.unit import CLOSED, COUNTED, TICK, LockedUnit, UnitOfWork
from gateway.storage.vault import Vault

T = TypeVar("T")
TRIES = 6
AWAY = "The database went away; nothing was changed. Try again."
UNKNOWN = "The database went away in the middle; look whether the change was made, and try again."


@dataclass
class Work:
    """Opens units of work. Built once by the app factory, with real or fake clocks."""

    engines: Engines
    clock: Callable[[], datetime]
    new_id: Callable[[], UUID]
    vault: Vault = CLOSED
    _writer: Turnstile = field(default_factory=Turnstile)
    _memories: Memories = field(default_factory=Memories)

    def run(
        self,
        organisation_id: UUID,
        actor: Actor,
        verb: Callable[[UnitOfWork], T],
        context: Context = NOWHERE,
        *,
        on: Connection | None = None,
    ) -> T:
        """Run `verb` holding the organisation's lock, commit, and return its result.

        Rolled back when it raises; run again, up to five times, when the database reports
        a conflict. The verb may therefore touch nothing but its unit. `on` is a connection of
        `platform` that the caller already has.

        :raises NotFound: no such organisation.
        :raises TryAgain: the conflict stayed, or the database went away.
        """
        return self._retried(
            lambda connection: self._locked(connection, organisation_id, actor, context), verb, on
        )

    def run_unlocked(
        self,
        organisation_id: UUID,
        actor: Actor,
        verb: Callable[[UnitOfWork], T],
        context: Context = NOWHERE,
    ) -> T:
        """As `run`, without the organisation's lock: for rows that no rule counts."""

        def open_unit(connection: Connection) -> UnitOfWork:
            return self._unit(connection, organisation_id, actor, context, self.clock())

        return self._retried(open_unit, verb)

    def found(self, actor: Actor, verb: Callable[[UnitOfWork], T], context: Context = NOWHERE) -> T:
        """Run a verb that creates an organisation: the unit carries the new one's id."""
        organisation_id = self.new_id()
        return self.run_unlocked(organisation_id, actor, verb, context)

    @contextmanager
    def read(
        self, organisation_id: UUID, actor: Actor = SYSTEM, context: Context = NOWHERE
    ) -> Iterator[UnitOfWork]:
        """Open a unit that only reads: no transaction, no lock, the newest committed rows."""
        with (
            self.platform() as connection,
            self.beside(connection, organisation_id, actor, context) as unit,
        ):
            yield unit

    @contextmanager
    def beside(
        self,
        connection: Connection,
        organisation_id: UUID,
        actor: Actor = SYSTEM,
        context: Context = NOWHERE,
    ) -> Iterator[UnitOfWork]:
        """As `read`, on the connection of `platform` that said which organisation it is about."""
        unit = self._unit(connection, organisation_id, actor, context, self.clock())
        yield unit
        if unit.wrote or unit._pending or unit._facts:
            raise RuntimeError("a reading unit tried to write")

    @contextmanager
    def snapshot(self, organisation_id: UUID) -> Iterator[UnitOfWork]:
        """Open a reading unit whose statements all see the same instant.

        It is no earlier than the last change, even where this process's clock is behind.
        """
        with self.platform() as connection, frozen(connection):
            changed = connection.execute(_CHANGED, {"organisation": organisation_id}).scalar()
            now = self.clock()
            now = now if changed is None else max(now, changed)
            yield self._unit(connection, organisation_id, SYSTEM, NOWHERE, now)

    @contextmanager
    def platform(self) -> Iterator[Connection]:
        """Give a reading connection before the organisation is known (tokens, slugs).

        :raises TryAgain: the database went away.
        """
        with self.engines.serving.connect() as connection:
            try:
                yield connection
            except (DBAPIError, self.engines.driver_error) as error:
                if renewed(connection):
                    raise TryAgain(AWAY) from error
                raise

    def run_platform(self, verb: Callable[[Connection, datetime], T]) -> T:
        """Run a write that belongs to no organisation (operator keys, leases), and commit."""

        def unit(connection: Connection) -> T:
            return verb(connection, self.clock())

        return self._attempts(unit)

    # -- inside -----------------------------------------------------------

    def _retried(
        self,
        open_unit: Callable[[Connection], UnitOfWork],
        verb: Callable[[UnitOfWork], T],
        on: Connection | None = None,
    ) -> T:
        def unit(connection: Connection) -> T:
            uow = open_unit(connection)
            result = verb(uow)
            uow.finish()
            return result

        return self._attempts(unit, on)

    def _attempts(self, unit: Callable[[Connection], T], on: Connection | None = None) -> T:
        if on is None:
            with self.engines.serving.connect() as connection:
                return self._attempts(unit, connection)
        for attempt in range(TRIES):
            try:
                with self._one_writer(), writing(on):
                    return unit(on)
            except CommitLost as error:
                renewed(on)
                raise TryAgain(UNKNOWN) from error
            except (DBAPIError, self.engines.driver_error) as error:
                last = attempt == TRIES - 1
                if not (renewed(on) or is_conflict(error)):
                    raise
                if last and is_unique_violation(error):
                    raise
                if last:
                    break
            time.sleep(random.uniform(0.5, 1.0) * 0.004 * 2**attempt)  # noqa: S311 - jitter
        raise TryAgain("The database stayed busy; nothing was changed. Try again.")

    def _one_writer(self) -> AbstractContextManager[object]:
        """SQLite has one writer: threads queue here, fairly, rather than poll its file lock."""
        return self._writer if self.engines.dialect == "sqlite" else nullcontext()

    def _locked(
        self, connection: Connection, organisation_id: UUID, actor: Actor, context: Context
    ) -> UnitOfWork:
        """FOR NO KEY UPDATE: a plain FOR UPDATE would block every foreign-key insert."""
        rows = fetch(connection, _LOCK, {"organisation": organisation_id})
        if not rows:
            raise NotFound("No such organisation.")
        row = rows[0]
        return LockedUnit(
            connection,
            organisation_id,
            actor,
            context,
            now=max(self.clock(), row.last_change + TICK),
            new_id=self.new_id,
            memory=self._memories.of(organisation_id, row.terms_version),
            counters={column.name: getattr(row, column.name) for column in COUNTED},
            vault=self.vault,
        )

    def _unit(
        self,
        connection: Connection,
        organisation_id: UUID,
        actor: Actor,
        context: Context,
        now: datetime,
    ) -> UnitOfWork:
        return UnitOfWork(
            connection, organisation_id, actor, context, now, self.new_id, vault=self.vault
        )


_LOCK = (
    select(t.organisations.c.last_change, t.organisations.c.terms_version, *COUNTED)
    .where(t.organisations.c.id == bindparam("organisation"), t.organisations.c.state.not_in(GONE))
    .with_for_update(key_share=True)
)
_CHANGED = select(t.organisations.c.last_change).where(
    t.organisations.c.id == bindparam("organisation")
)
