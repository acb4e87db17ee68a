"""Seats: counted and given in one place, under the organisation's lock."""

from sqlalchemy import select

from gateway.domain.memberships import MemberState
from gateway.domain.plans import Admission, Cause, SeatCount, admit, require_open_for, require_seat
from gateway.services import terms
from gateway.storage import tables as t
from gateway.storage.unit_of_work import UnitOfWork
from gateway.storage.writes import Plus


def count(uow: UnitOfWork) -> SeatCount:
    """Return who could use a seat; its cost does not grow with the organisation."""
    o = t.organisations.c
    row = uow.all(
        select(o.active_members, o.active_owners).where(o.id == uow.organisation_id),
    )[0]
    return SeatCount(active=row.active_members, owners=row.active_owners, pending=0)


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


def follow(
    uow: UnitOfWork, before: tuple[str | None, bool], after: tuple[str | None, bool]
) -> None:
    """Keep the counters when a member's (state, owner of record) changes; (None, …): nobody."""
    was, now = before[0] == MemberState.ACTIVE, after[0] == MemberState.ACTIVE
    members = now - was
    owners = (now and after[1]) - (was and before[1])
    if members or owners:
        uow.stamp(active_members=Plus(members), active_owners=Plus(owners))
