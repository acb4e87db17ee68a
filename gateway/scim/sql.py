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

    Every text expression compares by code point, as Python does. `plain` is an id as the
    database has it, `dashed` in its usual form, which SQLite forms more slowly than Python
    (`packs`); `spelled` is an instant as resources show it.
    """

    name: str
    text_at: Callable[[Expression, tuple[str, ...]], Expression]
    entries_at: Callable[[Expression, tuple[str, ...]], FromClause]
    contains: Callable[[Expression, str], Expression]
    ends: Callable[[Expression, str], Expression]
    starts: Callable[[Expression, str], Expression]
    dashed: Callable[[Expression], Expression]
    quoted: Callable[[Expression], Expression]
    joined: Callable[[Expression], Expression]
    packed: Callable[[Expression], Expression]
    scalar: Callable[[Expression], Expression]
    plain: Callable[[Expression], Expression]
    spelled: Callable[[Expression], Expression]
    packs: bool


def _sqlite_path(keys: tuple[str, ...]) -> str:
    return "$" + "".join(f"[{key}]" if key.isdigit() else f'."{key}"' for key in keys)


def _sqlite_dashed(column: Expression) -> Expression:
    """SQLite keeps a UUID as 32 hexadecimal digits."""
    digits = cast(column, String)
    bounds = ((1, 8), (9, 4), (13, 4), (17, 4), (21, 12))
    first, *others = (func.substr(digits, start, length) for start, length in bounds)
    whole: Expression = first
    for part in others:
        whole = whole.op("||")(literal("-", String)).op("||")(part)
    return whole


SQLITE = Spelling(
    name="sqlite",
    text_at=lambda document, keys: func.json_extract(document, _sqlite_path(keys), type_=String()),
    entries_at=lambda document, keys: func.json_each(document, _sqlite_path(keys)).table_valued(
        "value"
    ),
    contains=lambda text, part: func.instr(text, part) > 0,
    starts=lambda text, part: func.substr(text, 1, len(part)) == part,
    ends=lambda text, part: func.substr(text, -len(part)) == part if part else text.is_not(None),
    dashed=_sqlite_dashed,
    quoted=lambda text: func.json_quote(text, type_=String()),
    joined=lambda fragment: func.group_concat(fragment, ",", type_=String()),
    packed=lambda text: func.group_concat(text, "", type_=String()),
    scalar=lambda entry: cast(entry, String),
    plain=lambda column: type_coerce(column, String),
    spelled=lambda column: type_coerce(column, String),
    packs=True,
)


def _postgres_text(document: Expression, keys: tuple[str, ...]) -> Expression:
    return func.jsonb_extract_path_text(document, *keys, type_=Text()).collate("C")


POSTGRESQL = Spelling(
    name="postgresql",
    text_at=_postgres_text,
    entries_at=lambda document, keys: func.jsonb_array_elements(
        func.jsonb_extract_path(document, *keys)
    ).table_valued("value"),
    contains=lambda text, part: func.strpos(text, part) > 0,
    starts=lambda text, part: func.starts_with(text, part),
    ends=lambda text, part: func.right(text, len(part)) == part,
    dashed=lambda column: cast(column, Text),
    quoted=lambda text: cast(func.to_json(cast(text, Text)), Text),
    joined=lambda fragment: func.string_agg(fragment, literal(",", Text), type_=Text()),
    packed=lambda text: func.string_agg(text, literal("", Text), type_=Text()),
    scalar=lambda entry: entry.op("#>>")(literal_column("'{}'")).collate("C"),
    plain=lambda column: cast(column, Text),
    spelled=lambda column: func.to_char(
        func.timezone("UTC", column), 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"', type_=Text()
    ),
    packs=False,
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
