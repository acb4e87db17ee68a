"""Seats: counted and given in one place, under the organisation's lock."""

from gateway.domain.memberships import MemberState
from gateway.domain.plans import Admission, Cause, SeatCount, admit, require_open_for, require_seat
from gateway.services import invited, terms
from gateway.storage.unit_of_work import UnitOfWork
from gateway.storage.writes import Plus


def count(uow: UnitOfWork) -> SeatCount:
    """Return who could use a seat; its cost does not grow with the organisation."""
    return SeatCount(
        active=uow.count("active_members"),
        owners=uow.count("active_owners"),
        pending=invited.seats_kept(uow),
    )


def anybody_waits(uow: UnitOfWork) -> bool:
    """Whether a member waits for a seat."""
    return uow.count("waiting_members") > 0


def ask(uow: UnitOfWork, cause: Cause, scim_overage: str | None = None) -> Admission:
    """Return what becomes of somebody who needs a seat now; the only door to one.

    :raises SeatLimitReached: none is free, with limit, used and pending in the details.
    :raises SubscriptionExpired: an addition by hand to an expired subscription.
    """
    agreed = terms.current(uow)
    require_open_for(cause, agreed.state)
    policy = agreed.seat_policy(scim_overage)
    # Without a limit nobody is refused, so nobody need be counted.
    seats = count(uow) if policy.limit is not None else SeatCount(0, 0, 0)
    admission = admit(cause, seats, policy)
    require_seat(admission)
    return admission


def follow(
    uow: UnitOfWork, before: tuple[str | None, bool], after: tuple[str | None, bool]
) -> None:
    """Keep the counters when a member's (state, owner of record) changes; (None, …): nobody."""
    was, now = before[0] == MemberState.ACTIVE, after[0] == MemberState.ACTIVE
    moved = {
        "active_members": now - was,
        "active_owners": (now and after[1]) - (was and before[1]),
        "waiting_members": (after[0] == MemberState.WAITLISTED)
        - (before[0] == MemberState.WAITLISTED),
    }
    counted = {name: Plus(by) for name, by in moved.items() if by}
    if counted:
        uow.stamp(**counted)
