"""What is more than one kind of request: a whole first sync, and how soon an offboarding shows."""

import itertools
import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from statistics import median

from idp_fixtures.entra import FirstSync, first_sync
from tests.bench import leavers, processes
from tests.bench.client import Client, UnexpectedAnswer
from tests.bench.measuring import percentiles
from tests.bench.stage import Stage

SYNC_BUDGET = {"sqlite": (6.0, 9.0), "postgresql": (7.5, 12.0)}
"""Seconds of wall time: to reach, and never above."""


@dataclass(frozen=True, slots=True)
class Sync:
    """A first sync into an empty connection, in Entra ID's order, beside other users."""

    size: FirstSync
    beside: int
    requests: int
    retries: int
    wall: float
    cpu: float
    megabytes: float
    grown: float


@dataclass(frozen=True, slots=True)
class Offboarding:
    """Seconds, medians: from sending `active: false` until its answer, and from there on.

    `refused` says how long after the answer the next request had been refused: by the leaver's
    web session, by the leaver's API key; `access` is an administrator's look at the member. `late`
    counts requests after the answer that were let in, or still showed access.
    """

    answered: float
    answered_95: float
    refused: Mapping[str, float]
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
        size=size,
        beside=stage.users,
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
    """Deactivate people one by one, and look at once, over other connections, who sees it.

    The first look after each answer is another one in turn: it alone waited for nothing else.
    """
    pairs = list(zip(stage.world.users, stage.world.members, strict=True))[-WATCHED:]
    answered: list[float] = []
    refused: dict[str, list[float]] = {"access": [], "session": [], "key": []}
    turns, late = itertools.cycle(refused), 0
    session = stage.session()
    with closing(session.client), closing(Client(stage.port, stage.world.api_key)) as watcher:
        for (user, member), first in zip(pairs, turns, strict=False):
            session.ask("PATCH", f"/Users/{user}", _active(on=True))
            with leavers.leaver(stage, member, watcher) as looks:
                if any(is_out() for is_out in looks.values()):
                    raise UnexpectedAnswer("an active member has no access")
                started = time.perf_counter()
                session.ask("PATCH", f"/Users/{user}", _active(on=False))
                answer = time.perf_counter()
                answered.append(answer - started)
                for name in sorted(looks, key=lambda name: name != first):
                    while not looks[name]():
                        late += 1
                    if name == first:
                        refused[name].append(time.perf_counter() - answer)
            session.ask("PATCH", f"/Users/{user}", _active(on=True))
    return Offboarding(
        answered=median(answered),
        answered_95=next(percentiles(answered, 0.95)),
        refused={name: median(times) for name, times in refused.items() if times},
        late=late,
    )


def _active(*, on: bool) -> dict[str, object]:
    operation = {"op": "replace", "value": {"active": on}}
    return {"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": [operation]}


def _resident(roots: tuple[int, ...]) -> float:
    """Return the megabytes that the server's largest process holds in memory."""
    sizes = [processes.resident(pid) for root in roots for pid in processes.children(root)]
    return max(sizes, default=0.0)
