"""What an identity provider's word about a user does to the membership behind it."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, and_, select

from gateway.domain.connections import Connection
from gateway.domain.directory import UserRecord
from gateway.domain.errors import GatewayError, Refused
from gateway.domain.events import Fact, Target
from gateway.domain.memberships import (
    Acquaintance,
    Coming,
    DeactivatedBy,
    Going,
    LastOwnerPolicy,
    MemberState,
    Ownership,
    on_scim_active,
    on_scim_going,
    on_scim_joining,
)
from gateway.domain.memberships import Joining as How
from gateway.domain.plans import Cause, Outcome
from gateway.domain.text import fold
from gateway.services import (
    attention,
    break_glass,
    domains,
    funnel,
    group_facts,
    houses,
    invited,
    members,
    ownership,
    people,
    seats,
    successors,
    terms,
)
from gateway.storage import tables as t
from gateway.storage.unit_of_work import UnitOfWork


def enrol(uow: UnitOfWork, connection: Connection, record: UserRecord) -> UUID | Refused | None:
    """Make or find the member of a new directory user; None where another connection has it.

    Refused where the record says that the last owner is not active.

    :raises SeatLimitReached: no seat, and no waiting list.
    """
    known = _known(uow, connection, record)
    outcome = on_scim_joining(known.who)
    if outcome.attention:
        attention.note(uow, connection.id, outcome.attention, record.user_name, {})
    if known.who.break_glass or record.active is False:
        break_glass.alarm(
            uow, connection.id, (record.user_name, *record.emails, record.external_id)
        )
    if outcome.joining is How.NO_MEMBER:
        return None
    if known.member_id and outcome.joining in (How.ADOPTED, How.ADOPTED_DEACTIVATED):
        return _adopt(uow, connection, known.member_id, record)
    return _join(uow, connection, record, known, needs_seat=outcome.needs_seat)


def refuses_to_go(uow: UnitOfWork, connection: Connection, member_id: UUID) -> GatewayError | None:
    """Return the refusal where the last owner is contained; let the successor follow elsewhere.

    Without a refusal the member may be deactivated or removed.
    """
    member = uow.load(t.members, member_id)
    if not member.owner_of_record:
        return None
    going = on_scim_going(
        MemberState(member.state),
        Ownership(member.owner_of_record, 0 if ownership.is_last(uow, member) else 1),
        LastOwnerPolicy(connection.last_owner),
        ownership.fit_successor(uow, connection, member),
    )
    if going is Going.CONTAIN:
        return ownership.contain(uow, member)
    if going is Going.SUCCEED and connection.successor_id is not None:
        ownership.make_owner(uow, uow.load(t.members, connection.successor_id), "succession")
    return None


def manages(uow: UnitOfWork, connection: Connection, member_id: UUID | None) -> bool:
    """Whether what the connection says of its user concerns this member.

    Another connection may have taken the member over while this one was disabled.
    """
    return member_id is not None and uow.load(t.members, member_id).managed_by == connection.id


def mind_owners(uow: UnitOfWork, connection: Connection, user: Any) -> None:
    """Raise the alarm where the user who is taken away is a break-glass owner by any name."""
    if not break_glass.appointed(uow):
        return
    e = t.directory_emails.c
    addresses = uow.all(
        uow.own(t.directory_emails, e.value_key).where(
            e.connection_id == connection.id, e.user_id == user.id
        )
    )
    said = (user.user_name, user.external_id, *(row.value_key for row in addresses))
    break_glass.alarm(uow, connection.id, said)


def deactivate(uow: UnitOfWork, connection: Connection, member_id: UUID) -> GatewayError | None:
    """Take the member's access away; return the refusal where the last owner is contained."""
    refusal = refuses_to_go(uow, connection, member_id)
    if refusal is None:
        members.deactivate(uow, member_id, by=DeactivatedBy.IDP)
    return refusal


def confirm(uow: UnitOfWork, connection: Connection, member_id: UUID) -> None:
    """Give back what a containment took, as the identity provider says again: active.

    Its user stayed active while the request was refused, so that nothing else tells it apart.

    :raises PlanFeature: there is something to give back, and the plan has no SCIM any more.
    """
    member = uow.load(t.members, member_id)
    rests = member.state == MemberState.DEACTIVATED and member.deactivated_by == DeactivatedBy.IDP
    if member.contained or rests:
        terms.current(uow).require("scim")
    ownership.release(uow, member)
    if rests:
        members.reactivate(uow, member_id, overage=connection.seat_overage)


def activate(uow: UnitOfWork, connection: Connection, member_id: UUID, subject: str) -> None:
    """Give access back as groups and rules say now, if a seat is free; a hold stays.

    :raises SeatLimitReached: no seat, and no waiting list.
    """
    member = uow.load(t.members, member_id)
    by = DeactivatedBy(member.deactivated_by) if member.deactivated_by else None
    coming = on_scim_active(MemberState(member.state), by, contained=member.contained)
    if coming is Coming.END_CONTAINMENT:
        ownership.release(uow, member)
    elif coming is Coming.STAYS_DEACTIVATED:
        attention.note(uow, connection.id, "deactivated_by_hand", subject, {})
    elif coming is Coming.REACTIVATE:
        members.reactivate(uow, member_id, overage=connection.seat_overage)


@dataclass(frozen=True, slots=True)
class _Known:
    """Who lives at the address already, as far as this organisation may know."""

    who: Acquaintance
    person_id: UUID | None = None
    member_id: UUID | None = None
    confined: bool = False


_STRANGER = Acquaintance(in_verified_domain=False, known=False)


def _known(uow: UnitOfWork, connection: Connection, record: UserRecord) -> _Known:
    """Look for the person with this address, in a proved domain only."""
    if not domains.is_proved(uow, record.email):
        return _Known(_STRANGER, confined=True)
    person_id = people.find(uow, record.email) if record.email else None
    row = _member_of(uow, t.members.c.person_id == person_id) if person_id else None
    if row is None and record.email and group_facts.has_sign_on(uow):
        # Who came by single sign-on first may be a person of their own; provisioning adopts them.
        email_key = t.members.c.email_key == fold(record.email)
        row = _member_of(uow, and_(email_key, t.members.c.source == "jit"))
    if row is None:
        known_elsewhere = person_id is not None
        return _Known(
            Acquaintance(in_verified_domain=True, known=known_elsewhere), person_id=person_id
        )
    # Provisioning has precedence over what sign-ins say.
    managed = row.kind == "scim" and row.connection_state == "active"
    if managed and row.managed_by == connection.id:
        # A second user of this connection with the address of the first is somebody else.
        attention.note(uow, connection.id, "email_shared", record.user_name, {})
        return _Known(_STRANGER, confined=True)
    who = Acquaintance(
        in_verified_domain=True,
        known=True,
        state=MemberState(row.state),
        managed_elsewhere=managed,
        break_glass=row.break_glass,
    )
    return _Known(who, row.person_id, row.id)


def _member_of(uow: UnitOfWork, which: ColumnElement[bool]) -> Row[Any] | None:
    """Return the one present member that this names, with the connection that manages it."""
    m, c = t.members.c, t.connections.c
    found = uow.all(
        select(
            m.id,
            m.person_id,
            m.state,
            m.managed_by,
            c.kind,
            c.state.label("connection_state"),
            houses.is_break_glass(m.organisation_id, m.id).label("break_glass"),
        )
        .join_from(
            t.members,
            t.connections,
            and_(c.organisation_id == m.organisation_id, c.id == m.managed_by),
            isouter=True,
        )
        .where(
            m.organisation_id == uow.organisation_id,
            m.state != MemberState.REMOVED,
            which,
        )
        .order_by(m.id)
        .limit(1)
    )
    return found[0] if found else None


def _join(
    uow: UnitOfWork,
    connection: Connection,
    record: UserRecord,
    known: _Known,
    *,
    needs_seat: bool,
) -> UUID:
    invited.supersede(uow, record.email)
    state = MemberState.ACTIVE
    if record.active is False:
        state = MemberState.DEACTIVATED
    elif needs_seat:
        admission = seats.ask(uow, Cause.SCIM, connection.seat_overage)
        if admission.outcome is Outcome.WAITLISTED:
            state = MemberState.WAITLISTED
    person_id = known.person_id or people.create(
        uow, email=record.email, display_name=record.display_name, confined=known.confined
    )
    return members.join(
        uow,
        members.Joining(
            person_id=person_id,
            email=record.email,
            display_name=record.display_name,
            source="scim",
            managed_by=connection.id,
            state=state,
        ),
    )


def _adopt(
    uow: UnitOfWork, connection: Connection, member_id: UUID, record: UserRecord
) -> UUID | Refused:
    """Let the connection manage a member of the manual path: no second seat, same grants."""
    goes = record.active is False
    if goes and (refusal := refuses_to_go(uow, connection, member_id)) is not None:
        return Refused(refusal)
    member = uow.load(t.members, member_id)
    successors.mind_gone(uow, member)
    uow.change(t.member_versions, member, managed_by=connection.id)
    uow.record(
        Fact(
            "member.adopted",
            (Target("member", str(member_id), member.display_name),),
            before={"managed_by": str(member.managed_by) if member.managed_by else None},
            after={"managed_by": str(connection.id)},
        )
    )
    funnel.recompute(uow, [member_id])
    if goes:
        members.deactivate(uow, member_id, by=DeactivatedBy.IDP)
    else:
        ownership.release(uow, uow.load(t.members, member_id))
    return member_id
