"""Time and ids that tests decide."""

from datetime import UTC, datetime, timedelta
from itertools import count
from threading import Lock
from uuid import UUID

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)


class Clock:
    """Stands still until a test moves it."""

    def __init__(self, now: datetime = NOON) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def advance(self, by: timedelta) -> None:
        self.now += by


class CountedIds:
    """Hands out 1000, 1001, … as UUIDs, to any number of threads."""

    def __init__(self, start: int = 1000) -> None:
        self._numbers = count(start)
        self._lock = Lock()

    def __call__(self) -> UUID:
        with self._lock:
            return UUID(int=next(self._numbers))
