"""Everything that one measurement needs: a database, its world, the server and the yardsticks."""

import base64
import itertools
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gateway.app import build_work
from gateway.settings import Settings
from gateway.storage.unit_of_work import Work
from tests.bench import processes, seeding, yardstick
from tests.bench.client import Client, UnexpectedAnswer
from tests.bench.measuring import Cost, Pace, Runner, middle
from tests.bench.operations import Operation, Session, Yardstick
from tests.bench.processes import Meter
from tests.bench.seeding import Progress, World

UNBOUNDED = {"GATEWAY_SCIM_RATE": "1000000", "GATEWAY_SCIM_BURST": "1000000"}
"""The limit of a connection's requests stays in the path, and is never reached."""

KEYS = base64.b64encode(bytes(32)).decode()
"""What seals secrets: of a bench, nobody's."""

SERVE = ["-m", "gateway.cli", "serve", "--workers", "1", "--port"]


@dataclass
class Stage:
    """One database of one size, with the product and the yardsticks serving it."""

    kind: str
    users: int
    world: World
    url: str
    port: int
    pace: Pace
    server: Runner
    bare: Runner
    bare_port: int
    keys: Sequence[str]
    costs: dict[Yardstick, list[Cost]] = field(default_factory=lambda: {"read": [], "write": []})
    names: Iterator[int] = field(default_factory=itertools.count)

    def __post_init__(self) -> None:
        """Connect to both servers."""
        self._bare = Client(self.bare_port)
        self._reads = itertools.cycle(
            [self._bare.request("GET", f"/rows/{key}") for key in self.keys]
        )
        self._write = self._bare.request("POST", "/rows")

    def close(self) -> None:
        """Close the connection to the yardsticks."""
        self._bare.close()

    def session(self, token: str | None = None) -> Session:
        """Return a connection to the product."""
        return Session(self.world, Client(self.port, token or self.world.token), self.names)

    def session_for(self, operation: Operation) -> Session:
        """Return a connection with the credential that the operation takes."""
        return self.session(self.world.api_key if operation.by_key else None)

    @contextmanager
    def session_of(self, token: str) -> Iterator[Session]:
        """Open a connection with a credential."""
        session = self.session(token)
        with closing(session.client):
            yield session

    @contextmanager
    def working(self) -> Iterator[Work]:
        """Open units of work on the stage's database, beside the server."""
        origin = f"http://127.0.0.1:{self.port}"
        work = build_work(Settings(base_url=origin, database_url=self.url, encryption_keys=KEYS))
        try:
            yield work
        finally:
            work.engines.dispose()

    def yardstick(self, kind: Yardstick) -> Cost:
        """Measure one run of a yardstick."""
        step = self._null_read if kind == "read" else self._null_write
        cost = self.bare.run(step, self.pace.of(kind))
        self.costs[kind].append(cost)
        return cost

    def yardsticks(self) -> dict[Yardstick, Cost]:
        """Return the medians of every run so far."""
        return {kind: middle(costs) for kind, costs in self.costs.items() if costs}

    def _null_read(self) -> None:
        _require(self._bare.send(next(self._reads)).status, 200)

    def _null_write(self) -> None:
        _require(self._bare.send(self._write).status, 201)


@dataclass
class Theatre:
    """Where stages are built: one folder, and one PostgreSQL for all of them."""

    folder: Path
    pace: Pace
    serve: Sequence[str] = tuple(SERVE)
    _numbers: Iterator[int] = field(default_factory=itertools.count)
    _closing: ExitStack = field(default_factory=ExitStack)
    _postgres: Any = None

    def close(self) -> None:
        """Stop the database server."""
        self._closing.close()

    @contextmanager
    def stage(self, kind: str, users: int, on_progress: Progress) -> Iterator[Stage]:
        """Seed a database of its own and serve it."""
        name = f"bench_{next(self._numbers)}"
        url, bare_url = self._database(kind, name), self._database(kind, f"{name}_bare")
        world = seeding.seed(url, users, on_progress)
        keys = yardstick.prepare(bare_url)
        log = self.folder / f"{name}.log"
        port, bare_port = processes.free_port(), processes.free_port()
        settings = {
            "GATEWAY_BASE_URL": f"http://127.0.0.1:{port}",
            "GATEWAY_DATABASE_URL": url,
            "GATEWAY_SCIM_RATE": "1000000",
        }
        bare = ["-m", "tests.bench.yardstick", bare_url, str(bare_port)]
        with (
            processes.running([*self.serve, str(port)], port, "/readyz", settings, log) as server,
            processes.running(bare, bare_port, f"/rows/{keys[0]}", {}, log) as other,
        ):
            stage = Stage(
                kind=kind,
                users=users,
                world=world,
                url=url,
                port=port,
                pace=self.pace,
                server=Runner(Meter((server,), self._postmaster(kind))),
                bare=Runner(Meter((other,), self._postmaster(kind))),
                bare_port=bare_port,
                keys=keys,
            )
            with closing(stage):
                yield stage

    def _database(self, kind: str, name: str) -> str:
        if kind == "sqlite":
            return f"sqlite:///{self.folder / name}.db"
        if self._postgres is None:
            self._postgres = self._closing.enter_context(
                processes.postgres(self.folder / "postgres")
            )
        self._postgres.psql(f"CREATE DATABASE {name}")
        url: str = self._postgres.get_uri(name, driver="psycopg")
        return url

    def _postmaster(self, kind: str) -> int | None:
        return processes.postmaster(self.folder / "postgres") if kind == "postgresql" else None


def _require(status: int, expected: int) -> None:
    if status != expected:
        raise UnexpectedAnswer(f"a yardstick was answered {status}")
