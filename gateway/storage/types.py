"""Column types that mean the same on SQLite and PostgreSQL."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import DateTime, Dialect, String, TypeDecorator, types
from sqlalchemy.dialects import postgresql


def instant_text(moment: datetime) -> str:
    """Return an instant as fixed-width UTC text with microseconds; text order is time order."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")[:-6] + "Z"


def canonical(value: Any) -> str:
    """Return the one text of a JSON value: sorted keys, no spaces. Hashes are computed over it.

    :raises TypeError: not a JSON value.
    """
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()
    except TypeError:  # an integer of more than 64 bits, which a client may send
        return _slowly(value)


_slowly: Callable[[Any], str] = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), ensure_ascii=False
).encode


class UTCDateTime(TypeDecorator[datetime]):
    """An aware UTC instant with microseconds.

    SQLite keeps it as fixed-width ISO text, so that text order is time order.
    """

    impl = DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> types.TypeEngine[Any]:
        """PostgreSQL's timestamptz, SQLite's text."""
        if dialect.name == "sqlite":
            return dialect.type_descriptor(String(27))
        return dialect.type_descriptor(DateTime(timezone=True))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        """Refuse naive datetimes: they would mean the server's local time."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("naive datetime")
        if dialect.name == "sqlite":
            return instant_text(value)
        return value

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Return an aware UTC datetime."""
        if value is None:
            return None
        if isinstance(value, str):
            return datetime.fromisoformat(value)
        instant: datetime = value
        return instant.astimezone(UTC)


class WrittenUUID(types.Uuid[UUID]):
    """A UUID as SQLite keeps it: in its usual form, so that answers need not compose it."""

    def bind_processor(self, dialect: Dialect) -> Callable[[UUID | None], str | None]:  # noqa: ARG002
        """Return what writes an id out."""
        return lambda value: None if value is None else str(value)

    def result_processor(
        self,
        dialect: Dialect,  # noqa: ARG002
        coltype: Any,  # noqa: ARG002
    ) -> Callable[[str | None], UUID | None]:
        """Return what reads an id."""
        return lambda value: None if value is None else UUID(value)


class JSONText(TypeDecorator[Any]):
    """A JSON value, kept as compact text and never searched by SQL."""

    impl = String
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:  # noqa: ARG002
        """Dump canonically: sorted keys, no spaces."""
        if value is None:
            return None
        return canonical(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:  # noqa: ARG002
        """Return the parsed value."""
        return None if value is None else json.loads(value)


class JSONDocument(TypeDecorator[Any]):
    """A JSON object that filters search: jsonb on PostgreSQL, JSON text on SQLite."""

    impl = String
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> types.TypeEngine[Any]:
        """PostgreSQL's jsonb, SQLite's text."""
        if dialect.name == "postgresql":
            return dialect.type_descriptor(postgresql.JSONB())
        return dialect.type_descriptor(String())

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        """Hand PostgreSQL the object, SQLite its text."""
        if value is None or dialect.name == "postgresql":
            return value
        return canonical(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:  # noqa: ARG002
        """Return the parsed value."""
        return json.loads(value) if isinstance(value, str) else value


class Key(TypeDecorator[str]):
    """Text compared by code point on both databases (COLLATE "C" on PostgreSQL).

    Holds what a person or an IdP may look up or sort by; case folding happens in Python.
    """

    impl = String
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> types.TypeEngine[Any]:
        """SQLite's BINARY collation already compares code points."""
        if dialect.name == "postgresql":
            return dialect.type_descriptor(String(collation="C"))
        return dialect.type_descriptor(String())
