"""What a provider's claims say about somebody, under the names that the connection maps."""

from collections.abc import Mapping
from typing import Any

from gateway.domain.errors import SignInFailed
from gateway.domain.judging import Unacceptable
from gateway.domain.signin import MAX_GROUPS, TEXT_LIMIT, AttributeMapping, Groups
from gateway.domain.text import is_one_line

MOST_ATTRIBUTES = 100


def subject(claims: Mapping[str, Any], name: str = "sub") -> str:
    """Return the claim that is the key of a person.

    :raises Unacceptable: absent, no text, empty, too long, padded, or with control characters.
    """
    said = claims.get(name)
    if not isinstance(said, str) or not 0 < len(said) <= TEXT_LIMIT:
        raise Unacceptable("subject_missing", f"{name} is no text of 1 to {TEXT_LIMIT} characters")
    if said != said.strip() or not is_one_line(said):
        raise Unacceptable("subject_missing", f"{name} is padded or not printable")
    return said


def one(claims: Mapping[str, Any], name: str | None) -> str | None:
    """Return a claim as one printable line, None where there is none.

    :raises Unacceptable: it is too long or hides control characters.
    """
    said = claims.get(name) if name else None
    if not isinstance(said, str) or not said.strip():
        return None
    found = said.strip()
    if len(found) > TEXT_LIMIT or not is_one_line(found):
        raise Unacceptable("malformed", f"claim {name} is too long or not printable")
    return found


def groups(claims: Mapping[str, Any], mapping: AttributeMapping) -> Groups:
    """Return what was said about groups: nothing, too many to send, or these.

    :raises Unacceptable: they cannot be read.
    """
    name = mapping.groups
    if name is None:
        return Groups.ABSENT
    elsewhere = claims.get("_claim_names")
    if isinstance(elsewhere, Mapping) and name in elsewhere:
        return Groups.OVERAGE
    if claims.get("hasgroups") is True:
        return Groups.OVERAGE
    if claims.get(name) is None:
        return Groups.ABSENT
    said = claims[name]
    listed = _split(said, mapping.group_separator) if isinstance(said, str) else said
    if not isinstance(listed, list) or not all(isinstance(each, str) for each in listed):
        raise Unacceptable("bad_groups", f"claim {name} is no list of names")
    try:
        return Groups.of(listed)
    except SignInFailed as error:
        raise Unacceptable(error.reason, f"{len(listed)} groups") from None


def kept(claims: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """Return the claims that are shown and stored: printable, of bounded length."""
    found = {name: _texts(value) for name, value in list(claims.items())[:MOST_ATTRIBUTES]}
    return {name: values for name, values in found.items() if values and len(name) <= TEXT_LIMIT}


def _texts(value: Any) -> tuple[str, ...]:
    listed = value if isinstance(value, list) else [value]
    texts = (
        ("true" if each else "false") if isinstance(each, bool) else str(each)
        for each in listed[:MAX_GROUPS]
        if isinstance(each, str | int | float)
    )
    return tuple(text for text in texts if len(text) <= TEXT_LIMIT and is_one_line(text))


def _split(text: str, separator: str | None) -> list[str]:
    parts = text.split(separator) if separator else [text]
    return [part for part in parts if part.strip()]
