"""A transaction on a connection that otherwise runs its statements one by one.

The connection that told who asks goes on to carry the change: a request takes one from the pool.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from sqlalchemy import Connection


class CommitLost(RuntimeError):
    """The database went away while it committed: nobody knows whether it did."""


@contextmanager
def writing(connection: Connection) -> Iterator[None]:
    """Commit what the block wrote, or take it back when it raises.

    On SQLite it is a writer from the beginning: of two readers that both decide to write, one
    would fail.

    :raises CommitLost: the connection broke while it committed.
    """
    raw = _begun(connection, "BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        _take_back(connection, raw)
        raise
    _commit(connection, raw)


@contextmanager
def frozen(connection: Connection) -> Iterator[None]:
    """Let all statements of the block see the same instant; what they write is taken back."""
    raw = _begun(connection, "BEGIN")
    try:
        if _is_postgresql(connection):
            connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        yield
    finally:
        _take_back(connection, raw)


def renewed(connection: Connection) -> bool:
    """Whether the connection was broken: if so, it and all that the pool holds are replaced."""
    if not connection.invalidated:  # as the library does where it runs the statement
        if not _is_postgresql(connection) or not _raw(connection).closed:
            return False
        connection.invalidate()
    if connection.in_transaction():
        connection.rollback()
    connection.engine.dispose()
    return True


def is_open(connection: Connection) -> bool:
    """Whether a transaction is under way, so that a statement is not alone."""
    raw = _raw(connection)
    return not raw.autocommit if _is_postgresql(connection) else bool(raw.in_transaction)


def _begun(connection: Connection, sqlite: str) -> Any:
    raw = _raw(connection)
    if _is_postgresql(connection):
        raw.autocommit = False  # the driver begins with the first statement
    else:
        raw.execute(sqlite).close()
    return raw


def _commit(connection: Connection, raw: Any) -> None:
    try:
        raw.commit()
    except connection.dialect.loaded_dbapi.Error as error:
        if _is_postgresql(connection) and raw.closed:
            raise CommitLost from error
        _take_back(connection, raw)
        raise
    if _is_postgresql(connection):
        raw.autocommit = True


def _take_back(connection: Connection, raw: Any) -> None:
    """A connection that broke took it back by itself."""
    with suppress(connection.dialect.loaded_dbapi.Error):
        raw.rollback()
        if _is_postgresql(connection):
            raw.autocommit = True


def _raw(connection: Connection) -> Any:
    return connection.connection.dbapi_connection


def _is_postgresql(connection: Connection) -> bool:
    return connection.dialect.name == "postgresql"
