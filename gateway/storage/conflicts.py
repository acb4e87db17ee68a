"""Conflicts between transactions that running one of them again resolves."""

CONFLICTS = frozenset({"40001", "40P01"})
"""PostgreSQL's serialization failure and deadlock."""

UNIQUE_VIOLATION = "23505"


def is_conflict(error: Exception) -> bool:
    """Whether running the unit again may succeed.

    A unique violation counts: the second run sees the row of the winner and refuses properly.
    """
    cause = getattr(error, "orig", error)
    busy = getattr(cause, "sqlstate", None) in CONFLICTS or "database is locked" in str(cause)
    return busy or is_unique_violation(error)


def is_unique_violation(error: Exception) -> bool:
    """Whether a unique index has the row already."""
    cause = getattr(error, "orig", error)
    state = getattr(cause, "sqlstate", None)
    return state == UNIQUE_VIOLATION or "UNIQUE constraint failed" in str(cause)
