"""`make bench`: one run that measures every operation on both databases and prints the table."""

import os
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path

import click
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)

from idp_fixtures.entra import FirstSync
from tests import parts
from tests.bench import crowds, fairness, lanes, report, scenes, sign_in
from tests.bench.catalogue import OPERATIONS, named
from tests.bench.measuring import Multiple, Pace, multiple
from tests.bench.operations import Operation
from tests.bench.report import Results
from tests.bench.stage import Stage, Theatre

KINDS = ("sqlite", "postgresql")
CROWD = FirstSync(users=100_000, groups=1_000)


@click.command()
@click.option("--users", default="1000,10000", show_default=True, help="Sizes, comma-separated.")
@click.option("--database", "databases", multiple=True, type=click.Choice(KINDS))
@click.option("--only", "wanted", multiple=True, help="Operations whose name holds this text.")
@click.option("--rounds", default=11, show_default=True, help="Runs of each operation.")
@click.option("--reads", default=120, show_default=True, help="Requests of one run, reads.")
@click.option("--writes", default=60, show_default=True, help="Requests of one run, writes.")
@click.option(
    "--sync/--no-sync", default=True, help="Play a first sync, groups, sign-ins and crowds too."
)
@click.option("--sync-users", default=1_000, show_default=True, help="Users of the first sync.")
@click.option("--sync-groups", default=50, show_default=True, help="Its groups, of 20 members.")
@click.option("--crowd-sync", is_flag=True, help="Play one of 100 000 users too, into nothing.")
@click.option("--write", "page", type=click.Path(path_type=Path), help="Write a page of it too.")
@click.option("--profile", "profiled", help="Say instead where this operation's time goes.")
def main(
    users: str,
    databases: Sequence[str],
    wanted: Sequence[str],
    rounds: int,
    reads: int,
    writes: int,
    sync: bool,
    sync_users: int,
    sync_groups: int,
    crowd_sync: bool,
    page: Path | None,
    profiled: str | None,
) -> None:
    """Measure what requests cost, as multiples of a bare read and a bare write."""
    sizes = sorted({int(size) for size in users.split(",")})
    chosen = [x for text in wanted for x in named(text)] if wanted else list(OPERATIONS)
    kinds = [kind for kind in databases or KINDS if _available(kind)]
    pace = Pace(rounds, reads, writes)
    if profiled is not None:
        operations = named(profiled)
        if not operations:
            known = ", ".join(each.name for each in OPERATIONS)
            raise click.BadParameter(f"no such operation; there are {known}", param_hint="profile")
        for kind in kinds:
            for text in profiles(kind, sizes[-1], operations, pace):
                click.echo(text)
        return
    size = FirstSync(users=sync_users, groups=sync_groups) if sync else None
    also = CROWD if crowd_sync else None
    results = [measure(kind, sizes, chosen, pace, size, also) for kind in kinds]
    click.echo(report.text(results))
    if page is not None:
        page.write_text(report.page(results))


def measure(
    kind: str,
    sizes: Sequence[int],
    operations: Sequence[Operation],
    pace: Pace,
    sync: FirstSync | None,
    also: FirstSync | None = None,
) -> Results:
    """Measure operations on one database at several sizes; `also` is synced into an empty one."""
    results = Results(kind)
    with _folder() as folder:
        theatre = Theatre(folder, pace)
        try:
            for size in sizes:
                _measure_size(theatre, results, size, operations, sync)
            if also is not None:
                with theatre.stage(kind, 1, lambda *_: None) as stage:
                    results.syncs.append(scenes.sync(stage, also))
        finally:
            theatre.close()
    return results


def _measure_size(
    theatre: Theatre,
    results: Results,
    size: int,
    operations: Sequence[Operation],
    sync: FirstSync | None,
) -> None:
    kind = results.kind
    found: dict[str, Multiple] = {}
    with _bars() as bars:
        seeding = bars.add_task(f"{kind}: seed", total=size)
        with theatre.stage(kind, size, partial(_show, bars, seeding)) as stage:
            task = bars.add_task(f"{kind}: measure at {size}", total=len(operations))
            for operation in operations:
                if operation.needs <= size:
                    found[operation.name] = _measured(stage, operation)
                bars.advance(task)
            results.multiples[size] = found
            results.yardsticks[size] = stage.yardsticks()
            if sync is not None:
                results.offboardings[size] = scenes.offboarding(stage)
                results.crowding[size] = lanes.crowding(stage)
                results.consequences[size] = crowds.consequences(stage)
                results.crowds[size] = crowds.crowd(stage)
                results.syncs.append(scenes.sync(stage, sync))
            if sync is not None and not results.sign_ins:
                # Once: it does not depend on the directory's size.
                results.sign_ins[size] = sign_in.sign_ins(stage, theatre.folder)
            if sync == FirstSync() and not results.shares:
                # Beside a sync of full size only: it takes half a minute.
                results.shares[size] = fairness.fairness(stage, theatre.folder)


def _measured(stage: Stage, operation: Operation) -> Multiple:
    session = stage.session_for(operation)
    with closing(session.client):
        return multiple(
            stage.server,
            operation.steps(session),
            stage.pace.requests(operation),
            lambda: stage.yardstick(operation.yardstick),
            stage.pace.rounds,
        )


def profiles(kind: str, size: int, operations: Sequence[Operation], pace: Pace) -> Iterator[str]:
    """Yield, for each operation, what the server did with its time."""
    for operation in operations:
        with _folder() as folder:
            written = folder / "profile.txt"
            serve = ("-m", "tests.bench.profiled", str(written))
            theatre = Theatre(folder, pace, serve)
            try:
                with theatre.stage(kind, size, lambda *_: None) as stage:
                    _exercise(stage, operation)
            finally:
                theatre.close()
            yield f"\n# {operation.name}, {kind}, {size} users\n\n{written.read_text()}"


def _exercise(stage: Stage, operation: Operation) -> None:
    session = stage.session_for(operation)
    step, times = operation.steps(session), stage.pace.requests(operation)
    with closing(session.client):
        stage.server.run(step, times)
        os.kill(stage.server.meter.roots[0], signal.SIGUSR1)
        time.sleep(0.3)
        stage.server.run(step, times * stage.pace.rounds)


def _available(kind: str) -> bool:
    if kind == "sqlite" or parts.available("postgres"):
        return True
    click.echo("*** PostgreSQL is not installed; it is left out. ***", err=True)
    return False


def _show(bars: Progress, task: TaskID, done: int, total: int) -> None:
    bars.update(task, completed=done, total=total)


@contextmanager
def _folder() -> Iterator[Path]:
    # Short, because a socket's path may be no longer than 107 characters.
    folder = Path(tempfile.mkdtemp(prefix="bench-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _bars() -> Iterator[Progress]:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    console = Console(stderr=True)
    with Progress(*columns, console=console, disable=not console.is_terminal) as bars:
        yield bars


if __name__ == "__main__":
    main()
