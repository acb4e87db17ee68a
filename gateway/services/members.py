"""Members of an organisation: everything that joining, resting and leaving means."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from gateway.domain import acting as rules
from gateway.domain.access import RoleGrant
from gateway.domain.decisions import role_of
from gateway.domain.errors import (
    DeprovisionedByIdP,
    InvalidRequest,
    ManagedByIdP,
    NotFound,
    NotPermitted,
)
from gateway.domain.events import Fact, Target
from gateway.domain.mapping import Scope
from gateway.domain.memberships import DeactivatedBy, MemberState
from gateway.domain.permissions import Level
from gateway.domain.plans import Cause, Outcome
from gateway.domain.roles import RoleDefinition
from gateway.domain.text import fold
from gateway.services import (
    access,
    acting,
    chatbots,
    departures,
    funnel,
    grants,
    invited,
    membership_lists,
    moves,
    notices,
    offboarding,
    ownership,
    seats,
    successors,
    teams,
    terms,
)
from gateway.storage import tables as t
from gateway.storage.unit_of_work import Record, UnitOfWork


@dataclass(frozen=True, slots=True, kw_only=True)
class Joining:
    """Who joins, how, and as what."""

    person_id: UUID
    email: str | None
    display_name: str
    source: str
    managed_by: UUID | None = None
    role_id: UUID | None = None
    grant_source: str = "manual"
    granted_by: Mapping[str, Any] | None = None
    owner_of_record: bool = False
    bot_scope: str | None = None
    state: MemberState = MemberState.ACTIVE


def join(uow: UnitOfWork, joining: Joining) -> UUID:
    """Make a member; the caller has asked for the seat that an active one takes."""
    member_id = uow.new_id()
    scope = joining.bot_scope or terms.current(uow).policies["bot_scope_default"]
    given: tuple[RoleGrant, ...] = ()
    if joining.role_id is not None:
        given = (grants.of_role(uow, joining.role_id, joining.grant_source, joining.granted_by),)
    row = {
        "id": member_id,
        "person_id": joining.person_id,
        "state": joining.state,
        "source": joining.source,
        "managed_by": joining.managed_by,
        "bot_scope": scope,
        "admin_hold": False,
        "contained": False,
        "owner_of_record": joining.owner_of_record,
        "deactivated_by": "idp" if joining.state is MemberState.DEACTIVATED else None,
        "email": joining.email,
        "email_key": fold(joining.email) if joining.email else None,
        "display_name": joining.display_name,
        "name_key": fold(joining.display_name),
        "availability": "offline",
        "created_at": uow.now,
    }
    first = funnel.first_access(uow, row, given)
    uow.create(t.member_versions, **row, **first.columns)
    membership_lists.begin(uow, member_id, first.columns["access_document"])
    seats.follow(uow, (None, False), (joining.state, joining.owner_of_record))
    target = Target("member", str(member_id), joining.display_name)
    uow.record(Fact("member.created", (target,), after=_said(joining)))
    for grant in given:
        grants.write_role(uow, member_id, grant)
    uow.record(first.fact)
    return member_id


def _said(joining: Joining) -> dict[str, Any]:
    """Return what is told of a newcomer: what sets them apart from others, where it does."""
    said: dict[str, Any] = {"state": str(joining.state), "source": joining.source}
    if joining.owner_of_record:
        said["owner_of_record"] = True
    if joining.managed_by is not None:
        said["managed_by"] = str(joining.managed_by)
    return said


def get(uow: UnitOfWork, member_id: UUID) -> Record:
    """Return a member, removed ones too.

    :raises NotFound: absent, or another organisation's.
    """
    return uow.load(t.members, member_id)


def get_present(uow: UnitOfWork, member_id: UUID) -> Record:
    """Return a member that is not removed.

    :raises NotFound: absent, removed or another organisation's.
    """
    member = uow.load(t.members, member_id)
    if member.state == MemberState.REMOVED:
        raise NotFound("No such member.")
    return member


def deactivate(uow: UnitOfWork, member_id: UUID, by: str = "manual") -> None:
    """End all access until somebody reactivates; grants and group memberships stay.

    Sessions and API keys die, conversations return to the queue, the seat is free. A second
    call changes nothing.

    :raises LastOwner: nobody else could act as owner.
    :raises SuccessorRequired: by hand, and nobody else could succeed the owner.
    """
    member = get_present(uow, member_id)
    acting.require_may_change(uow, member)
    if member.state == MemberState.DEACTIVATED:
        return
    ownership.require_not_last(uow, member)
    _mind_successor(uow, member, by_hand=by == DeactivatedBy.MANUAL)
    moves.move(uow, member, MemberState.DEACTIVATED, deactivated_by=by, availability="offline")
    moves.tell(uow, member, "member.deactivated", MemberState.DEACTIVATED)
    offboarding.end_everything_live(uow, member_id, "deactivated")
    funnel.recompute(uow, [member_id])
    moves.promote_waiting(uow)


def reactivate(uow: UnitOfWork, member_id: UUID, overage: str | None = None) -> MemberState:
    """Bring a deactivated member back, if a seat is free; return the state that followed.

    Access is derived from groups, rules and grants as they are now. A hold stays. `overage` is
    what a connection does at the limit; without it, hands bring the member back.

    :raises SeatLimitReached: no seat, and no waiting list.
    :raises DeprovisionedByIdP: the identity provider says that the member is not active.
    """
    member = get_present(uow, member_id)
    acting.require_may_change(uow, member)
    if member.state in (MemberState.ACTIVE, MemberState.WAITLISTED):
        return MemberState(member.state)
    if overage is None:
        _require_not_deprovisioned(uow, member)
    cause = Cause.SCIM if overage else Cause.REACTIVATION
    admission = seats.ask(uow, cause, overage)
    waits = admission.outcome is Outcome.WAITLISTED
    state = MemberState.WAITLISTED if waits else MemberState.ACTIVE
    moves.move(uow, member, state, deactivated_by=None)
    moves.tell(uow, member, "member.activated", state)
    funnel.recompute(uow, [member_id])
    return state


def hold(uow: UnitOfWork, member_id: UUID) -> None:
    """Close all access until an admin lifts the hold, whatever the identity provider says.

    :raises LastOwner: nobody else could act as owner.
    :raises SuccessorRequired: nobody else could succeed the owner.
    """
    member = get_present(uow, member_id)
    acting.require_may_change(uow, member)
    if member.admin_hold:
        return
    ownership.require_not_last(uow, member)
    _mind_successor(uow, member)
    uow.change(t.member_versions, member, admin_hold=True)
    told = {"admin_hold": False}, {"admin_hold": True}
    uow.record(Fact("member.held", (moves.target(member),), *told))
    offboarding.end_everything_live(uow, member_id, "held")
    funnel.recompute(uow, [member_id])


def lift_hold(uow: UnitOfWork, member_id: UUID) -> None:
    """End a hold; access is as groups, rules and grants say now."""
    member = get_present(uow, member_id)
    acting.require_may_change(uow, member)
    if not member.admin_hold:
        return
    uow.change(t.member_versions, member, admin_hold=False)
    told = {"admin_hold": True}, {"admin_hold": False}
    uow.record(Fact("member.hold_lifted", (moves.target(member),), *told))
    funnel.recompute(uow, [member_id])


def remove(uow: UnitOfWork, member_id: UUID, reason: str = "removed") -> None:
    """End a membership for good and everything that hangs on it.

    As `deactivate`, and grants, team seats and the identity provider's user end, and owned
    chatbots go to an owner of record. The membership's id never becomes active again; removing
    it twice is refused like any absent id.

    :raises LastOwner: nobody else could act as owner.
    :raises SuccessorRequired: by hand, and nobody else could succeed the owner.
    """
    member = get_present(uow, member_id)
    acting.require_may_change(uow, member)
    _end(uow, member, reason)


def _end(uow: UnitOfWork, member: Record, reason: str) -> None:
    member_id = member.id
    ownership.require_not_last(uow, member)
    _mind_successor(uow, member, by_hand=reason != "deprovisioned")
    ownership.give_up(uow, member, reason)
    member = uow.load(t.members, member_id)
    moves.move(uow, member, MemberState.REMOVED, availability="offline", removed_at=uow.now)
    moves.tell(uow, member, "member.removed", MemberState.REMOVED, reason=reason)
    offboarding.end_everything_live(uow, member_id, reason)
    grants.end(uow, member_id)
    teams.close_seats(uow, member_id)
    invited.revoke_of(uow, member_id)
    departures.end_users_of(uow, member_id)
    chatbots.hand_over(uow, member_id, _heir(uow))
    funnel.recompute(uow, [member_id])
    if reason == "removed" and member.managed_by is None:
        notices.to_member(uow, member, "member.removed")
    moves.promote_waiting(uow)


def leave(uow: UnitOfWork, member_id: UUID) -> None:
    """End one's own membership.

    :raises LastOwner: the last owner stays. :raises SuccessorRequired: so does who alone could
        succeed them. :raises NotPermitted, ManagedByIdP: as
        `require_may_leave`.
    """
    _end(uow, require_may_leave(uow, member_id), "left")


def require_may_leave(uow: UnitOfWork, member_id: UUID) -> Record:
    """Return the author's own membership, if it is theirs to end.

    :raises NotPermitted: the membership is somebody else's.
    :raises ManagedByIdP: the identity provider decides who leaves.
    """
    member = get_present(uow, member_id)
    if acting.author(uow) is not None and uow.actor.member_id != member_id:
        raise NotPermitted("Everybody leaves by themselves.", levers=("Remove the member.",))
    connection_id = acting.managing(uow, member)
    if connection_id is not None:
        raise ManagedByIdP(
            "Your identity provider manages this membership.",
            levers=("Ask the identity provider's administrators.",),
            connection=str(connection_id),
        )
    return member


def set_role(uow: UnitOfWork, member_id: UUID, role_id: UUID) -> None:
    """Give a member another role by hand; the same role changes nothing.

    An owner of record who gets another role is none any more.

    :raises ManagedByIdP: a live connection decides this member's role.
    :raises InvalidRequest: the role is the owner's, and there is a single one.
    :raises LastOwner: nobody else could act as owner.
    :raises RoleAboveOwn: the role opens more than the author has.
    """
    member = get_present(uow, member_id)
    role = acting.require_may_give(uow, member, role_id)
    single = terms.current(uow).policies["owners"] == "single"
    if role.is_owner_role and single and not member.owner_of_record:
        raise InvalidRequest("Ownership is transferred, not assigned.", field="role")
    acting.require_unmanaged(uow, member)
    _require_may_raise(uow, member, role)
    if member.owner_of_record and role.is_owner_role:
        return
    if member.owner_of_record:
        ownership.require_not_last(uow, member)
        ownership.give_up(uow, member, "demoted")
    elif grants.live_roles(uow, member_id) == {role_id}:
        return
    grants.end(uow, member_id, kind="role")
    grants.give_role(uow, member_id, role_id, "manual")
    funnel.recompute(uow, [member_id])
    notices.role_changed(uow, [member], role.name)
    moves.promote_waiting(uow)


def _require_may_raise(uow: UnitOfWork, member: Record, role: RoleDefinition) -> None:
    held = role_of(member.access_document)
    present = next((x for x in access.roles_at(uow) if x.id == held), None)
    granted = [
        (grant.chatbot_id, grant.section, Level.parse(grant.level))
        for grant in grants.live(uow, member.id, "chatbot")
    ]
    scope = Scope(member.bot_scope) if role.narrowable else Scope.ALL
    rules.require_may_raise(acting.author(uow), (present, role), scope, granted)


def rename(uow: UnitOfWork, member_id: UUID, display_name: str, email: str | None) -> None:
    """Show a member under another name and address; the person's own data is untouched."""
    member = get_present(uow, member_id)
    if (member.display_name, member.email) == (display_name, email):
        return
    uow.update(
        t.members,
        {"id": member_id},
        display_name=display_name,
        name_key=fold(display_name),
        email=email,
        email_key=fold(email) if email else None,
    )
    # The values are personal and would outlive an erasure in the chain: only that it changed.
    uow.record(Fact("member.updated", (Target("member", str(member_id), display_name),)))


def _mind_successor(uow: UnitOfWork, member: Record, *, by_hand: bool = True) -> None:
    """Keep somebody to succeed the owner; an identity provider's word is followed all the same."""
    if by_hand:
        successors.require_another(uow, member)
    successors.mind_gone(uow, member)


def _heir(uow: UnitOfWork) -> UUID | None:
    m = t.members.c
    owners = uow.own(t.members, m.id).where(m.owner_of_record, m.state == MemberState.ACTIVE)
    heir: UUID | None = uow.scalar(owners.order_by(m.created_at, m.id).limit(1))
    return heir


def _require_not_deprovisioned(uow: UnitOfWork, member: Record) -> None:
    connection_id = acting.managing(uow, member)
    u = t.directory_users.c
    resting = uow.own(t.directory_users, u.id).where(
        u.connection_id == connection_id,
        u.member_id == member.id,
        u.deleted_at.is_(None),
        ~u.active,
    )
    if connection_id is not None and uow.one(resting.limit(1)) is not None:
        raise DeprovisionedByIdP(
            "The identity provider took this person away; only it can bring them back.",
            levers=("Activate the person in the identity provider.",),
            connection=str(connection_id),
        )
