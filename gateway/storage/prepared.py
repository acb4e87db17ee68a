"""Queries compiled once: the driver gets finished SQL, and rows come back as named tuples.

The library's own execution costs several times what a database needs for a look-up by key;
this path keeps its compiler and its types and leaves out the rest.
"""

from collections import namedtuple
from collections.abc import Callable, Mapping
from enum import StrEnum
from functools import lru_cache
from typing import Any, TypeVar, cast

from sqlalchemy import (
    BindParameter,
    CompoundSelect,
    Connection,
    Dialect,
    Select,
    Table,
    literal_column,
)
from sqlalchemy.sql import visitors
from sqlalchemy.sql.compiler import SQLCompiler

from gateway.storage.binding import Binder, binder
from gateway.storage.transactions import is_open, renewed

T = TypeVar("T")
MOST_MADE = 2_000
"""Values that one statement remembers; all are forgotten when they are more."""

LONGEST_KEPT = 8_000
"""Characters of SQL beyond which a statement is not remembered: it is nobody's routine."""

Query = Select[Any] | CompoundSelect[Any]
Record = Any
"""A row with its columns as attributes."""


def fetch(connection: Connection, statement: Query, values: Mapping[str, object]) -> list[Any]:
    """Return every row of a statement that was made once.

    Statements are remembered by identity: make them where a module is loaded, or behind a
    cache, and bind all that varies. Errors are the driver's own.
    """
    return _prepared(connection.dialect, statement).fetch(connection, values)


def tables_of(connection: Connection, statement: Query) -> frozenset[Any]:
    """Return the tables that a statement reads, those of its subqueries too."""
    return _prepared(connection.dialect, statement).tables


def fetch_made(
    connection: Connection,
    statement: Query,
    values: Mapping[str, object],
    make: Callable[[Record], T],
) -> list[T]:
    """Return what `make` makes of every row; a row that came before is not read again.

    For rows that thousands of requests have in common, such as their credential's. What is
    made must not be changed, and a statement has one `make`.
    """
    return _prepared(connection.dialect, statement).fetch_made(connection, values, make)


def _prepared(dialect: Dialect, statement: Query) -> "_Prepared":
    try:
        return _kept(dialect, statement)
    except _TooLong as once:
        return once.prepared


@lru_cache(maxsize=2048)
def _kept(dialect: Dialect, statement: Query) -> "_Prepared":
    prepared = _Prepared(dialect, statement)
    if prepared.length > LONGEST_KEPT:
        raise _TooLong(prepared)
    return prepared


def _spelt_out(element: Any, **_: Any) -> Any:
    """Return a constant as the literal that a partial index's condition has in its place.

    Bound, it would hide the index from PostgreSQL's lasting plans, and SQLite, which sees
    through it, would plan the statement anew at every execution.
    """
    value = getattr(element, "value", None) if isinstance(element, BindParameter) else None
    if isinstance(value, StrEnum) or (value == "" and isinstance(value, str)):
        return literal_column(f"'{value}'", type_=element.type)
    if isinstance(value, list | tuple) and value and all(isinstance(x, StrEnum) for x in value):
        return literal_column("(" + ", ".join(f"'{each}'" for each in value) + ")")
    return None


class _TooLong(Exception):
    """A statement that is not worth its memory: it is made anew each time."""

    def __init__(self, prepared: "_Prepared") -> None:
        super().__init__(prepared.length)
        self.prepared = prepared


class _Prepared:
    """One statement in one dialect."""

    def __init__(self, dialect: Dialect, statement: Query) -> None:
        statement = cast("Query", visitors.replacement_traverse(statement, {}, _spelt_out))
        compiled = statement.compile(dialect=dialect)
        if not isinstance(compiled, SQLCompiler):
            raise TypeError("not a query")
        self._statement = statement
        self.is_finished = not (compiled.post_compile_params | compiled.literal_execute_params)
        self.sql = str(compiled)
        self.length = len(self.sql)
        self._order = compiled.positiontup
        self._fixed: dict[str, Any] = {}
        self._binders: dict[str, Binder] = {}
        for bind, name in compiled.bind_names.items():
            bound = binder(bind.type, dialect)
            if bind.required:
                self._binders[name] = bound
            else:
                value = bind.effective_value
                self._fixed[name] = value if bound is None else bound(value)
        columns = list(statement.selected_columns)
        self._readers: list[tuple[int, Callable[[Any], Any]]] = [
            (place, reader)
            for place, column in enumerate(columns)
            if (reader := column.type.dialect_impl(dialect).result_processor(dialect, None))
        ]
        names = [str(column.key) for column in columns]
        self.tables = frozenset(
            each for each in visitors.iterate(statement) if isinstance(each, Table)
        )
        self._made: dict[Any, Any] = {}
        # A column without a name (a bare count) is reached by its place.
        self._record: Any = namedtuple("Record", names, rename=True)  # type: ignore[misc]

    def fetch(self, connection: Connection, values: Mapping[str, object]) -> list[Any]:
        if not self.is_finished:
            return list(connection.execute(self._statement, dict(values)).all())
        rows = self._rows(connection, values)
        return [*map(self._read if self._readers else self._record._make, rows)]

    def fetch_made(
        self, connection: Connection, values: Mapping[str, object], make: Callable[[Any], T]
    ) -> list[T]:
        found: list[T] = []
        for row in self._rows(connection, values):
            if row not in self._made:
                if len(self._made) >= MOST_MADE:
                    self._made = {}
                self._made[row] = make(self._read(row))
            found.append(self._made[row])
        return found

    def _rows(self, connection: Connection, values: Mapping[str, object]) -> Any:
        bound = dict(self._fixed)
        for name, bind in self._binders.items():
            value = values[name]
            bound[name] = value if bind is None or value is None else bind(value)
        order = self._order
        given = bound if order is None else [bound[name] for name in order]
        try:
            return self._asked(connection, given)
        except connection.dialect.loaded_dbapi.OperationalError:
            if is_open(connection) or not renewed(connection):
                raise
            return self._asked(connection, given)

    def _asked(self, connection: Connection, given: Any) -> Any:
        cursor = connection.connection.cursor()
        try:
            cursor.execute(self.sql, given)
            return cursor.fetchall()
        finally:
            cursor.close()

    def _read(self, row: Any) -> Any:
        values = list(row)
        for place, reader in self._readers:
            if values[place] is not None:
                values[place] = reader(values[place])
        return self._record._make(values)
