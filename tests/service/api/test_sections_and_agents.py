"""The first two products' roles at work under their presets, over HTTP."""

import pytest

from gateway.domain.permissions import ACTIONS, BOT_ATOMS, SECTIONS
from tests.service.api.products import Product
from tests.service.api.test_forms import problem

pytestmark = pytest.mark.parametrize("kind", ["sqlite"], indirect=True)

EXPLAIN = "GET /organisations/{organisation}/members/{member}/explain"
MATRIX = "GET /organisations/{organisation}/roles/matrix"
MEMBERS = "GET /organisations/{organisation}/members"
MEMBER = "PATCH /organisations/{organisation}/members/{member}"
ALL_SECTIONS = {f"{section}.{level}" for section in SECTIONS for level in ("read", "write")}


# -- the first product ---------------------------------------------------------------


@pytest.mark.requires(EXPLAIN)
def test_a_member_reaches_the_selected_sections_alone(pleep: Product) -> None:
    """S0-13, S0-15, S0-24."""
    ann = pleep.employ("member")
    assert pleep.may(ann, "conversations.read") == "not_visible"
    pleep.grant(ann, {"conversations": "write", "analytics": "read"})
    assert pleep.may(ann, "conversations.write") == pleep.may(ann, "analytics.read") == "allowed"
    for action in ALL_SECTIONS - {"conversations.read", "conversations.write", "analytics.read"}:
        assert pleep.may(ann, action) == "not_permitted"


@pytest.mark.requires(EXPLAIN)
def test_an_admin_reaches_every_section_without_a_grant(pleep: Product) -> None:
    """S0-14."""
    admin = str(pleep.house.successor_id)
    assert {pleep.may(admin, action) for action in ALL_SECTIONS | BOT_ATOMS} == {"allowed"}


@pytest.mark.requires("DELETE /organisations/{organisation}/chatbots/{chatbot}")
def test_a_member_does_not_delete_a_chatbot(pleep: Product) -> None:
    """S0-21."""
    ann = pleep.employ("member")
    pleep.grant(ann, dict.fromkeys(SECTIONS, "write"))
    problem(pleep.caller(ann).delete(f"chatbots/{pleep.bot}"), 403, "not_permitted")
    assert pleep.boss.delete(f"chatbots/{pleep.bot}").status_code == 204


@pytest.mark.requires("PATCH /organisations/{organisation}/chatbots/{chatbot}")
def test_a_member_neither_renames_a_chatbot_nor_changes_its_settings(pleep: Product) -> None:
    """S0-22, S0-23."""
    ann = pleep.employ("member")
    pleep.grant(ann, dict.fromkeys(SECTIONS, "write"))
    renamed = pleep.caller(ann).patch(f"chatbots/{pleep.bot}", {"name": "Mine"})
    problem(renamed, 403, "not_permitted")
    assert pleep.may(ann, "chatbot.update") == "not_permitted"
    assert pleep.boss.patch(f"chatbots/{pleep.bot}", {"name": "Ours"}).status_code == 200


@pytest.mark.requires(MEMBERS)
def test_owner_and_members_see_the_whole_roster(pleep: Product) -> None:
    """S0-25, S0-29, S0-30."""
    ann = pleep.employ("member")
    for caller in (pleep.boss, pleep.caller(ann)):
        ids = {each["id"] for each in caller.get("members").get_json()["items"]}
        assert ids == {ann, str(pleep.house.owner_id), str(pleep.house.successor_id)}


@pytest.mark.requires(MEMBER)
def test_a_change_of_permissions_counts_at_the_next_request(pleep: Product) -> None:
    """S0-27: with the key that the member has had all along."""
    ann = pleep.employ("member")
    theirs = pleep.caller(ann)
    problem(theirs.get("roles"), 403, "not_permitted")
    role = {"role_id": pleep.role("admin")}
    assert pleep.boss.patch(f"members/{ann}", role).status_code == 200
    assert theirs.get("roles").status_code == 200


# -- the second ----------------------------------------------------------------------


@pytest.mark.requires(MEMBERS)
def test_a_user_is_found_by_name_or_address(whatsapp: Product) -> None:
    """S1-02."""
    ann = whatsapp.employ("agent", "ann")
    whatsapp.employ("agent", "ben")
    for text in ("ANN", "ann@people"):
        found = whatsapp.boss.get("members", query_string={"q": text}).get_json()["items"]
        assert [each["id"] for each in found] == [ann]


@pytest.mark.requires(MATRIX)
def test_the_second_products_admin_does_everything(whatsapp: Product) -> None:
    """S1-10."""
    assert whatsapp.holders()["admin"] == set(ACTIONS)


@pytest.mark.requires(MEMBER)
def test_a_supervisor_sees_conversations_and_runs_agents_alone(whatsapp: Product) -> None:
    """S1-11."""
    leader = str(whatsapp.house.successor_id)
    agent, other = whatsapp.employ("agent"), whatsapp.employ("supervisor", "sam")
    for action, code in {
        "conversations.read": "allowed",
        "analytics.read": "allowed",
        "settings.write": "not_permitted",
        "billing.manage": "not_permitted",
    }.items():
        assert whatsapp.may(leader, action) == code
    theirs = whatsapp.caller(leader)
    assert theirs.post(f"members/{agent}:deactivate").status_code == 200
    problem(theirs.post(f"members/{other}:deactivate"), 403, "role_above_own")
    raised = theirs.patch(f"members/{agent}", {"role_id": whatsapp.role("supervisor")})
    problem(raised, 403, "role_above_own")


@pytest.mark.requires(EXPLAIN)
def test_an_agent_chats_and_uses_templates(whatsapp: Product) -> None:
    """S1-12, S1-37."""
    agent = whatsapp.employ("agent")
    for action, code in {
        "conversations.write": "allowed",
        "templates.use": "allowed",
        "contacts.read_assigned": "allowed",
        "templates.write": "not_permitted",
        "contacts.read": "not_permitted",
    }.items():
        assert whatsapp.may(agent, action) == code


@pytest.mark.requires("POST /organisations/{organisation}/members/{member}:deactivate")
def test_a_user_is_deactivated_and_comes_back(whatsapp: Product) -> None:
    """S1-22."""
    ann = whatsapp.employ("agent")
    theirs = whatsapp.caller(ann)
    assert theirs.get("members").status_code == 200
    assert whatsapp.boss.post(f"members/{ann}:deactivate").get_json()["state"] == "deactivated"
    problem(theirs.get("members"), 401, "token_invalid")
    assert whatsapp.boss.post(f"members/{ann}:reactivate").get_json()["state"] == "active"


@pytest.mark.requires(MEMBER)
def test_a_role_is_changed_and_saved(whatsapp: Product) -> None:
    """S1-24."""
    ann = whatsapp.employ("agent")
    role = whatsapp.role("supervisor")
    assert whatsapp.boss.patch(f"members/{ann}", {"role_id": role}).get_json()["role_id"] == role
    assert whatsapp.boss.get(f"members/{ann}").get_json()["role_id"] == role
