"""What of a request may be kept: names of attributes and the shape of filters, never a value."""

import re
from collections.abc import Mapping
from typing import Any

MOST_NAMES = 40
LONGEST = 80
LITERAL = re.compile(r'"(?:[^"\\]|\\.)*("|$)')


def redacted(query: Mapping[str, str], body: Any) -> dict[str, Any]:
    """Return what was received, without values: parameters, attributes, operations."""
    kept: dict[str, Any] = {}
    if query:
        kept["query"] = {
            name[:LONGEST]: masked(value) if name in ("filter", "sortby") else _plain(value)
            for name, value in list(query.items())[:MOST_NAMES]
        }
    if isinstance(body, dict):
        kept["attributes"] = _names(body)
        listed = next((v for k, v in body.items() if k.lower() == "operations"), None)
        if isinstance(listed, list):
            kept["operations"] = [_operation(each) for each in listed[:MOST_NAMES]]
            kept["operation_count"] = len(listed)
    return kept


def masked(text: str) -> str:
    """Return a filter or path with its literals hidden."""
    return LITERAL.sub('"…"', text)[:LONGEST]


def _plain(value: str) -> str:
    """A number is kept, as in count; what else a parameter says is not."""
    return value if value.isdecimal() and len(value) <= 10 else "…"


def _operation(operation: Any) -> str:
    if not isinstance(operation, dict):
        return "…"
    said = {str(k).lower(): v for k, v in operation.items()}
    verb = masked(str(said.get("op") or said.get("method") or ""))
    if isinstance(said.get("path"), str):
        return f"{verb} {masked(said['path'])}".strip()
    value = said.get("value")
    names = ", ".join(_names(value)) if isinstance(value, dict) else "…"
    return f"{verb} {names}".strip()


def _names(body: Mapping[Any, Any]) -> list[str]:
    return [masked(str(name)) for name in list(body)[:MOST_NAMES]]
