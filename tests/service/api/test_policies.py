"""Policies over HTTP: who says them, who may override them, and what follows at once."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from gateway.domain.policies import POLICIES
from gateway.services import ownership
from tests.factories import OPERATOR, provision
from tests.service.api.callers import Caller
from tests.service.api.products import Product
from tests.service.api.test_forms import problem

ON_SQLITE = pytest.mark.parametrize("kind", ["sqlite"], indirect=True)


def standing(caller: Caller) -> dict[str, dict[str, Any]]:
    answer = caller.get("policies")
    assert answer.status_code == 200, answer.text
    return {each["name"]: each for each in answer.get_json()["policies"]}


def override(caller: Caller, **wishes: object) -> dict[str, dict[str, Any]]:
    answer = caller.patch("policies", {"policies": wishes})
    assert answer.status_code == 200, answer.text
    return {each["name"]: each for each in answer.get_json()["policies"]}


def operators(product: Product, operator: Caller) -> Caller:
    """The operator, looking at the product's organisation."""
    return Caller(product.gateway, operator.secret, product.house.organisation_id)


def test_every_policy_is_shown_with_who_says_it(five: Product) -> None:
    found = standing(five.boss)
    assert set(found) == POLICIES
    assert (found["owners"]["source"], found["owners"]["value"]) == ("preset", "single")
    assert found["owners"]["said"] == {"preset": "single", "global": "single"}
    assert found["invite_ttl_days"]["source"] == "global"
    assert (found["invite_ttl_days"]["least"], found["invite_ttl_days"]["most"]) == (1, 30)
    assert found["invites_when_scim"]["allowed"] == ["off", "guests_only", "on"]


def test_an_override_counts_at_once_and_is_told_until_it_is_cleared(five: Product) -> None:
    wish = {"email": "ann@people.test", "role_id": five.role("viewer")}
    problem(five.boss.post("invitations", wish), 409, "invites_managed_by_idp")
    seen = override(five.boss, invites_when_scim="on", invite_ttl_days=3)["invite_ttl_days"]
    assert (seen["value"], seen["source"]) == (3, "organisation")
    sent = five.boss.post("invitations", wish).get_json()
    lives = datetime.fromisoformat(sent["expires_at"]) - datetime.fromisoformat(sent["created_at"])
    assert lives == timedelta(days=3)
    cleared = override(five.boss, invite_ttl_days=None)["invite_ttl_days"]
    assert (cleared["value"], cleared["source"]) == (7, "global")
    query = {"action": "policy.changed"}
    told = five.boss.get("audit", query_string=query).get_json()["items"]
    (newest, oldest) = told
    default = {"invite_ttl_days": 7, "invite_ttl_days_source": "global"}
    overridden = {"invite_ttl_days": 3, "invite_ttl_days_source": "organisation"}
    assert (newest["before"], newest["after"]) == (overridden, default)
    assert default.items() < oldest["before"].items()
    assert overridden.items() < oldest["after"].items()


@ON_SQLITE
def test_what_is_so_already_changes_and_records_nothing(five: Product) -> None:
    override(five.boss, invite_ttl_days=None)
    override(five.boss, welcome_email=True)
    override(five.boss, welcome_email=True)
    told = five.boss.get("audit", query_string={"action": "policy.changed"}).get_json()["items"]
    assert len(told) == 1


@ON_SQLITE
def test_an_override_is_decided_on_what_was_read(five: Product) -> None:
    tag = five.boss.get("policies").headers["ETag"]
    match = {"If-Match": tag}
    body = {"policies": {"welcome_email": True}}
    assert five.boss.patch("policies", body, headers=match).status_code == 200
    problem(five.boss.patch("policies", body, headers=match), 412, "precondition_failed")


@ON_SQLITE
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("generosity", True),
        ("default_role", "admin"),
        ("invite_ttl_days", 31),
        ("invite_ttl_days", True),
        ("direct_create", "true"),
        ("invites_when_scim", "sometimes"),
        ("admin_manages_agents", True),
    ],
)
def test_what_a_policy_cannot_be_is_refused(five: Product, name: str, value: object) -> None:
    refused = five.boss.patch("policies", {"policies": {"welcome_email": True, name: value}})
    assert problem(refused, 422, "invalid_request")["errors"][0]["field"] == name
    assert standing(five.boss)["welcome_email"]["source"] == "global"


@ON_SQLITE
def test_what_was_agreed_on_money_is_the_operators(five: Product, operator: Caller) -> None:
    for name, value in (("seat_overage", "block"), ("transfer", "forbidden")):
        body = {"policies": {name: value}}
        problem(five.boss.patch("policies", body), 403, "not_permitted")
    seen = override(operators(five, operator), seat_overage=None)["seat_overage"]
    assert (seen["value"], seen["source"]) == ("block", "preset")


@ON_SQLITE
def test_ownership_is_the_owners_to_decide(five: Product) -> None:
    admin = five.caller(five.employ("admin"))
    assert override(admin, direct_create=True)["direct_create"]["value"] is True
    body = {"policies": {"owners": "multi"}}
    problem(admin.patch("policies", body), 403, "not_permitted")
    assert override(five.boss, owners="multi")["owners"]["value"] == "multi"


@ON_SQLITE
def test_several_owners_are_not_made_one_by_a_policy(invited: Product) -> None:
    other = invited.employ("admin")
    here = invited.house.organisation_id
    work = invited.gateway.work
    work.run(here, OPERATOR, lambda uow: ownership.recover(uow, UUID(other)))
    refused = invited.boss.patch("policies", {"policies": {"owners": "single"}})
    told = problem(refused, 409, "policy_conflict")
    assert set(told["details"]["holders"]["members"]) == {other, str(invited.house.owner_id)}


@ON_SQLITE
def test_an_owner_who_is_invited_stands_against_a_single_one(invited: Product) -> None:
    body = {"email": "olga@people.test", "role_id": invited.role("owner")}
    override(invited.boss, invites_when_scim="on")
    assert invited.boss.post("invitations", body).status_code == 201
    refused = invited.boss.patch("policies", {"policies": {"owners": "single"}})
    assert set(problem(refused, 409, "policy_conflict")["details"]["holders"]) == {"invitations"}


@ON_SQLITE
def test_ownership_that_never_passes_on_needs_somebody_who_always_comes_in(
    five: Product, operator: Caller
) -> None:
    over = operators(five, operator)
    refused = over.patch("policies", {"policies": {"transfer": "forbidden"}})
    problem(refused, 422, "successor_required")
    over.patch("policies", {"policies": {"last_owner_scim": "succeed"}})
    refused = over.patch("policies", {"policies": {"transfer": "forbidden"}})
    problem(refused, 403, "ownership_transfer_disabled")


def test_the_default_scope_reaches_whom_a_provider_manages(five: Product) -> None:
    user = str(provision(five.gateway.work, five.house, "ann@here.test").member_id)
    assert five.may(user, "conversations.read") == "allowed"
    override(five.boss, bot_scope_default="selected")
    assert five.may(user, "conversations.read") == "not_visible"


@pytest.mark.requires("PATCH /organisations/{organisation}/policies")
def test_admins_invite_and_remove_agents_once_the_owner_lets_them(pingback: Product) -> None:
    """S3-06: by the policy, and no longer when it is taken back."""
    override(pingback.boss, invites_when_scim="on", invite_requires_account=False)
    admin, agent = pingback.employ("admin", "adam"), pingback.employ("agent", "ann")
    theirs = pingback.caller(admin)
    wish = {"email": "bea@people.test", "role_id": pingback.role("agent")}
    problem(theirs.post("invitations", wish), 403, "not_permitted")
    override(pingback.boss, admin_manages_agents=True)
    assert theirs.post("invitations", wish).status_code == 201
    above = {**wish, "email": "cay@people.test", "role_id": pingback.role("admin")}
    problem(theirs.post("invitations", above), 403, "role_above_own")
    assert theirs.post(f"members/{agent}:remove").status_code == 204
    problem(theirs.patch("policies", {"policies": {"owners": "multi"}}), 403, "not_permitted")
    override(pingback.boss, admin_manages_agents=None)
    problem(theirs.post("invitations", {**wish, "email": "d@people.test"}), 403, "not_permitted")
