"""Seats: one door, under the organisation's lock, and a waiting list (semantics §10)."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import func, select

from gateway.domain.errors import InvalidRequest, SeatLimitReached, SubscriptionExpired
from gateway.domain.plans import SeatCount
from gateway.services import (
    connections,
    members,
    organisations,
    ownership,
    policies,
    preset_switch,
    proration,
    subscriptions,
    terms,
)
from gateway.storage import tables as t
from gateway.storage.unit_of_work import Work
from tests.clock import NOON
from tests.factories import OPERATOR, appoint_break_glass, found_organisation
from tests.scene import Scene, scene


def recounted(here: Scene) -> SeatCount:
    m = t.members.c
    active = (
        select(func.count())
        .where(m.organisation_id == here.house.organisation_id, m.state == "active")
        .select_from(t.members)
    )
    return SeatCount(
        active=here.see(lambda uow: int(uow.scalar(active))),
        owners=here.see(lambda uow: int(uow.scalar(active.where(m.owner_of_record)))),
        pending=0,
    )


@pytest.mark.parametrize(("plan", "limit"), [("free_trial", 1), ("growth", 5), ("scale", 10)])
def test_a_plan_has_as_many_seats_as_it_says(work: Work, plan: str, limit: int) -> None:
    """S1-30, S1-31, S1-32, S1-33."""
    organisation_id, _ = found_organisation(work, "waba", "whatsapp", plan)

    def employ(number: int) -> UUID:
        return work.run(
            organisation_id,
            OPERATOR,
            lambda uow: organisations.add_member(
                uow, email=f"p{number}@waba.test", display_name=f"P{number}", role="agent"
            ),
        )

    for number in range(limit - 1):
        employ(number)
    with pytest.raises(SeatLimitReached) as refused:
        employ(limit)
    assert refused.value.details == {"limit": limit, "used": limit, "pending": 0}
    assert refused.value.levers


def test_the_counters_follow_every_way_to_and_from_a_seat(shared: Scene) -> None:
    steps: list[Callable[[], object]] = [
        lambda: shared.employ("a@initech.test", "member"),
        lambda: shared.appoint("b@initech.test"),
        lambda: shared.post("c@initech.test"),
        lambda: shared.post("d@initech.test", active=False),
        lambda: shared.post("a@initech.test"),
        lambda: shared.do(lambda uow: members.deactivate(uow, of(shared, "b"))),
        lambda: shared.do(lambda uow: members.hold(uow, of(shared, "a"))),
        lambda: shared.do(lambda uow: members.reactivate(uow, of(shared, "b"))),
        lambda: shared.do(lambda uow: members.remove(uow, of(shared, "b"))),
        lambda: shared.do(lambda uow: members.remove(uow, of(shared, "c"))),
    ]
    for step in steps:
        step()
        assert shared.seats_in_use() == recounted(shared)
        by_intervals = shared.see(lambda uow: proration.used_since(uow, NOON))
        assert by_intervals[-1][1] == shared.see(subscriptions.standing).seats_used


def of(here: Scene, name: str) -> UUID:
    found: list[Any] = [
        row.id for row in here.rows(t.members) if row.email == f"{name}@initech.test"
    ]
    member_id: UUID = found[0]
    assert len(found) == 1
    return member_id


def test_at_the_limit_the_provider_is_refused_with_the_numbers(here: Scene) -> None:
    here.limit_seats(2)
    with pytest.raises(SeatLimitReached) as refused:
        here.post("anna@acme.test")
    assert refused.value.details == {"limit": 2, "used": 2, "pending": 0}
    assert here.rows(t.directory_users) == []
    assert [row for row in here.rows(t.members) if row.email == "anna@acme.test"] == []


def test_an_inactive_user_needs_no_seat_until_it_is_active(here: Scene) -> None:
    here.limit_seats(2)
    user = here.post("anna@acme.test", active=False)
    with pytest.raises(SeatLimitReached):
        here.set_active(user, True)
    assert here.member(user.member_id).state == "deactivated"
    here.limit_seats(3)
    here.set_active(user, True)
    assert here.member(user.member_id).state == "active"


def test_adoption_costs_no_second_seat(here: Scene) -> None:
    here.employ("anna@acme.test", "viewer")
    here.limit_seats(3)
    here.post("anna@acme.test")
    assert here.seats_in_use().active == 3


def test_reactivation_by_hand_needs_a_seat(here: Scene) -> None:
    member_id = here.employ("anna@acme.test", "viewer")
    here.do(lambda uow: members.deactivate(uow, member_id))
    here.limit_seats(2)
    with pytest.raises(SeatLimitReached):
        here.do(lambda uow: members.reactivate(uow, member_id))


def test_a_cut_of_the_limit_evicts_nobody_and_blocks_additions(here: Scene) -> None:
    user = here.post("anna@acme.test")
    here.limit_seats(1)
    assert here.member(user.member_id).state == "active"
    assert not here.access(user.member_id).is_empty()
    with pytest.raises(SeatLimitReached):
        here.post("bert@acme.test")


def test_where_a_renewal_charges_it_a_connection_adds_the_seat(work: Work) -> None:
    here = scene(work, "pleep", "pleep")
    here.limit_seats(1)
    here.configure(seat_overage="bill")
    user = here.post("anna@pleep.test")
    assert here.member(user.member_id).state == "active"
    (seats,) = here.see(lambda uow: subscriptions.standing(uow).lines[1:])
    assert (seats.quantity, seats.amount) == (2, 2 * 1500)


def test_nothing_is_billed_by_a_connection_where_nothing_is_charged(here: Scene) -> None:
    """Otherwise who configures it would lift a limit that only the operator lifts."""
    here.configure(seat_overage="bill")
    here.limit_seats(2)  # and with it ends what the operator had agreed to
    with pytest.raises(SeatLimitReached):
        here.post("anna@acme.test")
    with pytest.raises(InvalidRequest, match="no price for a seat"):
        here.configure(seat_overage="bill")
    here.do(lambda uow: policies.change(uow, {"scim_overage": "bill"}))
    here.configure(seat_overage="bill", unmapped="no_access")
    assert here.member(here.post("anna@acme.test").member_id).state == "active"


def test_a_connection_that_bills_refuses_once_the_plan_has_no_prices(work: Work) -> None:
    here = scene(work, "pleep", "pleep")
    here.configure(seat_overage="bill")
    here.limit_seats(1)
    switched = preset_switch.Wish(preset="whatsapp", plan="free_trial")
    seen = here.run(preset_switch.preview, switched)
    here.run(preset_switch.apply, switched, seen.token)
    with pytest.raises(SeatLimitReached):
        here.post("anna@pleep.test")


def test_an_expired_subscription_blocks_additions_by_hand_and_not_the_provider(
    here: Scene,
) -> None:
    here.do(lambda uow: organisations.change_subscription(uow, state="expired"))
    with pytest.raises(SubscriptionExpired):
        here.employ("anna@acme.test", "viewer")
    user = here.post("bert@acme.test")
    here.set_active(user, False)
    assert here.member(user.member_id).state == "deactivated"


# -- the waiting list ----------------------------------------------------------------


@pytest.fixture
def full(here: Scene) -> Scene:
    """No seat is free, and whom the provider adds waits."""
    here.configure(seat_overage="waitlist")
    here.limit_seats(2)
    return here


def states(here: Scene, *names: str) -> list[str]:
    by_email = {row.email: row.state for row in here.rows(t.members) if row.state != "removed"}
    return [by_email[f"{name}@acme.test"] for name in names]


def test_who_waits_has_no_access_and_no_seat(full: Scene) -> None:
    user = full.post("anna@acme.test")
    assert user.active
    assert full.member(user.member_id).state == "waitlisted"
    assert full.access(user.member_id).is_empty()
    assert full.seats_in_use() == recounted(full)


def test_a_freed_seat_goes_to_who_waits_longest(full: Scene) -> None:
    for name in ("anna", "bert", "carl"):
        full.post(f"{name}@acme.test")
    full.limit_seats(3)
    assert states(full, "anna", "bert", "carl") == ["active", "waitlisted", "waitlisted"]
    full.run(appoint_break_glass, full.house.owner_id)
    full.do(lambda uow: members.remove(uow, full.house.successor_id))
    assert states(full, "anna", "bert", "carl") == ["active", "active", "waitlisted"]
    full.limit_seats(None)
    assert states(full, "anna", "bert", "carl") == ["active", "active", "active"]


def test_who_came_back_waits_behind_who_waited_before(full: Scene) -> None:
    full.limit_seats(3)
    anna = full.post("anna@acme.test")
    full.set_active(anna, False)
    full.post("bert@acme.test")
    full.post("carl@acme.test")
    full.set_active(anna, True)
    assert states(full, "anna", "bert", "carl") == ["waitlisted", "active", "waitlisted"]
    full.limit_seats(4)
    assert states(full, "anna", "bert", "carl") == ["waitlisted", "active", "active"]


def test_a_group_of_who_waits_counts_once_they_are_in(full: Scene) -> None:
    user = full.post("anna@acme.test")
    full.map(full.group("Engineers", user), role="developer")
    assert full.access(user.member_id).is_empty()
    full.limit_seats(None)
    assert full.role_of(user.member_id) == "developer"


def test_who_waits_can_be_deactivated_and_removed(full: Scene) -> None:
    anna, bert = full.post("anna@acme.test"), full.post("bert@acme.test")
    full.set_active(anna, False)
    full.delete(bert)
    assert full.member(anna.member_id).state == "deactivated"
    assert full.member(bert.member_id).state == "removed"
    full.limit_seats(None)
    assert full.member(anna.member_id).state == "deactivated"
    full.set_active(anna, True)
    assert full.member(anna.member_id).state == "active"


def test_a_policy_that_frees_seats_lets_people_in(full: Scene) -> None:
    full.post("anna@acme.test")
    full.do(lambda uow: policies.change(uow, {"owner_counts_as_seat": False}))
    assert states(full, "anna") == ["active"]


def test_billing_what_is_over_the_limit_lets_people_in(full: Scene) -> None:
    full.post("anna@acme.test")
    full.do(lambda uow: policies.change(uow, {"seat_overage": "bill"}))
    assert states(full, "anna") == ["active"]


def test_the_end_of_a_containment_frees_a_seat(full: Scene) -> None:
    owner = full.post("owner@acme.test")
    full.set_active(owner, False)
    full.post("anna@acme.test")
    full.do(lambda uow: ownership.recover(uow, full.house.successor_id))
    assert states(full, "owner", "anna") == ["deactivated", "active"]


def test_a_deleted_connections_people_free_their_seats(full: Scene) -> None:
    full.limit_seats(3)
    full.post("anna@acme.test")
    full.post("bert@acme.test")
    full.do(lambda uow: connections.delete(uow, full.house.connection.id, "deactivate_members"))
    assert full.seats_in_use() == recounted(full)
    assert full.seats_in_use().active <= 3


def test_an_unknown_policy_is_refused(here: Scene) -> None:
    with pytest.raises(InvalidRequest):
        here.do(lambda uow: terms.override(uow, {"generosity": True}))
