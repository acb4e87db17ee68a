"""Owners of record: an organisation always keeps one who can act."""

from typing import Any
from uuid import UUID

from sqlalchemy import Row, select

from gateway.domain.connections import Connection
from gateway.domain.errors import (
    InvalidRequest,
    LastOwner,
    NotPermitted,
    OwnershipTransferDisabled,
)
from gateway.domain.events import Fact, Target
from gateway.domain.memberships import MemberState
from gateway.services import (
    access,
    availability,
    break_glass,
    domains,
    funnel,
    grants,
    moves,
    notices,
    offboarding,
    seats,
    successors,
    terms,
)
from gateway.storage import tables as t
from gateway.storage.unit_of_work import Record, UnitOfWork

TRANSFER = "transfer"
LEVERS = ("Transfer the ownership first.", "Let an operator run `gateway owner recover`.")


def is_last(uow: UnitOfWork, member: Row[Any]) -> bool:
    """Whether nobody but this owner of record could act as one.

    One who rests is not the last while another, though contained, is active: they keep it.
    """
    if not member.owner_of_record:
        return False
    m = t.members.c
    others = uow.all(
        uow.own(t.members, m.contained, m.admin_hold).where(
            m.owner_of_record, m.id != member.id, m.state == MemberState.ACTIVE
        )
    )
    if member.state != MemberState.ACTIVE:
        return not others
    return all(other.contained or other.admin_hold for other in others)


def require_not_last(uow: UnitOfWork, member: Row[Any]) -> None:
    """Refuse to take the last owner away.

    :raises LastOwner: nobody else could act as owner.
    """
    if is_last(uow, member):
        raise LastOwner(
            "This is the organisation's last owner; transfer the ownership first.", levers=LEVERS
        )


def make_owner(uow: UnitOfWork, member: Row[Any], cause: str) -> None:
    """Make a member an owner of record; one who is already stays so.

    Where there is a single one, whoever was it steps down to the role below.
    """
    if member.owner_of_record:
        return
    uow.change(t.member_versions, member, owner_of_record=True)
    successors.mind_gone(uow, member)
    seats.follow(uow, (member.state, False), (member.state, True))
    _tell(uow, member, cause, owns=True)
    if cause != "invitation":  # whoever accepts one knows
        notices.to_member(uow, member, "owner.received")
    funnel.recompute(uow, [member.id])
    end_containment(uow, except_for=member.id)
    if terms.current(uow).policies["owners"] == "single":
        _let_step_down(uow, member.id, cause)
    moves.promote_waiting(uow)


def give_up(uow: UnitOfWork, member: Row[Any], cause: str) -> None:
    """End somebody's ownership of record; the caller has made sure of another owner."""
    if not member.owner_of_record:
        return
    break_glass.lapse(uow, member.id)
    uow.change(t.member_versions, member, owner_of_record=False)
    seats.follow(uow, (member.state, True), (member.state, False))
    _tell(uow, member, cause, owns=False)


def fit_successor(uow: UnitOfWork, connection: Connection, member: Row[Any]) -> UUID | None:
    """Return whom the connection nominates to succeed a member, if they can act as owner now."""
    if connection.successor_id in (None, member.id) or not terms.current(uow).ownership_may_pass:
        return None
    nominee = uow.load(t.members, connection.successor_id)
    return connection.successor_id if _can_act(nominee) else None


def contain(uow: UnitOfWork, member: Row[Any]) -> LastOwner:
    """End the access of the last owner but not the ownership; return the refusal to answer with.

    The identity provider's word is followed as far as it can be without orphaning the
    organisation. A second call changes nothing.
    """
    if not member.contained:
        uow.change(t.member_versions, member, contained=True, availability="offline")
        offboarding.end_everything_live(uow, member.id, "contained")
        was, is_now = availability.ended(member)
        before, after = {"contained": False, **was}, {"contained": True, **is_now}
        uow.record(Fact("member.contained", (_target(member),), before, after))
        uow.record(Fact("scim.owner_protected", (_target(member),), outcome="refused"))
        funnel.recompute(uow, [member.id])
        notices.owner_protected(uow, member)
    return LastOwner(
        "The last owner is not deprovisioned: access has ended, ownership stays until another "
        "owner exists.",
        levers=LEVERS,
    )


def end_containment(uow: UnitOfWork, except_for: UUID) -> None:
    """With another owner in place, do what was refused: contained owners become deactivated."""
    m = t.members.c
    for row in uow.all(uow.own(t.members).where(m.contained, m.id != except_for)):
        break_glass.lapse(uow, row.id)
        uow.change(
            t.member_versions,
            row,
            contained=False,
            owner_of_record=False,
            state=MemberState.DEACTIVATED,
            deactivated_by="idp",
        )
        seats.follow(uow, (row.state, True), (MemberState.DEACTIVATED, False))
        before = {"state": row.state, "owner_of_record": True, "contained": True}
        state = str(MemberState.DEACTIVATED)
        after = {"state": state, "owner_of_record": False, "contained": False}
        after |= {"cause": "succeeded"}
        uow.record(Fact("member.containment_ended", (_target(row),), before, after))
        _give_role_below(uow, row.id)
        funnel.recompute(uow, [row.id])


def release(uow: UnitOfWork, member: Row[Any], cause: str = "idp") -> None:
    """End a containment: the identity provider, or an operator, wants the owner active again."""
    if member.contained:
        uow.change(t.member_versions, member, contained=False)
        before, after = {"contained": True}, {"contained": False, "cause": cause}
        uow.record(Fact("member.containment_ended", (_target(member),), before, after))
        funnel.recompute(uow, [member.id])


def recover(uow: UnitOfWork, member_id: UUID) -> None:
    """Make an active member an owner of record who can act, by the operator's word.

    :raises InvalidRequest: the member is not active, or on hold.
    """
    member = uow.load(t.members, member_id)
    if member.state != MemberState.ACTIVE or member.admin_hold:
        raise InvalidRequest("Only an active member without hold becomes owner.")
    release(uow, member, "recovery")
    make_owner(uow, uow.load(t.members, member_id), "recovery")


def require_transferable(uow: UnitOfWork) -> None:
    """Refuse where ownership stays with whoever created the organisation.

    :raises OwnershipTransferDisabled: the preset says so.
    """
    if not terms.current(uow).ownership_may_pass:
        raise OwnershipTransferDisabled("Ownership stays with whoever created the organisation.")


def transfer(uow: UnitOfWork, to_id: UUID) -> None:
    """Pass the ownership from the acting owner of record to another member; both are told.

    The edge has made sure that the owner proved a moment ago who they are.

    :raises OwnershipTransferDisabled: the preset forbids it.
    :raises NotPermitted: the actor is no owner of record, or one without access.
    :raises InvalidRequest: no active member with a verified address.
    """
    require_transferable(uow)
    giver_id = uow.actor.member_id
    giver = None if giver_id is None else uow.load(t.members, giver_id)
    if giver is None or not giver.owner_of_record or not _can_act(giver):
        raise NotPermitted("Only an owner of record passes the ownership on.")
    taker = _require_taker(uow, to_id, giver.id)
    uow.record(
        Fact(
            "ownership.transferred",
            (_target(giver), _target(taker)),
            before={"owner": str(giver.id)},
            after={"owner": str(taker.id)},
        )
    )
    if not taker.owner_of_record:
        make_owner(uow, taker, TRANSFER)
    giver = uow.load(t.members, giver.id)
    if giver.owner_of_record:
        give_up(uow, giver, TRANSFER)
        _give_role_below(uow, giver.id)
        funnel.recompute(uow, [giver.id])
    notices.to_member(uow, giver, "owner.given", name=taker.display_name)


def _can_act(member: Row[Any] | Record) -> bool:
    return member.state == MemberState.ACTIVE and not (member.admin_hold or member.contained)


def _require_taker(uow: UnitOfWork, to_id: UUID, giver_id: UUID) -> Record:
    taker = uow.find(t.members, id=to_id)
    if taker is None or taker.id == giver_id or not _can_act(taker):
        raise InvalidRequest("Only another active member becomes owner.", field="to")
    p = t.persons.c
    verified = uow.scalar(select(p.email_verified).where(p.id == taker.person_id))
    if not verified and not (taker.email and domains.is_proved(uow, taker.email)):
        raise InvalidRequest("The new owner has to verify their e-mail address first.", field="to")
    return taker


def _tell(uow: UnitOfWork, member: Row[Any], cause: str, *, owns: bool) -> None:
    """Say that somebody became, or ceased to be, an owner; a transfer is told once, for both."""
    if cause != TRANSFER:
        before, after = {"owner_of_record": not owns}, {"owner_of_record": owns, "cause": cause}
        uow.record(Fact("owner.changed", (_target(member),), before=before, after=after))


def _let_step_down(uow: UnitOfWork, except_for: UUID, cause: str) -> None:
    m = t.members.c
    others = uow.own(t.members).where(
        m.owner_of_record, m.id != except_for, m.state != MemberState.REMOVED
    )
    for row in uow.all(others.order_by(m.id)):
        give_up(uow, row, cause)
        _give_role_below(uow, row.id)
        funnel.recompute(uow, [row.id])


def _give_role_below(uow: UnitOfWork, member_id: UUID) -> None:
    """Turn a former owner's own grant of the owner's role into one of the role below."""
    roles = {role.id: role for role in access.roles_at(uow)}
    held = grants.live_roles(uow, member_id)
    if not any(roles[role_id].is_owner_role for role_id in held if role_id in roles):
        return
    below = max(
        (role for role in roles.values() if not role.is_owner_role and not role.custom),
        key=lambda role: (role.rank, role.key),
    )
    grants.end(uow, member_id, kind="role")
    grants.give_role(uow, member_id, below.id, "transfer")


def _target(member: Row[Any]) -> Target:
    return Target("member", str(member.id), member.display_name)
