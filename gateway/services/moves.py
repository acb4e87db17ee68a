"""Moves of a membership from one state to the next, and the seats that become free by them."""

from sqlalchemy import bindparam, func, literal_column, select

from gateway.domain.events import Fact, Target
from gateway.domain.memberships import MemberState, require_transition
from gateway.domain.plans import Cause, Outcome
from gateway.services import availability, funnel, seats
from gateway.storage import tables as t
from gateway.storage.unit_of_work import Record, UnitOfWork


def move(uow: UnitOfWork, member: Record, state: MemberState, **values: object) -> None:
    """Put a member into another state; counters follow, the caller tells it and recomputes.

    :raises InvalidTransition: the life cycle has no such move.
    """
    before = MemberState(member.state)
    require_transition(before, state)
    uow.change(t.member_versions, member, state=state, **values)
    owner = member.owner_of_record
    seats.follow(uow, (before, owner), (state, owner))


def tell(
    uow: UnitOfWork, member: Record, action: str, state: MemberState, reason: str | None = None
) -> None:
    """Record a move of a member as it was before; who goes is offline from then on."""
    before, after = {"state": str(member.state)}, {"state": str(state)}
    if state in (MemberState.DEACTIVATED, MemberState.REMOVED):
        was, is_now = availability.ended(member)
        before, after = before | was, after | is_now
    after |= {"reason": reason} if reason else {}
    uow.record(Fact(action, (target(member),), before=before, after=after))


def target(member: Record) -> Target:
    """Return a member as the target of a fact."""
    return Target("member", str(member.id), member.display_name)


def promote_waiting(uow: UnitOfWork) -> None:
    """Give free seats to those who wait, the longest first."""
    if not seats.anybody_waits(uow):
        return
    while (member := uow.one(_WAITING, organisation=uow.organisation_id)) is not None:
        if seats.ask(uow, Cause.WAITLIST, "waitlist").outcome is not Outcome.ADMITTED:
            return
        move(uow, member, MemberState.ACTIVE)
        tell(uow, member, "member.activated", MemberState.ACTIVE)
        funnel.recompute(uow, [member.id])


_THEN = t.member_versions.history
# The end of the last interval in another state: who comes back waits from then on.
_WAITS_SINCE = func.coalesce(
    select(func.max(_THEN.c.valid_to))
    .where(
        _THEN.c.organisation_id == t.members.c.organisation_id,
        _THEN.c.id == t.members.c.id,
        _THEN.c.state != str(MemberState.WAITLISTED),
    )
    .scalar_subquery(),
    t.members.c.created_at,
)
_WAITING = (
    select(t.members)
    .where(
        t.members.c.organisation_id == bindparam("organisation"),
        # Said literally, as the index of those who wait says it: few, however many members.
        t.members.c.state == literal_column(f"'{MemberState.WAITLISTED}'"),
    )
    .order_by(_WAITS_SINCE, t.members.c.id)
    .limit(1)
)
