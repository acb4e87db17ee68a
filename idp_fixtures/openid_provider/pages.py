"""Answers of the provider's site."""

import json
from dataclasses import dataclass
from html import escape
from typing import Any


@dataclass(frozen=True, slots=True)
class Page:
    """An answer; with `pause`, seconds lie between one byte of it and the next."""

    body: str | bytes = ""
    status: int = 200
    media_type: str = "text/html; charset=utf-8"
    location: str | None = None
    cookie: str | None = None
    headers: tuple[tuple[str, str], ...] = ()
    pause: float = 0.0

    @property
    def said(self) -> Any:
        """What a JSON answer holds."""
        return json.loads(self.body)


def as_json(value: Any, status: int = 200) -> Page:
    """Return a value as JSON."""
    return Page(json.dumps(value), status, "application/json")


def error(code: str, description: str = "", status: int = 400) -> Page:
    """Return an error as OAuth writes it (RFC 6749 §5.2)."""
    return as_json({"error": code, "error_description": description}, status)


def leaf(title: str, body: str) -> Page:
    """Return a page for people."""
    return Page(f"<!doctype html><title>{title}</title><h1>{title}</h1>{body}")


def hidden(name: str, value: str) -> str:
    """Return a field that nobody sees."""
    return f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">'
