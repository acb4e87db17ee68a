"""Custom roles over HTTP, and the matrix against what is enforced."""

from typing import Any
from uuid import UUID

import pytest

from gateway.api import ENDPOINTS
from gateway.app import Gateway
from gateway.services import presets
from gateway.storage.unit_of_work import Work
from tests.factories import House, house
from tests.service.api import callers
from tests.service.api.callers import Caller
from tests.service.api.examples import Things, path_of, query_of, things
from tests.service.api.test_forms import problem

SALES: dict[str, Any] = {
    "name": "Sales Agent",
    "rank": 15,
    "toggles": ["contacts.read", "contacts.write", "templates.read"],
    "sections": {"conversations": "write"},
}
FEATURES = [
    "contacts.read",
    "contacts.write",
    "contacts.delete",
    "campaigns.read",
    "campaigns.write",
    "templates.read",
    "templates.write",
    "settings.read",
    "settings.write",
]
ON_SQLITE = pytest.mark.parametrize("kind", ["sqlite"], indirect=True)


@pytest.fixture
def desk(work: Work) -> House:
    """An organisation with the roles of the second product."""
    return house(work, "desk", "whatsapp")


@pytest.fixture
def boss(gateway: Gateway, desk: House) -> Caller:
    return callers.owner(gateway, desk)


def made(caller: Caller, **change: Any) -> dict[str, Any]:
    answer = caller.post("roles", {**SALES, **change})
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.get_json()
    return found


@pytest.mark.requires("POST /organisations/{organisation}/roles")
def test_a_custom_role_is_exactly_its_toggles_and_sections(boss: Caller) -> None:
    """S1-13, S1-14, S1-21: made, read, defined afresh and ended."""
    role = made(boss)
    assert role["org_atoms"] == sorted(
        {"org.read", "members.leave", "availability.update_own", *SALES["toggles"]}
    )
    assert (role["sections"], role["bot_atoms"], role["custom"]) == (SALES["sections"], [], True)
    place = f"roles/{role['id']}"
    assert boss.get(place).get_json() == role
    changed = boss.call("PUT", place, {**SALES, "toggles": [], "sections": {"testing": "read"}})
    assert changed.get_json()["sections"] == {"testing": "read"}
    assert boss.delete(place).status_code == 204
    problem(boss.get(place), 404, "not_found")


@pytest.mark.requires("POST /organisations/{organisation}/roles")
def test_every_feature_of_the_product_is_a_toggle(boss: Caller) -> None:
    """S1-16, S1-17, S1-18: contacts, campaigns and templates."""
    role = made(boss, name="All", toggles=FEATURES, sections={"analytics": "read"})
    assert set(FEATURES) < set(role["org_atoms"])
    offered = boss.get("roles/matrix").get_json()["toggles"]
    assert {f"{k}.{verb}" for k, verbs in offered.items() for verb in verbs} == {
        *FEATURES,
        "analytics.read",
    }


@pytest.mark.requires("POST /organisations/{organisation}/roles")
def test_settings_are_read_and_written_and_analytics_read_alone(boss: Caller) -> None:
    """S1-19, S1-20: there is no toggle that writes analytics."""
    role = made(boss, toggles=["settings.read", "settings.write", "analytics.read"], sections={})
    assert {"settings.read", "settings.write"} < set(role["org_atoms"])
    assert role["sections"] == {"analytics": "read"}
    problem(boss.post("roles", {**SALES, "toggles": ["analytics.write"]}), 422, "invalid_request")
    wish = {**SALES, "sections": {"analytics": "write"}}
    problem(boss.post("roles", wish), 422, "invalid_request")


@pytest.mark.requires("POST /organisations/{organisation}/roles")
def test_a_name_is_taken_whatever_its_letter_case(boss: Caller) -> None:
    """S1-15."""
    made(boss, name="Support Lead")
    for name in ("support LEAD", "ADMIN"):
        problem(boss.post("roles", {**SALES, "name": name}), 409, "already_exists")


@pytest.mark.parametrize("atom", ["billing.manage", "org.delete", "org.transfer", "roles.manage"])
def test_a_custom_role_runs_no_organisation(boss: Caller, atom: str) -> None:
    problem(boss.post("roles", {**SALES, "toggles": [atom]}), 422, "invalid_request")


def test_a_role_ranks_no_higher_than_its_author(gateway: Gateway, acme: House) -> None:
    admin = callers.owned_by(gateway, acme.organisation_id, acme.successor_id)
    made(admin, rank=80)
    problem(admin.post("roles", {**SALES, "name": "X", "rank": 81}), 403, "role_above_own")


def test_a_key_puts_into_a_role_only_what_it_can_do_itself(gateway: Gateway, acme: House) -> None:
    scopes = ("roles.manage", "contacts.read", "conversations.write")
    key = callers.owned_by(gateway, acme.organisation_id, acme.owner_id, scopes)
    refused = problem(key.post("roles", SALES), 403, "role_above_own")
    assert "contacts.write" in refused["detail"]
    made(key, toggles=["contacts.read"])


def test_a_change_reaches_its_holders_at_their_next_request(
    gateway: Gateway, desk: House, boss: Caller
) -> None:
    """S1-21: no new sign-in, no other member touched."""
    role = made(boss, toggles=["contacts.read"])
    member = f"members/{desk.successor_id}"
    assert boss.patch(member, {"role_id": role["id"]}).status_code == 200
    theirs = callers.owned_by(gateway, desk.organisation_id, desk.successor_id)
    problem(theirs.get("members"), 403, "not_permitted")
    before = boss.get(member).get_json()
    assert "settings.write" not in before["access"]["org_atoms"]
    place = f"roles/{role['id']}"
    assert boss.call("PUT", place, {**SALES, "toggles": ["settings.write"]}).status_code == 200
    after = boss.get(member).get_json()
    assert "settings.write" in after["access"]["org_atoms"]
    assert after["access_epoch"] == before["access_epoch"] + 1
    assert boss.call("PUT", place, {**SALES, "toggles": ["settings.write"]}).status_code == 200
    assert boss.get(member).get_json()["access_epoch"] == after["access_epoch"]


@pytest.mark.requires("DELETE /organisations/{organisation}/roles/{role}")
def test_a_role_in_use_stays_and_its_holders_are_named(desk: House, boss: Caller) -> None:
    """S1-21."""
    role = made(boss)
    place = f"roles/{role['id']}"
    assert boss.patch(f"members/{desk.successor_id}", {"role_id": role["id"]}).status_code == 200
    refused = problem(boss.delete(place), 409, "role_in_use")
    assert refused["details"] == {"count": 1, "holders": {"members": [str(desk.successor_id)]}}
    assert boss.get(place).status_code == 200


def test_a_role_that_a_key_gives_is_in_use(boss: Caller) -> None:
    role = made(boss)
    key = boss.post("api-keys", {"name": "K", "scopes": ["org.read"], "role_id": role["id"]})
    assert key.status_code == 201
    refused = problem(boss.delete(f"roles/{role['id']}"), 409, "role_in_use")
    assert refused["details"]["holders"] == {"api_keys": [key.get_json()["id"]]}


def test_a_presets_role_stays_as_it_is(owner: Caller) -> None:
    """S2-11: the five predefined roles are there, and nobody changes or ends one."""
    known = {each["key"]: each["id"] for each in owner.get("roles").get_json()["items"]}
    assert set(known) == {"owner", "admin", "developer", "billing", "viewer"}
    for role in known.values():
        problem(owner.call("PUT", f"roles/{role}", SALES), 422, "invalid_request")
        problem(owner.delete(f"roles/{role}"), 422, "invalid_request")


@ON_SQLITE
@pytest.mark.parametrize("preset", list(presets.packaged().presets))
@pytest.mark.requires("GET /organisations/{organisation}/roles/matrix")
def test_the_matrix_says_what_every_role_opens(gateway: Gateway, work: Work, preset: str) -> None:
    """S2-17: each endpoint asked by each role; whoever may not ask is refused, all others pass.

    What is asked for is wrong in its form, so that nothing changes: the permission is judged
    before the form.
    """
    here = house(work, "here", preset)
    known = things_of(work, here, preset)
    matrix = callers.owner(gateway, here).get("roles/matrix").get_json()
    opened = {(each["method"], each["path"]): each for each in matrix["endpoints"]}
    assert len(opened) == len([each for each in ENDPOINTS if each.allow.atom])
    wrong = {}
    for role in matrix["roles"]:
        caller = callers.with_role(gateway, here, role["key"])
        for endpoint in ENDPOINTS:
            if endpoint.allow.atom is None:
                continue
            says = opened[endpoint.method, f"/api/v1{endpoint.path}"]
            answer = asked(caller, endpoint, known)
            refused = answer.status_code == 403
            expected = says["present"] or role["key"] not in says["roles"]
            if refused != expected or answer.status_code >= 500:
                wrong[role["key"], endpoint.operation] = (answer.status, answer.text)
    assert wrong == {}


def asked(caller: Caller, endpoint: Any, known: Things) -> Any:
    """Ask without anything happening: a change is asked for with a body that is none."""
    path = path_of(endpoint, known)
    if endpoint.writes:
        return caller.call(endpoint.method, path, {"nothing": "of the kind"})
    return caller.get(path, query_string=query_of(endpoint, known))


def things_of(work: Work, here: House, preset: str) -> Things:
    """One of everything, by ids that need not exist where only the form is judged."""
    nothing = UUID(int=7)
    if preset == "five_role":
        return things(work, here)
    names = {name for each in ENDPOINTS for name in each.ids}
    found: Things = dict.fromkeys(names, nothing)
    return {**found, "organisation": here.organisation_id, "member": here.owner_id}
