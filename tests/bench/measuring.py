"""Measuring: each run of an operation stands between two runs of its yardstick."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median

from tests.bench.operations import Operation, Step, Yardstick
from tests.bench.processes import Meter


@dataclass(frozen=True, slots=True)
class Cost:
    """What one request takes: CPU of server and database, and wall time, in seconds."""

    cpu: float
    wall: float


@dataclass(frozen=True, slots=True)
class Multiple:
    """Medians over the rounds: an operation's cost as multiples of its yardstick, and itself."""

    cpu: float
    wall: float
    own: Cost


@dataclass(frozen=True, slots=True)
class Pace:
    """How much is measured: rounds, and requests of one run by yardstick."""

    rounds: int
    reads: int
    writes: int

    def requests(self, operation: Operation) -> int:
        """Return how many requests one run of an operation sends."""
        whole = self.reads if operation.yardstick == "read" else self.writes
        # An even number, because some operations undo with every second request.
        return max(2, round(whole * operation.weight / 2) * 2)

    def of(self, yardstick: Yardstick) -> int:
        """Return how many requests one run of a yardstick sends."""
        return self.reads if yardstick == "read" else self.writes


@dataclass(frozen=True, slots=True)
class Runner:
    """Sends requests and says what they cost."""

    meter: Meter

    def run(self, step: Step, times: int) -> Cost:
        """Send so many requests, one after the other."""
        cpu, started = self.meter.read(), time.perf_counter()
        for _ in range(times):
            step()
        wall = time.perf_counter() - started
        return Cost((self.meter.read() - cpu) / times, wall / times)


def multiple(
    server: Runner,
    step: Step,
    times: int,
    yardstick: Callable[[], Cost],
    rounds: int,
) -> Multiple:
    """Return how many yardsticks a request costs."""
    server.run(step, max(2, times // 2 * 2))
    before = yardstick()
    ratios: list[tuple[float, float]] = []
    costs: list[Cost] = []
    for _ in range(rounds):
        cost = server.run(step, times)
        after = yardstick()
        ratios.append(
            (
                2 * cost.cpu / (before.cpu + after.cpu),
                2 * cost.wall / (before.wall + after.wall),
            )
        )
        costs.append(cost)
        before = after
    return Multiple(
        cpu=median(cpu for cpu, _ in ratios),
        wall=median(wall for _, wall in ratios),
        own=middle(costs),
    )


def middle(costs: Sequence[Cost]) -> Cost:
    """Return the medians."""
    return Cost(median(cost.cpu for cost in costs), median(cost.wall for cost in costs))


def percentiles(values: Sequence[float], *shares: float) -> Iterator[float]:
    """Yield the values below which these shares of all lie."""
    ordered = sorted(values)
    for share in shares:
        yield ordered[min(len(ordered) - 1, int(share * len(ordered)))]
