"""How many requests one connection may send: a token bucket for each, counted by all processes.

Forty lines of our own: the `limits` library counts for one process, or asks a server. The buckets
lie in memory that is mapped before the server forks, so that its processes share them. Nothing
but SCIM draws from them: a provider's flood leaves the management API and every other connection
alone.
"""

import fcntl
import math
import os
import struct
import tempfile
import threading
import weakref
from collections.abc import Callable
from dataclasses import dataclass, field
from mmap import mmap
from time import monotonic
from uuid import UUID

from gateway.domain.errors import RateLimited

BUCKET = struct.Struct("=16sd")
"""A connection's id, and when its bucket is full: seconds of the clock that the machine shares."""

SHELVES = 2048
SHELF = 8 * BUCKET.size
"""A shelf has room for eight buckets; for a ninth the one that is nearest to full is forgotten."""


class Buckets:
    """Where the buckets stand: a file without a name, mapped into every process that is forked."""

    def __init__(self) -> None:
        with tempfile.TemporaryFile() as file:
            file.truncate(SHELVES * SHELF)
            self._memory = mmap(file.fileno(), SHELVES * SHELF)
            self._file = os.dup(file.fileno())
        weakref.finalize(self, os.close, self._file)
        self._lock = threading.Lock()

    def draw(
        self, connection_id: UUID, clock: Callable[[], float], seconds: float, most: float
    ) -> float:
        """Let a bucket be full so many seconds later, unless that is beyond `most` from now.

        Returns by how much it would be beyond; above zero, nothing was drawn.
        """
        key, shelf = connection_id.bytes, connection_id.int % SHELVES * SHELF
        with self._lock:
            # The kernel opens the lock of a process that is killed: nobody waits for the dead.
            fcntl.lockf(self._file, fcntl.LOCK_EX, SHELF, shelf)
            try:
                # Not before: whoever waited for the lock would be behind those who went first.
                now = clock()
                place, full_at = self._find(key, shelf)
                full_at = max(full_at, now) + seconds
                beyond = full_at - now - most
                if beyond <= 0:
                    BUCKET.pack_into(self._memory, place, key, full_at)
                return beyond
            finally:
                fcntl.lockf(self._file, fcntl.LOCK_UN, SHELF, shelf)

    def _find(self, key: bytes, shelf: int) -> tuple[int, float]:
        """Return a bucket's place and when it is full; a new one is full already."""
        kept = self._memory[shelf : shelf + SHELF]
        buckets = list(BUCKET.iter_unpack(kept))
        for number, (owner, full_at) in enumerate(buckets):
            if owner == key:
                return shelf + number * BUCKET.size, full_at
        fullest = min(range(len(buckets)), key=lambda number: buckets[number][1])
        return shelf + fullest * BUCKET.size, 0.0


@dataclass(frozen=True)
class Allowances:
    """The buckets of all connections: `rate` requests a second flow in, `burst` fit at most.

    Made before the server forks, they hold for all of its processes together.
    """

    rate: float
    burst: int
    clock: Callable[[], float] = monotonic
    buckets: Buckets = field(default_factory=Buckets)

    def take(self, connection_id: UUID) -> None:
        """Count one request of a connection.

        :raises RateLimited: its bucket is empty; `retry_after` is in whole seconds.
        """
        most = self.burst / self.rate
        wait = self.buckets.draw(connection_id, self.clock, 1 / self.rate, most)
        if wait > 0:
            raise RateLimited(
                f"A connection sends at most {self.rate:g} requests a second over time.",
                retry_after=math.ceil(wait),
            )

    def charge(self, connection_id: UUID, requests: int) -> None:
        """Count what a request carries beside itself; it passes, and those after it may wait."""
        self.buckets.draw(connection_id, self.clock, requests / self.rate, math.inf)
