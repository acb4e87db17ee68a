"""How commands answer: JSON for scripts, a few plain lines for people, bars for long work."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

as_json = click.option("--json", "as_json", is_flag=True, help="Answer with one JSON object.")

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


class Duration(click.ParamType[timedelta]):
    """A span of time such as 90d, 12h or 30m."""

    name = "duration"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> timedelta:
        """Return the span that a text names."""
        if isinstance(value, timedelta):
            return value
        found = re.fullmatch(r"(\d{1,6})([smhd])", str(value))
        if found is None:
            self.fail(f"{value!r} is no duration; write 90d, 12h, 30m or 45s", param, ctx)
        return timedelta(seconds=int(found[1]) * UNITS[found[2]])


class Instant(click.ParamType[datetime]):
    """An instant in ISO 8601 with its offset."""

    name = "instant"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime:
        """Return the instant that a text names."""
        if isinstance(value, datetime):
            return value
        try:
            instant = datetime.fromisoformat(str(value))
        except ValueError:
            self.fail(f"{value!r} is no instant; write 2026-01-31T12:00:00Z", param, ctx)
        if instant.tzinfo is None:
            self.fail(f"{value!r} has no offset; add Z or +02:00", param, ctx)
        return instant.astimezone(UTC)


def answer(document: Mapping[str, Any], lines: Iterable[str], *, machine: bool) -> None:
    """Print what a command found: the document for a script, the lines for a person."""
    if machine:
        click.echo(json.dumps(document, default=str, ensure_ascii=False))
        return
    for line in lines:
        click.echo(line)


@contextmanager
def progress() -> Iterator[Progress]:
    """Show bars on stderr, where they disturb no script; off a terminal they stay silent."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    console = Console(stderr=True)
    with Progress(*columns, console=console, disable=not console.is_terminal) as bars:
        yield bars
