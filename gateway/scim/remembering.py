"""What is made of a filter once and found again, as long as the filter is part of a routine.

A filter of kilobytes makes a statement of megabytes, and every caller may send other ones:
remembered, they would fill the memory of all.
"""

from collections.abc import Callable
from functools import lru_cache, wraps
from typing import Any, TypeVar

T = TypeVar("T")

LONGEST = 512
"""Characters of a filter whose statement is remembered; providers' own have fewer than 100."""


def remembered(size: int) -> Callable[[Callable[..., T]], Callable[..., T]]:
    """Remember the last results of a function, but none for an argument that says a long filter."""

    def decorate(make: Callable[..., T]) -> Callable[..., T]:
        kept = lru_cache(maxsize=size)(make)

        @wraps(make)
        def get(*asked: Any) -> T:
            return make(*asked) if any(map(_is_long, asked)) else kept(*asked)

        return get

    return decorate


def _is_long(asked: Any) -> bool:
    text = asked if isinstance(asked, str) else getattr(asked, "filter", None)
    return text is not None and len(text) > LONGEST
