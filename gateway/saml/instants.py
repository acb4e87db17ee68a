"""Instants as SAML writes them (core §1.3.3): UTC, ending in Z."""

import re
from datetime import UTC, datetime, timedelta

from gateway.domain.judging import Unacceptable
from gateway.saml.xml import Element

_FORM = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,12}))?(?:Z|\+00:00)", re.ASCII)


def written(instant: datetime) -> str:
    """Return an instant to the second."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def read(text: str) -> datetime:
    """Return the instant that a text names.

    :raises Unacceptable: none, or not in UTC.
    """
    found = _FORM.fullmatch(text.strip())
    if found is None:
        raise Unacceptable("malformed", f"no instant: {text[:40]!r}")
    try:
        whole = datetime.strptime(found.group(1) + "Z", "%Y-%m-%dT%H:%M:%S%z")
    except ValueError:
        raise Unacceptable("malformed", f"no instant: {text[:40]!r}") from None
    fraction = (found.group(2) or "")[:6].ljust(6, "0")
    # Years 1 and 9999 leave no room for the clocks' difference.
    if not 1970 <= whole.year <= 9000:
        raise Unacceptable("malformed", f"no instant: {text[:40]!r}")
    return whole + timedelta(microseconds=int(fraction))


def of(node: Element, attribute: str) -> datetime | None:
    """Return the instant of an attribute, None where there is no such attribute.

    :raises Unacceptable: it is none.
    """
    value = node.get(attribute)
    return None if value is None else read(value)
