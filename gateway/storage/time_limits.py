"""How long a statement may take that others word: beyond it, it is ended, and its reader told."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from gateway.storage.transactions import is_open

CANCELLED = "57014"
"""PostgreSQL's state of a statement that a time limit ended."""

INTERRUPTED = "SQLITE_INTERRUPT"

STEPS = 20_000
"""Steps of SQLite's machine, some milliseconds, between two looks at the clock."""


class TookTooLong(Exception):
    """A statement was ended by its time limit."""


@contextmanager
def time_limit(connection: Connection, seconds: float) -> Iterator[None]:
    """Let no statement of the block take longer.

    :raises TookTooLong: one did, and was ended.
    """
    on_sqlite = connection.dialect.name == "sqlite"
    limited = _in_sqlite if on_sqlite else _in_postgresql
    try:
        with limited(connection, connection.connection.dbapi_connection, seconds):
            yield
    except (DBAPIError, connection.dialect.loaded_dbapi.Error) as error:
        cause = getattr(error, "orig", error)
        state = getattr(cause, "sqlite_errorname" if on_sqlite else "sqlstate", None)
        if state in (CANCELLED, INTERRUPTED):
            raise TookTooLong from error
        raise


@contextmanager
def _in_sqlite(_: Connection, raw: Any, seconds: float) -> Iterator[None]:
    until = time.monotonic() + seconds
    raw.set_progress_handler(lambda: time.monotonic() > until, STEPS)
    try:
        yield
    finally:
        raw.set_progress_handler(None, 0)


@contextmanager
def _in_postgresql(connection: Connection, raw: Any, seconds: float) -> Iterator[None]:
    """A limit that a transaction sets ends with it."""
    within = "LOCAL" if is_open(connection) else "SESSION"
    raw.execute(f"SET {within} statement_timeout = {round(seconds * 1000)}")
    try:
        yield
    finally:
        if within == "SESSION" and not raw.closed:
            raw.execute("SET SESSION statement_timeout = DEFAULT")
