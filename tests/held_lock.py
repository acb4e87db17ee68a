"""The organisation's lock, held by somebody else while a test does something."""

import threading
from collections.abc import Callable
from time import monotonic
from typing import Any

from gateway.storage.unit_of_work import UnitOfWork

HELD = 3.0
"""Seconds for which the lock is held; nobody may wait near as long."""


def while_locked(
    run: Callable[[Callable[[UnitOfWork], None]], Any], do: Callable[[], Any]
) -> float:
    """Do something while a unit that `run` opens holds the lock; say how long it took."""
    locked, done = threading.Event(), threading.Event()

    def hold(_: UnitOfWork) -> None:
        locked.set()
        done.wait(HELD)

    holder = threading.Thread(target=run, args=(hold,))
    holder.start()
    try:
        assert locked.wait(10)
        began = monotonic()
        do()
        return monotonic() - began
    finally:
        done.set()
        holder.join()
