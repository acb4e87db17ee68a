"""A real server with several processes, and identity providers that press at the same moment."""

import http.client
import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from gateway.app import TimeOrderedIds, utc_now
from gateway.services import scim_tokens
from gateway.storage.engine import open_engines
from gateway.storage.unit_of_work import Work
from tests.databases import KINDS, Databases
from tests.e2e.programs import Server, serving
from tests.e2e.wholeness import require_agreement
from tests.scene import Scene, scene

PROCESSES = {"sqlite": 1, "postgresql": 4}
PRESSERS = 24
"""Connections that press at once."""

PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
USER = "urn:ietf:params:scim:schemas:core:2.0:User"
GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"
Request = tuple[str, str, Any]


@dataclass(frozen=True)
class Answer:
    """Status, version and body of an answer."""

    status: int
    etag: str | None
    body: dict[str, Any]


@dataclass
class Arena:
    """One organisation behind a running server, and its connection's token."""

    scene: Scene
    server: Server
    token: str
    _mine: threading.local = field(default_factory=threading.local)
    _lines: list[http.client.HTTPConnection] = field(default_factory=list)

    def send(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        """Send one SCIM request over this thread's connection."""
        line: http.client.HTTPConnection | None = getattr(self._mine, "line", None)
        if line is None:
            address = urlsplit(self.server.base_url)
            line = http.client.HTTPConnection(address.hostname or "", address.port, timeout=60)
            self._mine.line = line
            self._lines.append(line)
        named = {"Authorization": f"Bearer {self.token}", **headers}
        named = {name.replace("_", "-"): value for name, value in named.items()}
        content = None if body is None else json.dumps(body).encode()
        if content is not None:
            named["Content-Type"] = "application/scim+json"
        target = f"/scim/v2/{self.scene.house.connection.id}{path}"
        line.request(method, target, content, named)
        answer = line.getresponse()
        text = answer.read()
        return Answer(answer.status, answer.getheader("ETag"), json.loads(text) if text else {})

    def press(self, requests: Sequence[Request], **headers: str) -> list[Answer]:
        """Send all of them at once, from as many connections as there may be."""
        return together(lambda request: self.send(*request, **headers), requests)

    def create(self, user_name: str, **attributes: Any) -> str:
        """Create a user; return its id."""
        body = {"schemas": [USER], "userName": user_name, "active": True, **attributes}
        made = self.send("POST", "/Users", body)
        assert made.status == 201, made
        return str(made.body["id"])

    def group(self, name: str, members: Sequence[str] = ()) -> str:
        """Create a group; return its id."""
        body = {
            "schemas": [GROUP],
            "displayName": name,
            "members": [{"value": member} for member in members],
        }
        made = self.send("POST", "/Groups", body)
        assert made.status == 201, made
        return str(made.body["id"])

    def members(self, group_id: str) -> set[str]:
        """Who is in a group."""
        return {x["value"] for x in self.send("GET", f"/Groups/{group_id}").body["members"]}

    def hang_up(self) -> None:
        """Close every connection."""
        for line in self._lines:
            line.close()

    def require_agreement(self) -> None:
        """Check that what is stored in several places agrees."""
        with self.scene.work.snapshot(self.scene.house.organisation_id) as uow:
            require_agreement(uow)


def together(do: Callable[[Any], Any], what: Sequence[Any]) -> list[Any]:
    """Do it for all of them from many threads, which start at the same moment."""
    size = min(PRESSERS, len(what))
    gate = threading.Barrier(size)
    mine = threading.local()

    def one(each: Any) -> Any:
        if not getattr(mine, "started", False):
            mine.started = True
            gate.wait(timeout=60)
        return do(each)

    with ThreadPoolExecutor(size) as pool:
        return list(pool.map(one, what))


def statuses(answers: Sequence[Answer]) -> Counter[int]:
    """How often each status was answered."""
    return Counter(answer.status for answer in answers)


@pytest.fixture(scope="module", params=[pytest.param(kind, id=kind) for kind in KINDS])
def kind(request: pytest.FixtureRequest) -> str:
    """The database's kind; one server of each kind runs for all tests of a module."""
    name: str = request.param
    return name


@pytest.fixture(scope="module")
def database(
    kind: str, databases: Databases, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    with databases.migrated(kind, tmp_path_factory.mktemp(kind)) as url:
        yield url


@pytest.fixture(scope="module")
def work(database: str) -> Iterator[Work]:
    engines = open_engines(database)
    yield Work(engines, clock=utc_now, new_id=TimeOrderedIds(utc_now))
    engines.dispose()


@pytest.fixture(scope="module")
def server(kind: str, database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder: Path = tmp_path_factory.mktemp("server")
    with serving(folder, database, workers=PROCESSES[kind]) as running:
        yield running


NUMBERS = count()


@contextmanager
def arena_of(work: Work, server: Server, preset: str = "members_invitations") -> Iterator[Arena]:
    """Found an organisation, and let the server know its connection's token."""
    here = scene(work, f"arena-{next(NUMBERS)}", preset)
    token = here.run(scim_tokens.issue, here.house.connection.id, "T").secret
    arena = Arena(here, server, token)
    yield arena
    arena.hang_up()


@pytest.fixture
def arena(work: Work, server: Server) -> Iterator[Arena]:
    with arena_of(work, server) as arena:
        yield arena


@pytest.fixture
def narrow(work: Work, server: Server) -> Iterator[Arena]:
    """Five roles, of which groups give the lower ones."""
    with arena_of(work, server, "five_role") as arena:
        yield arena
