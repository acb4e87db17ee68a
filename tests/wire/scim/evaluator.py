"""Filters as trees that judge the JSON of a resource, by RFC 7644 §3.4.2.2 and nothing of ours.

A tree also writes itself as the text of a filter, so that neither our parser nor our SQL has a
part in what is expected. As the RFC leaves open what a missing value is, it is what the product
documents: equal to nothing, and different from everything.
"""

import json
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

JSON = Mapping[str, Any]
EXACT = frozenset({"id", "externalId"})
"""Compared with their case; everything else that is generated is not."""

INSTANTS = frozenset({"meta.created", "meta.lastModified"})


class Filter(Protocol):
    """A condition on a resource, or on an entry of a multi-valued attribute."""

    def holds(self, of: JSON) -> bool:
        """Whether it is fulfilled."""

    def __str__(self) -> str:
        """The filter as it is sent."""


@dataclass(frozen=True)
class Present:
    """`attribute pr`"""

    path: str

    def holds(self, of: JSON) -> bool:
        return any(each not in (None, "", [], {}) for each in values(of, self.path))

    def __str__(self) -> str:
        return f"{self.path} pr"


@dataclass(frozen=True)
class Compare:
    """`attribute operator value`"""

    path: str
    op: str
    value: str | bool

    def holds(self, of: JSON) -> bool:
        found = values(of, self.path)
        if self.op == "ne":
            return not any(self._is(each, "eq") for each in found)
        return any(self._is(each, self.op) for each in found)

    def _is(self, value: Any, op: str) -> bool:
        if self.path in INSTANTS:
            return _OPERATORS[op](_instant(value), _instant(self.value))
        if self.path not in EXACT and isinstance(value, str) and isinstance(self.value, str):
            return _OPERATORS[op](_folded(value), _folded(self.value))
        return _OPERATORS[op](value, self.value)

    def __str__(self) -> str:
        return f"{self.path} {self.op} {json.dumps(self.value, ensure_ascii=False)}"


@dataclass(frozen=True)
class Entry:
    """`attribute[filter]`: one entry fulfils all of it."""

    path: str
    inner: Filter

    def holds(self, of: JSON) -> bool:
        return any(self.inner.holds(each) for each in values(of, self.path))

    def __str__(self) -> str:
        return f"{self.path}[{self.inner}]"


@dataclass(frozen=True)
class Not:
    """`not (filter)`"""

    inner: Filter

    def holds(self, of: JSON) -> bool:
        return not self.inner.holds(of)

    def __str__(self) -> str:
        return f"not ({self.inner})"


@dataclass(frozen=True)
class Joined:
    """`filter and filter`, `filter or filter`; `and` binds closer, so `or` stands in brackets."""

    word: str
    parts: Sequence[Filter]

    def holds(self, of: JSON) -> bool:
        return (all if self.word == "and" else any)(each.holds(of) for each in self.parts)

    def __str__(self) -> str:
        text = f" {self.word} ".join(map(str, self.parts))
        return text if self.word == "and" else f"({text})"


def values(of: JSON, path: str) -> list[Any]:
    """Return the values at a path: none, one, or one for each entry of a multi-valued attribute."""
    return list(_values([of], _steps(path)))


def _steps(path: str) -> list[str]:
    if path.startswith("urn:"):
        urn, _, rest = path.rpartition(":")
        return [urn, *rest.split(".")]
    return path.split(".")


def _values(of: list[Any], steps: list[str]) -> Iterator[Any]:
    if not steps:
        yield from of
        return
    first, *rest = steps
    for each in of:
        found = each.get(first) if isinstance(each, Mapping) else None
        if found is not None:
            yield from _values(found if isinstance(found, list) else [found], rest)


_OPERATORS: Mapping[str, Callable[[Any, Any], bool]] = {
    "eq": lambda a, b: bool(a == b),
    "co": lambda a, b: b in a,
    "sw": lambda a, b: bool(a.startswith(b)),
    "ew": lambda a, b: bool(a.endswith(b)),
    "gt": lambda a, b: bool(a > b),
    "ge": lambda a, b: bool(a >= b),
    "lt": lambda a, b: bool(a < b),
    "le": lambda a, b: bool(a <= b),
}


def _folded(text: str) -> str:
    composed = unicodedata.normalize("NFC", text)
    return unicodedata.normalize("NFC", composed.casefold())


def _instant(value: Any) -> datetime:
    found = datetime.fromisoformat(value)
    return found if found.tzinfo else found.replace(tzinfo=UTC)
