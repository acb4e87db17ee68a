"""Parallel lanes and progress, as provisioning agents work through a cycle.

**Invariant:** the first failure is the one that is seen, and it stops the run.
"""

import threading
from collections.abc import Callable, Iterable
from queue import Empty, SimpleQueue

Job = Callable[[], None]
Progress = Callable[[int, int], None]


class ProgressMeter:
    """Counts finished steps of a known number and tells a listener, one call at a time."""

    def __init__(self, total: int, listener: Progress | None) -> None:
        self._total, self._listener = total, listener
        self._done = 0
        self._lock = threading.Lock()

    def step(self) -> None:
        """Count one step as done."""
        with self._lock:
            self._done += 1
            if self._listener is not None:
                self._listener(self._done, self._total)


def in_lanes(lanes: int, jobs: Iterable[Job]) -> None:
    """Run the jobs in order of arrival on this many threads, and return when all are done.

    The first failure keeps the remaining jobs from starting and is raised here.
    """
    queue: SimpleQueue[Job] = SimpleQueue()
    for job in jobs:
        queue.put(job)
    failures: list[BaseException] = []
    threads = [threading.Thread(target=_lane, args=(queue, failures)) for _ in range(lanes)]
    for thread in threads:
        thread.start()
    try:
        for thread in threads:
            thread.join()
    except KeyboardInterrupt as interrupt:
        failures.append(interrupt)
    if failures:
        raise failures[0]


def _lane(queue: SimpleQueue[Job], failures: list[BaseException]) -> None:
    while not failures:
        try:
            job = queue.get_nowait()
        except Empty:
            return
        try:
            job()
        except BaseException as failure:
            failures.append(failure)
