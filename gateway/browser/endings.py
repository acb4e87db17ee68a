"""How a sign-in through an identity provider ends for the browser, whatever the protocol."""

import json
from typing import Any

from flask import Request, Response

from gateway.browser import pages
from gateway.browser.cookies import Cookies
from gateway.domain.errors import Refused, SignInFailed
from gateway.domain.signin import LinkProposed, SignedIn, TestResult

LINK_PAGE = "/login/link"
"""Where somebody proves the account that they have here."""


def ending(
    request: Request,
    cookies: Cookies,
    request_id: str,
    end: SignedIn | LinkProposed | TestResult | Refused,
) -> Response:
    """Return what the browser gets: a session and the way back, or the one page of failures."""
    if isinstance(end, SignedIn):
        response = pages.redirect(end.return_to)
        cookies.keep(response, cookies.session, end.token, end.expires_at)
        return response
    if isinstance(end, TestResult):
        return _tested(request, end)
    if isinstance(end, LinkProposed):
        response = pages.failure(request, end.code, request_id, link=LINK_PAGE)
        cookies.keep(response, cookies.link, end.token, end.expires_at)
        return response
    error = end.error
    reason = error.reason if isinstance(error, SignInFailed) else error.code
    return pages.failure(request, reason, request_id)


def _tested(request: Request, end: TestResult) -> Response:
    document: dict[str, Any] = {"trace_id": str(end.trace_id), **end.document}
    best = request.accept_mimetypes.best_match(["text/html", "application/json"])
    if best == "application/json":
        text = json.dumps(document, default=str)
        response = Response(text, 200, content_type="application/json")
        response.headers.update(pages.HEADERS)
        return response
    return pages.page("tested.html", result=document)
