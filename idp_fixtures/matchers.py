"""What an answer is compared with: literals, and matchers whose name begins with a dollar sign.

An expectation maps a path to what must stand there. A path is dotted, with `[0]` for a place in a
list and `['urn:…']` for a name that has dots itself. Several matchers in one object must all hold.

**Invariant:** a matcher says in words what is wrong, or nothing.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any


class _Missing:
    def __repr__(self) -> str:
        return "nothing"


MISSING = _Missing()
"""What stands at a path that leads nowhere."""

_STEP = re.compile(r"\['([^']+)'\]|\[(\d+)\]|([^.\[\]]+)")


def at(value: Any, path: str) -> Any:
    """Return what stands at this path, or MISSING."""
    for quoted, place, name in _STEP.findall(path):
        if place:
            known = isinstance(value, list) and int(place) < len(value)
            value = value[int(place)] if known else MISSING
        else:
            known = isinstance(value, Mapping)
            value = value.get(quoted or name, MISSING) if known else MISSING
    return value


def mismatch(wanted: Any, found: Any) -> str | None:
    """Return how `found` differs from what is wanted, or None."""
    if _is_matcher(wanted):
        for name, argument in wanted.items():
            complaint = MATCHERS[name](argument, found)
            if complaint:
                return complaint
        return None
    if wanted == found and isinstance(wanted, bool) == isinstance(found, bool):
        return None
    return f"want {wanted!r}, is {found!r}"


def is_like(wanted: Any, found: Any) -> bool:
    """Whether `found` has all that `wanted` has; an object may have more."""
    if isinstance(wanted, Mapping) and not _is_matcher(wanted):
        return isinstance(found, Mapping) and all(
            is_like(value, found.get(name, MISSING)) for name, value in wanted.items()
        )
    return mismatch(wanted, found) is None


def _is_matcher(wanted: Any) -> bool:
    return isinstance(wanted, Mapping) and bool(wanted) and all(key[0] == "$" for key in wanted)


def _exists(_: Any, found: Any) -> str | None:
    return "is missing" if found is MISSING or found is None else None


def _absent(_: Any, found: Any) -> str | None:
    gone = found is MISSING or found is None or found in ([], "")
    return None if gone else f"should be absent, is {found!r}"


def _emptyish(_: Any, found: Any) -> str | None:
    empty = found is MISSING or found is None or found == []
    return None if empty else f"should be empty, is {found!r}"


def _type(wanted: str, found: Any) -> str | None:
    if wanted == "number":
        right = isinstance(found, int | float) and not isinstance(found, bool)
    else:
        right = isinstance(found, bool if wanted == "boolean" else str)
    return None if right else f"want a {wanted}, is {found!r}"


def _len(wanted: int, found: Any) -> str | None:
    if wanted == 0 and (found is MISSING or found is None):
        return None
    right = isinstance(found, list) and len(found) == wanted
    return None if right else f"want {wanted} elements, is {found!r}"


def _minlen(wanted: int, found: Any) -> str | None:
    right = isinstance(found, list) and len(found) >= wanted
    return None if right else f"want at least {wanted} elements, is {found!r}"


def _contains(wanted: Any, found: Any) -> str | None:
    right = isinstance(found, list | str) and wanted in found
    return None if right else f"does not contain {wanted!r}: {found!r}"


def _in(wanted: list[Any], found: Any) -> str | None:
    return None if found in wanted else f"{found!r} is none of {wanted!r}"


def _ne(wanted: Any, found: Any) -> str | None:
    return f"is {wanted!r}" if found == wanted else None


def _matches(wanted: str, found: Any) -> str | None:
    right = isinstance(found, str) and re.search(wanted, found)
    return None if right else f"does not match {wanted!r}: {found!r}"


def _any(wanted: list[Any], found: Any) -> str | None:
    if not isinstance(found, list):
        return f"is no list: {found!r}"
    for element in wanted:
        if not any(is_like(element, one) for one in found):
            return f"no element like {element!r} in {str(found)[:200]}"
    return None


def _none(wanted: list[Any], found: Any) -> str | None:
    for element in wanted:
        if isinstance(found, list) and any(is_like(element, one) for one in found):
            return f"has an element like {element!r}"
    return None


MATCHERS: dict[str, Callable[[Any, Any], str | None]] = {
    "$exists": _exists,
    "$absent": _absent,
    "$emptyish": _emptyish,
    "$type": _type,
    "$len": _len,
    "$minlen": _minlen,
    "$contains": _contains,
    "$in": _in,
    "$ne": _ne,
    "$matches": _matches,
    "$any": _any,
    "$none": _none,
}
