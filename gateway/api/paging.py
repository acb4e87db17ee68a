"""Keyset cursors: a page goes on after the last row's key, whatever was inserted meanwhile.

A cursor is bound to its list and filters; another list's is refused. It carries no secret and
gives no right: whoever writes one by hand reaches only rows that the list shows anyway.
"""

import base64
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from gateway.api.models import Page, PageQuery, utc
from gateway.domain.errors import InvalidRequest

Row = TypeVar("Row")
T = TypeVar("T")
Key = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Paging:
    """Which page of which list is wanted."""

    limit: int
    mark: str
    key: Key | None

    @classmethod
    def of(cls, path: str, query: PageQuery, filters: Mapping[str, object]) -> "Paging":
        """Return the wish of a request.

        :raises InvalidRequest: a cursor that this list did not give.
        """
        mark = _mark(path, filters)
        key = None if query.cursor is None else _opened(query.cursor, mark)
        return cls(query.limit, mark, key)

    @property
    def fetch(self) -> int:
        """How many rows to ask for: one more than the page holds tells whether it goes on."""
        return self.limit + 1

    @property
    def after(self) -> UUID | None:
        """The id that the page goes on after, for lists in the order of their ids."""
        return None if self.key is None else _id(self._parts(1)[0])

    @property
    def after_instant(self) -> tuple[datetime, UUID] | None:
        """Instant and id that the page goes on after, for lists in the order of time."""
        if self.key is None:
            return None
        instant, row_id = self._parts(2)
        try:
            moment = utc(datetime.fromisoformat(instant))
        except ValueError:
            raise _foreign() from None
        return moment, _id(row_id)

    @property
    def after_text(self) -> tuple[str, UUID] | None:
        """Text and id that the page goes on after, for lists in the order of a name."""
        if self.key is None:
            return None
        text, row_id = self._parts(2)
        return text, _id(row_id)

    def page(
        self, rows: Sequence[Row], of: Callable[[Row], T], key: Callable[[Row], Key] | None = None
    ) -> Page[T]:
        """Return the page of at most `limit` of the `fetch` rows asked for."""
        shown = rows[: self.limit]
        cursor = None
        if len(rows) > self.limit:
            last: Any = shown[-1]
            cursor = _closed(self.mark, key(last) if key else (str(last.id),))
        return Page[T](items=[of(row) for row in shown], next_cursor=cursor)

    def _parts(self, count: int) -> Key:
        if self.key is None or len(self.key) != count:
            raise _foreign()
        return self.key


def _mark(path: str, filters: Mapping[str, object]) -> str:
    said = json.dumps([path, {k: str(v) for k, v in filters.items() if v is not None}])
    return hashlib.sha256(said.encode()).hexdigest()[:16]


def _closed(mark: str, key: Key) -> str:
    text = json.dumps([mark, *key], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _opened(cursor: str, mark: str) -> Key:
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        found = json.loads(text)
    except (ValueError, RecursionError):
        raise _foreign() from None
    whole = isinstance(found, list) and all(isinstance(x, str) and _is_sound(x) for x in found)
    if not whole or not found or found[0] != mark:
        raise _foreign()
    return tuple(found[1:])


def _is_sound(text: str) -> bool:
    """Whether both databases take the text as a value."""
    return "\0" not in text and not any("\ud800" <= each <= "\udfff" for each in text)


def _id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise _foreign() from None


def _foreign() -> InvalidRequest:
    return InvalidRequest(
        "The cursor is not one that this list gave; start again without it.",
        field="cursor",
        place="query",
    )
