"""Seats added within a period, read from the intervals that members and invitations leave."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from itertools import accumulate
from typing import Any

from sqlalchemy import Row, Select, case, func, literal, literal_column, or_, select, union_all

from gateway.domain.memberships import MemberState
from gateway.domain.plans import Line, Plan, SubscriptionState
from gateway.domain.proration import Held, Period, added_seats
from gateway.services import invoices, presets, terms
from gateway.storage import tables as t
from gateway.storage.types import UTCDateTime
from gateway.storage.unit_of_work import UnitOfWork

PAYING = (SubscriptionState.ACTIVE, SubscriptionState.PAST_DUE)


def lines(uow: UnitOfWork, subscription: Row[Any]) -> tuple[Line, ...]:
    """Return what the next invoice asks for seats that were added in the period before it.

    Nothing where no plan of the period prorates, and nothing from before an end: a new period is
    paid in full. Where the next one begins with its payment, the days that it takes over are its
    own. Additions are counted by the policies of today, so that a policy adds no seat.
    """
    plans, end = presets.packaged().prorated, subscription.current_period_end
    if not plans or end is None:
        return ()
    held = _held(uow, end, plans)
    if not any(each.plan for each in held):
        return ()
    opened = held[0].since  # later than the period's start where the invoice was
    # Late without an invoice: by the operator's word alone, and paid for a period from now on.
    late = subscription.state == SubscriptionState.PAST_DUE and not invoices.owed(uow)
    period = Period(invoices.begun(uow, end) or opened, end, uow.now if late else None)
    return added_seats(period, held, used_since(uow, opened), subscription.currency)


def used_since(uow: UnitOfWork, since: datetime) -> list[tuple[datetime, int]]:
    """Return how many seats were in use at an instant, and from each later change on.

    The last number is that of the counters.
    """
    spans = union_all(*_spans(uow)).subquery().c
    then = literal(since, UTCDateTime)
    begin = case((spans.begins > then, spans.begins), else_=then)
    lasts = or_(spans.ends.is_(None), spans.ends > then)
    moves = union_all(
        select(begin.label("at"), literal_column("1").label("seats")).where(lasts),
        select(spans.ends, literal_column("-1")).where(spans.ends > then),
    ).subquery()
    at, seats = moves.c.at, func.sum(moves.c.seats).label("seats")
    # All that one change does has one instant: who accepts keeps the seat of the invitation.
    rows = uow.all(select(at, seats).group_by(at).order_by(at))
    changes = [(row.at, int(row.seats)) for row in rows]
    if not changes or changes[0][0] != since:
        changes.insert(0, (since, 0))
    return list(accumulate(changes, lambda before, change: (change[0], before[1] + change[1])))


def _held(uow: UnitOfWork, end: datetime, plans: Mapping[str, Plan]) -> list[Held]:
    """Return the intervals of the subscription in the period that ends then."""
    s = t.subscriptions.c
    within = uow.own(t.subscriptions, s.valid_from, s.plan, s.state).where(
        s.current_period_end == end
    )
    rows = uow.all(within.order_by(s.valid_from))
    held: list[Held] = []
    for row in rows:
        if not SubscriptionState(row.state).is_open:
            held = [Held(each.since, None) for each in held]
        held.append(Held(row.valid_from, plans.get(row.plan) if row.state in PAYING else None))
    return held


def _spans(uow: UnitOfWork) -> Iterator[Select[Any]]:
    """Yield from when to when members and invitations had a seat, as `seats.count` counts them."""
    policy = terms.current(uow).seat_policy()
    h, i = t.member_versions.history.c, t.invitations.c
    active = uow.own(
        t.member_versions.history, h.valid_from.label("begins"), h.valid_to.label("ends")
    ).where(h.state == MemberState.ACTIVE)
    yield active if policy.owner_counts else active.where(~h.owner_of_record)
    if policy.pending_counts:
        # What has happened counts even where the clock is behind; what will happen never does.
        over = or_(i.ended_at.is_not(None), i.expires_at <= uow.now)
        ends = case((i.ended_at < i.expires_at, i.ended_at), (over, i.expires_at))
        yield uow.own(t.invitations, i.created_at.label("begins"), ends.label("ends"))
