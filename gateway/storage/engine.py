"""Engines for both databases, with the modes that make them safe under concurrency."""

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy import types as sqltypes
from sqlalchemy.engine import make_url
from sqlalchemy.pool import ConnectionPoolEntry

from gateway.storage.types import WrittenUUID

BUSY_TIMEOUT_MS = 10_000
SYNCHRONOUS = "FULL"
"""What SQLite waits for before it says that something is committed: that it lies on the disk."""

CACHE_KIB = 16 * 1024
"""Of each SQLite connection: a page of users spread over a large file stays in it."""

UNBOUNDED = -1
"""Connections beside those that are kept: threads bound them, and none should wait for another."""

KEPT_STATEMENTS = 512
"""Of each SQLite connection: some more than all that requests and the worker ask."""

QUIET: Mapping[str, Any] = {"hide_parameters": True}
"""An error of the database is logged whole, and what a statement carries may be a secret."""


@dataclass(frozen=True)
class Engines:
    """Two faces of one database.

    `serving` runs statements one by one: reads take no locks and need no BEGIN, and on SQLite
    they never wait for a writer (WAL). Changes open their transaction on the same connection
    (`transactions`). `plain` leaves transactions to the library: migrations need no more.
    """

    serving: Engine
    plain: Engine

    @property
    def dialect(self) -> str:
        """`sqlite` or `postgresql`."""
        return self.serving.dialect.name

    @property
    def driver_error(self) -> type[Exception]:
        """What the driver itself raises, where it is asked directly."""
        error: type[Exception] = self.serving.dialect.loaded_dbapi.Error
        return error

    def dispose(self) -> None:
        """Close every pooled connection."""
        self.serving.dispose()
        self.plain.dispose()


def open_engines(url: str | URL, *, pool_size: int = 8) -> Engines:
    """Return the engines for `url` (`sqlite:///file` or `postgresql://…`).

    :raises ValueError: another database.
    """
    address = make_url(url)
    backend = address.get_backend_name()
    if backend == "sqlite":
        return _open_sqlite(address, pool_size)
    if backend != "postgresql":
        raise ValueError(f"SQLite and PostgreSQL are supported, not {backend}.")
    address = address.set(drivername="postgresql+psycopg")
    pool: dict[str, Any] = {
        "pool_size": pool_size,
        "max_overflow": UNBOUNDED,
        "pool_use_lifo": True,
        "pool_pre_ping": False,
        **QUIET,
    }
    return Engines(
        serving=create_engine(
            address, isolation_level="AUTOCOMMIT", pool_reset_on_return=None, **pool
        ),
        plain=create_engine(address, **pool),
    )


def _open_sqlite(address: URL, pool_size: int) -> Engines:
    """Transactions begin by BEGIN IMMEDIATE.

    A deferred one lets two readers both decide to write and one of them fail or, in the
    driver's own mode, overwrite the other silently.
    """
    if not address.database or address.database == ":memory:":
        raise ValueError("SQLite needs a file: a memory database is one connection's own.")
    pool: dict[str, Any] = {
        "pool_size": pool_size,
        "max_overflow": UNBOUNDED,
        "pool_use_lifo": True,
        "connect_args": {"cached_statements": KEPT_STATEMENTS},
        **QUIET,
    }
    engines = Engines(
        # Nothing is open on return that a rollback could end.
        serving=create_engine(address, pool_reset_on_return=None, **pool),
        plain=create_engine(address, **pool),
    )
    for engine in (engines.serving, engines.plain):
        dialect: Any = engine.dialect
        dialect.colspecs = {**dialect.colspecs, sqltypes.Uuid: WrittenUUID}
        event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engines.plain, "begin", _begin_immediate)
    return engines


def _prepare_sqlite(raw: Any, _: ConnectionPoolEntry) -> None:
    assert isinstance(raw, sqlite3.Connection)  # noqa: S101 - the driver chosen above
    raw.isolation_level = None
    for pragma in (
        f"busy_timeout={BUSY_TIMEOUT_MS}",
        "journal_mode=WAL",
        f"synchronous={SYNCHRONOUS}",
        "foreign_keys=ON",
        f"cache_size=-{CACHE_KIB}",
    ):
        raw.execute(f"PRAGMA {pragma}").close()


def _begin_immediate(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")
