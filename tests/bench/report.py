"""The bench's figures as a table, each beside its budget."""

import os
import platform
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from idp_fixtures.entra import FirstSync
from tests.bench.catalogue import OPERATIONS
from tests.bench.crowds import BESIDE, TO_WAIT, Consequences, Crowd
from tests.bench.fairness import PROMISED, Fairness
from tests.bench.lanes import CROWDED, LANES
from tests.bench.measuring import Cost, Multiple
from tests.bench.operations import FURTHER_MEMBER, MANY, ONE, PAGE, Budget, Yardstick
from tests.bench.scenes import SYNC_BUDGET, Offboarding, Sync
from tests.bench.sign_in import SignIns

INTRODUCTION = """# Performance

<!-- Written by `make bench ARGS="--write docs/reference/performance.md"`. -->

What a request costs, measured in one run on {machine}: processor time of the server and the
database, as a multiple of a *null read* (the same server, one SELECT by primary key, a JSON
answer) or a *null write* (one INSERT and its commit). Everything that a real request passes is in
the path: authentication, rate limit, dialects, conditions, seats, audit, outbox. The budget is
what we aim at; above the floor the design would be wrong. *Growth* compares the largest directory
with the smallest: 1.1 is what we aim at, 1.3 the floor.
"""

FURTHER = "each further member in one PATCH"
GROWTH = Budget((1.1, 1.1), (1.3, 1.3))
"""How much more a request may cost when the directory is a hundred times as large."""

PLACES = {"sqlite": 0, "postgresql": 1}


@dataclass
class Results:
    """What was measured on one database, by size of the directory."""

    kind: str
    multiples: dict[int, dict[str, Multiple]] = field(default_factory=dict)
    yardsticks: dict[int, Mapping[Yardstick, Cost]] = field(default_factory=dict)
    syncs: list[Sync] = field(default_factory=list)
    offboardings: dict[int, Offboarding] = field(default_factory=dict)
    crowding: dict[int, Mapping[str, float]] = field(default_factory=dict)
    consequences: dict[int, Consequences] = field(default_factory=dict)
    crowds: dict[int, Crowd] = field(default_factory=dict)
    sign_ins: dict[int, Mapping[str, SignIns]] = field(default_factory=dict)
    shares: dict[int, Fairness] = field(default_factory=dict)

    def rows(self) -> Iterator[tuple[str, Budget | None, dict[int, tuple[float, float, float]]]]:
        """Yield each operation with (CPU multiple, wall multiple, CPU milliseconds) by size."""
        for operation in OPERATIONS:
            found = {
                size: (
                    measured[operation.name].cpu,
                    measured[operation.name].wall,
                    measured[operation.name].own.cpu * 1000,
                )
                for size, measured in self.multiples.items()
                if operation.name in measured
            }
            if found:
                yield operation.name, operation.budget, found
        further = {
            size: _further(measured)
            for size, measured in self.multiples.items()
            if ONE in measured and MANY in measured
        }
        if further:
            yield FURTHER, FURTHER_MEMBER, further


def _further(measured: Mapping[str, Multiple]) -> tuple[float, float, float]:
    one, many, rest = measured[ONE], measured[MANY], PAGE - 1
    return (
        (many.cpu - one.cpu) / rest,
        (many.wall - one.wall) / rest,
        (many.own.cpu - one.own.cpu) / rest * 1000,
    )


def verdict(budget: Budget | None, place: int, value: float) -> str:
    """Say where a multiple stands against its budget."""
    if budget is None:
        return ""
    if value <= budget.reach[place]:
        return "reached"
    return "within floor" if value <= budget.floor[place] else "ABOVE FLOOR"


def text(results: Sequence[Results]) -> str:
    """Return everything as Markdown; CPU and wall time are multiples of the yardstick."""
    return "\n".join(line for each in results for line in _section(each))


def page(results: Sequence[Results]) -> str:
    """Return the reference page of a run, with what its figures mean."""
    machine = f"{os.cpu_count()} processors, Python {platform.python_version()}"
    return f"{INTRODUCTION.format(machine=machine)}{text(results)}\n"


def _section(results: Results) -> Iterator[str]:
    place, sizes = PLACES[results.kind], sorted(results.multiples)
    yield f"\n## {results.kind}\n"
    for size in sizes:
        said = ", ".join(
            f"null {kind} {cost.cpu * 1e6:.0f} µs CPU, {cost.wall * 1e6:.0f} µs wall"
            for kind, cost in results.yardsticks[size].items()
        )
        yield f"{size} users: {said}."
    yield ""
    heads = [part for size in sizes for part in (f"CPU at {size}", "wall", "CPU ms")]
    yield _line(["operation", "budget", *heads, "growth", "verdict"])
    yield _line(["---"] * (len(heads) + 4))
    for name, budget, found in results.rows():
        cells = [
            cell
            for size in sizes
            for cell in (
                (_number(found[size][0]), _number(found[size][1]), f"{found[size][2]:.2f}")
                if size in found
                else ("", "", "")
            )
        ]
        largest = found[max(found)][0]
        yield _line(
            [
                name,
                _budget(budget, place),
                *cells,
                _growth([found[size][0] for size in sizes if size in found], place),
                verdict(budget, place, largest),
            ]
        )
    yield ""
    yield from _scenes(results)


def _scenes(results: Results) -> Iterator[str]:
    yield from _many(results)
    for sync in results.syncs:
        yield (
            f"First sync of {sync.size.users} users and {sync.size.groups} groups of "
            f"{sync.size.group_size}, beside {sync.beside} users: {sync.requests} requests, "
            f"{sync.retries} retried, "
            f"{sync.wall:.1f} s wall{_sync_budget(results.kind, sync)}, "
            f"{sync.cpu:.1f} s CPU = {sync.cpu / sync.requests * 1000:.2f} ms a request; "
            f"server {sync.megabytes:.0f} MB, {sync.grown:+.0f} MB meanwhile."
        )
    for size, gone in sorted(results.offboardings.items()):
        refused = ", ".join(f"{who} {after * 1000:.1f} ms" for who, after in gone.refused.items())
        yield (
            f"Offboarding at {size} users: `active: false` answered after "
            f"{gone.answered * 1000:.1f} ms (95 %: {gone.answered_95 * 1000:.1f} ms); from its "
            f"answer until the next request was refused: {refused}; requests after the answer that "
            f"were let in: {gone.late}."
        )
    for size, protocols in sorted(results.sign_ins.items()):
        for protocol, found in protocols.items():
            rates = ", ".join(f"{rate:.0f} by {count}" for count, rate in found.rates.items())
            yield (
                f"Sign-in through {protocol} at {size} users: {found.cpu * 1000:.1f} ms CPU, of "
                f"which verification {found.verification * 1000:.1f} ms and the rest "
                f"{(found.cpu - found.verification) * 1000:.1f} ms; sign-ins per second by number "
                f"of server processes: {rates}."
            )
    for size, shares in results.shares.items():
        yield from _shared(size, shares)


def _shared(size: int, found: Fairness) -> Iterator[str]:
    yield (
        f"One organisation of {size} users beside others who ask for all they may (promised "
        f"{PROMISED} requests a second; the others had {found.load:.1f} large ones a second "
        "answered):"
    )
    for name, share in (("alone", found.alone), ("beside them", found.loaded)):
        yield (
            f"{name} {share.rate:.0f} requests a second, half within {share.median * 1000:.1f} ms, "
            f"95 % within {share.late * 1000:.1f} ms, the longest {share.longest * 1000:.0f} ms."
        )


def _sync_budget(kind: str, sync: Sync) -> str:
    """The budget is that of the default size."""
    reach, floor = SYNC_BUDGET[kind]
    return f" (to reach {reach:g} s, floor {floor:g} s)" if sync.size == FirstSync() else ""


def _many(results: Results) -> Iterator[str]:
    place = PLACES[results.kind]
    for size, found in sorted(results.crowding.items()):
        said = ", ".join(
            f"{name} {ratio:.2f} ({verdict(CROWDED, place, ratio)})"
            for name, ratio in found.items()
        )
        budget = _budget(CROWDED, place)
        yield f"CPU at {LANES} lanes over one at {size} users, budget {budget}: {said}."
    for size, rule in sorted(results.consequences.items()):
        usual = ", ".join(f"{name} {each * 1000:.1f} ms" for name, each in rule.usual.items())
        yield (
            f"A rule on a group of {rule.members}, at {size} users: {_steps(rule.changes)}; the "
            f"longest wait of a {BESIDE} meanwhile {rule.write:.2f} s (to reach {TO_WAIT:g} s), of "
            f"a GET user {rule.read:.2f} s; otherwise {usual}."
        )
    for size, crowd in sorted(results.crowds.items()):
        yield (
            f"A group of {crowd.members}, at {size} users: {_steps(crowd.steps)}; server "
            f"{crowd.megabytes:.0f} MB before, at most {crowd.peak:.0f} MB meanwhile."
        )


def _steps(steps: Mapping[str, float]) -> str:
    return ", ".join(f"{name} in {seconds:.2f} s" for name, seconds in steps.items())


def _budget(budget: Budget | None, place: int) -> str:
    return "" if budget is None else f"{budget.reach[place]:g} (floor {budget.floor[place]:g})"


def _growth(values: Sequence[float], place: int) -> str:
    """Say how much more it costs in the largest directory than in the smallest."""
    if len(values) < 2 or values[0] <= 0:
        return ""
    growth = values[-1] / values[0]
    return f"{growth:.2f} ({verdict(GROWTH, place, growth)})"


def _number(value: float) -> str:
    return f"{value:.3f}" if abs(value) < 0.5 else f"{value:.2f}"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
