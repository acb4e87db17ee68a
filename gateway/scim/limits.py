"""What one request may ask of us: beyond it, one client would be served at the cost of others.

Each bound lies far above what providers send and is refused in SCIM's form. They are published
with the conformance page.
"""

from collections.abc import Sequence, Sized

from scim2_models import InvalidFilterException, InvalidValueException, PayloadTooLargeException
from scim2_models.path import FilterNode, LogicalExpr, Not, ValuePath

from gateway.domain.text import fold

MAX_BODY = 1_048_576
"""Bytes of a body, and of what a resource keeps; only a group's body, with members, is longer."""

MAX_OPERATIONS = 1000
"""Operations of a Bulk request."""

MAX_VALUES = 1000
"""Values of a multi-valued attribute."""

MAX_MEMBERS = 250_000
"""Members that one request lists; more do not fit into a body with their ids."""

MAX_KEY = 1024
"""Bytes of a text by which people and groups are found, folded: an index on PostgreSQL takes two
of them."""

MAX_FILTER = 8192
"""Bytes of a filter."""

MAX_TERMS = 100
"""Comparisons of a filter, those in brackets too; SQLite compiles no more than a few hundred."""

MAX_DEPTH = 16
"""Expressions of a filter inside each other; SQLite's parser gives up at some thirty."""

SEARCH_SECONDS = 5.0
"""How long each statement of a search may take that no index serves."""

MAX_PATH = 1024
"""Characters of a path."""

MAX_WALKS = 100
"""Operations of one PATCH that walk through the entries of an attribute, to choose or compare;
members named by their ids are not walked through."""


def require_few(name: str, values: Sized, most: int = MAX_VALUES) -> None:
    """Refuse more values of an attribute than anybody has.

    :raises InvalidValueException: above the limit.
    """
    if len(values) > most:
        raise InvalidValueException(detail=f"'{name}' has at most {most} values.")


def require_key(name: str, text: str | None) -> None:
    """Refuse a text by which a resource is found where no index takes it.

    :raises InvalidValueException: above 1024 bytes, folded.
    """
    if text is not None and len(fold(text).encode()) > MAX_KEY:
        raise InvalidValueException(detail=f"'{name}' has at most {MAX_KEY} bytes.")


def require_walks(count: int) -> None:
    """Refuse a PATCH that walks through entries too often.

    :raises InvalidValueException: above 100 operations.
    """
    if count > MAX_WALKS:
        raise InvalidValueException(
            detail=f"A PATCH has at most {MAX_WALKS} operations on multi-valued attributes."
        )


def require_document(text: str) -> None:
    """Refuse what a resource would keep.

    :raises PayloadTooLargeException: above 1 MiB.
    """
    if len(text.encode()) > MAX_BODY:
        raise PayloadTooLargeException(detail=f"A resource has at most {MAX_BODY} bytes.")


def require_filter(text: str) -> None:
    """Refuse a filter that nobody can mean.

    :raises InvalidFilterException: empty, or above 8 KiB.
    """
    if not text.strip():
        raise InvalidFilterException(detail="The filter is empty.")
    if len(text.encode(errors="surrogatepass")) > MAX_FILTER:
        raise InvalidFilterException(detail=f"A filter has at most {MAX_FILTER} bytes.")


def require_terms(node: FilterNode) -> None:
    """Refuse a filter that compares too often, or nests too deep.

    :raises InvalidFilterException: above 100 comparisons, or 16 levels.
    """
    terms, depth = _measured(node)
    if terms > MAX_TERMS:
        raise InvalidFilterException(detail=f"A filter has at most {MAX_TERMS} comparisons.")
    if depth > MAX_DEPTH:
        raise InvalidFilterException(detail=f"A filter nests at most {MAX_DEPTH} expressions.")


def _measured(node: FilterNode) -> tuple[int, int]:
    """Return how often a filter compares, and how deep it nests."""
    parts = list(map(_measured, _parts(node)))
    if not parts:
        return 1, 1
    return sum(terms for terms, _ in parts), 1 + max(depth for _, depth in parts)


def _parts(node: FilterNode) -> Sequence[FilterNode]:
    if isinstance(node, LogicalExpr):
        return node.terms
    if isinstance(node, Not):
        return (node.expr,)
    return (node.val_filter,) if isinstance(node, ValuePath) else ()
