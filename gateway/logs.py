"""Structured logs on stderr: one entry a line, each with the id of its request.

Secrets never get here: no header, no body, no setting's value is logged, and of an address that is
a secret itself only its beginning.
"""

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

LINKS = re.compile(r"(/invitations/)[A-Za-z0-9_-]{43}")


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
        renderer = structlog.processors.JSONRenderer(sort_keys=False)
        errors: list[Any] = [structlog.processors.format_exc_info]
    else:
        # The richer traceback would print local variables, secrets among them.
        renderer = structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
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


def logger(name: str) -> Any:
    """Return the log of one part of the product."""
    return structlog.get_logger(part=name)
