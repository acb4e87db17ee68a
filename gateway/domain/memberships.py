"""Memberships: the life of a person in an organisation."""

from collections.abc import Mapping
from enum import StrEnum


class MemberState(StrEnum):
    """Where a membership stands."""

    ACTIVE = "active"
    DEACTIVATED = "deactivated"
    WAITLISTED = "waitlisted"
    REMOVED = "removed"


TRANSITIONS: Mapping[MemberState, frozenset[MemberState]] = {
    MemberState.ACTIVE: frozenset({MemberState.DEACTIVATED, MemberState.REMOVED}),
    MemberState.DEACTIVATED: frozenset(
        {MemberState.ACTIVE, MemberState.WAITLISTED, MemberState.REMOVED}
    ),
    MemberState.WAITLISTED: frozenset(
        {MemberState.ACTIVE, MemberState.DEACTIVATED, MemberState.REMOVED}
    ),
    MemberState.REMOVED: frozenset(),
}
"""A removed membership never returns; a new one takes its place."""
