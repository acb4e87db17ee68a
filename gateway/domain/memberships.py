"""Memberships: the life of a person in an organisation, and what identity providers may do to it.

The functions answer what a request of an identity provider means for the membership; the
verbs of the services only carry the answer out.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from gateway.domain import transitions


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
"""A removed membership never returns; a re-invitation makes a new one (S2-22)."""


def require_transition(present: MemberState, wanted: MemberState) -> None:
    """Refuse a move that the table does not list."""
    transitions.require(TRANSITIONS, "A membership", present, wanted)


@dataclass(frozen=True, slots=True)
class Ownership:
    """Whose going is asked about: `others` are further owners of record who can act now.

    Able to act means active, neither held nor contained.
    """

    owner_of_record: bool
    others: int

    @property
    def is_last(self) -> bool:
        """Whether the organisation would be left without an owner."""
        return self.owner_of_record and self.others == 0


class LastOwnerPolicy(StrEnum):
    """What a connection does when it deprovisions the last owner of record."""

    REFUSE_AND_CONTAIN = "refuse_and_contain"
    SUCCEED = "succeed"


class Going(StrEnum):
    """What becomes of somebody whom an identity provider deactivates or deletes."""

    NOTHING = "nothing"
    TAKES_EFFECT = "takes_effect"
    CONTAIN = "contain"
    SUCCEED = "succeed"


def on_scim_going(
    state: MemberState, ownership: Ownership, policy: LastOwnerPolicy, successor: UUID | None
) -> Going:
    """Return what a SCIM deactivation or DELETE does to the member.

    The last owner is contained and the request refused; with the policy `succeed` and a
    nominated successor, that one becomes owner in the same transaction. `successor` is None
    where nobody is nominated or the nominee cannot act.
    """
    if state is MemberState.REMOVED:
        return Going.NOTHING
    if not ownership.is_last:
        return Going.TAKES_EFFECT
    if policy is LastOwnerPolicy.SUCCEED and successor is not None:
        return Going.SUCCEED
    return Going.CONTAIN


class Coming(StrEnum):
    """What becomes of somebody whom an identity provider activates."""

    NOTHING = "nothing"
    END_CONTAINMENT = "end_containment"
    REACTIVATE = "reactivate"
    STAYS_DEACTIVATED = "stays_deactivated"


class DeactivatedBy(StrEnum):
    """Who took somebody's access away, and thereby who may give it back."""

    MANUAL = "manual"
    IDP = "idp"


def on_scim_active(
    state: MemberState, deactivated_by: DeactivatedBy | None, *, contained: bool
) -> Coming:
    """Return what `active: true` does to the member; a hold stays in every case.

    Whom a person deactivated by hand stays deactivated, as an item for the admin's attention.
    """
    if contained:
        return Coming.END_CONTAINMENT
    if state is not MemberState.DEACTIVATED:
        return Coming.NOTHING
    if deactivated_by is DeactivatedBy.MANUAL:
        return Coming.STAYS_DEACTIVATED
    return Coming.REACTIVATE


@dataclass(frozen=True, slots=True)
class Known:
    """A directory user that the connection created before and has not deleted."""

    id: UUID
    external_id: str | None
    active: bool


class Landing(StrEnum):
    """Where a SCIM POST of a user lands in the connection's directory."""

    NEW = "new"
    TAKEN = "taken"
    RESTORED = "restored"
    REPLACES = "replaces"


@dataclass(frozen=True, slots=True)
class DirectoryOutcome:
    """The landing, and the directory user that is in the way, restored or replaced."""

    landing: Landing
    user_id: UUID | None = None
    attention: str | None = None


def on_scim_create(
    external_id: str | None, by_external_id: Known | None, by_user_name: Known | None
) -> DirectoryOutcome:
    """Return what a POST means for the directory; `TAKEN` is refused as `uniqueness`.

    Each match is the one directory user of this connection that has the posted externalId or
    userName. An inactive one with the same externalId, or with the same userName where one
    side has no externalId, comes back under its id. An inactive one that only lends its
    userName to another externalId is another human: it goes, and a new one comes.
    """
    found = [known for known in (by_external_id, by_user_name) if known is not None]
    if not found:
        return DirectoryOutcome(Landing.NEW)
    for known in found:
        if known.active or known.id != found[0].id:
            return DirectoryOutcome(Landing.TAKEN, known.id)
    known = found[0]
    same = by_external_id is not None or external_id is None or known.external_id is None
    if same:
        return DirectoryOutcome(Landing.RESTORED, known.id)
    return DirectoryOutcome(Landing.REPLACES, known.id, "username_reused")


@dataclass(frozen=True, slots=True, kw_only=True)
class Acquaintance:
    """What the product knows of the person behind a new directory user.

    `known` means that a person with this address exists anywhere; `state` is that of the
    membership here, if there is one. `managed_elsewhere`: by another live connection.
    """

    in_verified_domain: bool
    known: bool
    state: MemberState | None = None
    managed_elsewhere: bool = False
    break_glass: bool = False


class Joining(StrEnum):
    """How a new directory user becomes a member."""

    NEW_PERSON = "new_person"
    KNOWN_PERSON = "known_person"
    ADOPTED = "adopted"
    ADOPTED_DEACTIVATED = "adopted_deactivated"
    NO_MEMBER = "no_member"


@dataclass(frozen=True, slots=True)
class MemberOutcome:
    """The joining, whether it needs a seat, and what an admin should look at."""

    joining: Joining
    needs_seat: bool
    attention: str | None = None


def on_scim_joining(who: Acquaintance) -> MemberOutcome:
    """Return what a new directory user means for the membership.

    Outside a verified domain nothing tells whether another person exists: a separate one is
    made. Inside, a person elsewhere becomes a member here, and a member of the manual path is
    adopted without a second seat.
    """
    if who.break_glass:
        return MemberOutcome(Joining.NO_MEMBER, needs_seat=False, attention="break_glass_matched")
    if not who.in_verified_domain:
        return MemberOutcome(Joining.NEW_PERSON, needs_seat=True)
    if who.state is None or who.state is MemberState.REMOVED:
        joining = Joining.KNOWN_PERSON if who.known else Joining.NEW_PERSON
        return MemberOutcome(joining, needs_seat=True)
    if who.managed_elsewhere:
        return MemberOutcome(Joining.NO_MEMBER, needs_seat=False, attention="already_managed")
    if who.state is MemberState.DEACTIVATED:
        return MemberOutcome(
            Joining.ADOPTED_DEACTIVATED, needs_seat=False, attention="deactivated_by_hand"
        )
    return MemberOutcome(Joining.ADOPTED, needs_seat=False)
