"""Invitations as CSV: a header, then a line for each person (RFC 4180)."""

import csv
from dataclasses import dataclass
from io import StringIO
from uuid import UUID

from gateway.domain.errors import InvalidRequest
from gateway.domain.invitations import BULK_LIMIT

COLUMNS = ("email", "role", "chatbots")
CSV_LIMIT = 100_000
"""Characters of a file."""

Sections = dict[str, str] | None


@dataclass(frozen=True, slots=True)
class CSVRow:
    """One person to invite."""

    email: str
    role: str | None
    chatbots: dict[UUID, Sections] | None


def parse(text: str) -> list[CSVRow]:
    """Return the rows of a file; `role` and `chatbots` may be left out or empty.

    A cell of chatbots names them by id, parted by semicolons, each with its sections if not all
    that the role allows are meant: `<id>:conversations=write+analytics=read`.

    :raises InvalidRequest: no header, an unknown column, too many rows, or a cell without sense.
    """
    reader = csv.DictReader(StringIO(text.lstrip("\ufeff"), newline=""), strict=True)
    try:
        names = tuple((name or "").strip().lower() for name in reader.fieldnames or ())
        lines = list(reader)
    except csv.Error as error:
        raise _wrong(f"This is no CSV: {error}.") from None
    if "email" not in names or not set(names) <= set(COLUMNS) or len(set(names)) < len(names):
        raise _wrong(f"The header names email and, if wanted, {COLUMNS[1]} and {COLUMNS[2]}.")
    if len(lines) > BULK_LIMIT:
        raise _wrong(f"A file has at most {BULK_LIMIT} rows.")
    reader.fieldnames = names
    return [_row(number, names, line) for number, line in enumerate(lines, start=2)]


def _row(number: int, names: tuple[str, ...], line: dict[str, str]) -> CSVRow:
    cells = list(line.values())
    if len(cells) != len(names) or not all(isinstance(cell, str) for cell in cells):
        raise _wrong(f"Line {number} has another number of cells than the header.")
    named = dict(zip(names, (cell.strip() for cell in cells), strict=True))
    return CSVRow(
        email=named["email"],
        role=named.get("role") or None,
        chatbots=_chatbots(number, named.get("chatbots", "")),
    )


def _chatbots(number: int, cell: str) -> dict[UUID, Sections] | None:
    if not cell:
        return None
    found: dict[UUID, Sections] = {}
    for part in cell.split(";"):
        chatbot, _, levels = part.strip().partition(":")
        try:
            found[UUID(chatbot)] = dict(_level(x) for x in levels.split("+")) if levels else None
        except ValueError:
            raise _wrong(f"Line {number}: {part.strip()!r} names no chatbot.") from None
    return found


def _level(text: str) -> tuple[str, str]:
    section, equals, level = text.strip().partition("=")
    if not equals:
        raise ValueError(text)
    return section.strip(), level.strip()


def _wrong(message: str) -> InvalidRequest:
    return InvalidRequest(message, field="csv")
