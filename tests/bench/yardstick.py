"""The yardsticks: the product's server, framework and database layer around one statement.

*Null read* is one SELECT by primary key and a JSON answer; *null write* is one INSERT and its
commit. `python -m tests.bench.yardstick URL PORT` serves both, with the threads that the product
would have.
"""

import signal
import sys
import threading
from typing import Any

from flask import Flask, Response
from flask.json import dumps
from sqlalchemy import Column, MetaData, String, Table, Uuid, bindparam, insert, select
from sqlalchemy.engine import Engine

from gateway.app import TimeOrderedIds, utc_now
from gateway.serving import listen, serve
from gateway.settings import Settings
from gateway.storage.engine import open_engines

ROWS = 1_000
"""Rows that are there to be read."""

metadata = MetaData()
rows = Table(
    "yardstick_rows",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("name", String, nullable=False),
    Column("document", String, nullable=False),
)
BY_KEY = select(rows).where(rows.c.id == bindparam("key"))
ADD = insert(rows)
NOTE = "x" * 400
"""About as long as a directory user's document."""


class Yardstick(Flask):
    """One read and one write."""

    def __init__(self, settings: Settings) -> None:
        super().__init__("yardstick", static_folder=None)
        self.settings = settings
        self.engines = open_engines(
            settings.database_url.get_secret_value(), pool_size=settings.request_threads + 1
        )
        self.new_id = TimeOrderedIds(utc_now)
        self.add_url_rule("/rows/<uuid:key>", view_func=self.read)
        self.add_url_rule("/rows", view_func=self.write, methods=["POST"])

    def read(self, key: Any) -> Response:
        """One SELECT by primary key."""
        with self.engines.serving.connect() as connection:
            row = connection.execute(BY_KEY, {"key": key}).one()
        said = dumps({"id": str(row.id), "name": row.name, "document": row.document})
        return Response(said, content_type="application/json")

    def write(self) -> Response:
        """One INSERT, and its commit."""
        row = {"id": self.new_id(), "name": "a row", "document": NOTE}
        with self.engines.plain.begin() as connection:
            connection.execute(ADD, row)
        said = dumps({"id": str(row["id"])})
        return Response(said, status=201, content_type="application/json")

    def flush(self) -> None:
        """Nothing waits in memory."""

    def close(self) -> None:
        """Close every connection to the database."""
        self.engines.dispose()


def prepare(url: str) -> list[str]:
    """Make the table with its rows; return the ids to read."""
    engines = open_engines(url)
    new_id = TimeOrderedIds(utc_now)
    ids = [new_id() for _ in range(ROWS)]
    _fill(engines.plain, [{"id": key, "name": "a row", "document": NOTE} for key in ids])
    engines.dispose()
    return [str(key) for key in ids]


def _fill(engine: Engine, values: list[dict[str, Any]]) -> None:
    with engine.begin() as connection:
        metadata.create_all(connection)
        connection.execute(ADD, values)


def main(url: str, port: str) -> None:
    """Serve until told to stop."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    app: Any = Yardstick(Settings(base_url="http://127.0.0.1", database_url=url))
    serve(app, listen("127.0.0.1", int(port)), stop.is_set)
    app.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
