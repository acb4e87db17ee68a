"""Another plan, limit or add-ons over HTTP: what takes something away happens as it was told."""

from typing import Any

import pytest

from gateway.app import Gateway
from gateway.services import policies
from gateway.storage.unit_of_work import Work
from tests.factories import OPERATOR
from tests.service.api.callers import Caller
from tests.service.api.products import Product, product
from tests.service.api.test_forms import problem

PREVIEW = "POST /organisations/{organisation}/subscription:preview-change"


@pytest.fixture
def ops(five: Product, operator: Caller) -> Caller:
    """The operator, in the organisation of five roles."""
    return Caller(operator.gateway, operator.secret, five.house.organisation_id)


def previewed(caller: Caller, **wish: Any) -> dict[str, Any]:
    answer = caller.post("subscription:preview-change", wish)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.get_json()
    return found


def bought(caller: Caller) -> dict[str, Any]:
    found: dict[str, Any] = caller.get("subscription").get_json()
    return found


@pytest.mark.requires(PREVIEW)
def test_a_preview_names_features_connections_and_people_and_nothing_of_it_stays(
    five: Product, ops: Caller
) -> None:
    """S4-22: without the add-on nobody manages single sign-on or provisioning."""
    five.employ("viewer", "vera")
    before = bought(five.boss)
    seen = previewed(five.boss, add_ons=[])
    assert bought(five.boss) == before
    assert seen["features_lost"] == ["scim", "siem", "sso"]
    assert [each["kind"] for each in seen["connections"]] == ["scim"]
    assert seen["takes_away"]
    (change, admins) = seen["changes"]
    for each, name in ((change, "Olga Here"), (admins, "Sara Second")):
        assert [who["name"] for who in each["members"]] == [name]
        assert set(each["losses"]) == {"mappings.manage", "scim.manage", "sso.manage"}
    assert seen["renewal_before"] == seen["renewal_after"] == before["renewal"]
    done = ops.patch("subscription", {"add_ons": [], "plan_token": seen["plan_token"]})
    assert done.get_json()["features"] == []
    problem(five.boss.post("scim-connections", {"name": "Entra"}), 403, "plan_feature")


def test_a_limit_below_the_seats_in_use_is_cut_as_previewed_and_evicts_nobody(
    five: Product, ops: Caller
) -> None:
    five.employ("viewer", "vera")
    seen = previewed(ops, seat_limit=1)
    assert (seen["seats_missing"], seen["renewal_after"]["over_limit"]) == (2, True)
    assert (seen["changes"], seen["takes_away"]) == ([], True)
    body = {"seat_limit": 1, "plan_token": seen["plan_token"]}
    problem(ops.patch("subscription", {**body, "seat_limit": 2}), 409, "plan_stale")
    five.employ("viewer", "walt")
    problem(ops.patch("subscription", body), 409, "plan_stale")
    assert bought(five.boss)["seat_limit"] is None
    again = previewed(ops, seat_limit=1)
    assert again["seats_missing"] == 3
    assert ops.patch("subscription", {**body, "plan_token": again["plan_token"]}).status_code == 200
    assert len(five.boss.get("members").get_json()["items"]) == 4
    further = previewed(ops, seat_limit=2)
    assert (further["seats_missing"], further["takes_away"]) == (0, False)
    assert ops.patch("subscription", {"seat_limit": 2}).status_code == 200


@pytest.mark.parametrize(
    "wish",
    [
        pytest.param({"seat_limit": 5}, id="a-limit-above-the-use"),
        pytest.param({"seat_limit": 0}, id="a-limit-below-the-use"),
        pytest.param({"add_ons": []}, id="no-add-ons"),
        pytest.param({"add_ons": ["enterprise"]}, id="the-same-add-ons"),
        pytest.param({"state": "past_due"}, id="a-late-payment"),
        pytest.param({"state": "expired"}, id="an-end"),
    ],
)
def test_a_billing_system_that_follows_what_was_bought_needs_no_preview(
    ops: Caller, wish: dict[str, Any]
) -> None:
    assert ops.patch("subscription", wish).status_code == 200


def test_the_preview_of_an_end_says_how_many_chatbots_close(five: Product, ops: Caller) -> None:
    wish: dict[str, Any] = {"state": "cancelled", "seat_limit": 50}
    seen = previewed(ops, **wish)
    assert (seen["chatbots_closed"], seen["features_lost"], seen["takes_away"]) == (1, [], True)
    assert five.boss.get(f"chatbots/{five.bot}").status_code == 200
    done = ops.patch("subscription", {**wish, "plan_token": seen["plan_token"]})
    assert done.get_json()["state"] == "cancelled"
    problem(five.boss.get(f"chatbots/{five.bot}"), 402, "subscription_expired")


def test_payments_are_confirmed_without_a_preview(five: Product, ops: Caller) -> None:
    assert ops.post("subscription:expire").get_json()["state"] == "expired"
    paid = ops.post("subscription:renew", {"reference": "bank-1"})
    assert paid.get_json()["state"] == "active"
    assert bought(five.boss)["features"] == ["scim", "siem", "sso"]


def test_a_plan_with_fewer_seats_tells_them_and_its_money(
    gateway: Gateway, work: Work, operator: Caller
) -> None:
    """S1-30, S1-32: seats of both plans, and who stays in spite of them."""
    here = product(gateway, work, "whatsapp")
    ops = Caller(operator.gateway, operator.secret, here.house.organisation_id)
    assert ops.patch("subscription", {"plan": "scale"}).status_code == 200
    for number in range(3):
        here.employ("agent", f"ann{number}")
    seen = previewed(here.boss, plan="growth")
    assert (seen["seat_limit"], seen["seats_missing"], seen["takes_away"]) == (5, 0, False)
    less = previewed(here.boss, plan="free_trial")
    assert (less["seat_limit"], less["seats_missing"]) == (1, 4)
    assert less["renewal_after"]["amount"] == 0
    done = ops.patch(
        "subscription", {"plan": "free_trial", "plan_token": less["plan_token"]}
    ).get_json()
    assert (done["plan"], done["seat_limit"], done["active_members"]) == ("free_trial", 1, 5)


def test_a_policy_that_moved_meanwhile_makes_a_preview_stale(five: Product, ops: Caller) -> None:
    token = previewed(ops, add_ons=[])["plan_token"]
    five.gateway.work.run(
        five.house.organisation_id,
        OPERATOR,
        lambda uow: policies.change(uow, {"owner_counts_as_seat": False}),
    )
    stale = ops.patch("subscription", {"add_ons": [], "plan_token": token})
    problem(stale, 409, "plan_stale")


def test_only_who_runs_the_house_looks_and_only_the_operator_changes(five: Product) -> None:
    wish: dict[str, Any] = {"add_ons": []}
    for role, status in (("admin", 200), ("billing", 403), ("developer", 403), ("viewer", 403)):
        caller = five.caller(five.employ(role, role))
        assert caller.post("subscription:preview-change", wish).status_code == status
    token = previewed(five.boss, **wish)["plan_token"]
    body = {**wish, "plan_token": token}
    problem(five.boss.patch("subscription", body), 403, "not_permitted")


@pytest.mark.parametrize(
    "wish", [{"plan": "gold"}, {"add_ons": ["rocket"]}, {"seat_limit": -1}, {"plan_token": "x"}]
)
def test_what_there_is_not_is_refused(five: Product, wish: dict[str, Any]) -> None:
    problem(five.boss.post("subscription:preview-change", wish), 422, "invalid_request")
