"""Values as both drivers take them at the least cost: ids, instants and documents as text.

One change binds the same organisation, member and instant dozens of times: each is written out
once and found again.
"""

from collections.abc import Callable
from datetime import datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

from sqlalchemy import Dialect, Uuid
from sqlalchemy.types import TypeEngine

from gateway.storage.types import JSONDocument, UTCDateTime, canonical, instant_text

Binder = Callable[[Any], Any] | None


def binder(kind: TypeEngine[Any], dialect: Dialect) -> Binder:
    """Return what turns a value of a column's type into the driver's; None where nothing does."""
    if isinstance(kind, Uuid):
        return _written_id
    if isinstance(kind, UTCDateTime):
        return _written_instant
    if isinstance(kind, JSONDocument):
        return _written_document
    return kind.dialect_impl(dialect).bind_processor(dialect)


@lru_cache(maxsize=8192)
def _written_id(value: UUID | None) -> str | None:
    return None if value is None else str(value)


@lru_cache(maxsize=1024)
def _written_instant(value: datetime | None) -> str | None:
    if value is None:
        return None
    if value.tzinfo is None:
        raise ValueError("naive datetime")
    return instant_text(value)


def _written_document(value: Any) -> str | None:
    return None if value is None else canonical(value)
