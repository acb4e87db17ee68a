"""What a program manages: organisations, connections, rules, members, and their audit."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from gateway.app import Gateway
from gateway.services import scim_tokens
from gateway.storage.unit_of_work import Work
from tests.clock import Clock
from tests.factories import House, provision, provision_group
from tests.service.api import callers
from tests.service.api.callers import Caller
from tests.service.api.test_forms import problem
from tests.service.api.test_retries import FOUND


def made(answer: Any, status: int = 201) -> Any:
    assert answer.status_code == status, answer.get_data(as_text=True)
    return answer.get_json()


def test_an_operator_founds_an_organisation_and_hands_out_its_first_key(
    gateway: Gateway, operator: Caller
) -> None:
    """S0-01, S3-01: the founder owns it, with the preset's roles."""
    founded = made(operator.post("/organisations", {**FOUND, "add_ons": ["enterprise"]}))
    path = f"/organisations/{founded['id']}"
    wish = {
        "name": "First",
        "scopes": ["org.read", "roles.read", "members.read", "billing.read"],
        "member_id": founded["owner_id"],
    }
    key = made(operator.post(f"{path}/api-keys", wish))
    owner = Caller(gateway, key["secret"], UUID(founded["id"]))
    assert made(owner.get(path), 200)["slug"] == "initech"
    roles = made(owner.get("roles"), 200)["items"]
    assert {role["key"] for role in roles} == {"owner", "admin", "developer", "billing", "viewer"}
    me = made(owner.get("/me"), 200)
    assert (me["member_id"], me["access"]["role"]["key"]) == (founded["owner_id"], "owner")
    (member,) = made(owner.get("members"), 200)["items"]
    assert (member["id"], member["owner_of_record"]) == (founded["owner_id"], True)
    assert "scim" in made(owner.get("subscription"), 200)["features"]
    problem(operator.post("/organisations", FOUND), 409, "already_exists")
    assert made(operator.get("/organisations"), 200)["items"][0]["id"] == founded["id"]


def test_the_operator_changes_a_subscription(operator: Caller, owner: Caller) -> None:
    path = f"/organisations/{owner.organisation_id}/subscription"
    wish: dict[str, Any] = {"seat_limit": 3, "add_ons": []}
    seen = made(operator.post(f"{path}:preview-change", wish), 200)
    changed = made(operator.patch(path, {**wish, "plan_token": seen["plan_token"]}), 200)
    assert (changed["seat_limit"], changed["features"]) == (3, [])
    problem(owner.post("scim-connections", {"name": "Entra"}), 403, "plan_feature")
    problem(operator.patch(path, {"add_ons": ["rocket"]}), 422, "invalid_request")
    problem(operator.patch(path, {"plan": "rocket"}), 422, "invalid_request")
    assert made(operator.patch(path, {"seat_limit": None}), 200)["seat_limit"] is None


def test_what_the_plan_has_lost_is_still_seen_and_ended(
    operator: Caller, owner: Caller, acme: House
) -> None:
    one = f"scim-connections/{acme.connection.id}"
    token = made(owner.post(f"{one}/tokens", {"name": "old"}))["id"]
    subscription = f"/organisations/{owner.organisation_id}/subscription"
    made(operator.patch(subscription, {"add_ons": []}), 200)
    listed = made(owner.get("scim-connections"), 200)["items"]
    assert [each["id"] for each in listed] == [str(acme.connection.id)]
    assert token in [each["id"] for each in made(owner.get(f"{one}/tokens"), 200)["items"]]
    assert made(owner.get("saml-connections"), 200)["items"] == []
    problem(owner.post(f"{one}/tokens", {"name": "new"}), 403, "plan_feature")
    problem(owner.post(f"{one}/tokens/{token}:rotate", {}), 403, "plan_feature")
    problem(owner.patch(one, {"name": "Okta"}), 403, "plan_feature")
    problem(owner.post(f"{one}:enable"), 403, "plan_feature")
    assert owner.post(f"{one}/tokens/{token}:revoke").status_code == 204
    assert made(owner.post(f"{one}:disable"), 200)["state"] == "disabled"
    assert owner.delete(f"{one}?people=keep_members").status_code == 204


def test_a_connection_is_made_and_speaks(owner: Caller, acme: House, work: Work) -> None:
    wish = {"name": "Entra", "successor_id": str(acme.successor_id), "dialect": "entra"}
    connection = made(owner.post("scim-connections", wish))
    assert connection["base_url"] == f"http://localhost/scim/v2/{connection['id']}"
    path = f"scim-connections/{connection['id']}"
    token = made(owner.post(f"{path}/tokens", {"name": "Entra"}))
    with work.platform() as database:
        scim_tokens.authenticate(database, work.clock(), UUID(connection["id"]), token["secret"])
    changed = made(owner.patch(path, {"unmapped": "no_access", "bot_scope": "selected"}), 200)
    assert (changed["unmapped"], changed["bot_scope"]) == ("no_access", "selected")
    assert made(owner.post(f"{path}:disable"), 200)["state"] == "disabled"
    assert made(owner.post(f"{path}:enable"), 200)["state"] == "active"
    assert owner.delete(f"{path}?people=deactivate_members").status_code == 204
    problem(owner.get(path), 404, "not_found")
    problem(owner.get(f"{path}/tokens"), 404, "not_found")


def test_a_connection_needs_a_successor(owner: Caller, acme: House) -> None:
    for successor in (None, str(acme.owner_id)):
        wish = {"name": "Entra", "successor_id": successor}
        refused = problem(owner.post("scim-connections", wish), 422, "successor_required")
        assert refused["levers"] != []


def test_tokens_overlap_and_die(owner: Caller, acme: House, clock: Clock) -> None:
    path = f"scim-connections/{acme.connection.id}/tokens"
    old = made(owner.post(path, {"name": "Okta", "scopes": ["users", "read"]}))
    new = made(owner.post(f"{path}/{old['id']}:rotate", {"overlap_seconds": 60}))
    listed = {token["id"]: token for token in made(owner.get(path), 200)["items"]}
    assert listed[new["id"]]["scopes"] == ["read", "users"]
    assert "secret" not in listed[new["id"]]
    clock.advance(timedelta(seconds=61))
    problem(owner.post(f"{path}/{old['id']}:rotate", {}), 404, "not_found")
    assert owner.post(f"{path}/{new['id']}:revoke").status_code == 204
    problem(
        owner.post(path, {"name": "A", "expires_at": "2020-01-01T00:00:00Z"}),
        422,
        "invalid_request",
    )


@pytest.fixture
def people(work: Work, acme: House) -> dict[str, str]:
    """Ann and Bob in the group Support."""
    ann, bob = (provision(work, acme, f"{name}@acme.test") for name in ("ann", "bob"))
    group = provision_group(work, acme, "Support", ann.id, bob.id)
    return {"ann": str(ann.member_id), "bob": str(bob.member_id), "group": str(group.id)}


def test_a_rule_gives_a_group_its_access_at_once(
    owner: Caller, acme: House, clock: Clock, people: dict[str, str]
) -> None:
    group = made(owner.get(f"groups/{people['group']}"), 200)
    assert (group["display_name"], group["member_count"]) == ("Support", 2)
    listed = made(owner.get(f"groups/{people['group']}/members"), 200)["items"]
    assert {each["member_id"] for each in listed} == {people["ann"], people["bob"]}
    roles = made(owner.get("roles"), 200)["items"]
    developer = next(role["id"] for role in roles if role["key"] == "developer")
    wish = {
        "connection_id": str(acme.connection.id),
        "group_id": people["group"],
        "kind": "role",
        "role_id": developer,
        "priority": 1,
    }
    rule = made(owner.post("mapping-rules", wish))
    problem(owner.post("mapping-rules", wish), 409, "already_exists")
    clock.advance(timedelta(minutes=1))
    asked = {"action": "chatbots.create"}
    said = made(owner.get(f"members/{people['ann']}/explain", query_string=asked), 200)
    assert (said["decision"], said["role"]["key"]) == (True, "developer")
    assert made(owner.patch(f"mapping-rules/{rule['id']}", {"priority": 5}), 200)["priority"] == 5
    refused = problem(
        owner.patch(f"members/{people['ann']}", {"role_id": developer}), 409, "managed_by_idp"
    )
    assert refused["details"]["rule"] == rule["id"]
    assert owner.delete(f"mapping-rules/{rule['id']}").status_code == 204
    later = made(owner.get(f"members/{people['ann']}/explain", query_string=asked), 200)
    assert (later["decision"], later["code"]) == (False, "not_permitted")
    then = {**asked, "at": said["at"]}
    assert made(owner.get(f"members/{people['ann']}/explain", query_string=then), 200)["decision"]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", {"ann", "bob", "olga", "sara"}),
        ("?source=scim", {"ann", "bob"}),
        ("?source=creator", {"olga"}),
        ("?q=ANN", {"ann"}),
        ("?q=@acme.test", {"ann", "bob", "olga", "sara"}),
        ("?q=%25", set()),
        ("?state=deactivated", set()),
        ("?role={admin}", {"sara"}),
        ("?connection={connection}", {"ann", "bob"}),
        ("?source=scim&q=bob", {"bob"}),
    ],
)
@pytest.mark.usefixtures("people")
def test_members_are_found(
    owner: Caller, acme: House, work: Work, query: str, expected: set[str]
) -> None:
    """S0-18: the list filters by state, role, source and text."""
    admin = callers.role_of(work, acme.organisation_id, "admin")
    filled = query.format(admin=admin, connection=acme.connection.id)
    items = made(owner.get(f"members{filled}"), 200)["items"]
    assert {item["display_name"].split()[0].lower() for item in items} == expected


def test_a_member_rests_returns_and_leaves(owner: Caller, people: dict[str, str]) -> None:
    path = f"members/{people['ann']}"
    assert made(owner.post(f"{path}:hold"), 200)["access"]["standing"] == "on_hold"
    assert made(owner.post(f"{path}:lift-hold"), 200)["access"]["standing"] is None
    assert made(owner.post(f"{path}:deactivate"), 200)["state"] == "deactivated"
    assert made(owner.post(f"{path}:reactivate"), 200)["state"] == "active"
    assert owner.post(f"{path}:remove").status_code == 204
    problem(owner.post(f"{path}:reactivate"), 404, "not_found")
    assert made(owner.get("members?state=removed"), 200)["items"][0]["id"] == people["ann"]


def test_the_last_owner_stays(gateway: Gateway, acme: House) -> None:
    """S0-05: whoever asks, an organisation keeps its owner."""
    key = callers.with_role(gateway, acme, "owner")
    refused = problem(key.post(f"members/{acme.owner_id}:remove"), 409, "last_owner")
    assert refused["levers"] != []


def test_teams_and_conversations(
    gateway: Gateway, owner: Caller, acme: House, people: dict[str, str]
) -> None:
    team = made(owner.post("teams", {"name": "Agents", "strategy": "round_robin"}))
    seats = f"teams/{team['id']}/members"
    seated = made(owner.post(seats, {"member_id": str(acme.successor_id)}), 200)
    assert seated["member_ids"] == [str(acme.successor_id)]
    bot = made(owner.post("chatbots", {"name": "Shop"}))
    wish = {"chatbot_id": bot["id"], "subject": "Help", "team_id": team["id"]}
    asked = made(owner.post("conversations", wish))
    assert made(owner.get("conversations?queued=true"), 200)["items"] == [asked]
    path = f"conversations/{asked['id']}:assign"
    problem(owner.post(path, {"member_id": people["ann"]}), 422, "not_eligible")
    second = callers.owned_by(gateway, acme.organisation_id, acme.successor_id)
    second.call("PUT", f"members/{acme.successor_id}/availability", {"availability": "live"})
    given = made(owner.post(path, {"member_id": str(acme.successor_id)}), 200)
    assert given["assignee_id"] == str(acme.successor_id)
    assert made(owner.get("conversations?queued=true"), 200)["items"] == []
    assert owner.delete(f"{seats}/{acme.successor_id}").status_code == 204
    assert made(owner.get(seats), 200)["member_ids"] == []


def test_a_domain_is_claimed_by_the_organisation_and_proved_by_the_operator(
    owner: Caller, operator: Caller, globex: House
) -> None:
    claimed = made(owner.post("domains", {"name": "Shop.Example"}))
    assert (claimed["name"], claimed["state"]) == ("shop.example", "claimed")
    path = f"/organisations/{owner.organisation_id}/domains/{claimed['id']}:verify"
    problem(owner.post(path), 422, "invalid_request")
    assert made(operator.post(path), 200)["state"] == "verified"
    theirs = f"/organisations/{globex.organisation_id}/domains"
    other = made(operator.post(theirs, {"name": "shop.example"}))
    problem(operator.post(f"{theirs}/{other['id']}:verify"), 409, "already_exists")


def test_the_audit_tells_who_did_what_from_where(owner: Caller) -> None:
    bot = made(owner.post("chatbots", {"name": "Shop"}, headers={"X-Request-Id": "request-17"}))
    (event,) = made(owner.get(f"audit?action=chatbot.created&target={bot['id']}"), 200)["items"]
    assert event["actor"]["type"] == "api_key"
    assert event["actor"]["name"] == "Script"
    assert event["context"]["request_id"] == "request-17"
    assert event["context"]["ip"] == "127.0.0.1"
    assert event["targets"] == [{"type": "chatbot", "id": bot["id"], "name": "Shop"}]
    assert made(owner.get("audit?action=chatbot.&actor_type=system"), 200)["items"] == []


def test_a_narrowed_member_sees_and_reads_its_chatbots_alone(
    gateway: Gateway, owner: Caller, acme: House, people: dict[str, str]
) -> None:
    """S0-12: what a rule gives on one chatbot is all that there is."""
    path = f"scim-connections/{acme.connection.id}"
    made(owner.patch(path, {"bot_scope": "selected"}), 200)
    shop, other = (made(owner.post("chatbots", {"name": name})) for name in ("Shop", "Other"))
    rule = {
        "connection_id": str(acme.connection.id),
        "group_id": people["group"],
        "kind": "chatbot",
        "chatbot_id": shop["id"],
        "sections": {"conversations": "read"},
    }
    made(owner.post("mapping-rules", rule))
    ann = callers.owned_by(gateway, acme.organisation_id, UUID(people["ann"]))
    assert [bot["id"] for bot in made(ann.get("chatbots"), 200)["items"]] == [shop["id"]]
    assert ann.get(f"chatbots/{shop['id']}").status_code == 200
    hidden = ann.get(f"chatbots/{other['id']}")
    absent = ann.get(f"chatbots/{UUID(int=7)}")
    assert problem(hidden, 404, "not_found") == problem(absent, 404, "not_found")


def test_using_a_key_is_noted(gateway: Gateway, owner: Caller) -> None:
    me = made(owner.get("/me"), 200)["id"]
    gateway.flush()
    assert made(owner.get(f"api-keys/{me}"), 200)["last_used_at"] == "2026-01-05T12:00:00Z"
