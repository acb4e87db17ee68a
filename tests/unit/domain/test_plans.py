"""Seats and money: who uses a seat, who gets one, and what a renewal costs."""

import pytest

from gateway.domain.errors import InvalidRequest, SeatLimitReached, SubscriptionExpired
from gateway.domain.plans import (
    Admission,
    Cause,
    Outcome,
    Overage,
    Plan,
    ScimOverage,
    SeatCount,
    SeatPolicy,
    SubscriptionState,
    admit,
    is_over_limit,
    renewal_amount,
    require_open_for,
    require_seat,
    seats_used,
)
from gateway.services.presets import packaged


def policy(
    limit: int | None,
    overage: Overage = Overage.BLOCK,
    scim: ScimOverage = ScimOverage.REFUSE,
    *,
    owner_counts: bool = True,
    pending_counts: bool = True,
) -> SeatPolicy:
    return SeatPolicy(limit, owner_counts, pending_counts, overage, scim)


BUSINESS = packaged().preset("pleep").plans["business"]


@pytest.mark.parametrize(
    ("currency", "seats", "amount"),
    [
        pytest.param("KZT", 0, 6850000, id="nobody-yet"),
        pytest.param("KZT", 1, 7630000, id="S0-35-one-more-costs-7800"),
        pytest.param("KZT", 2, 8410000, id="S0-37-two-colleagues-84100"),
        pytest.param("USD", 2, 15000 + 2 * 1500, id="S0-33-15-dollars-a-seat"),
    ],
)
def test_a_renewal_costs_the_base_and_every_seat(currency: str, seats: int, amount: int) -> None:
    assert renewal_amount(BUSINESS, currency, seats) == amount


def test_included_seats_cost_nothing_and_fewer_pay_nothing_back() -> None:
    plan = Plan(key="team", base={"USD": 1000}, seat={"USD": 100}, included_seats=3)
    assert [renewal_amount(plan, "USD", seats) for seats in (0, 3, 5)] == [1000, 1000, 1200]


def test_a_plan_without_prices_costs_nothing() -> None:
    assert renewal_amount(packaged().preset("whatsapp").plans["growth"], "EUR", 5) == 0


def test_a_currency_without_a_price_is_refused() -> None:
    """S0-33"""
    with pytest.raises(InvalidRequest, match="no price in EUR"):
        renewal_amount(BUSINESS, "EUR", 1)


def test_a_colleague_adds_a_seat_when_invited_and_the_owner_none() -> None:
    """S0-34"""
    billed = policy(None, Overage.BILL, owner_counts=False)
    assert seats_used(SeatCount(active=1, owners=1, pending=0), billed) == 0
    assert seats_used(SeatCount(active=1, owners=1, pending=2), billed) == 2


@pytest.mark.parametrize(
    ("owner_counts", "pending_counts", "used"),
    [(True, True, 6), (False, True, 5), (True, False, 4), (False, False, 3)],
)
def test_owner_and_pending_invitations_count_by_policy(
    owner_counts: bool, pending_counts: bool, used: int
) -> None:
    """C7"""
    counted = policy(9, owner_counts=owner_counts, pending_counts=pending_counts)
    assert seats_used(SeatCount(active=4, owners=1, pending=2), counted) == used


@pytest.mark.parametrize(
    ("preset", "plan", "fits"),
    [
        pytest.param("whatsapp", "free_trial", 0, id="S1-30-one-seat-is-the-admin-s"),
        pytest.param("whatsapp", "growth", 4, id="S1-31-five-with-the-admin"),
        pytest.param("whatsapp", "scale", 9, id="S1-32-ten-with-the-admin"),
        pytest.param("pingback", "free", 0, id="S3-25-the-owner-works-alone"),
        pytest.param("pingback", "mini", 2, id="S3-26-two-beside-the-owner"),
        pytest.param("pingback", "pro", 5, id="S3-27-five-beside-the-owner"),
    ],
)
def test_how_many_people_fit_beside_the_owner(preset: str, plan: str, fits: int) -> None:
    product = packaged().preset(preset)
    limited = policy(
        product.plans[plan].seat_limit,
        Overage(product.policies["seat_overage"]),
        owner_counts=product.policies["owner_counts_as_seat"],
    )
    outcomes = [
        admit(Cause.INVITATION, SeatCount(active=1, owners=1, pending=invited), limited).outcome
        for invited in range(fits + 1)
    ]
    assert outcomes == [Outcome.ADMITTED] * fits + [Outcome.REFUSED]


FULL = SeatCount(active=5, owners=1, pending=0)


@pytest.mark.parametrize(
    ("cause", "overage", "scim", "outcome", "billed"),
    [
        (Cause.INVITATION, Overage.BLOCK, ScimOverage.WAITLIST, Outcome.REFUSED, False),
        (Cause.INVITATION, Overage.BLOCK, ScimOverage.BILL, Outcome.REFUSED, False),
        (Cause.INVITATION, Overage.BILL, ScimOverage.REFUSE, Outcome.ADMITTED, True),
        (Cause.SCIM, Overage.BLOCK, ScimOverage.REFUSE, Outcome.REFUSED, False),
        (Cause.SCIM, Overage.BLOCK, ScimOverage.WAITLIST, Outcome.WAITLISTED, False),
        (Cause.SCIM, Overage.BLOCK, ScimOverage.BILL, Outcome.ADMITTED, True),
        (Cause.JIT, Overage.BLOCK, ScimOverage.WAITLIST, Outcome.WAITLISTED, False),
        (Cause.WAITLIST, Overage.BLOCK, ScimOverage.WAITLIST, Outcome.WAITLISTED, False),
        (Cause.SCIM, Overage.BILL, ScimOverage.REFUSE, Outcome.ADMITTED, True),
    ],
)
def test_what_happens_at_the_limit(
    cause: Cause, overage: Overage, scim: ScimOverage, outcome: Outcome, billed: bool
) -> None:
    admission = admit(cause, FULL, policy(5, overage, scim))
    assert (admission.outcome, admission.billed) == (outcome, billed)


def test_the_last_free_seat_is_given_and_the_next_is_not() -> None:
    limited = policy(6)
    assert admit(Cause.SCIM, FULL, limited) == Admission(Outcome.ADMITTED, 5, 0, 6)
    taken = SeatCount(active=6, owners=1, pending=0)
    assert admit(Cause.SCIM, taken, limited).outcome is Outcome.REFUSED


def test_a_cut_limit_evicts_nobody_and_stops_additions() -> None:
    cut = policy(3)
    assert is_over_limit(FULL, cut)
    assert not is_over_limit(FULL, policy(5))
    assert not is_over_limit(FULL, policy(None))
    assert admit(Cause.SCIM, FULL, cut).outcome is Outcome.REFUSED


def test_an_acceptance_takes_the_seat_that_its_invitation_reserved() -> None:
    reserved = SeatCount(active=4, owners=1, pending=1)
    assert admit(Cause.ACCEPTANCE, reserved, policy(5), seats=0).outcome is Outcome.ADMITTED
    assert admit(Cause.ACCEPTANCE, reserved, policy(4), seats=0).outcome is Outcome.REFUSED


def test_a_refusal_carries_the_numbers_and_where_to_get_more_seats() -> None:
    """S1-33"""
    admission = admit(Cause.INVITATION, SeatCount(active=4, owners=1, pending=1), policy(5))
    links = {"upgrade_url": "https://gateway.test/up", "support_url": "https://gateway.test/ask"}
    with pytest.raises(SeatLimitReached) as raised:
        require_seat(admission, links)
    assert raised.value.details == {"limit": 5, "used": 5, "pending": 1, **links}
    assert raised.value.levers


def test_a_found_seat_and_a_place_on_the_waiting_list_are_no_refusals() -> None:
    require_seat(Admission(Outcome.ADMITTED, 1, 0, 5))
    require_seat(Admission(Outcome.WAITLISTED, 5, 0, 5))


@pytest.mark.parametrize("cause", list(Cause))
def test_an_expired_subscription_blocks_invitations_and_lets_provisioning_go_on(
    cause: Cause,
) -> None:
    by_people = {Cause.INVITATION, Cause.DIRECT_CREATE, Cause.ACCEPTANCE, Cause.IMPORT}
    require_open_for(cause, SubscriptionState.PAST_DUE)
    if cause not in by_people:
        require_open_for(cause, SubscriptionState.EXPIRED)
        return
    with pytest.raises(SubscriptionExpired):
        require_open_for(cause, SubscriptionState.EXPIRED)
