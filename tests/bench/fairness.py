"""One organisation's requests, alone and while others ask for all that they are allowed.

Each of the others sends, over a connection for each, reads as fast as they are answered, the
longest filters, Bulk requests of a thousand users and groups of all of them; a server with the
limits as they come answers, and whoever is told to wait asks again at once.
"""

import multiprocessing
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import count, cycle
from pathlib import Path
from typing import Any
from urllib.parse import quote

from gateway.services import scim_tokens
from gateway.storage.unit_of_work import Work
from tests import factories
from tests.bench import processes
from tests.bench.client import Client, UnexpectedAnswer
from tests.bench.measuring import percentiles
from tests.bench.stage import SERVE, Stage
from tests.factories import OPERATOR

PROMISED = 25
"""Requests a second that an organisation is served, whatever others do."""

OTHERS = 3
LANES = 4
SECONDS = 8.0
REQUESTS = 330
"""Of each lane, in that time at most: twice as many of all lanes fit into the burst."""

WORKERS = {"sqlite": 1, "postgresql": 2}
CORE = "urn:ietf:params:scim:schemas:core:2.0"
MESSAGES = "urn:ietf:params:scim:api:messages:2.0"


@dataclass(frozen=True, slots=True)
class Share:
    """What one organisation got: requests a second, and seconds until an answer."""

    rate: float
    median: float
    late: float
    longest: float


@dataclass(frozen=True, slots=True)
class Fairness:
    """Its share alone and under the others' load, and what the others got meanwhile."""

    alone: Share
    loaded: Share
    load: float


def fairness(stage: Stage, folder: Path) -> Fairness:
    """Serve the stage's database with its limits as they come, and measure."""
    port = processes.free_port()
    settings = {
        "GATEWAY_BASE_URL": f"http://127.0.0.1:{port}",
        "GATEWAY_DATABASE_URL": stage.url,
    }
    serve = [*SERVE[:-2], str(WORKERS[stage.kind]), SERVE[-1], str(port)]
    with stage.working() as work:
        others = [_other(work, f"other{number}") for number in range(OTHERS)]
    with processes.running(serve, port, "/readyz", settings, folder / "fairness.log"):
        alone = _share(stage, port)
        with _load(port, others) as answered:
            while not answered():
                time.sleep(0.1)
            before, started = answered(), time.monotonic()
            loaded = _share(stage, port)
            load = (answered() - before) / (time.monotonic() - started)
        return Fairness(alone, loaded, load)


def _other(work: Work, name: str) -> tuple[str, str]:
    """Return base path and token of an organisation of its own."""
    house = factories.house(work, name)
    token = work.run(
        house.organisation_id,
        OPERATOR,
        lambda uow: scim_tokens.issue(uow, house.connection.id, "bench"),
    )
    return f"/scim/v2/{house.connection.id}", token.secret


def _share(stage: Stage, port: int) -> Share:
    """Let several lanes of one provider read, look up and write as fast as they are answered."""
    seconds: list[float] = []
    started = time.monotonic()
    until = started + SECONDS
    lanes = [
        threading.Thread(target=_lane, args=(stage, port, number, until, seconds))
        for number in range(LANES)
    ]
    for lane in lanes:
        lane.start()
    for lane in lanes:
        lane.join()
    median, late = percentiles(seconds, 0.5, 0.95)
    took = time.monotonic() - started
    return Share(len(seconds) / took, median, late, max(seconds))


def _lane(stage: Stage, port: int, number: int, until: float, seconds: list[float]) -> None:
    world = stage.world
    with closing(Client(port, world.token)) as client:
        for turn in range(number, number + REQUESTS // 3):
            user = world.users[turn * LANES % len(world.users)]
            name = quote(f'userName eq "{world.persons[turn % len(world.persons)].user_name}"')
            title = {"op": "replace", "path": "title", "value": f"Title {turn} of {time.time()}"}
            for request in (
                client.request("GET", f"{world.base}/Users/{user}"),
                client.request("GET", f"{world.base}/Users?filter={name}"),
                client.request("PATCH", f"{world.base}/Users/{user}", _patch(title)),
            ):
                started = time.monotonic()
                if started > until:
                    return
                answer = client.send(request)
                if answer.status != 200:
                    raise UnexpectedAnswer(f"{answer.status}: {answer.body[:300]!r}")
                seconds.append(time.monotonic() - started)


@contextmanager
def _load(port: int, others: Sequence[tuple[str, str]]) -> Iterator[Callable[[], int]]:
    """Let others ask meanwhile, from a process of their own; yield how often they had a 2xx."""
    spawn = multiprocessing.get_context("spawn")
    stop, total = spawn.Event(), spawn.Value("i", 0)
    process = spawn.Process(target=_others, args=(port, others, stop, total))
    process.start()
    try:
        yield lambda: int(total.value)
    finally:
        stop.set()
        process.join()


def _others(port: int, others: Sequence[tuple[str, str]], stop: Any, total: Any) -> None:
    threads = [
        threading.Thread(target=_ask, args=(port, base, token, asks, stop, total))
        for base, token in others
        for asks in (_reads, _filters, _bulks, _groups)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


Asks = Callable[[Client, str], Iterator[bytes]]


def _ask(port: int, base: str, token: str, asks: Asks, stop: Any, total: Any) -> None:
    with closing(Client(port, token, patience=300.0)) as client:
        for request in asks(client, base):
            if stop.is_set():
                return
            status = client.send(request).status
            if status < 300:
                with total.get_lock():
                    total.value += 1
            elif status != 429:
                raise UnexpectedAnswer(f"one of the others was answered {status}")


def _reads(client: Client, base: str) -> Iterator[bytes]:
    return cycle([client.request("GET", f"{base}/Users?count=1000")])


def _filters(client: Client, base: str) -> Iterator[bytes]:
    for number in count():
        terms = (f'title co "{number}x{term}"' for term in range(100))
        yield client.request("GET", f"{base}/Users?filter={quote(' or '.join(terms))}")


def _bulks(client: Client, base: str) -> Iterator[bytes]:
    for number in count():
        operations = [
            {
                "method": "POST",
                "path": "/Users",
                "bulkId": str(each),
                "data": {
                    "schemas": [f"{CORE}:User"],
                    "userName": f"u{number}.{each}@other.test",
                    "emails": [{"value": f"u{number}.{each}@other.test"}],
                },
            }
            for each in range(1000)
        ]
        body = {"schemas": [f"{MESSAGES}:BulkRequest"], "Operations": operations}
        yield client.request("POST", f"{base}/Bulk", body)


def _groups(client: Client, base: str) -> Iterator[bytes]:
    for number in count():
        members = [{"value": f"nobody {each}"} for each in range(100_000)]
        body = {
            "schemas": [f"{CORE}:Group"],
            "displayName": f"Group {number}",
            "members": members,
        }
        yield client.request("POST", f"{base}/Groups", body)


def _patch(operation: dict[str, str]) -> dict[str, Any]:
    return {"schemas": [f"{MESSAGES}:PatchOp"], "Operations": [operation]}
