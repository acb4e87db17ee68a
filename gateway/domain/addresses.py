"""E-mail addresses as they are kept, compared and mailed to."""

import re

from gateway.domain.domain_names import a_labels
from gateway.domain.errors import BadEmail

_LOCAL = re.compile(r"[a-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*")


def address(text: str) -> str:
    """Return an address as we keep it: ASCII local part in lower case, domain as A-labels.

    Dots and plus signs are kept: they may tell two people apart.

    :raises BadEmail: not one address of this form.
    """
    local, at, domain = text.strip().rpartition("@")
    # Before it is lowered: the sign for kelvin would become a k.
    plain = local.isascii()
    local = local.lower()
    name = a_labels(domain)
    if not at or not plain or name is None or len(local) > 64 or not _LOCAL.fullmatch(local):
        raise BadEmail("An e-mail address has the form name@example.org, in plain letters.")
    return f"{local}@{name}"


def is_address(text: str | None) -> bool:
    """Whether a text is an address of the form that we keep."""
    try:
        return bool(address(text or ""))
    except BadEmail:
        return False
