"""Pages: the templates' environment, strict headers, and the one page of every failed sign-in."""

import json
import secrets
from typing import Any

from flask import Request, Response
from jinja2 import Environment, PackageLoader, StrictUndefined

ENVIRONMENT = Environment(
    loader=PackageLoader("gateway.browser"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action {forms}; base-uri 'none'; frame-ancestors 'none'"
)
"""Nothing from elsewhere, no inline script or style, in nobody's frame."""

HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
}

FAILURE = 403
"""Status of every failed sign-in, whatever the reason."""


def page(template: str, /, *, status: int = 200, forms: str = "'self'", **values: Any) -> Response:
    """Return a page; `forms` says where its forms may lead."""
    text = ENVIRONMENT.get_template(template).render(**values)
    response = Response(text, status, content_type="text/html; charset=utf-8")
    response.headers.update(HEADERS)
    response.headers["Content-Security-Policy"] = POLICY.format(forms=forms)
    return response


def failure(request: Request, code: str, request_id: str, **more: Any) -> Response:
    """Return the same answer to every failed sign-in: a stable code, and an id for the admin.

    Whoever asks for JSON gets it. `more` may offer a way on: `link`, `again`.
    """
    values = {"link": None, "again": "/login", **more}
    best = request.accept_mimetypes.best_match(["text/html", "application/json"])
    if best == "application/json":
        body = {"code": "sign_in_failed", "reason": code, "request_id": request_id}
        response = Response(json.dumps(body), FAILURE, content_type="application/json")
        response.headers.update(HEADERS)
    else:
        response = page("failed.html", status=FAILURE, code=code, request_id=request_id, **values)
    response.headers["X-Sign-In-Failure"] = code
    return response


def post_form(action: str, fields: dict[str, str]) -> Response:
    """Return a page that posts a form to an identity provider, by itself where scripts run."""
    origin = action.split("?", 1)[0]
    return page(
        "post.html",
        forms=_source(origin),
        action=action,
        fields=fields,
    )


def redirect(where: str, status: int = 303) -> Response:
    """Return the way to another page."""
    response = Response(status=status)
    response.headers.update(HEADERS)
    response.headers["Location"] = where
    return response


def new_form_token() -> str:
    """Return a fresh CSRF token."""
    return secrets.token_urlsafe(24)


def _source(address: str) -> str:
    """Return the origin of an address, as a policy names it."""
    scheme, _, rest = address.partition("://")
    host = rest.split("/", 1)[0]
    return f"{scheme}://{host}"
