"""E-mail addresses as they are kept, compared and mailed to."""

import re

from gateway.domain.errors import BadEmail

_LOCAL = re.compile(r"[a-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_LABEL = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)")


def address(text: str) -> str:
    """Return an address as we keep it: ASCII local part in lower case, domain as A-labels.

    Dots and plus signs are kept: they may tell two people apart.

    :raises BadEmail: not one address of this form.
    """
    local, at, domain = text.strip().rpartition("@")
    local = local.lower()
    try:
        name = domain.encode("idna").decode("ascii").lower()
    except UnicodeError:
        name = ""
    labels = name.split(".")
    fits = at and len(local) <= 64 and _LOCAL.fullmatch(local) and len(name) <= 253
    if not fits or len(labels) < 2 or not all(map(_LABEL.fullmatch, labels)):
        raise BadEmail("An e-mail address has the form name@example.org, in plain letters.")
    return f"{local}@{name}"


def is_address(text: str | None) -> bool:
    """Whether a text is an address of the form that we keep."""
    try:
        return bool(address(text or ""))
    except BadEmail:
        return False
