"""The few expressions that the two databases spell differently."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnElement,
    FromClause,
    String,
    Text,
    cast,
    func,
    literal,
    literal_column,
    type_coerce,
)

Expression = ColumnElement[Any]
LAST_CODE_POINT = 0x10FFFF


@dataclass(frozen=True, slots=True)
class Spelling:
    """How one database reads JSON, compares text and composes fragments.

    Every text expression compares by code point, as Python does. `written` is an id in its
    usual form, `spelled` an instant as resources show it. Where rows come in the order of the
    index that finds them, asking for that order would only have them copied once more.
    """

    name: str
    text_at: Callable[[Expression, tuple[str, ...]], Expression]
    entries_at: Callable[[Expression, tuple[str, ...]], FromClause]
    ends: Callable[[Expression, str], Expression]
    starts: Callable[[Expression, str], Expression]
    written: Callable[[Expression], Expression]
    quoted: Callable[[Expression], Expression]
    joined: Callable[[Expression], Expression]
    scalar: Callable[[Expression], Expression]
    spelled: Callable[[Expression], Expression]
    reads_in_index_order: bool = False


def _sqlite_path(keys: tuple[str, ...]) -> str:
    return "$" + "".join(f"[{key}]" if key.isdigit() else f'."{key}"' for key in keys)


SQLITE = Spelling(
    name="sqlite",
    text_at=lambda document, keys: func.json_extract(document, _sqlite_path(keys), type_=String()),
    entries_at=lambda document, keys: func.json_each(document, _sqlite_path(keys)).table_valued(
        "value"
    ),
    starts=lambda text, part: func.substr(text, 1, len(part)) == part,
    ends=lambda text, part: func.substr(text, -len(part)) == part if part else text.is_not(None),
    written=lambda column: type_coerce(column, String),
    quoted=lambda text: func.json_quote(text, type_=String()),
    joined=lambda fragment: func.group_concat(fragment, ",", type_=String()),
    scalar=lambda entry: cast(entry, String),
    spelled=lambda column: type_coerce(column, String),
    reads_in_index_order=True,
)


def _postgres_text(document: Expression, keys: tuple[str, ...]) -> Expression:
    return func.jsonb_extract_path_text(document, *keys, type_=Text()).collate("C")


POSTGRESQL = Spelling(
    name="postgresql",
    text_at=_postgres_text,
    entries_at=lambda document, keys: func.jsonb_array_elements(
        func.jsonb_extract_path(document, *keys)
    ).table_valued("value"),
    starts=lambda text, part: func.starts_with(text, part),
    ends=lambda text, part: func.right(text, len(part)) == part,
    written=lambda column: cast(column, Text),
    quoted=lambda text: cast(func.to_json(cast(text, Text)), Text),
    joined=lambda fragment: func.string_agg(fragment, literal(",", Text), type_=Text()),
    scalar=lambda entry: entry.op("#>>")(literal_column("'{}'")).collate("C"),
    spelled=lambda column: func.to_char(
        func.timezone("UTC", column), 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"', type_=Text()
    ),
)


SPELLINGS = {each.name: each for each in (SQLITE, POSTGRESQL)}


def prefix_range(column: Expression, prefix: str) -> Expression:
    """Whether a column starts with `prefix`, as a range that an index serves."""
    beyond = _beyond(prefix)
    return column >= prefix if beyond is None else (column >= prefix) & (column < beyond)


def _beyond(prefix: str) -> str | None:
    """Return the least text that sorts after every text with the prefix."""
    while prefix:
        last = ord(prefix[-1])
        if last < LAST_CODE_POINT:
            # Half a surrogate pair is no text: the code point after U+D7FF is U+E000.
            return prefix[:-1] + chr(0xE000 if last == 0xD7FF else last + 1)
        prefix = prefix[:-1]
    return None
