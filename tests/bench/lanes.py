"""What a request costs while others are under way: the server's CPU at eight lanes over one."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from statistics import median

from tests.bench.catalogue import named
from tests.bench.operations import Budget, Operation, Step
from tests.bench.stage import Stage

LANES = 8
CROWDED = Budget((1.15, 1.15), (1.4, 1.4))
"""To reach, and the floor."""

MEASURED = ("GET user", "userName eq, hit", "POST user")


def crowding(stage: Stage) -> Mapping[str, float]:
    """Return, by operation, the CPU of a request at eight lanes as a multiple of one lane's."""
    return {name: _ratio(stage, operation) for name in MEASURED for operation in named(name)[:1]}


def _ratio(stage: Stage, operation: Operation) -> float:
    """The median over rounds, each of which stands between two runs of one lane."""
    times = max(LANES, stage.pace.requests(operation))
    with ExitStack() as open_sessions:
        steps = []
        for _ in range(LANES):
            session = open_sessions.enter_context(stage.session_of(stage.world.token))
            steps.append(operation.steps(session))
        before = stage.server.run(steps[0], times).cpu
        ratios = []
        for _ in range(stage.pace.rounds):
            crowded = _crowded(stage, steps, times)
            after = stage.server.run(steps[0], times).cpu
            ratios.append(2 * crowded / (before + after))
            before = after
    return median(ratios)


def _crowded(stage: Stage, steps: Sequence[Step], times: int) -> float:
    each = max(1, times // LANES)

    def run(step: Step) -> None:
        for _ in range(each):
            step()

    before = stage.server.meter.read()
    with ThreadPoolExecutor(LANES) as lanes:
        list(lanes.map(run, steps))
    return (stage.server.meter.read() - before) / (each * len(steps))
