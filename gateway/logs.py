"""Structured logs on stderr: one entry a line, each with the id of its request.

Secrets never get here: no header, no body, no setting's value is logged, of an address that is a
secret itself only its beginning, and of what the database complains about no value.
"""

import json
import logging
import re
import sys
import traceback
from collections.abc import Iterator, MutableMapping
from typing import Any, TextIO

import orjson
import structlog

LINKS = re.compile(r"(/invitations/)[A-Za-z0-9_-]{43}")


QUOTES_NOTHING = frozenset({"08", "23", "28", "40", "42", "53", "55", "57"})
"""Classes of SQLSTATE whose first line names tables, columns and constraints, and no value."""


def without_links(
    _logger: Any, _method: str, entry: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Return an entry whose paths name no invitation's link."""
    for name in ("path", "event"):
        if isinstance(entry.get(name), str):
            entry[name] = LINKS.sub(r"\1…", entry[name])
    return entry


def in_one_line(
    _logger: Any, _method: str, entry: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Return an entry whose texts neither begin a line nor move the reader's terminal."""
    for name, value in entry.items():
        if isinstance(value, str) and not value.isprintable():
            entry[name] = value.encode("unicode_escape").decode()
    return entry


SHARED: list[Any] = [
    structlog.contextvars.merge_contextvars,
    without_links,
    in_one_line,
    structlog.processors.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]


def set_up(level: str, form: str) -> None:
    """Send every log entry of this process, those of libraries too, to stderr.

    :param form: `json` or `text`.
    """
    renderer: Any
    if form == "json":
        renderer = structlog.processors.JSONRenderer(_json)
        errors: list[Any] = [structlog.processors.ExceptionRenderer(told)]
    else:
        # The richer traceback would print local variables, secrets among them.
        renderer = structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), exception_formatter=_written
        )
        errors = []
    number = logging.getLevelNamesMapping()[level.upper()]
    structlog.configure(
        processors=[*SHARED, *errors, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    stream = logging.StreamHandler(sys.stderr)
    stream.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *SHARED],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *errors,
                renderer,
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [stream]
    # Libraries speak up for what an operator must see; their narration is not ours.
    root.setLevel(max(number, logging.WARNING))


def _json(entry: Any, default: Any) -> str:
    try:
        return orjson.dumps(entry, default=default).decode()
    except TypeError:  # an integer of more than 64 bits
        return json.dumps(entry, default=default)


def told(exc_info: Any) -> str:
    """Return the traceback of an exception and of what led to it; see `complaint`."""
    return "".join(_lines(exc_info[1], set())).rstrip("\n")


def complaint(error: BaseException) -> str:
    """Return what an exception says; PostgreSQL's details, which quote rows, are left out."""
    cause = getattr(error, "orig", None)
    if isinstance(cause, BaseException):
        return (
            f"{type(cause).__name__}: {complaint(cause)} [SQL: {getattr(error, 'statement', '')}]"
        )
    state = getattr(error, "sqlstate", None)
    if state is None:
        return str(error)
    said = getattr(getattr(error, "diag", None), "message_primary", None)
    quotable = said if state[:2] in QUOTES_NOTHING else None
    return f"SQLSTATE {state}: {quotable or 'what it says may quote values'}"


def _lines(error: BaseException, seen: set[int]) -> Iterator[str]:
    seen.add(id(error))
    before = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if before is not None and id(before) not in seen:
        yield from _lines(before, seen)
        yield "\nThen:\n\n"
    if isinstance(error, BaseExceptionGroup):
        for each in error.exceptions:
            yield from _lines(each, seen)
    yield "Traceback (most recent call last):\n"
    yield from traceback.format_tb(error.__traceback__)
    yield f"{type(error).__qualname__}: {complaint(error)}\n"


def _written(stream: TextIO, exc_info: Any) -> None:
    stream.write("\n" + told(exc_info))


def logger(name: str) -> Any:
    """Return the log of one part of the product."""
    return structlog.get_logger(part=name)
