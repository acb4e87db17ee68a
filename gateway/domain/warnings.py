"""Warnings ahead of an end: each is given once, as the time left reaches it."""

from collections.abc import Iterable
from datetime import datetime, timedelta


def reached(ends_at: datetime | None, now: datetime, ahead: Iterable[int]) -> int | None:
    """Return the nearest warning, in days, that the time left has reached; None: no warning yet."""
    if ends_at is None:
        return None
    return min((days for days in ahead if ends_at - now <= timedelta(days=days)), default=None)
