"""The product's server under a profiler: where a request's time goes, and which SQL it runs.

`python -m tests.bench.profiled FILE PORT` serves with the settings of the environment. SIGUSR1
forgets what was seen so far; when told to stop, it writes the report to FILE.
"""

import cProfile
import io
import pstats
import signal
import sqlite3
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from sqlalchemy import Dialect, Engine, event
from sqlalchemy.exc import DBAPIError

from gateway import logs
from gateway.app import Gateway, create_app
from gateway.serving import listen, serve
from gateway.settings import load_settings

FUNCTIONS = 45


EXPLAIN = {"sqlite": "EXPLAIN QUERY PLAN ", "postgresql": "EXPLAIN (COSTS OFF) "}


class Statements:
    """How often each statement ran, how long it took, and how the database goes about it.

    Seen at the driver's cursors, because not everything goes through the library's own.
    """

    def __init__(self, engines: Iterable[Engine]) -> None:
        self.seen: dict[str, list[float]] = defaultdict(list)
        self._values: dict[str, Any] = {}
        for engine in engines:
            event.listen(engine, "do_connect", self._trace)
            event.listen(engine, "commit", lambda _: self.seen["COMMIT"].append(0.0))
            engine.dispose()

    def note(self, statement: object, values: Any, seconds: float) -> None:
        """Count one execution."""
        text = str(statement)
        self.seen[text].append(seconds)
        self._values[text] = tuple(values) if isinstance(values, list) else values

    def _trace(self, dialect: Dialect, _record: Any, _arguments: Any, options: Any) -> None:
        if dialect.name == "sqlite":
            cursor = _traced(sqlite3.Cursor, self)
            options["factory"] = type(
                "Connection", (sqlite3.Connection,), {"cursor": lambda own: cursor(own)}
            )
        else:
            import psycopg  # noqa: PLC0415 - optional

            options["cursor_factory"] = _traced(psycopg.Cursor, self)

    def plan(self, statement: str, engine: Engine) -> list[str]:
        """Return the database's plan of a statement, as it would be made now."""
        if statement not in self._values:
            return []
        with engine.connect() as connection:
            try:
                rows = connection.exec_driver_sql(
                    EXPLAIN[engine.dialect.name] + statement, self._values[statement]
                ).all()
            except DBAPIError:  # BEGIN and its like have no plan
                return []
        return [str(row[-1]) for row in rows]


def _traced(base: type[Any], statements: Statements) -> Any:
    """Return a kind of cursor that tells what it executes."""

    def execute(self: Any, statement: Any, values: Any = (), **options: Any) -> Any:
        started = time.perf_counter()
        try:
            return base.execute(self, statement, values, **options)
        finally:
            statements.note(statement, values, time.perf_counter() - started)

    def executemany(self: Any, statement: Any, rows: Any, **options: Any) -> Any:
        rows, started = list(rows), time.perf_counter()
        try:
            return base.executemany(self, statement, rows, **options)
        finally:
            statements.note(statement, rows[0] if rows else (), time.perf_counter() - started)

    return type("Cursor", (base,), {"execute": execute, "executemany": executemany})


class Profiled:
    """A WSGI application of which each request runs under the profiler."""

    def __init__(self, application: Gateway) -> None:
        self._application = application
        self.statements = Statements(
            (application.work.engines.serving, application.work.engines.plain)
        )
        self.forget()

    def forget(self) -> None:
        """Begin anew."""
        self.profile = cProfile.Profile()
        self.requests = 0
        self.seconds = 0.0
        self.statements.seen.clear()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Answer one request; the measurement sends one at a time."""
        started = time.perf_counter()
        body = self.profile.runcall(self._application, environ, start_response)
        self.seconds += time.perf_counter() - started
        self.requests += 1
        return body

    def __getattr__(self, name: str) -> Any:
        """Be the application in everything else."""
        return getattr(self._application, name)

    def report(self) -> str:
        """Return statements and functions, by cost."""
        count = max(1, self.requests)
        engine, seen = self._application.work.engines.serving, dict(self.statements.seen)
        plans = {each: self.statements.plan(each, engine) for each in seen}
        lines = [f"{self.requests} requests, {self.seconds / count * 1e6:.0f} µs each, profiled"]
        lines += ["", "statements: times a request, µs each, text"]
        for statement, times in sorted(seen.items(), key=lambda x: -sum(x[1])):
            each = sum(times) / len(times) * 1e6
            lines.append(f"{len(times) / count:6.2f} {each:8.0f}  {' '.join(statement.split())}")
            lines += [f"{'':18}{line}" for line in plans[statement]]
        for order in ("tottime", "cumulative"):
            output = io.StringIO()
            stats = pstats.Stats(self.profile, stream=output)
            stats.sort_stats(order).print_stats(FUNCTIONS)
            lines += ["", output.getvalue()]
        return "\n".join(lines)


def main(file: str, port: str) -> None:
    """Serve until told to stop, then write the report."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    settings = load_settings()
    logs.set_up(settings.log_level, settings.log_format)
    app: Any = Profiled(create_app(settings))
    signal.signal(signal.SIGUSR1, lambda *_: app.forget())
    serve(app, listen("127.0.0.1", int(port)), stop.is_set)
    app.flush()
    Path(file).write_text(app.report())
    app.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
