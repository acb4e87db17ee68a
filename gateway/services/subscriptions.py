"""Subscriptions through time: previewed, invoiced, renewed, expired, and warned of."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, and_, or_, select

from gateway.domain import warnings
from gateway.domain.errors import InvalidRequest
from gateway.domain.events import Fact
from gateway.domain.memberships import MemberState
from gateway.domain.plans import (
    Line,
    Plan,
    SubscriptionState,
    is_over_limit,
    period_end,
    renewal_lines,
    seats_used,
)
from gateway.services import (
    access,
    funnel,
    invoices,
    membership_lists,
    moves,
    outbox,
    presets,
    proration,
    seats,
)
from gateway.services import terms as agreed
from gateway.storage import tables as t
from gateway.storage.unit_of_work import UnitOfWork

GRACE = timedelta(days=14)
"""How long an invoice may stay unpaid before the subscription expires."""

AHEAD = (14, 3, 0)
"""Days before the end of a period at which is warned."""

SHARES = (80, 100)
"""Per cent of the seats at which is warned."""

RUNNING = (SubscriptionState.TRIALING, SubscriptionState.ACTIVE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Seats in use, and what the next renewal will cost; money in integer minor units."""

    currency: str
    seats_used: int
    seats_pending: int
    over_limit: bool
    lines: tuple[Line, ...]
    amount: int
    renews_at: datetime | None


def standing(uow: UnitOfWork, plan: str | None = None, seats_wanted: int | None = None) -> Standing:
    """Return the use of seats and the next renewal, or what it would be with another plan or use.

    :raises InvalidRequest: no such plan, or it has no price in the subscription's currency.
    """
    row, count = agreed.subscription(uow), seats.count(uow)
    policy = agreed.current(uow).seat_policy()
    used = seats_used(count, policy)
    wanted = _plan(uow, plan or row.plan)
    lines = renewal_lines(wanted, row.currency, used if seats_wanted is None else seats_wanted)
    if wanted.is_priced:  # else there is no next invoice
        lines += proration.lines(uow, row)
    return Standing(
        currency=row.currency,
        seats_used=used,
        seats_pending=count.pending,
        over_limit=is_over_limit(count, policy),
        lines=lines,
        amount=sum(line.amount for line in lines),
        renews_at=row.current_period_end,
    )


def renew(uow: UnitOfWork, reference: str) -> None:
    """Confirm a payment: the oldest invoice is paid, and what had ended goes on as it was.

    Where nothing was invoiced, as after an end, a new period begins now. The same reference
    again changes nothing.

    :raises InvalidRequest: nothing is due.
    """
    if invoices.is_paid_by(uow, reference):
        return
    row, open_ones = agreed.subscription(uow), invoices.owed(uow)
    if not open_ones and row.state == SubscriptionState.ACTIVE:
        raise InvalidRequest("Nothing is due.", field="reference")
    ends = row.current_period_end
    if not open_ones:
        ends = period_end(_plan(uow, row.plan), uow.now)
        period = uow.now, ends
        paid = invoices.issue(uow, standing(uow).lines, period, uow.now)
    else:
        paid = open_ones[0].id
    invoices.pay(uow, paid, reference)
    state = SubscriptionState.ACTIVE if len(open_ones) < 2 else SubscriptionState(row.state)
    _move(uow, "subscription.renewed", state=state, current_period_end=ends)
    _mail(uow, "subscription.renewed")


def expire(uow: UnitOfWork) -> None:
    """End the subscription now: chatbots close, members stay, and nothing is owed any more."""
    if agreed.subscription(uow).state == SubscriptionState.EXPIRED:
        return
    invoices.void_open(uow)
    _move(uow, "subscription.expired", state=SubscriptionState.EXPIRED)
    _mail(uow, "subscription.expired")


def due(connection: Connection, now: datetime) -> set[UUID]:
    """Return the organisations whose period is over, or who have not paid in time."""
    s = t.subscriptions.c
    live = t.organisations.c
    over = (
        select(s.organisation_id)
        .join_from(t.subscriptions, t.organisations, live.id == s.organisation_id)
        .where(
            live.state == "live",
            s.valid_to.is_(None),
            s.current_period_end <= now,
            s.state.in_(RUNNING),
        )
    )
    return {*connection.execute(over).scalars(), *invoices.overdue(connection, now)}


def settle(uow: UnitOfWork) -> None:
    """Invoice a period that begins, or end a subscription that was not paid in time."""
    row = agreed.subscription(uow)
    if any(invoice.due_at <= uow.now for invoice in invoices.owed(uow)):
        expire(uow)
    elif row.state in RUNNING and row.current_period_end and row.current_period_end <= uow.now:
        _warn_of_end(uow)
        start = row.current_period_end
        ends = period_end(_plan(uow, row.plan), start)
        invoice_id = invoices.issue(uow, standing(uow).lines, (start, ends), uow.now + GRACE)
        _move(
            uow, "subscription.changed", state=SubscriptionState.PAST_DUE, current_period_end=ends
        )
        invoice = invoices.get(uow, invoice_id)
        asked = {"amount": Decimal(invoice.total) / 100, "currency": invoice.currency}
        _mail(uow, "subscription.invoiced", until=invoice.due_at, **asked)


def to_warn(connection: Connection, now: datetime) -> Sequence[UUID]:
    """Return the organisations that may have to be warned of their seats or their period."""
    s, o = t.subscriptions.c, t.organisations.c
    in_use = (o.active_members + o.pending_invitations) * 100
    query = (
        select(s.organisation_id)
        .join_from(t.subscriptions, t.organisations, o.id == s.organisation_id)
        .where(
            s.valid_to.is_(None),
            o.state == "live",
            or_(
                and_(s.seat_limit > 0, in_use >= s.seat_limit * min(SHARES)),
                and_(
                    s.state.in_(RUNNING),
                    s.current_period_end <= now + timedelta(days=max(AHEAD)),
                ),
            ),
        )
        .order_by(s.organisation_id)
    )
    return list(connection.execute(query).scalars())


def warn(uow: UnitOfWork) -> None:
    """Tell owners and the feed of seats and a period that run out; each threshold once."""
    _warn_of_seats(uow)
    _warn_of_end(uow)


def _warn_of_seats(uow: UnitOfWork) -> None:
    limit, used = agreed.current(uow).seat_limit, standing(uow).seats_used
    for share in SHARES if limit else ():
        if limit and used * 100 >= limit * share:
            said = {"used": used, "limit": limit, "share": share}
            if _tell_once(uow, "subscription.seats_low", f"{share}/{limit}", said):
                _mail(uow, "seats.warning", used=used, limit=limit)


def _warn_of_end(uow: UnitOfWork) -> None:
    row = agreed.subscription(uow)
    ends = row.current_period_end
    if ends is None or row.state not in RUNNING:
        return
    days = warnings.reached(ends, uow.now, AHEAD)
    if days is not None:
        about = f"{days}/{ends.isoformat()}"
        if _tell_once(uow, "subscription.expiring", about, {"days": days}):
            _mail(uow, "subscription.expiring", until=ends)


def _tell_once(uow: UnitOfWork, kind: str, about: str, said: dict[str, Any]) -> bool:
    w = t.subscription_warnings
    told = uow.own(w, w.c.told_at).where(w.c.kind == kind, w.c.about == about)
    if uow.one(told) is not None:
        return False
    uow.insert(w, kind=kind, about=about, told_at=uow.now)
    uow.record(Fact(kind, (agreed.organisation(uow),), after=said))
    return True


def _move(uow: UnitOfWork, action: str, **values: object) -> None:
    before = SubscriptionState(agreed.subscription(uow).state)
    changed = agreed.set_subscription(uow, action, **values)
    if SubscriptionState(str(changed.get("state", before))).is_open is not before.is_open:
        funnel.recompute_all(uow)
        moves.promote_waiting(uow)


def _mail(uow: UnitOfWork, type: str, **facts: Any) -> None:
    """Mail every active member who may look after the money."""
    roles = [role.id for role in access.roles_at(uow) if "billing.manage" in role.org_atoms]
    m = t.members.c
    payers = uow.own(t.members, m.email).where(
        m.state == MemberState.ACTIVE,
        membership_lists.have_role(uow, roles),
        m.email.is_not(None),
    )
    addresses = [row.email for row in uow.all(payers.order_by(m.id))]
    outbox.post_to_all(uow, type, addresses, **facts)


def _plan(uow: UnitOfWork, key: str) -> Plan:
    plans = presets.of(uow).plans
    if key not in plans:
        raise InvalidRequest(f"The plans are {', '.join(plans)}.", field="plan")
    return plans[key]
