"""The life of a sign-on connection, as a table."""

from collections.abc import Mapping
from enum import StrEnum

from gateway.domain import transitions


class SSOState(StrEnum):
    """Where a sign-on connection stands."""

    DRAFT = "draft"
    TESTING = "testing"
    ACTIVE = "active"
    DISABLED = "disabled"
    DELETED = "deleted"


TRANSITIONS: Mapping[SSOState, frozenset[SSOState]] = {
    SSOState.DRAFT: frozenset({SSOState.TESTING, SSOState.DELETED}),
    SSOState.TESTING: frozenset({SSOState.ACTIVE, SSOState.DRAFT, SSOState.DELETED}),
    SSOState.ACTIVE: frozenset({SSOState.DISABLED, SSOState.DELETED}),
    SSOState.DISABLED: frozenset({SSOState.ACTIVE, SSOState.DELETED}),
    SSOState.DELETED: frozenset(),
}
"""A connection is active only after a good test."""


def require_transition(present: SSOState, wanted: SSOState) -> None:
    """Refuse a move that the table does not list."""
    transitions.require(TRANSITIONS, "A connection", present, wanted)
