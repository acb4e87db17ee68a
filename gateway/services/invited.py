"""Pending invitations: the seats that they keep, and what ends them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, Row, func, select

from gateway.domain.events import Fact, Target
from gateway.domain.invitations import (
    DAY,
    Delivery,
    InvitationState,
    Sent,
    require_transition,
    runs_the_house,
)
from gateway.domain.text import fold
from gateway.services import access
from gateway.services.messages.writing import one_line
from gateway.storage import tables as t
from gateway.storage.unit_of_work import UnitOfWork
from gateway.storage.writes import Plus

TABLE = t.invitations
PENDING = str(InvitationState.PENDING)
REASON_LIMIT = 300
"""Characters that are kept of what a mail server said."""


def seats_kept(uow: UnitOfWork) -> int:
    """Return how many seats pending invitations keep; those whose time is over keep none."""
    if not uow.count("pending_invitations"):
        return 0
    live = TABLE.c.state == PENDING, TABLE.c.expires_at > uow.now
    return int(uow.scalar(uow.own(TABLE, func.count()).where(*live)))


def sent(uow: UnitOfWork) -> Sent:
    """Return what counts against the limits of sending."""
    pending, expires = _counted(uow, TABLE.c.expires_at, TABLE.c.state == PENDING)
    today, created = _counted(uow, TABLE.c.created_at, TABLE.c.created_at > uow.now - DAY)
    return Sent(pending, expires, today, created)


def begin(uow: UnitOfWork, **values: object) -> UUID:
    """Write a new invitation, which keeps a seat from now on."""
    invitation_id = uow.new_id()
    uow.insert(
        TABLE,
        id=invitation_id,
        state=PENDING,
        delivery=Delivery.QUEUED,
        created_at=uow.now,
        **values,
    )
    uow.stamp(pending_invitations=Plus(1))
    return invitation_id


def end(
    uow: UnitOfWork, row: Row[Any], state: InvitationState, member_id: UUID | None = None
) -> None:
    """End a pending invitation; its seat is free, and the caller lets who waits have it.

    :raises InvalidTransition: it has ended before.
    """
    require_transition(InvitationState(row.state), state)
    uow.update(TABLE, {"id": row.id}, state=state, ended_at=uow.now, member_id=member_id)
    uow.stamp(pending_invitations=Plus(-1))
    uow.record(
        Fact(
            f"invitation.{state}",
            (target(row),),
            before={"state": PENDING},
            after={"state": str(state)},
        )
    )


def supersede(uow: UnitOfWork, email: str | None) -> None:
    """End the invitation of somebody who is about to become a member another way."""
    if not email or not uow.count("pending_invitations"):
        return
    for row in uow.all(_pending(uow).where(TABLE.c.email_key == fold(email))):
        end(uow, row, InvitationState.SUPERSEDED)


def revoke_of(uow: UnitOfWork, member_id: UUID) -> None:
    """End what a member who goes leaves behind: invitations to run the house."""
    if not uow.count("pending_invitations"):
        return
    running = {role.id for role in access.roles_at(uow) if runs_the_house(role)}
    for row in uow.all(_pending(uow).where(TABLE.c.inviter_id == member_id)):
        if row.role_id in running:
            end(uow, row, InvitationState.REVOKED)


def expire(uow: UnitOfWork, email: str | None = None) -> int:
    """Record that invitations ended by time alone, of one address where it is named."""
    due = _pending(uow).where(TABLE.c.expires_at <= uow.now)
    if email is not None:
        due = due.where(TABLE.c.email_key == fold(email))
    rows = uow.all(due.order_by(TABLE.c.expires_at, TABLE.c.id))
    for row in rows:
        end(uow, row, InvitationState.EXPIRED)
    return len(rows)


def overdue(database: Connection, now: datetime) -> Sequence[UUID]:
    """Return the organisations that have invitations which ended by time alone."""
    due = select(TABLE.c.organisation_id).where(TABLE.c.state == PENDING, TABLE.c.expires_at <= now)
    return list(database.execute(due.distinct()).scalars())


def note_bounce(uow: UnitOfWork, message_id: UUID, reason: str) -> bool:
    """Record that the mail of an invitation could not be delivered; say whether it is one."""
    row = uow.one(uow.own(TABLE).where(TABLE.c.mail_id == message_id))
    if row is None or row.delivery == Delivery.BOUNCED:
        return row is not None
    said = one_line(reason)[:REASON_LIMIT]
    uow.update(TABLE, {"id": row.id}, delivery=Delivery.BOUNCED, bounce_reason=said)
    uow.record(Fact("invitation.bounced", (target(row),), after={"delivery": "bounced"}))
    return True


def target(row: Any) -> Target:
    """Return an invitation as the target of a fact; the address can be erased."""
    return Target("invitation", str(row.id), row.email)


def _counted(
    uow: UnitOfWork, instant: ColumnElement[Any], which: ColumnElement[bool]
) -> tuple[int, datetime | None]:
    """Return how many there are, and the first instant of theirs."""
    query = uow.own(TABLE, func.count().label("number"), func.min(instant).label("first"))
    row = uow.all(query.where(which))[0]
    return row.number, row.first


def _pending(uow: UnitOfWork) -> Any:
    return uow.own(TABLE).where(TABLE.c.state == PENDING)
