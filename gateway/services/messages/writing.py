"""Writing a message of the catalogue: subject, text and HTML say the same."""

import html
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

NAME_LIMIT = 64
"""Longest name that is put into a mail."""

LANGUAGE = "en"

Fact = str | int | Decimal | datetime


class Verbatim(str):
    """A fact in a form that we gave it, of which nobody else chose a character to be read."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Letter:
    """What a mail says; both forms say the same."""

    subject: str
    text: str
    html: str


@dataclass(frozen=True, slots=True)
class Message:
    """One message of the catalogue."""

    subject: str
    text: tuple[str, ...]
    button: str | None
    after: tuple[str, ...]


def write(
    type: str, facts: Mapping[str, Fact], *, link: str | None = None, voice: Mapping[str, str]
) -> Letter:
    """Return a message of the catalogue with these facts, in an organisation's voice.

    Without an `organisation` in the voice it comes from the gateway itself. A message with a
    button needs a link, and no other takes one.
    """
    message = _catalogue()[type]
    if (message.button is None) != (link is None):
        raise ValueError(f"{type}: a button and a link belong together")
    known = {name: _plain(value) for name, value in {**voice, **facts}.items()}

    def said(text: str) -> str:
        return text.format_map(known)

    subject = one_line(said(message.subject))
    footer = _footer(known)
    before, after = [*map(said, message.text)], [*map(said, message.after)]
    return Letter(
        subject,
        _as_text(before, link, after, footer),
        _as_html(subject, before, (message.button, link), after, footer),
    )


def one_line(text: str) -> str:
    """Return `text` without line breaks and control characters, as a header may carry it."""
    return " ".join("".join(x if x.isprintable() else " " for x in text).split())


def plain_name(name: str) -> str:
    """Return a name as a mail may show it: one line of 64 characters that no reader links.

    Whoever chooses a name must not be able to put an address of theirs into our mail.
    """
    unlinked = re.sub(r"[.:/@](?=\S)", " ", one_line(name))
    return " ".join(unlinked.split())[:NAME_LIMIT]


def _footer(known: Mapping[str, str]) -> str:
    layout = _layout()
    sender = "from_organisation" if "organisation" in known else "from_gateway"
    return layout[sender].format_map(known)


def _plain(value: Fact) -> str:
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d} at {value:%H:%M} UTC"
    if isinstance(value, Decimal):
        return f"{value:,.2f}"
    if isinstance(value, Verbatim):
        return one_line(value)
    return plain_name(str(value))


def _as_text(before: Sequence[str], link: str | None, after: Sequence[str], footer: str) -> str:
    shown = [link] if link is not None else []
    return "\n\n".join([*before, *shown, *after, f"-- \n{footer}"]) + "\n"


def _as_html(
    subject: str,
    before: Sequence[str],
    button: tuple[str | None, str | None],
    after: Sequence[str],
    footer: str,
) -> str:
    parts = [*_paragraphs(before)]
    label, link = button
    if label is not None and link is not None:
        parts += [_BUTTON.format(link=html.escape(link), label=html.escape(label))]
        parts += [_SMALL.format(_layout()["link_below"], html.escape(link))]
    parts += _paragraphs(after)
    return _page().format(
        subject=html.escape(subject), body="\n".join(parts), footer=html.escape(footer)
    )


def _paragraphs(texts: Sequence[str]) -> Iterator[str]:
    for text in texts:
        yield f'<p style="margin:0 0 16px">{html.escape(text)}</p>'


_BUTTON = (
    '<p style="margin:0 0 16px"><a href="{link}" style="display:inline-block;padding:10px 18px;'
    "background:#1f5fd6;color:#ffffff;border-radius:8px;text-decoration:none;font-weight:600"
    '">{label}</a></p>'
)
_SMALL = (
    '<p style="margin:0 0 16px;color:#6b7280;font-size:13px;overflow-wrap:anywhere">{}<br>{}</p>'
)


@cache
def _page() -> str:
    return files(__package__).joinpath("letter.html").read_text(encoding="utf-8")


@cache
def _entries() -> dict[str, Any]:
    text = files(__package__).joinpath(f"{LANGUAGE}.yaml").read_text(encoding="utf-8")
    found: dict[str, Any] = yaml.safe_load(text)
    return found


def _layout() -> dict[str, str]:
    layout: dict[str, str] = _entries()["layout"]
    return layout


@cache
def _catalogue() -> dict[str, Message]:
    return {
        name: Message(
            subject=entry["subject"],
            text=tuple(entry["text"]),
            button=entry.get("button"),
            after=tuple(entry.get("after", ())),
        )
        for name, entry in _entries().items()
        if name != "layout"
    }


TYPES = frozenset(_catalogue())
"""Every mail that the product sends."""
