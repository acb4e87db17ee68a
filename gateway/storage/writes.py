"""The write set: collects a unit's writes and sends them in as few statements as are safe.

On PostgreSQL neighbouring writes become one data-modifying CTE: one round trip however many
tables it touches. All parts of a CTE see the rows from before it, and a row may be written
once, so no batch touches a row twice: such writes are merged, or a new batch begins. Parts run
in any order; rows that take the place of others, such as the next interval, wait for the part
that ends those.
"""

from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import groupby
from typing import Any

from sqlalchemy import Column, Connection, Dialect, Executable, Table, UpdateBase

from gateway.storage.binding import Binder, binder

BATCH_ROWS = 100
"""Rows of one insert in a CTE; more go by executemany, which has no parameter limit."""

BATCH_PARTS = 24
"""Writes in one CTE: its text is parsed anew for each new combination."""

LONG_RUN = 8
"""So many neighbouring updates of one form go by executemany."""


@dataclass(frozen=True, slots=True)
class Plus:
    """A value that is added to the column's own: counters need no read."""

    by: int


@dataclass(slots=True)
class Insert:
    """Rows for one table, all with the same columns."""

    table: Table
    rows: list[dict[str, Any]]


@dataclass(slots=True)
class Update:
    """New values for the rows whose columns equal `key` (None: is null)."""

    table: Table
    key: dict[str, Any]
    values: dict[str, Any]

    @property
    def names_row(self) -> bool:
        """Whether the key holds the whole primary key: unequal keys then are other rows."""
        return _primary_key(self.table) <= self.key.keys()

    @property
    def form(self) -> tuple[Any, ...]:
        """What updates with the same SQL have in common."""
        values = tuple((name, isinstance(value, Plus)) for name, value in self.values.items())
        return (self.table, values, tuple((n, value is None) for n, value in self.key.items()))


Write = Insert | Update


@dataclass
class WriteSet:
    """Writes in the order in which they were asked for."""

    writes: list[Write | Executable] = field(default_factory=list)
    _latest: "dict[Table, _Latest]" = field(default_factory=dict)

    def __bool__(self) -> bool:
        """Whether anything waits."""
        return bool(self.writes)

    def add(self, write: Write | Executable) -> None:
        """Collect one write; it joins an earlier one where that means the same."""
        if isinstance(write, Insert):
            joined = self._join_insert(write)
        elif isinstance(write, Update):
            joined = self._merge_update(write)
        else:
            self._latest.clear()
            joined = False
        if not joined:
            self.writes.append(write)

    def touches(self, tables: AbstractSet[Any]) -> bool:
        """Whether something waits that a read of these tables would miss."""
        return any(_table_of(write) in tables for write in self.writes)

    def clear(self) -> None:
        """Forget everything that waits."""
        self.writes.clear()
        self._latest.clear()

    def send(self, connection: Connection) -> None:
        """Execute everything in order."""
        writes, self.writes = self.writes, []
        self._latest.clear()
        together = connection.dialect.name == "postgresql"
        for batch in _batches(writes, together=together):
            _send(connection, batch)

    def _join_insert(self, write: Insert) -> bool:
        """Add the rows to the insert just before, if it is of the same columns."""
        self._latest.pop(write.table, None)
        last = self.writes[-1] if self.writes else None
        if not isinstance(last, Insert) or last.table is not write.table:
            return False
        if last.rows[0].keys() != write.rows[0].keys():
            return False
        last.rows.extend(write.rows)
        return True

    def _merge_update(self, write: Update) -> bool:
        """Merge with a waiting update of the same rows, unless something else came between."""
        latest = self._latest.get(write.table)
        if latest is None or latest.columns != write.key.keys():
            latest = self._latest[write.table] = _Latest(write.key.keys())
        return latest.merges(write)


@dataclass(slots=True)
class _Latest:
    """The updates of one table that nothing else of the table came after, all by one key."""

    columns: AbstractSet[str]
    by_key: dict[tuple[Any, ...], Update] = field(default_factory=dict)
    last: Update | None = None

    def merges(self, write: Update) -> bool:
        """Merge an update into the one of the same rows; else keep it for later ones."""
        place = tuple(write.key[name] for name in self.columns)
        earlier = self.by_key.get(place)
        # By a key that names no row, any update in between may have touched the same ones.
        reachable = earlier is not None and (earlier is self.last or write.names_row)
        if earlier is not None and reachable and _merge(earlier.values, write.values, write.key):
            return True
        self.by_key[place] = self.last = write
        return False


def _table_of(write: "Write | Executable") -> Any:
    """Return the table that a write changes."""
    if isinstance(write, Insert | Update | UpdateBase):
        return write.table
    raise TypeError("a write that names no table")


def _merge(into: dict[str, Any], values: Mapping[str, Any], key: Mapping[str, Any]) -> bool:
    if into.keys() & key.keys():
        return False  # The first update moves the rows out of the second one's sight.
    for name, value in values.items():
        before = into.get(name)
        if isinstance(value, Plus) and isinstance(before, Plus):
            into[name] = Plus(before.by + value.by)
        elif isinstance(value, Plus) and before is not None:
            into[name] = before + value.by
        else:
            into[name] = value
    return True


Batch = Executable | list[Write] | tuple[Update, ...]
"""What goes in one round trip: a statement, writes of several kinds, or updates of one form."""


def _batches(writes: Sequence[Write | Executable], *, together: bool) -> Iterator[Batch]:
    """Yield round trips in order; `together` lets different tables share one."""
    batch: list[Write] = []
    for write in _runs(writes):
        if isinstance(write, Insert | Update) and together and _fits(write):
            if batch and (len(batch) == BATCH_PARTS or _collides(write, batch)):
                yield batch
                batch = []
            batch.append(write)
            continue
        if batch:
            yield batch
            batch = []
        yield [write] if isinstance(write, Insert | Update) else write
    if batch:
        yield batch


def _runs(
    writes: Sequence[Write | Executable],
) -> Iterator[Write | Executable | tuple[Update, ...]]:
    """Yield long runs of updates of one form as one, and everything else by itself."""
    if sum(isinstance(write, Update) for write in writes) < LONG_RUN:
        yield from writes
        return
    for _, group in groupby(enumerate(writes), key=lambda item: _run_key(*item)):
        run = [write for _, write in group]
        updates = tuple(write for write in run if isinstance(write, Update))
        if len(updates) == len(run) >= LONG_RUN:
            yield updates
        else:
            yield from run


def _run_key(position: int, write: Write | Executable) -> object:
    return write.form if isinstance(write, Update) else position


def _fits(write: Write) -> bool:
    return isinstance(write, Update) or len(write.rows) <= BATCH_ROWS


def _collides(write: Write, batch: Sequence[Write]) -> bool:
    """Whether the write could touch a row that the batch touches."""
    for earlier in batch:
        if earlier.table is not write.table:
            continue
        if isinstance(write, Insert):
            if isinstance(earlier, Update) and len(write.rows) > 1:
                return True
            continue
        if isinstance(earlier, Insert):
            return True
        same_columns = write.key.keys() == earlier.key.keys()
        if not (write.names_row and same_columns and write.key != earlier.key):
            return True
    return False


def _send(connection: Connection, batch: Batch) -> None:
    if isinstance(batch, tuple):
        shape = _shape(connection.dialect, batch[0])
        _send_rows(connection, shape, [shape.of_update(update) for update in batch])
    elif not isinstance(batch, list):
        connection.execute(batch)
    elif len(batch) == 1:
        shape, write = _shape(connection.dialect, batch[0]), batch[0]
        if isinstance(write, Update):
            _send_rows(connection, shape, [shape.of_update(write)])
        else:
            _send_rows(connection, shape, [shape.of_row(row) for row in write.rows])
    else:
        _send_together(connection, batch)


def _send_rows(connection: Connection, shape: "_Shape", rows: list[tuple[Any, ...]]) -> None:
    _run(connection, shape.text(1), rows)


def _send_together(connection: Connection, batch: Sequence[Write]) -> None:
    parts: list[str] = []
    values: list[Any] = []
    updates: dict[Table, list[int]] = {}
    for number, write in enumerate(batch):
        shape = _shape(connection.dialect, write)
        if isinstance(write, Update):
            updates.setdefault(write.table, []).append(number)
            parts.append(f"w{number} AS ({shape.text(1)} RETURNING 1)")
            values += shape.of_update(write)
        else:
            before = updates.get(write.table)
            text = shape.after(before) if before else shape.text(len(write.rows))
            parts.append(f"w{number} AS ({text})")
            for row in write.rows:
                values += shape.of_row(row)
    _run(connection, f"WITH {', '.join(parts)} SELECT 1", [tuple(values)])


def _run(connection: Connection, sql: str, rows: list[tuple[Any, ...]]) -> None:
    """Hand finished SQL to the driver; its errors are its own."""
    cursor, text = _cursor(connection, sql)
    try:
        if len(rows) > 1:
            cursor.executemany(text, rows)
        else:
            cursor.execute(text, rows[0])
    finally:
        cursor.close()


def _cursor(connection: Connection, sql: str) -> tuple[Any, str]:
    """Return a cursor and the statement as it takes it.

    psycopg reads a statement of more than fifty values anew each time, to find its marks;
    PostgreSQL's own numbers spare it that.
    """
    raw: Any = connection.connection
    if connection.dialect.name != "postgresql":
        return raw.cursor(), sql
    driver: Any = connection.dialect.loaded_dbapi
    return driver.RawCursor(raw.dbapi_connection), _numbered(sql)


@lru_cache(maxsize=512)
def _numbered(sql: str) -> str:
    first, *others = sql.split("%s")
    return first + "".join(f"${number}{part}" for number, part in enumerate(others, start=1))


@dataclass(frozen=True, slots=True)
class _Shape:
    """The SQL of one kind of write, and how its values become the driver's."""

    head: str
    row: str
    binders: tuple[tuple[str, Binder], ...]
    keys: tuple[tuple[str, Binder], ...] = ()

    def text(self, rows: int) -> str:
        return self.head + ", ".join([self.row] * rows)

    def after(self, parts: Sequence[int]) -> str:
        """Return the insert of one row that runs when these parts of its CTE have run."""
        insert, row = self.head.removesuffix("VALUES "), self.row.strip("()")
        ran = " AND ".join(f"(SELECT count(*) FROM w{part}) >= 0" for part in parts)  # noqa: S608
        return f"{insert}SELECT {row} WHERE {ran}"

    def of_row(self, row: Mapping[str, Any]) -> tuple[Any, ...]:
        return tuple(
            row[name] if binder is None else binder(row[name]) for name, binder in self.binders
        )

    def of_update(self, update: Update) -> tuple[Any, ...]:
        values = {
            name: value.by if isinstance(value, Plus) else value
            for name, value in update.values.items()
        }
        keys = tuple(
            update.key[name] if binder is None else binder(update.key[name])
            for name, binder in self.keys
        )
        return self.of_row(values) + keys


def _shape(dialect: Dialect, write: Write) -> _Shape:
    if isinstance(write, Insert):
        return _insert_shape(dialect, write.table, tuple(write.rows[0]))
    return _update_shape(dialect, *write.form)


@lru_cache(maxsize=512)
def _insert_shape(dialect: Dialect, table: Table, names: tuple[str, ...]) -> _Shape:
    mark, quote = _mark(dialect), dialect.identifier_preparer.quote
    columns = ", ".join(map(quote, names))
    return _Shape(
        head=f"INSERT INTO {quote(table.name)} ({columns}) VALUES ",  # noqa: S608 - our names
        row=f"({', '.join([mark] * len(names))})",
        binders=tuple((name, _binder(dialect, table.c[name])) for name in names),
    )


@lru_cache(maxsize=512)
def _update_shape(
    dialect: Dialect,
    table: Table,
    values: tuple[tuple[str, bool], ...],
    keys: tuple[tuple[str, bool], ...],
) -> _Shape:
    mark, quote = _mark(dialect), dialect.identifier_preparer.quote
    sets = ", ".join(
        f"{quote(name)} = {quote(name)} + {mark}" if plus else f"{quote(name)} = {mark}"
        for name, plus in values
    )
    where = " AND ".join(
        f"{quote(name)} IS NULL" if null else f"{quote(name)} = {mark}" for name, null in keys
    )
    return _Shape(
        head=f"UPDATE {quote(table.name)} SET {sets} WHERE {where}",  # noqa: S608 - our names
        row="",
        binders=tuple((name, _binder(dialect, table.c[name])) for name, _ in values),
        keys=tuple((name, _binder(dialect, table.c[name])) for name, null in keys if not null),
    )


def _mark(dialect: Dialect) -> str:
    return "?" if dialect.name == "sqlite" else "%s"


@lru_cache(maxsize=1024)
def _binder(dialect: Dialect, column: Column[Any]) -> Binder:
    return binder(column.type, dialect)


@lru_cache(maxsize=128)
def _primary_key(table: Table) -> frozenset[str]:
    return frozenset(column.name for column in table.primary_key)
