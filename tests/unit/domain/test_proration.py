"""What a seat costs that is added in the middle of a period."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from gateway.domain.plans import Charge, Line, Plan
from gateway.domain.proration import Held, Period, added_seats, share

START = datetime(2026, 1, 5, 12, tzinfo=UTC)
PERIOD = Period(START, datetime(2026, 2, 5, 12, tzinfo=UTC))
TEAM = Plan(key="team", base={"USD": 9000}, seat={"USD": 3100}, charge=Charge.PRORATED)
PACK = Plan(
    key="pack",
    base={"USD": 0},
    seat={"USD": 310},
    included_seats=3,
    charge=Charge.PRORATED,
)


def day(number: float) -> datetime:
    return START + timedelta(days=number)


def asked(*used: tuple[float, int], held: tuple[Held, ...] = (Held(START, TEAM),)) -> list[Line]:
    return list(added_seats(PERIOD, held, [(day(at), seats) for at, seats in used], "USD"))


@pytest.mark.parametrize(
    ("price", "left", "days", "amount"),
    [
        pytest.param(780_000, 21, 31, 528_387, id="down"),
        pytest.param(100, 2, 3, 67, id="up"),
        pytest.param(5, 1, 2, 3, id="half-is-up"),
        pytest.param(3, 15, 30, 2, id="half-of-an-odd-price-is-up"),
        pytest.param(780_000, 31, 31, 780_000, id="all-of-it"),
        pytest.param(0, 7, 31, 0, id="nothing-of-nothing"),
        pytest.param(10**15 + 1, 365, 366, 997_267_759_562_843, id="beyond-floats"),
    ],
)
def test_a_share_is_rounded_to_the_nearest_minor_unit(
    price: int, left: int, days: int, amount: int
) -> None:
    """C23"""
    assert share(price, left, days) == amount


@pytest.mark.parametrize(
    ("at", "left"),
    [(0.0, 31), (0.99, 31), (1.0, 30), (30.99, 1), (31.0, 0), (33.0, -2)],
)
def test_the_day_that_has_begun_counts_in_full(at: float, left: int) -> None:
    assert PERIOD.days_left(day(at)) == left


@pytest.mark.parametrize(
    ("off", "at", "left"),
    [
        pytest.param(15.0, 10.0, 5, id="five-days-before"),
        pytest.param(15.9, 10.1, 5, id="whole-days"),
        pytest.param(15.9, 15.1, 0, id="on-the-day"),
        pytest.param(15.0, 20.0, -5, id="after-it"),
        pytest.param(31.0, 10.0, 21, id="at-the-end"),
        pytest.param(40.0, 10.0, 21, id="later-than-the-end"),
    ],
)
def test_days_that_another_period_takes_over_are_its_own(off: float, at: float, left: int) -> None:
    """C23"""
    assert replace(PERIOD, broken_off=day(off)).days_left(day(at)) == left


def test_each_seat_is_reckoned_by_itself_and_shown_by_the_day() -> None:
    assert asked((0, 1), (10, 2), (10.2, 4), (20, 5)) == [
        Line("seat from 2026-01-15, 21 of 31 days", 3, 2100),
        Line("seat from 2026-01-25, 11 of 31 days", 1, 1100),
    ]


def test_a_seat_given_back_and_taken_again_is_asked_for_once() -> None:
    (line,) = asked((0, 1), (10, 2), (11, 1), (12, 2), (13, 0), (14, 2))
    assert line.item.startswith("seat from 2026-01-15")


def test_what_the_period_opened_with_is_paid() -> None:
    assert asked((0, 5), (3, 2), (4, 5)) == []


def test_included_seats_are_paid() -> None:
    assert asked((0, 1), (10, 3), held=(Held(START, PACK),)) == []
    (line,) = asked((0, 1), (10, 5), held=(Held(START, PACK),))
    assert (line.quantity, line.amount) == (2, 2 * 210)


def test_what_is_added_after_the_end_is_not_asked_for() -> None:
    assert asked((0, 1), (31, 2), (40, 3)) == []


def test_the_plan_of_the_moment_decides_and_a_change_of_it_adds_nothing() -> None:
    held = (Held(START, None), Held(day(10), PACK), Held(day(20), TEAM), Held(day(25), None))
    used = (0.0, 1), (5.0, 4), (10.0, 5), (20.5, 6), (26.0, 7)
    assert [(line.quantity, line.price) for line in asked(*used, held=held)] == [
        (1, 210),
        (1, 1100),
    ]
