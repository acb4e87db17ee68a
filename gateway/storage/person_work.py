"""Units of work about a person: before any organisation is known, or across several of them."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import Connection, CursorResult, Executable, Row, Table, insert, update

from gateway.domain.identity import NOWHERE, Actor, Context
from gateway.storage.unit_of_work import UnitOfWork, Work
from gateway.storage.vault import Vault

T = TypeVar("T")


@dataclass
class PersonWork:
    """What verbs about a person need: a connection, when, from where, and ids.

    Nothing here takes an organisation's lock: `within` opens its rows for what no rule counts.
    """

    connection: Connection
    now: datetime
    new_id: Callable[[], UUID]
    vault: Vault
    context: Context = NOWHERE
    _opened: list[UnitOfWork] = field(default_factory=list)

    def one(self, statement: Executable, **values: object) -> Row[Any] | None:
        """Return the only row, or None."""
        return self.connection.execute(statement, values or None).one_or_none()

    def all(self, statement: Executable, **values: object) -> Sequence[Row[Any]]:
        """Return every row."""
        return self.connection.execute(statement, values or None).all()

    def execute(self, statement: Executable) -> CursorResult[Any]:
        """Run a data-changing statement."""
        result = self.connection.execute(statement)
        assert isinstance(result, CursorResult)  # noqa: S101 - DML has no other result
        return result

    def insert(self, table: Table, **values: object) -> None:
        """Add one row."""
        self.connection.execute(insert(table).values(values))

    def change(self, table: Table, row_id: UUID, **values: object) -> bool:
        """Set columns of the row with this id; say whether there is one."""
        statement = update(table).where(table.c.id == row_id).values(values)
        return self.execute(statement).rowcount == 1

    def within(
        self, organisation_id: UUID, actor: Actor, context: Context | None = None
    ) -> UnitOfWork:
        """Open an organisation's rows in the same transaction; its facts are written with it."""
        unit = UnitOfWork(
            self.connection,
            organisation_id,
            actor,
            context or self.context,
            self.now,
            self.new_id,
            vault=self.vault,
        )
        self._opened.append(unit)
        return unit

    def finish(self) -> None:
        """Write the facts of every organisation that was opened; called once, by the opener."""
        for unit in self._opened:
            unit.finish()

    @classmethod
    def beside(cls, uow: UnitOfWork) -> "PersonWork":
        """Return the person's side of an open unit, in the same transaction."""
        uow.flush()
        return cls(uow.connection, uow.now, uow.new_id, uow.vault, uow.context)


def run(work: Work, verb: Callable[[PersonWork], T], context: Context = NOWHERE) -> T:
    """Run a verb about a person and commit; rolled back when it raises, retried on conflicts."""

    def unit(connection: Connection, now: datetime) -> T:
        here = PersonWork(connection, now, work.new_id, work.vault, context)
        result = verb(here)
        here.finish()
        return result

    return work.run_platform(unit)


@contextmanager
def read(work: Work, context: Context = NOWHERE) -> Iterator[PersonWork]:
    """Open a unit that only reads."""
    with work.platform() as connection:
        yield PersonWork(connection, work.clock(), work.new_id, work.vault, context)
