"""Rows that leave the house as CSV or as JSON lines, so that no spreadsheet runs what they say."""

import csv
import json
from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from io import StringIO
from typing import Any

FORMULAS = frozenset("=+-@＝＋－＠")  # noqa: RUF001 - spreadsheets take the wide forms, too
"""What a cell begins with that a spreadsheet computes (OWASP, CSV injection)."""


class Format(StrEnum):
    """The forms of an export."""

    CSV = "csv"
    JSONL = "jsonl"

    @property
    def media_type(self) -> str:
        """The media type of a file in this form."""
        return MEDIA_TYPES[self]


MEDIA_TYPES = {Format.CSV: "text/csv; charset=utf-8", Format.JSONL: "application/jsonl"}


def csv_lines(rows: Iterable[Iterable[object]]) -> str:
    """Return rows as CSV (RFC 4180), each cell quoted and none of them a formula."""
    out = StringIO(newline="")
    writer = csv.writer(out, quoting=csv.QUOTE_ALL)
    writer.writerows([harmless(cell) for cell in row] for row in rows)
    return out.getvalue()


def harmless(cell: object) -> str:
    """Return a cell as text; what would be computed begins with an apostrophe instead."""
    text = plain(cell)
    begins = text.lstrip()[:1]
    return f"'{text}" if begins in FORMULAS or text[:1] in ("\t", "\r", "\n") else text


def json_lines(documents: Iterable[Any]) -> str:
    """Return each document as one line of JSON."""
    return "".join(f"{_json(document)}\n" for document in documents)


def plain(value: object) -> str:
    """Return a value as text: nothing is empty, instants are ISO 8601, structures are JSON."""
    if value is None:
        return ""
    return _json(value) if isinstance(value, dict | list | tuple | bool) else _text(value)


def _json(value: object) -> str:
    return json.dumps(value, default=_text, ensure_ascii=False, separators=(",", ":"))


def _text(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    return str(value)
