"""HTTP requests as they carry SAML, within bounds; and letters as answers."""

from flask import Request, Response
from werkzeug.exceptions import HTTPException

from gateway.browser import pages
from gateway.domain.judging import Unacceptable
from gateway.saml import bindings, gate
from gateway.saml.bindings import Fields, Letter

BODY_LIMIT = gate.BASE64_SIZE * 11 // 10
"""Bytes of a posted form: a message in base64, with its percent signs."""

FORM = "application/x-www-form-urlencoded"


def posted(request: Request) -> Fields:
    """Return the fields of a posted form.

    :raises Unacceptable: no such form, too large, or a field twice.
    """
    if request.mimetype != FORM:
        raise Unacceptable("malformed", f"the body is {request.mimetype[:60]!r}")
    request.max_content_length = BODY_LIMIT
    try:
        body = request.get_data(cache=False)
    except HTTPException:
        raise Unacceptable("malformed", f"more than {BODY_LIMIT} bytes") from None
    return bindings.from_form(body)


def queried(request: Request) -> Fields:
    """Return the fields of a query.

    :raises Unacceptable: it cannot be read, or a field comes twice.
    """
    return bindings.from_query(request.query_string)


def sent(letter: Letter) -> Response:
    """Return what takes a letter to a provider: the way there, or a page that posts it."""
    if letter.form is None:
        return pages.redirect(letter.address, 302)
    return pages.post_form(letter.address, dict(letter.form))


def is_own(request: Request, origin: str) -> bool:
    """Whether a request comes from a page of ours, or was typed; older browsers name neither."""
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site in ("same-origin", "none")
    return request.headers.get("Origin", origin) == origin
