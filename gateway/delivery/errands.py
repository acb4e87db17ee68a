"""Errands: what needs others on the network, walked beside the worker so that nothing waits."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy.exc import SQLAlchemyError

from gateway.domain.errors import GatewayError
from gateway.logs import logger
from gateway.storage.unit_of_work import Work

TICK = timedelta(seconds=5)
_log = logger("errands")


@dataclass
class Errand:
    """Something to see to every so often."""

    name: str
    every: timedelta
    see_to: Callable[[Work], int]
    last: datetime | None = None

    def is_due(self, now: datetime) -> bool:
        """Whether it is time; a clock that was moved counts as time, too."""
        return self.last is None or abs(now - self.last) >= self.every


@dataclass
class Errands:
    """Sees to one errand after the other until told to stop."""

    work: Work
    errands: Sequence[Errand]
    stopping: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        """Walk until told to stop."""
        while not self.stopping.is_set():
            self.tick()
            self.stopping.wait(TICK.total_seconds())

    def tick(self) -> None:
        """See to everything that is due; what fails is tried again when it is due again."""
        for errand in self.errands:
            now = self.work.clock()
            if self.stopping.is_set() or not errand.is_due(now):
                continue
            errand.last = now
            try:
                seen_to = errand.see_to(self.work)
            except (SQLAlchemyError, GatewayError, OSError) as error:
                _log.error("failed", errand=errand.name, exc_info=error)
            else:
                _log.debug("done", errand=errand.name, seen_to=seen_to)
