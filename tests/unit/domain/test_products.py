"""Each product's permission matrix, as its document states it, decided by the enforcing code."""

import pytest

from gateway.domain.access import resolve
from gateway.domain.acting import Author, require_may_act_on, require_may_give
from gateway.domain.errors import RoleAboveOwn
from gateway.domain.permissions import ACTIONS, BASE_ATOMS, BOT_ATOMS, ORG_ATOMS, SECTION_ATOMS
from tests.unit.domain.world import B1, PRESETS, World, by_hand, named, world

MEMBER_ATOMS = frozenset(f"members.{verb}" for verb in ("read", "invite", "update", "remove"))
READING = frozenset(action for action in SECTION_ATOMS if action.endswith(".read"))
CHATBOT_VERBS = BOT_ATOMS - {"chatbot.read"}


def allowed(at: World, role: str) -> frozenset[str]:
    """Every action that the role may take, on a chatbot within its scope."""
    access = resolve(by_hand(at, role, owner_of_record=at.role(role).is_owner_role))
    return frozenset(action for action in ACTIONS if access.allows(action, B1))


def author(at: World, role: str) -> Author:
    access = resolve(by_hand(at, role, owner_of_record=at.role(role).is_owner_role))
    return Author(access, at.role(role))


@pytest.mark.parametrize("preset", PRESETS)
def test_the_owner_may_do_everything_that_the_product_knows(preset: str) -> None:
    """S2-12, S3-02, S1-10"""
    at = world(preset)
    owner = next(role for role in at.organisation.roles.values() if role.is_owner_role)
    missing = {"org.transfer"} if preset == "pingback" else set()
    assert allowed(at, owner.key) == ACTIONS - missing


@pytest.mark.parametrize("preset", ["pleep", "five_role", "members_invitations"])
def test_the_admin_may_do_all_but_billing_deletion_and_transfer(preset: str) -> None:
    """S2-13, S0-14, C4"""
    denied = {"billing.manage", "org.delete", "org.transfer"}
    assert allowed(world(preset), "admin") == ACTIONS - denied


def test_the_member_of_the_first_product_sees_the_roster_and_works_in_sections() -> None:
    """S0-13, S0-24, S0-30"""
    expected = BASE_ATOMS | {"members.read", "chatbot.read"} | frozenset(SECTION_ATOMS)
    assert allowed(world("pleep"), "member") == expected


@pytest.mark.parametrize("verb", sorted(CHATBOT_VERBS))
def test_the_member_of_the_first_product_never_changes_an_agent_itself(verb: str) -> None:
    """S0-21, S0-22, S0-23"""
    access = resolve(by_hand(world("pleep"), "member"))
    assert access.decide(verb, B1).code == "not_permitted"


@pytest.mark.parametrize("action", sorted(SECTION_ATOMS))
def test_each_section_gates_its_own_work(action: str) -> None:
    """S0-12, S0-13"""
    section, level = SECTION_ATOMS[action]
    at = world("pleep")
    only_this = resolve(by_hand(at, "member", {B1: {section: level.word}}))
    others = {name for name in SECTION_ATOMS if SECTION_ATOMS[name][0] != section}
    assert only_this.allows(action, B1)
    assert not any(only_this.allows(other, B1) for other in others)
    assert only_this.decide(min(others), B1).code == "not_permitted"


def test_a_support_manager_sees_chats_and_results_and_changes_nothing() -> None:
    """S0-15"""
    at = world("pleep")
    access = resolve(by_hand(at, "member", {B1: {"conversations": "write", "analytics": "read"}}))
    assert access.allows("conversations.write", B1)
    assert access.allows("analytics.read", B1)
    assert access.decide("chatbot.update", B1).code == "not_permitted"
    assert access.decide("knowledge_base.write", B1).code == "not_permitted"


def test_the_supervisor_views_conversations_and_analytics_and_manages_people() -> None:
    """S1-11"""
    expected = (
        BASE_ATOMS
        | MEMBER_ATOMS
        | {"teams.read", "activity.read", "chatbot.read", "conversations.read", "analytics.read"}
    )
    assert allowed(world("whatsapp"), "supervisor") == expected


def test_the_supervisor_acts_on_agents_only() -> None:
    """S1-11"""
    at = world("whatsapp")
    supervisor = author(at, "supervisor")
    require_may_give(supervisor, at.role("agent"))
    require_may_act_on(supervisor, named("joe"), at.role("agent"))
    for other in ("supervisor", "admin"):
        with pytest.raises(RoleAboveOwn):
            require_may_give(supervisor, at.role(other))
        with pytest.raises(RoleAboveOwn):
            require_may_act_on(supervisor, named("joe"), at.role(other))
    with pytest.raises(RoleAboveOwn):
        require_may_act_on(supervisor, named("joe"), None)


def test_the_agent_chats_reads_assigned_contacts_and_uses_templates() -> None:
    """S1-12, S1-37"""
    expected = BASE_ATOMS | {
        "members.read", "teams.read", "contacts.read_assigned", "templates.read", "templates.use",
        "chatbot.read", "conversations.read", "conversations.write",
    }  # fmt: skip
    assert allowed(world("whatsapp"), "agent") == expected


def test_the_developer_manages_agents_and_neither_team_nor_billing() -> None:
    """S2-14"""
    granted = allowed(world("five_role"), "developer")
    assert granted >= {"chatbots.create", "conversations.read", "knowledge_base.write"}
    assert granted >= BOT_ATOMS
    assert granted & ORG_ATOMS == BASE_ATOMS | {"members.read", "chatbots.create"}
    assert "conversations.write" not in granted


def test_billing_manages_billing_and_has_no_agents() -> None:
    """S2-15"""
    at = world("five_role")
    assert allowed(at, "billing") == BASE_ATOMS | {"billing.read", "billing.manage"}
    access = resolve(by_hand(at, "billing"))
    assert not access.visible(B1)
    assert not access.sees_every_chatbot()
    for action in ("chatbot.read", "conversations.read"):
        assert access.decide(action, B1).code == "not_permitted"


def test_only_an_owner_makes_somebody_billing() -> None:
    """S2-15"""
    at = world("five_role")
    require_may_give(author(at, "owner"), at.role("billing"))
    with pytest.raises(RoleAboveOwn, match="Only owner gives Billing"):
        require_may_give(author(at, "admin"), at.role("billing"))


def test_the_viewer_reads_agents_conversations_and_knowledge_and_changes_nothing() -> None:
    """S2-16"""
    expected = BASE_ATOMS | {
        "members.read", "chatbot.read", "conversations.read", "knowledge_base.read",
    }  # fmt: skip
    assert allowed(world("five_role"), "viewer") == expected


PINGBACK_MATRIX = {
    "members.invite": ("owner",),
    "members.remove": ("owner",),
    "conversations.assign": ("owner", "admin"),
    "conversations.write": ("owner", "admin", "agent"),
    "availability.update_own": ("owner", "admin", "agent"),
    "chatbots.create": ("owner",),
    "chatbot.update": ("owner",),
    "chatbot.rename": ("owner",),
    "chatbot.delete": ("owner",),
    "billing.manage": ("owner",),
    "settings.write": ("owner", "admin"),
    "sso.manage": ("owner",),
    "templates.use": ("owner", "admin", "agent"),
}


@pytest.mark.parametrize("action", PINGBACK_MATRIX)
@pytest.mark.parametrize("role", ["owner", "admin", "agent"])
def test_the_matrix_of_the_fourth_product(action: str, role: str) -> None:
    """S3-07, S3-08, S3-09"""
    assert (action in allowed(world("pingback"), role)) == (role in PINGBACK_MATRIX[action])


def test_only_the_owner_manages_channels_and_billing() -> None:
    """S3-11, S3-12"""
    at = world("pingback")
    closed = CHATBOT_VERBS | {"chatbots.create", "billing.manage", "billing.read"}
    assert not allowed(at, "admin") & closed
    assert not allowed(at, "agent") & closed


def test_the_admin_of_the_fourth_product_manages_most_settings() -> None:
    """S3-13"""
    granted = allowed(world("pingback"), "admin")
    assert granted >= {"settings.read", "settings.write"}
    assert not granted & {"members.invite", "members.update", "sso.manage", "billing.manage"}


def test_the_agent_of_the_fourth_product_handles_conversations() -> None:
    """S3-14"""
    expected = BASE_ATOMS | {
        "members.read", "templates.use",
        "chatbot.read", "conversations.read", "conversations.write",
    }  # fmt: skip
    assert allowed(world("pingback"), "agent") == expected


def test_admins_invite_and_remove_agents_where_the_flag_says_so() -> None:
    """S3-06, C3"""
    at = world("pingback", admin_manages_agents=True)
    assert allowed(at, "admin") >= {"members.invite", "members.remove"}
    admin = author(at, "admin")
    require_may_give(admin, at.role("agent"))
    require_may_act_on(admin, named("joe"), at.role("agent"))
    with pytest.raises(RoleAboveOwn):
        require_may_give(admin, at.role("admin"))
    with pytest.raises(RoleAboveOwn):
        require_may_act_on(admin, named("joe"), at.role("admin"))


def test_owners_and_admins_hold_the_four_member_permissions_and_members_none() -> None:
    """S4-26, S4-27, C16"""
    at = world("members_invitations")
    assert allowed(at, "owner") >= MEMBER_ATOMS
    assert allowed(at, "admin") >= MEMBER_ATOMS
    assert not allowed(at, "member") & MEMBER_ATOMS


def test_a_manager_s_invitation_gives_no_more_than_the_manager_has() -> None:
    """S4-05"""
    at = world("members_invitations")
    require_may_give(author(at, "owner"), at.role("owner"))
    with pytest.raises(RoleAboveOwn):
        require_may_give(author(at, "admin"), at.role("owner"))
