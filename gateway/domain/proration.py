"""What seats cost that are added within a period, under a plan that prorates them."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from gateway.domain.plans import Line, Plan


@dataclass(frozen=True, slots=True)
class Period:
    """What is paid at once: whole days, each from the time of day at which the period began.

    `broken_off` is when another period begins, where that is before this one's end.
    """

    start: datetime
    end: datetime
    broken_off: datetime | None = None

    @property
    def days(self) -> int:
        """How many days it has."""
        return (self.end - self.start).days

    def days_left(self, at: datetime) -> int:
        """Return the days from an instant on; the day that has begun counts in full.

        Where another period begins before this one ends, its days are that one's.
        """
        return self._until_end(at) - max(0, self._until_end(self.broken_off or self.end))

    def _until_end(self, at: datetime) -> int:
        return self.days - (at - self.start).days


@dataclass(frozen=True, slots=True)
class Held:
    """What a subscription did with additions from an instant on; None: it prorated none."""

    since: datetime
    plan: Plan | None


def share(price: int, days_left: int, days: int) -> int:
    """Return a price's share of the days left, in minor units, half of one rounded up."""
    return (2 * price * days_left + days) // (2 * days)


def added_seats(
    period: Period, held: Sequence[Held], used: Sequence[tuple[datetime, int]], currency: str
) -> tuple[Line, ...]:
    """Return what a period still costs for seats beyond the most that it has had so far.

    `used` are the seats in use from each instant on; those at the first one are paid, and so are
    those that the plan includes. Each seat is reckoned by itself; a line has those of one day.
    """
    (_, most), *later = used
    added: Counter[tuple[date, int, int]] = Counter()
    for at, seats in later:
        plan, left = _plan_at(held, at), period.days_left(at)
        more = seats - max(most, plan.included_seats) if plan else 0
        if plan and more > 0 and left > 0:
            added[at.date(), left, share(plan.seat[currency], left, period.days)] += more
        most = max(most, seats)
    return tuple(
        Line(f"seat from {day}, {left} of {period.days} days", seats, price)
        for (day, left, price), seats in added.items()
    )


def _plan_at(held: Sequence[Held], at: datetime) -> Plan | None:
    return next(each.plan for each in reversed(held) if each.since <= at)
