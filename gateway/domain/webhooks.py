"""Webhooks: which events a receiver wants, and when a failed delivery is tried again."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from gateway.domain.errors import InvalidRequest
from gateway.domain.events import is_known

PAUSES = tuple(
    timedelta(seconds=seconds) for seconds in (5, 300, 1800, 7200, 18_000, 36_000, 36_000)
)
"""Waits after the first, second, … failed attempt; after the eighth a delivery is given up."""

REST = timedelta(seconds=5)
"""How long a receiver that failed gets nothing at all."""

PATIENCE = timedelta(days=5)
"""A receiver that only failed for so long is disabled."""


def checked_events(wanted: Iterable[str]) -> list[str]:
    """Return the wanted types and families, each once.

    :raises InvalidRequest: there is no such type.
    """
    found = sorted(set(wanted))
    for name in found:
        if not is_known(name):
            raise InvalidRequest(f"There is no event {name!r}.", field="events")
    return found


def wants(events: Sequence[str], type: str) -> bool:
    """Whether a receiver with this filter gets events of a type; an empty filter wants all."""
    return not events or type in events or f"{type.partition('.')[0]}." in events


def next_attempt(attempts: int, now: datetime) -> datetime | None:
    """Return when to try again after so many failed attempts; None: never."""
    return now + PAUSES[attempts - 1] if attempts <= len(PAUSES) else None
