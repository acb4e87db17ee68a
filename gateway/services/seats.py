"""Seats: counted and given in one place, under the organisation's lock."""

from sqlalchemy import func

from gateway.domain.memberships import MemberState
from gateway.domain.plans import Admission, Cause, SeatCount, admit, require_open_for, require_seat
from gateway.services import terms
from gateway.storage import tables as t
from gateway.storage.unit_of_work import UnitOfWork
from gateway.storage.writes import Plus


def count(uow: UnitOfWork) -> SeatCount:
    """Return who could use a seat; its cost does not grow with the organisation."""
    m, o = t.members.c, t.organisations.c
    owners = (
        uow.own(t.members, func.count())
        .where(m.owner_of_record, m.state == MemberState.ACTIVE)
        .scalar_subquery()
    )
    row = uow.all(
        t.organisations.select()
        .with_only_columns(o.active_members, owners.label("owners"))
        .where(o.id == uow.organisation_id)
    )[0]
    return SeatCount(active=row.active_members, owners=row.owners, pending=0)


def ask(uow: UnitOfWork, cause: Cause, scim_overage: str | None = None) -> Admission:
    """Return what becomes of somebody who needs a seat now; the only door to one.

    :raises SeatLimitReached: none is free, with limit, used and pending in the details.
    :raises SubscriptionExpired: an addition by hand to an expired subscription.
    """
    agreed = terms.current(uow)
    require_open_for(cause, agreed.state)
    admission = admit(cause, count(uow), agreed.seat_policy(scim_overage))
    require_seat(admission)
    return admission


def shift(uow: UnitOfWork, by: int) -> None:
    """Count one active member more or less."""
    uow.stamp(active_members=Plus(by))
