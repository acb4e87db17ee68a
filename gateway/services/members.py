"""Members of an organisation: everything that joining, resting and leaving means."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import bindparam, or_, select

from gateway.domain.access import RoleGrant
from gateway.domain.errors import InvalidRequest, ManagedByIdP, NotFound
from gateway.domain.events import Fact, Target
from gateway.domain.memberships import MemberState, require_transition
from gateway.domain.plans import Cause, Outcome
from gateway.domain.sources import GrantSource
from gateway.domain.text import fold
from gateway.services import acting, chatbots, funnel, offboarding, ownership, seats, teams, terms
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
    owner_of_record: bool = False
    bot_scope: str | None = None
    state: MemberState = MemberState.ACTIVE


def join(uow: UnitOfWork, joining: Joining) -> UUID:
    """Make a member; the caller has asked for the seat that an active one takes."""
    member_id = uow.new_id()
    scope = joining.bot_scope or terms.current(uow).policies["bot_scope_default"]
    grants: tuple[RoleGrant, ...] = ()
    if joining.role_id is not None:
        grants = (_role_grant(uow, joining.role_id, joining.grant_source),)
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
    first = funnel.first_access(uow, row, grants)
    uow.create(t.member_versions, **row, **first.columns)
    seats.follow(uow, (None, False), (joining.state, joining.owner_of_record))
    uow.record(
        Fact(
            "member.created",
            (Target("member", str(member_id), joining.display_name),),
            after={"state": str(joining.state), "source": joining.source},
        )
    )
    for grant in grants:
        _insert_role_grant(uow, member_id, grant)
    uow.record(first.fact)
    return member_id


def _role_grant(uow: UnitOfWork, role_id: UUID, source: str) -> RoleGrant:
    return RoleGrant(
        id=uow.new_id(),
        role_id=role_id,
        source=GrantSource(source),
        by={"type": str(uow.actor.type), "id": uow.actor.id},
        valid_from=uow.now,
    )


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
    """
    member = get_present(uow, member_id)
    acting.require_may_change(uow, member)
    if member.state == MemberState.DEACTIVATED:
        return
    ownership.require_not_last(uow, member)
    _move(uow, member, MemberState.DEACTIVATED, deactivated_by=by, availability="offline")
    _record(uow, member, "member.deactivated", MemberState.DEACTIVATED)
    offboarding.end_everything_live(uow, member_id, "deactivated")
    funnel.recompute(uow, [member_id])
    promote_waiting(uow)


def reactivate(uow: UnitOfWork, member_id: UUID, overage: str | None = None) -> MemberState:
    """Bring a deactivated member back, if a seat is free; return the state that followed.

    Access is derived from groups, rules and grants as they are now. A hold stays.

    :raises SeatLimitReached: no seat, and no waiting list.
    """
    member = get_present(uow, member_id)
    acting.require_may_change(uow, member)
    if member.state in (MemberState.ACTIVE, MemberState.WAITLISTED):
        return MemberState(member.state)
    cause = Cause.SCIM if overage else Cause.REACTIVATION
    admission = seats.ask(uow, cause, overage)
    waits = admission.outcome is Outcome.WAITLISTED
    state = MemberState.WAITLISTED if waits else MemberState.ACTIVE
    _move(uow, member, state, deactivated_by=None)
    _record(uow, member, "member.activated", state)
    funnel.recompute(uow, [member_id])
    return state


def hold(uow: UnitOfWork, member_id: UUID) -> None:
    """Close all access until an admin lifts the hold, whatever the identity provider says.

    :raises LastOwner: nobody else could act as owner.
    """
    member = get_present(uow, member_id)
    acting.require_may_change(uow, member)
    if member.admin_hold:
        return
    ownership.require_not_last(uow, member)
    uow.change(t.member_versions, member, admin_hold=True)
    uow.record(Fact("member.held", (_target(member),)))
    offboarding.end_everything_live(uow, member_id, "held")
    funnel.recompute(uow, [member_id])


def lift_hold(uow: UnitOfWork, member_id: UUID) -> None:
    """End a hold; access is as groups, rules and grants say now."""
    member = get_present(uow, member_id)
    acting.require_may_change(uow, member)
    if not member.admin_hold:
        return
    uow.change(t.member_versions, member, admin_hold=False)
    uow.record(Fact("member.hold_lifted", (_target(member),)))
    funnel.recompute(uow, [member_id])


def remove(uow: UnitOfWork, member_id: UUID, reason: str = "removed") -> None:
    """End a membership for good and everything that hangs on it.

    As `deactivate`, and grants and team seats end and owned chatbots go to an owner of
    record. The membership's id never becomes active again; removing it twice is refused
    like any absent id.

    :raises LastOwner: nobody else could act as owner.
    """
    member = get_present(uow, member_id)
    acting.require_may_change(uow, member)
    ownership.require_not_last(uow, member)
    ownership.give_up(uow, member, reason)
    member = uow.load(t.members, member_id)
    _move(uow, member, MemberState.REMOVED, availability="offline", removed_at=uow.now)
    _record(uow, member, "member.removed", MemberState.REMOVED, reason=reason)
    offboarding.end_everything_live(uow, member_id, reason)
    end_grants(uow, member_id)
    teams.close_seats(uow, member_id)
    chatbots.hand_over(uow, member_id, _heir(uow))
    funnel.recompute(uow, [member_id])
    promote_waiting(uow)


def leave(uow: UnitOfWork, member_id: UUID) -> None:
    """End one's own membership.

    :raises LastOwner: the last owner stays. :raises ManagedByIdP: the identity provider
        decides who leaves.
    """
    member = get_present(uow, member_id)
    if member.managed_by is not None:
        raise ManagedByIdP(
            "Your identity provider manages this membership.",
            levers=("Ask the identity provider's administrators.",),
            connection=str(member.managed_by),
        )
    remove(uow, member_id, "left")


def set_role(uow: UnitOfWork, member_id: UUID, role_id: UUID) -> None:
    """Give a member another role by hand; the same role changes nothing.

    :raises ManagedByIdP: a live connection decides this member's role.
    :raises InvalidRequest: the role is the owner's.
    """
    member = get_present(uow, member_id)
    role = acting.require_may_give(uow, member, role_id)
    single = terms.current(uow).policies["owners"] == "single"
    if role.is_owner_role and single and not member.owner_of_record:
        raise InvalidRequest("Ownership is transferred, not assigned.", field="role")
    acting.require_unmanaged(uow, member)
    end_grants(uow, member_id, kind="role")
    grant_role(uow, member_id, role_id, "manual")
    funnel.recompute(uow, [member_id])


def grant_role(uow: UnitOfWork, member_id: UUID, role_id: UUID, source: str) -> UUID:
    """Write a role grant from now on; the caller recomputes."""
    grant = _role_grant(uow, role_id, source)
    _insert_role_grant(uow, member_id, grant)
    return grant.id


def _insert_role_grant(uow: UnitOfWork, member_id: UUID, grant: RoleGrant) -> None:
    uow.insert(
        t.grants,
        id=grant.id,
        member_id=member_id,
        kind="role",
        role_id=grant.role_id,
        source=str(grant.source),
        granted_by=dict(grant.by),
        valid_from=uow.now,
    )
    uow.record(
        Fact(
            "grant.created",
            (Target("member", str(member_id)),),
            after={"role": str(grant.role_id), "source": str(grant.source)},
        )
    )


def grant_section(
    uow: UnitOfWork, member_id: UUID, chatbot_id: UUID, section: str, level: str, source: str
) -> UUID:
    """Write a grant on one section of a chatbot from now on; the caller recomputes."""
    grant_id = uow.new_id()
    uow.insert(
        t.grants,
        id=grant_id,
        member_id=member_id,
        kind="chatbot",
        chatbot_id=chatbot_id,
        section=section,
        level=level,
        source=source,
        granted_by={"type": str(uow.actor.type), "id": uow.actor.id},
        valid_from=uow.now,
    )
    uow.record(
        Fact(
            "grant.created",
            (Target("member", str(member_id)), Target("chatbot", str(chatbot_id))),
            after={"section": section, "level": level, "source": source},
        )
    )
    return grant_id


def end_grants(
    uow: UnitOfWork, member_id: UUID, *, kind: str | None = None, source: str | None = None
) -> None:
    """End a member's live grants, of one kind or source where given; the caller recomputes."""
    g = t.grants.c
    live = uow.own(t.grants).where(
        g.member_id == member_id, or_(g.valid_to.is_(None), g.valid_to > uow.now)
    )
    if kind is not None:
        live = live.where(g.kind == kind)
    if source is not None:
        live = live.where(g.source == source)
    for grant in uow.all(live.order_by(g.id)):
        uow.update(t.grants, {"id": grant.id}, valid_to=uow.now)
        uow.record(
            Fact(
                "grant.ended",
                (Target("member", str(member_id)),),
                before={"kind": grant.kind, "source": grant.source},
            )
        )


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


def promote_waiting(uow: UnitOfWork) -> None:
    """Give free seats to those who wait, the longest first."""
    while (member := uow.one(_WAITING, organisation=uow.organisation_id)) is not None:
        if seats.ask(uow, Cause.WAITLIST, "waitlist").outcome is not Outcome.ADMITTED:
            return
        _move(uow, member, MemberState.ACTIVE)
        _record(uow, member, "member.activated", MemberState.ACTIVE)
        funnel.recompute(uow, [member.id])


_WAITING = (
    select(t.members)
    .where(
        t.members.c.organisation_id == bindparam("organisation"),
        t.members.c.state == str(MemberState.WAITLISTED),
    )
    .order_by(t.members.c.created_at, t.members.c.id)
    .limit(1)
)


def _move(uow: UnitOfWork, member: Record, state: MemberState, **values: object) -> None:
    before = MemberState(member.state)
    require_transition(before, state)
    uow.change(t.member_versions, member, state=state, **values)
    owner = member.owner_of_record
    seats.follow(uow, (before, owner), (state, owner))


def _heir(uow: UnitOfWork) -> UUID | None:
    m = t.members.c
    owners = uow.own(t.members, m.id).where(m.owner_of_record, m.state == MemberState.ACTIVE)
    heir: UUID | None = uow.scalar(owners.order_by(m.created_at, m.id).limit(1))
    return heir


def _record(
    uow: UnitOfWork, member: Record, action: str, state: MemberState, reason: str | None = None
) -> None:
    after = {"state": str(state)} | ({"reason": reason} if reason else {})
    uow.record(Fact(action, (_target(member),), before={"state": str(member.state)}, after=after))


def _target(member: Record) -> Target:
    return Target("member", str(member.id), member.display_name)
