"""What a request brings to an address: each parameter once, of bounded length."""

from flask import Request
from werkzeug.datastructures import MultiDict

from gateway.domain.judging import Unacceptable

LONGEST = 4_096
FORM = "application/x-www-form-urlencoded"


def form(request: Request, largest: int) -> MultiDict[str, str]:
    """Return the form that a request brings.

    :raises Unacceptable: it brings something else, or more than so many bytes.
    """
    request.max_content_length = request.max_form_memory_size = largest
    if request.mimetype != FORM:
        raise Unacceptable("malformed", "no form")
    if (request.content_length or 0) > largest:
        raise Unacceptable("malformed", "too large")
    return request.form


def single(values: MultiDict[str, str], names: tuple[str, ...]) -> dict[str, str]:
    """Return those of the named parameters that came; RFC 6749 §3.1 lets none come twice.

    :raises Unacceptable: one came twice, or is too long.
    """
    for name in names:
        if len(values.getlist(name)) > 1:
            raise Unacceptable("malformed", f"{name} more than once")
    sent = {name: values[name] for name in names if name in values}
    if any(len(value) > LONGEST for value in sent.values()):
        raise Unacceptable("malformed", "a parameter is too long")
    return sent
