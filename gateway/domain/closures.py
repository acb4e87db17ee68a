"""Closing an organisation: where it may stand, and when nothing brings it back."""

from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum

GRACE = timedelta(days=30)
"""How long a closed organisation can be restored."""


class OrganisationState(StrEnum):
    """Where an organisation stands."""

    LIVE = "live"
    DELETED = "deleted"
    PURGING = "purging"
    PURGED = "purged"


TRANSITIONS: Mapping[OrganisationState, frozenset[OrganisationState]] = {
    OrganisationState.LIVE: frozenset({OrganisationState.DELETED}),
    OrganisationState.DELETED: frozenset({OrganisationState.LIVE, OrganisationState.PURGING}),
    OrganisationState.PURGING: frozenset({OrganisationState.PURGED}),
    OrganisationState.PURGED: frozenset(),
}
"""Where an organisation may go from where it stands."""

GONE = (OrganisationState.PURGING, OrganisationState.PURGED)
"""States in which an organisation is answered like one that never was."""
