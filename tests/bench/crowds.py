"""What concerns very many at once: a rule on thousands of members, a group of everybody."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from idp_fixtures.agent import GROUP, PATCH_OP
from tests.bench import processes
from tests.bench.catalogue import named
from tests.bench.client import Answer
from tests.bench.operations import Session
from tests.bench.stage import Stage

MOST = 10_000
"""Members whose access one rule changes."""

TO_WAIT = 1.0
"""Seconds that another write of the organisation may wait meanwhile."""

BESIDE = "PATCH user, active"
"""The other write: it changes rights too, so it needs the organisation's lock."""

USUAL = 20
"""Requests that say how long it takes otherwise."""


@dataclass(frozen=True, slots=True)
class Consequences:
    """Seconds of wall time of each change of a rule, and of what was asked meanwhile."""

    members: int
    changes: Mapping[str, float]
    write: float
    read: float
    usual: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Crowd:
    """Seconds of wall time of each request about a group of everybody, and the server's memory."""

    members: int
    steps: Mapping[str, float]
    megabytes: float
    peak: float


@dataclass
class _Times:
    """What was asked, each request with its seconds."""

    session: Session
    steps: dict[str, float] = field(default_factory=dict)

    def ask(self, name: str, method: str, path: str, body: Any, expect: int) -> Answer:
        started = time.perf_counter()
        answer = self.session.send(method, path, body, expect)
        self.steps[name] = time.perf_counter() - started
        return answer


def consequences(stage: Stage) -> Consequences:
    """Map a group of thousands to a role, to another one and to none, while others go on."""
    world, people = stage.world, stage.world.users[:MOST]
    rules = f"/api/v1/organisations/{world.organisation_id}/mapping-rules"
    with stage.session_of(world.token) as scim, stage.session_of(world.api_key) as admin:
        group = _create(_Times(scim), people)
        roles = {role["key"]: role["id"] for role in _roles(admin)}
        rule = {"connection_id": str(world.connection_id), "group_id": group, "kind": "role"}
        usual = {name: _usual(stage, name) for name in (BESIDE, "GET user")}
        times = _Times(admin)
        with _going_on(stage, BESIDE) as writes, _going_on(stage, "GET user") as reads:
            wish = {**rule, "role_id": roles["billing"], "priority": 50}
            made = times.ask("created", "POST", rules, wish, 201).json()["id"]
            other = {"role_id": roles["developer"]}
            times.ask("changed", "PATCH", f"{rules}/{made}", other, 200)
            times.ask("deleted", "DELETE", f"{rules}/{made}", None, 204)
        scim.ask("DELETE", f"/Groups/{group}", expect=204)
    return Consequences(len(people), times.steps, max(writes), max(reads), usual)


def crowd(stage: Stage) -> Crowd:
    """Create a group of everybody, change one member, list it, read it and delete it."""
    world = stage.world
    (server,) = processes.children(stage.server.meter.roots[0])
    with stage.session_of(world.token) as scim:
        times = _Times(scim)
        before = processes.resident(server)
        processes.forget_peak(server)
        path = f"{world.base}/Groups/{_create(times, world.users)}"
        one = [{"value": str(world.users[len(world.users) // 2])}]
        leave = {"op": "remove", "path": "members", "value": one}
        times.ask("one left", "PATCH", path, {"schemas": [PATCH_OP], "Operations": [leave]}, 204)
        listed = f"{world.base}/Groups?filter=displayName%20eq%20%22Crowd%22"
        times.ask("listed", "GET", f"{listed}&excludedAttributes=members", None, 200)
        times.ask("listed with members", "GET", listed, None, 200)
        read = times.ask("read", "GET", path, None, 200)
        if read.body.count(b'"$ref"') != len(world.users) - 1:
            raise ValueError("members are missing")
        times.ask("deleted", "DELETE", path, None, 204)
        return Crowd(len(world.users), times.steps, before, processes.peak(server))


def _create(times: _Times, people: Sequence[Any]) -> str:
    members = [{"value": str(user)} for user in people]
    body = {"schemas": [GROUP], "displayName": "Crowd", "members": members}
    base = times.session.world.base
    group: str = times.ask("created", "POST", f"{base}/Groups", body, 201).json()["id"]
    return group


def _roles(admin: Session) -> Any:
    path = f"/api/v1/organisations/{admin.world.organisation_id}/roles"
    return admin.send("GET", path, None, 200).json()["items"]


def _usual(stage: Stage, name: str) -> float:
    with _stepping(stage, name) as step:
        return median(_seconds(step) for _ in range(USUAL))


@contextmanager
def _going_on(stage: Stage, name: str) -> Iterator[list[float]]:
    """Send one kind of request all the time; yield the seconds of each."""
    waits: list[float] = []
    done = threading.Event()

    def run() -> None:
        with _stepping(stage, name) as step:
            # In pairs, as somebody who was switched off is to be switched on again.
            while not done.is_set() or len(waits) % 2:
                waits.append(_seconds(step))

    with ThreadPoolExecutor(1) as lane:
        running = lane.submit(run)
        try:
            yield waits
        finally:
            done.set()
        running.result()


@contextmanager
def _stepping(stage: Stage, name: str) -> Iterator[Callable[[], None]]:
    with stage.session_of(stage.world.token) as session:
        (operation,) = named(name)
        yield operation.steps(session)


def _seconds(step: Callable[[], None]) -> float:
    started = time.perf_counter()
    step()
    return time.perf_counter() - started
