"""A lock that lets threads through in the order in which they came."""

import threading
from types import TracebackType


class Turnstile:
    """One thread at a time; whoever leaves and comes back stands behind those who wait.

    The standard library's lock may be taken again by the thread that has just given it back.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._given = 0
        self._called = 0

    def __enter__(self) -> None:
        """Wait for one's turn."""
        with self._changed:
            number = self._given
            self._given += 1
            while self._called != number:
                self._changed.wait()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Let the next one through."""
        with self._changed:
            self._called += 1
            self._changed.notify_all()
