"""Downloads under way: a reader who takes their time holds one thread, so they are few at once."""

import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from uuid import UUID

from gateway.domain.errors import RateLimited

RETRY_AFTER = 10
"""Seconds after which it is worth asking again."""


@dataclass
class Downloads:
    """The downloads of one process: at most `most`, and one of each organisation."""

    most: int
    _places: dict[UUID, "Place"] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def begin(self, organisation_id: UUID) -> "Place":
        """Take the place of an organisation's download.

        :raises RateLimited: it has one under way, or the process is at its limit.
        """
        with self._lock:
            if organisation_id in self._places or len(self._places) >= self.most:
                raise RateLimited("A download is under way.", retry_after=RETRY_AFTER)
            self._places[organisation_id] = Place(self, organisation_id)
            return self._places[organisation_id]

    def end(self, place: "Place") -> None:
        """Give a place back; a second time changes nothing."""
        with self._lock:
            if self._places.get(place.organisation_id) is place:
                del self._places[place.organisation_id]


@dataclass(eq=False)
class Place:
    """The place of one download."""

    downloads: Downloads
    organisation_id: UUID

    def end(self) -> None:
        """Give it back."""
        self.downloads.end(self)


@dataclass(frozen=True)
class Reading:
    """A file that gives its place back once it was read, or its reader has gone."""

    chunks: Iterable[bytes]
    place: Place

    def __iter__(self) -> Iterator[bytes]:
        """Yield the file."""
        try:
            yield from self.chunks
        finally:
            self.place.end()

    def close(self) -> None:
        """End it, begun or not; a WSGI server calls this in any case (PEP 3333)."""
        self.place.end()
