"""Acting on others: the five bounds, one table each."""

from collections.abc import Callable
from dataclasses import replace
from uuid import UUID

import pytest

from gateway.domain.access import resolve
from gateway.domain.acting import (
    Acting,
    Author,
    require_may_act_on,
    require_may_change_connection,
    require_may_define,
    require_may_give,
    require_may_give_scope,
    require_may_grant,
    require_may_map,
    require_may_raise,
    require_may_unmap,
    strongest,
)
from gateway.domain.errors import InvalidRequest, OwnAccess, RoleAboveOwn
from gateway.domain.mapping import Scope
from gateway.domain.permissions import Level
from gateway.domain.roles import CustomRole, RoleDefinition, custom_role
from gateway.services.presets import packaged
from tests.unit.domain.world import (
    B1,
    B2,
    MIA,
    PRESETS,
    World,
    by_hand,
    chatbot_rule,
    named,
    role_rule,
    team_rule,
    world,
)

FIVE, MEMBERS, WHATSAPP = world("five_role"), world("members_invitations"), world("whatsapp")
JOE = named("joe")


def custom(
    at: World, rank: int, *atoms: str, name: str = "custom", **levels: str
) -> RoleDefinition:
    toggles = packaged().preset("members_invitations").toggles
    wish = CustomRole(name=name, rank=rank, atoms=atoms, sections=levels)
    assert at.organisation.roles
    return custom_role(name, wish, toggles).owned(named(name))


def acting(at: World, role: str | RoleDefinition, **changes: object) -> Author:
    if isinstance(role, RoleDefinition):
        at = at.with_role(role)
        role = role.key
    facts = by_hand(at, role)
    return Author(resolve(replace(facts, member=replace(facts.member, **changes))), at.role(role))  # type: ignore[arg-type]


def refused(ask: Callable[[], None]) -> bool:
    try:
        ask()
    except RoleAboveOwn:
        return True
    return False


@pytest.mark.parametrize(
    ("actor", "target", "no"),
    [
        ("owner", "owner", False),
        ("owner", "viewer", False),
        ("admin", "admin", False),
        ("admin", "developer", False),
        ("admin", "billing", False),
        ("admin", "owner", True),
        ("developer", "admin", True),
        ("viewer", "developer", True),
        ("viewer", None, False),
    ],
)
def test_nobody_acts_on_somebody_above(actor: str, target: str | None, no: bool) -> None:
    role = FIVE.role(target) if target else None
    assert refused(lambda: require_may_act_on(acting(FIVE, actor), JOE, role)) is no


@pytest.mark.parametrize("role", ["owner", "admin", "viewer"])
def test_nobody_changes_their_own_access(role: str) -> None:
    with pytest.raises(OwnAccess):
        require_may_act_on(acting(FIVE, role), MIA, FIVE.role(role))


@pytest.mark.parametrize(
    ("actor", "given", "no"),
    [
        ("admin", "admin", False),
        ("admin", "member", False),
        ("admin", "owner", True),
        ("member", "member", False),
        ("member", "admin", True),
    ],
)
def test_nobody_gives_a_role_above_their_own(actor: str, given: str, no: bool) -> None:
    role = MEMBERS.role(given)
    assert refused(lambda: require_may_give(acting(MEMBERS, actor), role)) is no


def test_only_an_owner_of_record_appoints_owners() -> None:
    """S4-05"""
    owner = MEMBERS.role("owner")
    require_may_give(acting(MEMBERS, "owner", owner_of_record=True), owner)
    with pytest.raises(RoleAboveOwn, match="owner of record"):
        require_may_give(acting(MEMBERS, "owner"), owner)


def test_a_custom_role_that_invites_can_invite_members() -> None:
    """S4-26, S4-27"""
    inviter = custom(MEMBERS, 10, "members.invite")
    require_may_give(acting(MEMBERS, inviter), MEMBERS.role("member"))


def test_rank_alone_does_not_hand_out_permissions_that_the_author_lacks() -> None:
    high = custom(MEMBERS, 70, "members.invite", name="high")
    strong = custom(MEMBERS, 60, "settings.write", name="strong")
    with pytest.raises(RoleAboveOwn, match="permissions that you lack"):
        require_may_give(acting(MEMBERS, high), strong)


def test_the_operator_has_no_bounds() -> None:
    operator: Acting = None
    owner = FIVE.role("owner")
    require_may_act_on(operator, MIA, owner)
    require_may_give(operator, owner)
    require_may_give_scope(operator, Scope.ALL)
    require_may_grant(operator, B1, {"testing": Level.WRITE})
    require_may_change_connection(operator, [], {}, owner)
    require_may_define(operator, custom(MEMBERS, 99, "settings.write"))


NARROW = by_hand(
    MEMBERS.with_role(custom(MEMBERS, 10, "members.update", testing="write", analytics="write")),
    "custom",
    {B1: {"testing": "read", "analytics": "write"}},
)
NARROWED = Author(resolve(NARROW), custom(MEMBERS, 10, "members.update", testing="write"))


def test_a_narrowed_author_opens_no_further_chatbots() -> None:
    require_may_give_scope(NARROWED, Scope.SELECTED)
    assert refused(lambda: require_may_give_scope(NARROWED, Scope.ALL))
    require_may_give_scope(acting(MEMBERS, "admin"), Scope.ALL)


@pytest.mark.parametrize(
    ("chatbot", "section", "level", "no"),
    [
        (B1, "analytics", Level.WRITE, False),
        (B1, "testing", Level.READ, False),
        (B1, "testing", Level.WRITE, True),
        (B1, "broadcasts", Level.READ, True),
        (B2, "analytics", Level.READ, True),
    ],
)
def test_a_narrowed_author_grants_what_they_have(
    chatbot: UUID, section: str, level: Level, no: bool
) -> None:
    assert refused(lambda: require_may_grant(NARROWED, chatbot, {section: level})) is no


def test_a_supervisor_grants_agents_more_than_it_does_itself_where_it_sees_the_chatbot() -> None:
    """S1-11"""
    facts = by_hand(WHATSAPP, "supervisor", {B1: {"conversations": "read"}})
    supervisor = Author(resolve(facts), WHATSAPP.role("supervisor"))
    require_may_grant(supervisor, B1, {"conversations": Level.WRITE})
    assert refused(lambda: require_may_grant(supervisor, B2, {"conversations": Level.READ}))


READER = custom(MEMBERS, 5, testing="read", name="reader")


@pytest.mark.parametrize(
    ("scope", "granted", "no"),
    [
        (Scope.ALL, (), True),
        (Scope.SELECTED, (), False),
        (Scope.SELECTED, ((B1, "testing", Level.READ),), False),
        (Scope.SELECTED, ((B1, "testing", Level.WRITE),), True),
        (Scope.SELECTED, ((B1, "analytics", Level.WRITE),), False),
        (Scope.SELECTED, ((B2, "analytics", Level.READ),), True),
        (Scope.SELECTED, ((B2, "testing", Level.READ),), False),
    ],
)
def test_a_narrowed_author_gives_no_role_that_opens_more_than_is_theirs(
    scope: Scope, granted: tuple[tuple[UUID, str, Level], ...], no: bool
) -> None:
    raised = READER, MEMBERS.role("member")
    assert refused(lambda: require_may_raise(NARROWED, raised, scope, granted)) is no
    require_may_raise(acting(MEMBERS, "admin"), raised, scope, granted)
    require_may_raise(NARROWED, (MEMBERS.role("member"), READER), scope, granted)


ROLES = FIVE.organisation.roles


@pytest.mark.parametrize(
    ("actor", "role", "no"),
    [
        ("admin", "admin", False),
        ("admin", "developer", False),
        ("admin", "billing", True),
        ("developer", "admin", True),
    ],
)
def test_a_rule_gives_no_more_than_its_author_may(actor: str, role: str, no: bool) -> None:
    rule = role_rule(FIVE, "g", role, 1)
    assert refused(lambda: require_may_map(acting(FIVE, actor), rule, ROLES, "single")) is no


def test_no_group_gives_the_role_of_a_single_owner() -> None:
    """C2"""
    rule = role_rule(FIVE, "g", "owner", 1)
    for author in (None, acting(FIVE, "owner", owner_of_record=True)):
        with pytest.raises(InvalidRequest, match="single owner"):
            require_may_map(author, rule, ROLES, "single")


def test_only_owners_map_a_group_to_owner_where_there_may_be_several() -> None:
    rule, roles = role_rule(MEMBERS, "g", "owner", 1), MEMBERS.organisation.roles
    require_may_map(acting(MEMBERS, "owner"), rule, roles, "multi")
    assert refused(lambda: require_may_map(acting(MEMBERS, "admin"), rule, roles, "multi"))


def test_a_rule_for_a_role_that_is_gone_is_refused() -> None:
    rule = replace(role_rule(FIVE, "g", "viewer", 1), role_id=named("gone"))
    with pytest.raises(InvalidRequest, match="no such role"):
        require_may_map(None, rule, ROLES, "single")


def test_a_rule_that_could_not_be_saved_today_may_still_go() -> None:
    """C2"""
    owner = acting(FIVE, "owner")
    require_may_unmap(owner, role_rule(FIVE, "g", "owner", 1), ROLES)
    gone = replace(role_rule(FIVE, "g", "viewer", 1), role_id=named("gone"))
    require_may_unmap(owner, gone, ROLES)


def test_nobody_ends_a_rule_that_gives_more_than_they_may() -> None:
    rule = role_rule(FIVE, "g", "owner", 1)
    assert refused(lambda: require_may_unmap(acting(FIVE, "admin"), rule, ROLES))


def test_rules_on_chatbots_and_scopes_are_judged_like_grants() -> None:
    require_may_map(acting(FIVE, "admin"), chatbot_rule("g", B1, testing="write"), ROLES, "single")
    require_may_map(NARROWED, team_rule("g", "first line"), ROLES, "multi")
    assert refused(
        lambda: require_may_map(NARROWED, chatbot_rule("g", B2, testing="read"), ROLES, "multi")
    )
    wide = role_rule(MEMBERS, "g", "member", 1, Scope.ALL)
    roles = MEMBERS.organisation.roles
    assert refused(lambda: require_may_map(NARROWED, wide, roles, "multi"))


def test_a_connection_is_judged_by_the_strongest_role_it_can_give() -> None:
    rules = [role_rule(FIVE, "g", "viewer", 1), role_rule(FIVE, "h", "admin", 2)]
    assert strongest(rules, ROLES) == FIVE.role("admin")
    assert strongest([], ROLES) is None
    viewer = FIVE.role("viewer")
    require_may_change_connection(acting(FIVE, "admin"), rules, ROLES, viewer)
    developer = acting(FIVE, "developer")
    assert refused(lambda: require_may_change_connection(developer, rules, ROLES, None))
    assert refused(lambda: require_may_change_connection(developer, [], ROLES, FIVE.role("admin")))
    require_may_change_connection(developer, rules[:1], ROLES, viewer)


def test_a_custom_role_ranks_and_holds_no_more_than_its_author() -> None:
    admin = acting(MEMBERS, "admin")
    require_may_define(admin, custom(MEMBERS, 80, "settings.write", testing="write"))
    assert refused(lambda: require_may_define(admin, custom(MEMBERS, 81)))
    author = acting(MEMBERS, custom(MEMBERS, 40, "contacts.read", testing="read", name="author"))
    require_may_define(author, custom(MEMBERS, 40, "contacts.read", testing="read"))
    for wanted in (
        custom(MEMBERS, 40, "contacts.write"),
        custom(MEMBERS, 40, testing="write"),
        custom(MEMBERS, 40, analytics="read"),
    ):
        assert refused(lambda wanted=wanted: require_may_define(author, wanted))  # type: ignore[misc]


@pytest.mark.parametrize("atom", ["org.delete", "org.transfer", "billing.manage"])
def test_no_custom_role_holds_what_only_owners_do(atom: str) -> None:
    wanted = replace(custom(MEMBERS, 10), org_atoms=frozenset({atom}))
    for author in (None, acting(MEMBERS, "owner", owner_of_record=True)):
        assert refused(lambda author=author: require_may_define(author, wanted))  # type: ignore[misc]


def test_nobody_edits_the_role_they_hold_a_higher_one_or_a_preset_s() -> None:
    """S2-11"""
    own = custom(MEMBERS, 40, "contacts.read", name="own")
    author = acting(MEMBERS, own)
    with pytest.raises(OwnAccess):
        require_may_define(author, own, own)
    higher = custom(MEMBERS, 50, name="higher")
    assert refused(lambda: require_may_define(author, custom(MEMBERS, 10), higher))
    with pytest.raises(InvalidRequest, match="belongs to the preset"):
        require_may_define(acting(MEMBERS, "owner"), custom(MEMBERS, 10), MEMBERS.role("member"))


@pytest.mark.parametrize("preset", PRESETS)
def test_no_role_of_a_product_hands_out_what_it_lacks_but_the_one_that_should(preset: str) -> None:
    """S1-11"""
    at = world(preset, admin_manages_agents=True)
    widening = set()
    for actor in at.organisation.roles.values():
        for given in at.organisation.roles.values():
            may_invite = "members.invite" in actor.org_atoms and not actor.is_owner_role
            allowed = not refused(lambda a=actor, g=given: require_may_give(acting(at, a.key), g))  # type: ignore[misc]
            if may_invite and allowed and given.atoms() - actor.atoms():
                widening.add((actor.key, given.key))
    assert widening == ({("supervisor", "agent")} if preset == "whatsapp" else set())
