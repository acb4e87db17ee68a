"""Whose request is next: organisations take turns, however much one of them sends.

Requests wait in lanes, one for each organisation. A free thread serves the lane that has the
fewest requests at work, and of those the one that has used the least time. Half of the threads
are kept for lanes whose requests are quick, so that whoever asks for much waits for others who do,
and nobody else.

A request that may wait for somebody else's server, an identity provider's above all, waits beside
them: in threads that are there for nothing else, of which one organisation has at most half.

**Invariant:** nothing is decided here but the order. A lane is a guess from what a credential
opened last; who asks, and what they may, is found out anew by every request.
"""

import hashlib
import math
import re
import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from time import monotonic
from typing import Any
from uuid import UUID

from gateway.api import ENDPOINTS
from gateway.api.endpoint import PREFIX
from gateway.oidc import blueprint as oidc
from gateway.wsgi import ORGANISATION, VISITED, Environ

QUICK = 0.1
"""Seconds that a lane's requests take on average, below which any thread serves it."""

QUICKER = 4
"""So many times quicker than those at work is quick too: where all is slow, nobody is to blame."""

WEIGHT = 0.2
"""What the newest request counts for in that average."""

LARGE = 1_048_576
"""Bytes of a body of which a process reads one at a time: decoded, it takes many times the room."""

ABROAD = 4
"""Requests of a process that may wait for somebody else's server at a time, beside all others."""

MOST_KEPT = 10_000
STRANGERS = "strangers"
"""The lane of all credentials that have opened nothing yet: guessing wins nobody a lane."""


@dataclass
class Owners:
    """Which organisation a credential has opened; only its digest is kept."""

    _known: OrderedDict[bytes, UUID] = field(default_factory=OrderedDict)
    _places: OrderedDict[str, UUID] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, environ: Environ) -> None:
        """Remember whose request this was, if the application has found out."""
        self._note_place(environ)
        organisation, credential = environ.get(ORGANISATION), environ.get("HTTP_AUTHORIZATION")
        if organisation is None or not credential:
            return
        with self._lock:
            self._known[_digest(credential)] = organisation
            if len(self._known) > MOST_KEPT:
                self._known.popitem(last=False)

    def lane_of(self, channel: Any) -> object:
        """Return what tells the lane of a channel's next request from others."""
        credential = channel.requests[0].headers.get("AUTHORIZATION") if channel.requests else None
        if not credential:
            return channel.addr[0]
        return self._known.get(_digest(credential), STRANGERS)

    def abroad(self, channel: Any) -> object | None:
        """Return whose a channel's next request is that may wait outside, None for any other."""
        request = channel.requests[0] if channel.requests else None
        path = "" if request is None else str(request.path)
        if request is None or not _ABROAD.fullmatch(f"{request.command} {path}"):
            return None
        if path.startswith(PREFIX):
            return path.removeprefix(PREFIX).split("/")[2].lower()
        return str(self._places.get(_slug(path), _slug(path)))

    def _note_place(self, environ: Environ) -> None:
        """Remember which organisation a connection's address belongs to."""
        organisation = environ.get(VISITED)
        if organisation is None:
            return
        with self._lock:
            self._places[_slug(environ["PATH_INFO"])] = organisation
            if len(self._places) > MOST_KEPT:
                self._places.popitem(last=False)


@dataclass(eq=False)
class Lane:
    """The requests of one organisation; `used` is its time at work, `pace` what one takes.

    Those that may wait `abroad` have a lane of their own.
    """

    abroad: bool = False
    waiting: deque[Any] = field(default_factory=deque)
    working: int = 0
    used: float = 0.0
    pace: float = 0.0


@dataclass(frozen=True)
class Turn:
    """A request at work; the server serves or cancels it."""

    task: Any
    lane: Lane
    large: bool
    done: Callable[["Turn", float], None]

    def service(self) -> None:
        """Answer it, and count the time that it took."""
        started = monotonic()
        try:
            self.task.service()
        finally:
            self.done(self, monotonic() - started)

    def cancel(self) -> None:
        """Drop it."""
        self.task.cancel()


@dataclass
class Turns:
    """The queue of a server with so many threads; the server holds `lock` around each call.

    It is as long as there are requests that may be served now.
    """

    threads: int
    lock: threading.Lock
    lane_of: Callable[[Any], object]
    abroad_of: Callable[[Any], object | None] = lambda _: None
    _lanes: dict[object, Lane] = field(default_factory=dict)
    _waiting: dict[Lane, None] = field(default_factory=dict)
    _at_work: set[Lane] = field(default_factory=set)
    _working: int = 0
    _abroad: int = 0
    _large: int = 0
    _latest: float = 0.0

    def append(self, task: Any) -> None:
        """Let a request wait; a lane that comes back has gained nothing by its absence."""
        place = self.abroad_of(task)
        key = self.lane_of(task) if place is None else ("abroad", place)
        if key not in self._lanes and len(self._lanes) >= MOST_KEPT:
            self._lanes = {k: x for k, x in self._lanes.items() if x.waiting or x.working}
        lane = self._lanes.setdefault(key, Lane(abroad=place is not None))
        if not lane.waiting and not lane.working:
            lane.used = max(lane.used, self._latest)
        lane.waiting.append(task)
        self._waiting[lane] = None

    def popleft(self) -> Turn:
        """Return the next request; its lane has it at work until it is done."""
        lane = min(self._ready(), key=lambda each: (each.working, each.used))
        task = lane.waiting.popleft()
        if not lane.waiting:
            del self._waiting[lane]
        turn = Turn(task, lane, _is_large(task), self._done)
        self._latest = max(self._latest, lane.used)
        lane.working += 1
        if lane.abroad:
            self._abroad += 1
        else:
            self._working += 1
            self._at_work.add(lane)
        self._large += turn.large
        return turn

    def __len__(self) -> int:
        return len(self._ready())

    def _ready(self) -> list[Lane]:
        kept = self._working >= self.threads - self.threads // 2
        pace = max(QUICK, self._pace() / QUICKER) if kept else math.inf
        return [each for each in self._waiting if self._may(each, pace)]

    def _may(self, lane: Lane, pace: float) -> bool:
        if lane.abroad:
            return self._abroad < ABROAD and lane.working < ABROAD // 2
        if self._working >= self.threads:
            return False
        if _is_large(lane.waiting[0]):
            return pace == math.inf and not self._large
        return lane.pace < pace

    def _pace(self) -> float:
        """What requests take in the lanes that have some at work."""
        return sum(each.pace * each.working for each in self._at_work) / self._working

    def _done(self, turn: Turn, seconds: float) -> None:
        with self.lock:
            if turn.lane.abroad:
                self._abroad -= 1
            else:
                self._working -= 1
            self._large -= turn.large
            turn.lane.working -= 1
            if not turn.lane.working:
                self._at_work.discard(turn.lane)
            turn.lane.used += seconds
            turn.lane.pace += (seconds - turn.lane.pace) * WEIGHT


def _patterns() -> Iterator[str]:
    """Yield what requests look like whose answer may wait for somebody else's server."""
    yield rf"[A-Z]+ {oidc.PREFIX}/[^/]+/(?:{'|'.join(oidc.ASKING)})"
    for endpoint in ENDPOINTS:
        if endpoint.prepare is not None and endpoint.scoped:
            place = f"{endpoint.method} {PREFIX}{endpoint.path}"
            yield "[^/:]+".join(map(re.escape, re.split(r"\{\w+\}", place)))


_ABROAD = re.compile("|".join(_patterns()))


def _is_large(task: Any) -> bool:
    return bool(task.requests) and task.requests[0].body_bytes_received > LARGE


def _slug(path: str) -> str:
    """Return the part of a path that names a sign-on connection."""
    return path.split("/")[2]


def _digest(credential: str) -> bytes:
    return hashlib.sha256(credential.encode(errors="surrogatepass")).digest()
