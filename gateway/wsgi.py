"""Programs' endpoints as WSGI applications of their own, beside Flask's.

What IdPs and platforms ask thousands of times has few addresses and needs no page's machinery:
routing, context and responses of the framework would cost more than the answer.

**Invariant:** such an application answers every request for its paths, refusals included.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from werkzeug.http import HTTP_STATUS_CODES
from werkzeug.wrappers import Request

Environ = dict[str, Any]
REQUEST_ID = "gateway.request_id"
"""Key of the environment that holds the id of the request."""

ORGANISATION = "gateway.organisation"
"""Key of the environment that holds the organisation which the request's credential opened."""


VISITED = "gateway.visited"
"""Key of the environment that holds the organisation whose address was asked for, by anybody."""


class Application(Protocol):
    """A WSGI application that knows its own paths."""

    def serves(self, path: str) -> bool:
        """Whether a path is this application's."""

    def __call__(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        """Answer one WSGI request."""


class Door:
    """Hands each request to the application whose path it names, and all others to Flask's."""

    def __init__(self, applications: Sequence[Application], pages: Any) -> None:
        self._applications = applications
        self._pages = pages

    def __call__(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        """Answer one WSGI request."""
        path = environ.get("PATH_INFO", "")
        chosen: Any = self._pages
        for application in self._applications:
            if application.serves(path):
                chosen = application
        answered: Iterable[bytes] = chosen(environ, start_response)
        return answered


def respond(
    request: Request,
    start_response: Any,
    status: int,
    headers: Mapping[str, str],
    content: tuple[str, bytes] | None,
) -> Iterable[bytes]:
    """Write an answer that nobody stores; one to HEAD says how long it would be (RFC 9110 §9.3.2).

    :param content: media type and body, None where there is none.
    """
    sent = [("Cache-Control", "no-store"), *headers.items()]
    body = b""
    if content is not None:
        media_type, body = content
        sent += [("Content-Type", media_type), ("Content-Length", str(len(body)))]
    elif status >= 400:
        sent.append(("Content-Length", "0"))
    start_response(f"{status} {HTTP_STATUS_CODES[status]}", sent)
    return () if request.method == "HEAD" else (body,)
