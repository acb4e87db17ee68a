"""Conflicts between transactions that running one of them again resolves."""

from sqlalchemy.exc import IntegrityError

SQLSTATES = frozenset({"40001", "40P01"})
"""PostgreSQL's serialization failure and deadlock."""


def is_conflict(error: Exception) -> bool:
    """Whether running the unit again may succeed.

    A unique violation counts: the second run sees the row of the winner and refuses properly.
    """
    if isinstance(error, IntegrityError):
        return "unique" in str(error.orig).lower()
    cause = getattr(error, "orig", error)
    state = getattr(cause, "sqlstate", None)
    return state in SQLSTATES or "database is locked" in str(cause)
