"""Effective access: the worked examples of the rules, and each rule by itself."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from gateway.domain.access import AccessFacts, Unmapped, conversion, derive, resolve
from gateway.domain.decisions import Access
from gateway.domain.gates import Record, RecordKind
from gateway.domain.mapping import Scope
from gateway.domain.memberships import MemberState
from gateway.domain.permissions import SECTIONS
from gateway.domain.sources import Origin, ScopeOrigin
from tests.unit.domain.world import (
    B1,
    B2,
    CONNECTION,
    MORNING,
    by_hand,
    chatbot_grants,
    chatbot_rule,
    group,
    managed,
    named,
    role_rule,
    team_rule,
    world,
)

PLEEP, WHATSAPP, FIVE, MEMBERS = (
    world(preset) for preset in ("pleep", "whatsapp", "five_role", "members_invitations")
)

Levels = Mapping[str, str]


def levels(access: Access, chatbot: UUID) -> Levels:
    """The sections that are open on a chatbot."""
    found = {section: access.level(chatbot, section) for section in SECTIONS}
    return {section: level.word for section, level in found.items() if level}


ALL_WRITE = dict.fromkeys(SECTIONS, "write")
CHATS_AND_RESULTS = {"conversations": "write", "analytics": "read"}


@pytest.mark.parametrize(
    ("facts", "b1", "b2"),
    [
        pytest.param(
            by_hand(PLEEP, "member", {B1: CHATS_AND_RESULTS}), CHATS_AND_RESULTS, {},
            id="S0-11-member-with-two-sections-on-b1-sees-b1-only-and-these-two",
        ),
        pytest.param(by_hand(PLEEP, "member", {}), {}, {}, id="the-last-grant-goes-then-nothing"),
        pytest.param(
            by_hand(MEMBERS, "member"), ALL_WRITE, ALL_WRITE,
            id="S4-21-member-without-a-list-has-all-chatbots",
        ),
        pytest.param(
            by_hand(MEMBERS, "member", {B2: {"conversations": "write"}}),
            {}, {"conversations": "write"},
            id="S4-21-invited-for-b2-conversations-has-only-that",
        ),
        pytest.param(
            by_hand(FIVE, "viewer", {B1: {"conversations": "write"}}),
            {"conversations": "read"}, {},
            id="viewer-granted-write-reads-because-of-the-ceiling",
        ),
        pytest.param(
            by_hand(PLEEP, "admin", {B1: {"conversations": "read"}}), ALL_WRITE, ALL_WRITE,
            id="S0-14-admin-with-a-narrow-grant-has-everything",
        ),
        pytest.param(
            managed(
                FIVE, ["g", "h"],
                [chatbot_rule("g", B1, conversations="write"),
                 chatbot_rule("h", B1, analytics="write"),
                 role_rule(FIVE, "g", "developer", 1, Scope.SELECTED)],
            ),
            {"conversations": "read", "analytics": "read"}, {},
            id="two-groups-give-two-sections-under-one-ceiling",
        ),
        pytest.param(
            managed(
                PLEEP, ["g", "h"],
                [chatbot_rule("g", B1, conversations="write"),
                 chatbot_rule("h", B1, analytics="write")],
            ),
            {"conversations": "write", "analytics": "write"}, {},
            id="two-groups-on-one-chatbot-add-up",
        ),
        pytest.param(
            managed(
                PLEEP, ["g", "h"],
                [chatbot_rule("g", B1, conversations="read"),
                 chatbot_rule("h", B1, conversations="write")],
            ),
            {"conversations": "write"}, {},
            id="the-highest-level-wins",
        ),
        pytest.param(
            by_hand(PLEEP, "member", {B1: CHATS_AND_RESULTS}, state=MemberState.DEACTIVATED),
            {}, {}, id="deactivated-has-nothing",
        ),
        pytest.param(
            by_hand(PLEEP, "admin", admin_hold=True), {}, {}, id="held-has-nothing",
        ),
        pytest.param(
            by_hand(PLEEP, "owner", owner_of_record=True, contained=True), {}, {},
            id="contained-has-nothing",
        ),
    ],
)  # fmt: skip
def test_worked_examples_of_chatbot_access(facts: AccessFacts, b1: Levels, b2: Levels) -> None:
    access = resolve(facts)
    assert (levels(access, B1), levels(access, B2)) == (b1, b2)
    assert (access.visible(B1), access.visible(B2)) == (bool(b1), bool(b2))


SUPPORT = role_rule(FIVE, "support", "viewer", 2)
ENGINEERS = role_rule(FIVE, "eng", "developer", 1)


@pytest.mark.parametrize(
    ("groups", "unmapped", "role", "origin"),
    [
        (["support", "eng"], Unmapped.DEFAULT_ROLE, "developer", Origin.RULE),
        (["eng", "support"], Unmapped.DEFAULT_ROLE, "developer", Origin.RULE),
        (["support"], Unmapped.DEFAULT_ROLE, "viewer", Origin.RULE),
        ([], Unmapped.DEFAULT_ROLE, "viewer", Origin.UNMAPPED_DEFAULT),
        (["lunch"], Unmapped.DEFAULT_ROLE, "viewer", Origin.UNMAPPED_DEFAULT),
        ([], Unmapped.NO_ACCESS, None, Origin.UNMAPPED_NO_ACCESS),
    ],
)
def test_the_lowest_priority_number_decides_the_role(
    groups: list[str], unmapped: Unmapped, role: str | None, origin: Origin
) -> None:
    """S4-23"""
    facts = managed(FIVE, groups, [SUPPORT, ENGINEERS], {"unmapped": unmapped})
    access = resolve(facts)
    assert (access.role.key if access.role else None, access.source.origin) == (role, origin)
    assert (access.standing == "no_role") == (role is None)


def test_an_owner_of_record_in_a_viewer_group_stays_owner_and_the_drift_shows() -> None:
    facts = managed(FIVE, ["support"], [SUPPORT], owner_of_record=True)
    derivation = derive(facts)
    assert derivation.role == FIVE.role("owner")
    assert derivation.drift is not None
    assert derivation.drift.role == FIVE.role("viewer")
    assert resolve(facts).allows("billing.manage")


def test_an_owner_of_record_whom_the_provider_gives_nothing_drifts_too() -> None:
    facts = managed(FIVE, [], [], {"unmapped": Unmapped.NO_ACCESS}, owner_of_record=True)
    drift = derive(facts).drift
    assert drift is not None
    assert drift.role is None


def test_an_owner_of_record_whom_a_group_makes_owner_does_not_drift() -> None:
    rule = role_rule(MEMBERS, "board", "owner", 1)
    assert derive(managed(MEMBERS, ["board"], [rule], owner_of_record=True)).drift is None
    assert derive(by_hand(MEMBERS, "admin", owner_of_record=True)).drift is None


def test_a_group_can_give_the_owner_s_permissions_without_ownership_of_record() -> None:
    rule = role_rule(MEMBERS, "board", "owner", 1)
    access = resolve(managed(MEMBERS, ["board"], [rule]))
    assert access.allows("billing.manage")
    assert not access.owner_of_record


def test_grants_by_hand_of_a_managed_member_are_kept_and_ignored() -> None:
    facts = replace(
        managed(PLEEP, ["g"], [chatbot_rule("g", B1, testing="read")]),
        role_grants=by_hand(PLEEP, "admin").role_grants,
        chatbot_grants=chatbot_grants({B2: {"conversations": "write"}}),
    )
    access = resolve(facts)
    assert access.role is not None
    assert access.role.key == "member"
    assert levels(access, B1) == {"testing": "read"}
    assert not access.visible(B2)


def test_a_disabled_connection_leaves_the_manual_grants_to_decide() -> None:
    facts = replace(
        managed(PLEEP, ["g"], [chatbot_rule("g", B1, testing="read")], {"live": False}),
        role_grants=by_hand(PLEEP, "member").role_grants,
        chatbot_grants=chatbot_grants({B2: {"conversations": "write"}}),
    )
    access = resolve(replace(facts, member=replace(facts.member, bot_scope=Scope.SELECTED)))
    assert levels(access, B2) == {"conversations": "write"}
    assert not access.visible(B1)
    assert access.managed_by is None


@pytest.mark.parametrize(
    ("groups", "extra"),
    [(["g"], ()), ([], ()), (["g"], (role_rule(PLEEP, "g", "admin", 1),))],
)
def test_what_a_connection_gave_stays_when_it_is_converted(
    groups: list[str], extra: tuple[object, ...]
) -> None:
    rules = [chatbot_rule("g", B1, testing="read"), team_rule("g", "first line"), *extra]
    facts = managed(PLEEP, groups, rules)  # type: ignore[arg-type]
    kept = conversion(facts)
    before = resolve(facts)
    role_grants = by_hand(PLEEP, "member").role_grants
    assert kept.role_id is not None
    after = resolve(
        replace(
            facts,
            connection=None,
            member=replace(facts.member, bot_scope=kept.scope, managed_by=None),
            role_grants=(replace(role_grants[0], role_id=kept.role_id),),
            chatbot_grants=tuple(
                replace(chatbot_grants({b: {s: "read"}})[0], level=level)
                for b, s, level in kept.chatbots
            ),
            teams=kept.teams,
        )
    )
    assert (after.role, after.chatbots, after.teams) == (
        before.role,
        before.chatbots,
        before.teams,
    )
    assert [levels(after, b) for b in (B1, B2)] == [levels(before, b) for b in (B1, B2)]


def test_nobody_s_ownership_turns_into_a_grant_when_converted() -> None:
    facts = managed(FIVE, ["support"], [SUPPORT], owner_of_record=True)
    assert conversion(facts).role_id is None


@pytest.mark.parametrize(
    ("rule_scope", "connection_scope", "scope", "origin"),
    [
        (Scope.SELECTED, Scope.ALL, Scope.SELECTED, ScopeOrigin.RULE),
        (Scope.ALL, Scope.SELECTED, Scope.ALL, ScopeOrigin.RULE),
        (None, Scope.SELECTED, Scope.SELECTED, ScopeOrigin.CONNECTION),
        (None, None, Scope.ALL, ScopeOrigin.PRESET),
    ],
)
def test_the_scope_of_a_managed_member_is_the_rule_s_then_the_connection_s_then_the_preset_s(
    rule_scope: Scope | None, connection_scope: Scope | None, scope: Scope, origin: ScopeOrigin
) -> None:
    rule = role_rule(FIVE, "eng", "developer", 1, rule_scope)
    facts = managed(FIVE, ["eng"], [rule], {"bot_scope": connection_scope}, bot_scope=Scope.ALL)
    access = resolve(facts)
    assert (access.scope, access.scope_origin) == (scope, origin)


def test_a_beaten_rule_s_scope_does_not_count() -> None:
    rules = [
        role_rule(FIVE, "eng", "developer", 1, Scope.SELECTED),
        role_rule(FIVE, "support", "viewer", 2, Scope.ALL),
    ]
    assert resolve(managed(FIVE, ["eng", "support"], rules)).scope is Scope.SELECTED


def test_the_scope_is_never_inferred_from_the_number_of_grants() -> None:
    """C15"""
    narrowed = by_hand(MEMBERS, "member", {B1: {"testing": "read"}})
    access = resolve(replace(narrowed, chatbot_grants=()))
    assert (access.scope, access.visible(B1)) == (Scope.SELECTED, False)


def test_a_role_that_cannot_be_narrowed_has_all_chatbots_whatever_the_member_s_scope() -> None:
    """S0-14"""
    access = resolve(by_hand(FIVE, "admin", {}))
    assert (access.scope, access.scope_origin) == (Scope.ALL, ScopeOrigin.ROLE)
    assert access.sees_every_chatbot()


def test_a_team_that_follows_a_group_opens_its_queue() -> None:
    facts = managed(WHATSAPP, ["support"], [team_rule("support", "first line")])
    queued = Record(RecordKind.CONVERSATION, None, named("first line"))
    assert resolve(facts).allows("conversations.write", B1, queued)
    assert not resolve(replace(facts, groups=())).allows("conversations.write", B1, queued)


def test_a_seat_taken_by_hand_stays_beside_those_that_follow_groups() -> None:
    facts = managed(WHATSAPP, ["support"], [team_rule("support", "first line")])
    both = resolve(replace(facts, teams=frozenset({named("night")})))
    assert both.teams == {str(named("first line")), str(named("night"))}


def test_a_rule_whose_role_is_gone_is_inert_and_the_next_one_decides() -> None:
    roles = {role.id: role for role in FIVE.organisation.roles.values() if role.key != "developer"}
    facts = managed(FIVE.having(roles=roles), ["support", "eng"], [SUPPORT, ENGINEERS])
    derivation = derive(facts)
    assert derivation.role == FIVE.role("viewer")
    assert derivation.matched.inert == (ENGINEERS,)


def test_a_default_role_that_is_gone_gives_nothing() -> None:
    access = resolve(managed(FIVE.having(default_role_id=named("gone")), []))
    assert access.decide("org.read").code == "no_role"
    assert resolve(managed(FIVE.having(default_role_id=None), [])).standing == "no_role"


def test_renaming_a_group_changes_nothing() -> None:
    facts = managed(FIVE, ["eng"], [ENGINEERS])
    renamed = replace(facts, groups=(replace(group("eng"), display_name="Platform"),))
    assert resolve(renamed) == resolve(facts)


def test_the_latest_role_grant_decides() -> None:
    facts = by_hand(FIVE, "viewer")
    later = replace(
        facts.role_grants[0],
        id=named("later"),
        role_id=FIVE.role("developer").id,
        valid_from=MORNING + timedelta(hours=1),
    )
    for grants in ((*facts.role_grants, later), (later, *facts.role_grants)):
        access = resolve(replace(facts, role_grants=grants))
        assert access.role is not None
        assert access.role.key == "developer"


def test_access_ends_with_the_first_of_its_grants() -> None:
    facts = by_hand(PLEEP, "member", {B1: {"testing": "read"}, B2: {"testing": "read"}})
    assert resolve(facts).valid_until is None
    noon, evening = MORNING + timedelta(hours=3), MORNING + timedelta(hours=9)
    first, second = facts.chatbot_grants
    ending = (replace(first, valid_to=evening), replace(second, valid_to=noon))
    assert resolve(replace(facts, chatbot_grants=ending)).valid_until == noon
    renewal = replace(facts.organisation, valid_until=MORNING)
    assert resolve(replace(facts, organisation=renewal)).valid_until == MORNING
    unread = replace(managed(PLEEP, []), chatbot_grants=ending)
    assert resolve(unread).valid_until is None


def test_managed_members_say_by_which_connection_and_rule() -> None:
    access = resolve(managed(FIVE, ["eng"], [ENGINEERS]))
    assert access.managed_by == CONNECTION
    assert (access.source.rule_id, access.source.group_id) == (ENGINEERS.id, named("eng"))
