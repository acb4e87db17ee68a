"""What is more than one kind of request: a whole first sync, and how soon an offboarding shows."""

import time
from contextlib import closing
from dataclasses import dataclass
from statistics import median

from idp_fixtures.entra import FirstSync, first_sync
from tests.bench import processes
from tests.bench.client import Client, UnexpectedAnswer
from tests.bench.measuring import percentiles
from tests.bench.stage import Stage

SYNC_BUDGET = {"sqlite": (6.0, 9.0), "postgresql": (7.5, 12.0)}
"""Seconds of wall time: to reach, and never above."""


@dataclass(frozen=True, slots=True)
class Sync:
    """A first sync into an empty connection, in Entra ID's order."""

    requests: int
    retries: int
    wall: float
    cpu: float
    megabytes: float
    grown: float


@dataclass(frozen=True, slots=True)
class Offboarding:
    """Seconds from sending `active: false`, medians: until its answer, and until others see it.

    `late` counts observations after the answer that still showed access.
    """

    answered: float
    answered_95: float
    visible: float
    late: int


def sync(stage: Stage, size: FirstSync) -> Sync:
    """Play a first sync and measure it."""
    base = f"http://127.0.0.1:{stage.port}/scim/v2/{stage.world.empty_connection_id}"
    meter = stage.server.meter
    before = _resident(meter.roots)
    cpu, started = meter.read(), time.perf_counter()
    report = first_sync(base, stage.world.empty_token, size)
    wall = time.perf_counter() - started
    after = _resident(meter.roots)
    return Sync(
        requests=report.requests,
        retries=report.retries,
        wall=wall,
        cpu=meter.read() - cpu,
        megabytes=after,
        grown=after - before,
    )


WATCHED = 50
"""People who are deactivated one by one."""


def offboarding(stage: Stage) -> Offboarding:
    """Deactivate people one by one, and look at once, over another connection, who sees it."""
    people = f"/api/v1/organisations/{stage.world.organisation_id}/members"
    answered, visible, late = [], [], 0
    pairs = list(zip(stage.world.users, stage.world.members, strict=True))[-WATCHED:]
    session = stage.session()
    with closing(session.client), closing(Client(stage.port, stage.world.api_key)) as watcher:
        for user, member in pairs:
            look = watcher.request("GET", f"{people}/{member}")
            path = f"/Users/{user}"
            session.ask("PATCH", path, _active(on=True))
            if _has_lost(watcher, look):
                raise UnexpectedAnswer("an active member has no access")
            started = time.perf_counter()
            session.ask("PATCH", path, _active(on=False))
            answered.append(time.perf_counter() - started)
            while not _has_lost(watcher, look):
                late += 1
            visible.append(time.perf_counter() - started)
            session.ask("PATCH", path, _active(on=True))
    return Offboarding(
        answered=median(answered),
        answered_95=next(percentiles(answered, 0.95)),
        visible=median(visible),
        late=late,
    )


def _has_lost(watcher: Client, look: bytes) -> bool:
    answer = watcher.send(look)
    if answer.status != 200:
        raise UnexpectedAnswer(f"a member was answered {answer.status}: {answer.body[:300]!r}")
    return answer.json()["access"]["standing"] is not None


def _active(*, on: bool) -> dict[str, object]:
    operation = {"op": "replace", "value": {"active": on}}
    return {"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": [operation]}


def _resident(roots: tuple[int, ...]) -> float:
    """Return the megabytes that the server's largest process holds in memory."""
    sizes = [processes.resident(pid) for root in roots for pid in processes.children(root)]
    return max(sizes, default=0.0)
