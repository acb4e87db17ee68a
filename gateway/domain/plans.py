"""Plans, seats and money: what a plan says, who uses a seat, and what a renewal costs."""

from calendar import monthrange
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from gateway.domain.errors import InvalidRequest, SeatLimitReached, SubscriptionExpired


class SubscriptionState(StrEnum):
    """Where a subscription stands."""

    TRIALING = "trialing"
    ACTIVE = "active"
    PAST_DUE = "past_due"
    EXPIRED = "expired"
    CANCELLED = "cancelled"

    @property
    def is_open(self) -> bool:
        """Whether chatbots may be used; a payment that is late does not close them."""
        return self not in (SubscriptionState.EXPIRED, SubscriptionState.CANCELLED)


TRANSITIONS: Mapping[SubscriptionState, frozenset[SubscriptionState]] = {
    SubscriptionState.TRIALING: frozenset(SubscriptionState) - {SubscriptionState.TRIALING},
    SubscriptionState.ACTIVE: frozenset(SubscriptionState)
    - {SubscriptionState.ACTIVE, SubscriptionState.TRIALING},
    SubscriptionState.PAST_DUE: frozenset(
        {SubscriptionState.ACTIVE, SubscriptionState.EXPIRED, SubscriptionState.CANCELLED}
    ),
    SubscriptionState.EXPIRED: frozenset({SubscriptionState.ACTIVE, SubscriptionState.CANCELLED}),
    SubscriptionState.CANCELLED: frozenset({SubscriptionState.ACTIVE}),
}
"""Where a subscription may go from where it stands."""


class Overage(StrEnum):
    """What an addition by hand does at the seat limit."""

    BLOCK = "block"
    BILL = "bill"


class ScimOverage(StrEnum):
    """What an identity provider's addition does at the seat limit."""

    REFUSE = "refuse"
    WAITLIST = "waitlist"
    BILL = "bill"


class Charge(StrEnum):
    """From when on a new seat is paid; nothing is charged before the next renewal either way."""

    NEXT_RENEWAL = "next_renewal"
    PRORATED = "prorated"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a subscription buys; money in integer minor units by currency."""

    key: str
    base: Mapping[str, int] = field(default_factory=dict)
    seat: Mapping[str, int] = field(default_factory=dict)
    period: str = "month"
    included_seats: int = 0
    seat_limit: int | None = None
    charge: Charge = Charge.NEXT_RENEWAL
    features: frozenset[str] = frozenset()
    policies: Mapping[str, object] = field(default_factory=dict)

    @property
    def is_priced(self) -> bool:
        """Whether it costs anything."""
        return bool(self.base or self.seat)


class Cause(StrEnum):
    """What asks for a seat."""

    INVITATION = "invitation"
    DIRECT_CREATE = "direct_create"
    ACCEPTANCE = "acceptance"
    REACTIVATION = "reactivation"
    IMPORT = "import"
    SCIM = "scim"
    JIT = "jit"
    WAITLIST = "waitlist"


IDP_CAUSES = frozenset({Cause.SCIM, Cause.JIT, Cause.WAITLIST})
"""Causes in which an identity provider adds somebody."""

INVITING_CAUSES = frozenset({Cause.INVITATION, Cause.DIRECT_CREATE, Cause.ACCEPTANCE, Cause.IMPORT})
"""Causes that an expired subscription blocks; provisioning goes on."""


@dataclass(frozen=True, slots=True)
class SeatPolicy:
    """How an organisation counts seats and what it does at the limit."""

    limit: int | None
    owner_counts: bool
    pending_counts: bool
    overage: Overage
    scim_overage: ScimOverage


@dataclass(frozen=True, slots=True)
class SeatCount:
    """Who could use a seat, each person once: `active` includes the `owners` of record."""

    active: int
    owners: int
    pending: int


class Outcome(StrEnum):
    """What becomes of somebody who needs a seat."""

    ADMITTED = "admitted"
    WAITLISTED = "waitlisted"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Admission:
    """The answer to one request for seats, with the numbers that it was decided on."""

    outcome: Outcome
    used: int
    pending: int
    limit: int | None
    billed: bool = False


def seats_used(count: SeatCount, policy: SeatPolicy) -> int:
    """Return the seats in use: active members and pending invitations, the owner by policy."""
    people = count.active if policy.owner_counts else count.active - count.owners
    return people + (count.pending if policy.pending_counts else 0)


def admit(cause: Cause, count: SeatCount, policy: SeatPolicy, seats: int = 1) -> Admission:
    """Decide on `seats` more; 0 where the person already holds one that must still fit.

    The limit is never broken by an addition, except where somebody agreed to be billed for
    it; a limit that was cut below the use evicts nobody.
    """
    used = seats_used(count, policy)
    pending = count.pending
    limit = policy.limit
    if limit is None or used + seats <= limit:
        return Admission(Outcome.ADMITTED, used, pending, limit, billed=False)
    from_idp = cause in IDP_CAUSES
    if policy.overage is Overage.BILL or (from_idp and policy.scim_overage is ScimOverage.BILL):
        return Admission(Outcome.ADMITTED, used, pending, limit, billed=True)
    if from_idp and policy.scim_overage is ScimOverage.WAITLIST:
        return Admission(Outcome.WAITLISTED, used, pending, limit)
    return Admission(Outcome.REFUSED, used, pending, limit)


def require_seat(admission: Admission, links: Mapping[str, str] | None = None) -> None:
    """Refuse where no seat was found; details carry the numbers and the links that help."""
    if admission.outcome is Outcome.REFUSED:
        raise SeatLimitReached(
            f"All {admission.limit} seats are in use ({admission.used} used, "
            f"{admission.pending} invitations pending).",
            levers=("Free a seat.", "Upgrade the plan or contact support."),
            limit=admission.limit,
            used=admission.used,
            pending=admission.pending,
            **(links or {}),
        )


def require_open_for(cause: Cause, state: SubscriptionState) -> None:
    """Refuse an invitation of an expired subscription; identity providers go on."""
    if cause in INVITING_CAUSES and not state.is_open:
        raise SubscriptionExpired(
            "The subscription has expired; renew it to add people.",
            levers=("Renew the subscription.",),
        )


def is_over_limit(count: SeatCount, policy: SeatPolicy) -> bool:
    """Whether a cut of the limit left more seats in use than there are."""
    return policy.limit is not None and seats_used(count, policy) > policy.limit


@dataclass(frozen=True, slots=True)
class Line:
    """One line of an invoice; money in integer minor units."""

    item: str
    quantity: int
    price: int

    @property
    def amount(self) -> int:
        """Quantity times price."""
        return self.quantity * self.price


def renewal_lines(plan: Plan, currency: str, billable_seats: int) -> tuple[Line, ...]:
    """Return what the next renewal consists of: the base, and the seats that it leaves out.

    :raises InvalidRequest: the plan has no price in this currency.
    """
    if not plan.is_priced:
        return ()
    if currency not in plan.base or currency not in plan.seat:
        raise InvalidRequest(f"Plan {plan.key} has no price in {currency}.", field="currency")
    extra = max(0, billable_seats - plan.included_seats)
    seats = (Line("seat", extra, plan.seat[currency]),) if extra else ()
    return (Line("base", 1, plan.base[currency]), *seats)


def renewal_amount(plan: Plan, currency: str, billable_seats: int) -> int:
    """Return the next charge in minor units: base plus price times the seats not included.

    :raises InvalidRequest: the plan has no price in this currency.
    """
    return sum(line.amount for line in renewal_lines(plan, currency, billable_seats))


def period_end(plan: Plan, start: datetime) -> datetime | None:
    """Return the same day of the next month or year, or its last; None for an unpriced plan."""
    if not plan.is_priced:
        return None
    months = start.month - 1 + (12 if plan.period == "year" else 1)
    year, month = start.year + months // 12, months % 12 + 1
    return start.replace(year=year, month=month, day=min(start.day, monthrange(year, month)[1]))


def on_another_plan(subscription: Any, old: Plan, new: Plan, now: datetime) -> dict[str, object]:
    """Return what changes with the plan: seat limit and features; add-ons and the period stay.

    :raises InvalidRequest: the new plan has no price in the subscription's currency.
    """
    renewal_amount(new, subscription.currency, 0)
    added = frozenset(subscription.features) - old.features
    ends = subscription.current_period_end or period_end(new, now)
    return {
        "seat_limit": new.seat_limit,
        "features": sorted(new.features | added),
        "current_period_end": ends if new.is_priced else None,
    }


def require_transition(before: SubscriptionState, after: SubscriptionState) -> None:
    """Refuse a move that a subscription never makes; staying where it is moves nothing."""
    if before is not after and after not in TRANSITIONS[before]:
        raise InvalidRequest(f"A subscription does not go from {before} to {after}.", field="state")
