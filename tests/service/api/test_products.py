"""The other three products' roles at work under their presets, over HTTP."""

import pytest

from gateway.domain.permissions import ACTIONS, BOT_ATOMS
from tests.service.api import callers
from tests.service.api.products import Product
from tests.service.api.test_forms import problem

pytestmark = pytest.mark.parametrize("kind", ["sqlite"], indirect=True)

EXPLAIN = "GET /organisations/{organisation}/members/{member}/explain"
MATRIX = "GET /organisations/{organisation}/roles/matrix"
MEMBERS = "GET /organisations/{organisation}/members"
MEMBER = "PATCH /organisations/{organisation}/members/{member}"
REMOVE = "POST /organisations/{organisation}/members/{member}:remove"
FOUR = ("members.read", "members.invite", "members.update", "members.remove")


# -- the third -----------------------------------------------------------------------


@pytest.mark.requires(MEMBERS)
def test_members_of_one_organisation_have_distinct_roles(five: Product) -> None:
    """S2-01."""
    for role in ("developer", "billing", "viewer"):
        five.employ(role, role)
    rows = five.boss.get("members").get_json()["items"]
    assert len({each["role_id"] for each in rows}) == len(rows) == 5


@pytest.mark.requires(MATRIX)
def test_permissions_tell_viewing_making_changing_and_deleting_apart(five: Product) -> None:
    """S2-04."""
    known = {each["action"] for each in five.boss.get("roles/matrix").get_json()["permissions"]}
    for verbs in (
        {"chatbot.read", "chatbots.create", "chatbot.update", "chatbot.delete"},
        {"members.read", "members.invite", "members.update", "members.remove"},
        {"contacts.read", "contacts.write", "contacts.delete"},
    ):
        assert verbs <= known


@pytest.mark.requires(MEMBER)
def test_a_change_of_role_by_a_program_is_audited_and_counts_at_once(five: Product) -> None:
    """S2-07, S2-09, S2-10."""
    ann = five.employ("viewer")
    theirs = five.caller(ann)
    problem(theirs.post("chatbots", {"name": "Mine"}), 403, "not_permitted")
    five.boss.patch(f"members/{ann}", {"role_id": five.role("developer")})
    assert theirs.post("chatbots", {"name": "Mine"}).status_code == 201
    told = five.boss.get("audit", query_string={"target": ann}).get_json()["items"]
    assert "grant.created" in {each["action"] for each in told}
    assert all(each["actor"]["type"] and each["targets"] for each in told)


@pytest.mark.requires(MATRIX)
def test_the_owner_does_everything_and_the_admin_all_but_billing_and_the_end(
    five: Product,
) -> None:
    """S2-12, S2-13."""
    held = five.holders()
    assert held["owner"] == set(ACTIONS)
    assert set(ACTIONS) - held["admin"] == {"billing.manage", "org.delete", "org.transfer"}


@pytest.mark.requires(MATRIX)
def test_a_developer_makes_chatbots_and_manages_nobody(five: Product) -> None:
    """S2-14."""
    held = five.holders()["developer"]
    wanted = {"chatbots.create", "conversations.read", "knowledge_base.write"}
    assert held > wanted | BOT_ATOMS
    assert {x for x in held if x.startswith("billing.")} == set()
    assert held & {"members.invite", "members.update", "members.remove", "roles.manage"} == set()


@pytest.mark.requires("GET /organisations/{organisation}/chatbots")
def test_billing_sees_no_chatbot(five: Product) -> None:
    """S2-15."""
    bill = five.employ("billing")
    assert five.caller(bill).get("chatbots").get_json()["items"] == []
    assert five.may(bill, "billing.manage") == "allowed"
    assert five.may(bill, "conversations.read") == "not_permitted"


@pytest.mark.requires(MATRIX)
def test_a_viewer_reads_and_does_nothing_else(five: Product) -> None:
    """S2-16: but for their own availability and leaving."""
    held = five.holders()["viewer"]
    own = {"members.leave", "availability.update_own"}
    assert {x for x in held - own if not x.endswith(".read")} == set()
    assert held > {"chatbot.read", "conversations.read", "knowledge_base.read"}


@pytest.mark.requires(REMOVE)
def test_members_are_listed_and_removed_by_programs_for_good(five: Product) -> None:
    """S2-20, S2-22."""
    ann = five.employ("viewer")
    assert ann in {each["id"] for each in five.boss.get("members").get_json()["items"]}
    assert five.boss.post(f"members/{ann}:remove").status_code == 204
    assert ann not in {each["id"] for each in five.boss.get("members").get_json()["items"]}
    assert five.boss.post(f"members/{ann}:reactivate").status_code in (404, 409)


@pytest.mark.requires(REMOVE)
def test_what_a_removed_member_owned_is_the_owners(five: Product) -> None:
    """S2-24."""
    ann = five.employ("developer")
    bot = five.caller(ann).post("chatbots", {"name": "Mine"}).get_json()
    assert bot["owner_id"] == ann
    five.boss.post(f"members/{ann}:remove")
    owner = five.boss.get(f"chatbots/{bot['id']}").get_json()["owner_id"]
    assert owner == str(five.house.owner_id)


# -- the fourth ----------------------------------------------------------------------


@pytest.mark.requires(MATRIX)
def test_the_fourth_products_owner_alone_has_channels_and_billing(pingback: Product) -> None:
    """S3-02, S3-11, S3-12."""
    held = pingback.holders()
    assert held["owner"] == set(ACTIONS) - {"org.transfer"}
    channels = {"chatbots.create", "chatbot.update", "chatbot.rename", "chatbot.delete"}
    for role in ("admin", "agent"):
        assert held[role] & (channels | {"billing.read", "billing.manage"}) == set()


@pytest.mark.requires("members.remove")
def test_the_owner_cannot_be_removed(pingback: Product) -> None:
    """S3-03: not by themselves, and by nobody else."""
    removed = pingback.boss.post(f"members/{pingback.house.owner_id}:remove")
    assert removed.status_code in (403, 409)
    assert removed.get_json()["code"] in ("own_access", "last_owner")
    row = pingback.boss.get(f"members/{pingback.house.owner_id}").get_json()
    assert row["state"] == "active"


@pytest.mark.requires(MEMBER)
def test_an_agent_is_promoted_to_admin(pingback: Product) -> None:
    """S3-05."""
    ann = pingback.employ("agent")
    raised = pingback.boss.patch(f"members/{ann}", {"role_id": pingback.role("admin")})
    assert raised.get_json()["access"]["role"]["key"] == "admin"


@pytest.mark.requires("members.invite")
def test_inviting_and_removing_are_the_owners_alone(pingback: Product) -> None:
    """S3-07."""
    admin = pingback.caller(str(pingback.house.successor_id))
    ann = pingback.employ("agent")
    wish = {"email": "new@people.test", "role_id": pingback.role("agent")}
    problem(admin.post("invitations", wish), 403, "not_permitted")
    problem(admin.post(f"members/{ann}:remove"), 403, "not_permitted")
    assert pingback.boss.post("invitations", wish).status_code != 403
    assert pingback.boss.post(f"members/{ann}:remove").status_code == 204


@pytest.mark.requires(EXPLAIN)
def test_all_three_roles_handle_conversations(pingback: Product) -> None:
    """S3-09, S3-14."""
    agent = pingback.employ("agent")
    for member in (agent, pingback.house.owner_id, pingback.house.successor_id):
        assert pingback.may(str(member), "conversations.write") == "allowed"
        assert pingback.may(str(member), "availability.update_own") == "allowed"


@pytest.mark.requires(MATRIX)
def test_an_admin_changes_most_settings(pingback: Product) -> None:
    """S3-13."""
    held = pingback.holders()["admin"]
    assert held > {"settings.read", "settings.write"}
    security = {"sso.manage", "scim.manage", "apikeys.manage", "roles.manage"}
    assert held & (security | set(FOUR[1:]) | {"billing.manage"}) == set()


@pytest.mark.requires("PATCH /organisations/{organisation}/sign-in-policy")
def test_an_admin_changes_nothing_of_how_people_sign_in(pingback: Product) -> None:
    """S3-13: security is the owner's."""
    admin = pingback.caller(str(pingback.house.successor_id))
    place = "sign-in-policy"
    before = admin.get(place).get_json()
    wish = {"require_mfa": True, "session_hours": 1}
    problem(admin.patch(place, wish), 403, "not_permitted")
    problem(admin.patch("policies", {"policies": wish}), 403, "not_permitted")
    problem(admin.post("domains", {"name": "theirs.example"}), 403, "not_permitted")
    (domain,) = admin.get("domains").get_json()["items"]
    problem(admin.delete(f"domains/{domain['id']}"), 403, "not_permitted")
    problem(admin.post(f"domains/{domain['id']}:verify"), 403, "not_permitted")
    assert pingback.boss.get(place).get_json() == before
    assert pingback.boss.patch(place, {"session_hours": 1}).get_json()["session_hours"] == 1


# -- the fifth -----------------------------------------------------------------------


@pytest.mark.requires(MEMBER)
def test_another_role_counts_immediately(invited: Product) -> None:
    """S4-12, S4-13."""
    ann = invited.employ("member")
    theirs = invited.caller(ann)
    problem(theirs.get("members"), 403, "not_permitted")
    invited.boss.patch(f"members/{ann}", {"role_id": invited.role("admin")})
    assert theirs.get("members").status_code == 200


@pytest.mark.requires(REMOVE)
def test_a_removed_member_is_out_and_their_conversations_wait(invited: Product) -> None:
    """S4-15, S4-17."""
    ann = invited.employ("member")
    theirs = invited.caller(ann)
    wish = {"chatbot_id": invited.bot, "subject": "Hello"}
    talk = invited.boss.post("conversations", wish).get_json()["id"]
    invited.go_live(ann)
    invited.boss.post(f"conversations/{talk}:assign", {"member_id": ann})
    assert invited.boss.post(f"members/{ann}:remove").status_code == 204
    problem(theirs.get("chatbots"), 401, "token_invalid")
    waiting = invited.boss.get(f"conversations/{talk}").get_json()
    assert (waiting["assignee_id"], waiting["previous_assignee_id"]) == (None, ann)


@pytest.mark.requires(REMOVE)
def test_what_a_removed_member_did_stays_in_the_audit(invited: Product) -> None:
    """S4-19: with their name as it was."""
    ann = invited.employ("admin", "ann")
    invited.caller(ann).post("teams", {"name": "Support"})
    invited.boss.post(f"members/{ann}:remove")
    told = invited.boss.get("audit", query_string={"target": ann}).get_json()["items"]
    assert "ann" in {x["name"] for each in told for x in each["targets"]}
    actions = {x["action"] for x in invited.boss.get("audit").get_json()["items"]}
    assert {"team.created", "member.removed"} <= actions


@pytest.mark.requires(EXPLAIN)
def test_a_broad_role_and_narrow_grants_stack(pleep: Product) -> None:
    """S4-21: the role is the ceiling, grants say where."""
    other = pleep.boss.post("chatbots", {"name": "Desk"}).get_json()["id"]
    ann = pleep.employ("member")
    pleep.grant(ann, {"conversations": "write"})
    assert pleep.may(ann, "conversations.write") == "allowed"
    assert pleep.may(ann, "conversations.read", other) == "not_visible"


@pytest.mark.parametrize("atom", FOUR)
def test_each_of_the_four_permissions_alone_opens_its_own(invited: Product, atom: str) -> None:
    """S4-26."""
    ann = invited.employ("member")
    key = callers.owned_by(
        invited.gateway, invited.house.organisation_id, invited.house.owner_id, (atom,)
    )
    role = invited.role("member")
    asked = {
        "members.read": key.get("members"),
        "members.update": key.post(f"members/{ann}:hold"),
        "members.invite": key.post("invitations", {"email": "x@people.test", "role_id": role}),
        "members.remove": key.post(f"members/{ann}:remove"),
    }
    assert {name for name, answer in asked.items() if answer.status_code != 403} == {atom}


@pytest.mark.requires(MATRIX)
def test_owners_and_admins_have_all_four(invited: Product) -> None:
    """S4-27."""
    held = invited.holders()
    for role in ("owner", "admin"):
        assert held[role] >= set(FOUR)
    assert held["member"] & set(FOUR) == set()


@pytest.mark.requires(EXPLAIN)
def test_sections_cover_configuration_conversations_and_knowledge(five: Product) -> None:
    """S2-03: a developer changes chatbots and knowledge, and reads conversations."""
    ann = five.employ("developer")
    for action in ("chatbot.update", "knowledge_base.write", "conversations.read"):
        assert five.may(ann, action) == "allowed"
    assert five.may(ann, "conversations.write") == "not_permitted"


@pytest.mark.requires(REMOVE)
def test_a_removed_member_has_no_permission_on_any_chatbot(invited: Product) -> None:
    """S4-18."""
    ann = invited.employ("member")
    invited.grant(ann, {"conversations": "write"})
    assert invited.boss.post(f"members/{ann}:remove").status_code == 204
    assert invited.may(ann, "conversations.write") == "member_inactive"
    held = invited.boss.get(f"members/{ann}").get_json()["access"]
    assert (held["chatbots"], held["ceiling"], held["org_atoms"]) == ({}, {}, [])
