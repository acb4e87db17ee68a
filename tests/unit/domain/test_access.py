"""Effective access: the worked examples of the rules, and each rule by itself."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from gateway.domain.access import AccessFacts, Unmapped, conversion, derive, resolve
from gateway.domain.decisions import Access
from gateway.domain.errors import (
    InvalidRequest,
    NotPermitted,
    NotVisible,
    PlanFeature,
    SubscriptionExpired,
)
from gateway.domain.gates import Record, RecordKind
from gateway.domain.mapping import Scope
from gateway.domain.memberships import MemberState
from gateway.domain.permissions import SECTIONS
from gateway.domain.plans import SubscriptionState
from gateway.domain.sources import Origin, OwnerBotAccess, ScopeOrigin
from tests.unit.domain.world import (
    B1,
    B2,
    B3,
    CONNECTION,
    MIA,
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

PLEEP, WHATSAPP, FIVE, PINGBACK, MEMBERS = (
    world(preset)
    for preset in ("pleep", "whatsapp", "five_role", "pingback", "members_invitations")
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


@pytest.mark.parametrize("action", ["chatbot.update", "chatbot.rename", "chatbot.delete"])
def test_changing_a_chatbot_itself_needs_the_atom_and_an_un_narrowed_scope(action: str) -> None:
    """S0-21, S0-22, S0-23"""
    assert resolve(by_hand(FIVE, "developer")).allows(action, B1)
    narrowed = resolve(by_hand(FIVE, "developer", {B1: {"testing": "write"}}))
    assert narrowed.decide(action, B1).code == "not_permitted"
    member = resolve(by_hand(PLEEP, "member", {B1: ALL_WRITE}))
    assert member.decide(action, B1).code == "not_permitted"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"state": MemberState.DEACTIVATED}, "member_inactive"),
        ({"state": MemberState.WAITLISTED}, "member_inactive"),
        ({"state": MemberState.REMOVED}, "member_inactive"),
        ({"state": MemberState.DEACTIVATED, "admin_hold": True}, "member_inactive"),
        ({"admin_hold": True}, "on_hold"),
        ({"admin_hold": True, "contained": True}, "on_hold"),
        ({"contained": True}, "contained"),
    ],
)
def test_without_standing_everything_is_empty_and_the_code_says_why(
    changes: dict[str, Any], code: str
) -> None:
    access = resolve(by_hand(FIVE, "owner", owner_of_record=True, **changes))
    assert access.is_empty()
    assert access.role is not None
    for action, chatbot in (("org.read", None), ("chatbot.read", B1), ("testing.read", B1)):
        assert access.decide(action, chatbot).code == code


def test_a_member_without_a_role_has_nothing() -> None:
    access = resolve(by_hand(FIVE, None))
    assert access.is_empty()
    assert access.decide("org.read").code == "no_role"


def test_an_organisation_that_is_gone_answers_like_one_that_never_was() -> None:
    access = resolve(by_hand(FIVE.having(live=False), "owner", owner_of_record=True))
    assert access.decide("org.read").code == "not_visible"


@pytest.mark.parametrize("state", [SubscriptionState.EXPIRED, SubscriptionState.CANCELLED])
def test_an_expired_subscription_takes_the_chatbots_and_keeps_the_membership(
    state: SubscriptionState,
) -> None:
    """S0-39"""
    facts = by_hand(PLEEP.having(subscription=state), "member", {B1: CHATS_AND_RESULTS})
    access = resolve(facts)
    assert access.decide("conversations.read", B1).code == "subscription_expired"
    assert access.decide("chatbot.read", B1).code == "subscription_expired"
    assert access.decide("conversations.read", B2).code == "not_visible"
    assert not access.visible(B1)
    assert access.visible_chatbots() == frozenset()
    assert access.allows("org.read")
    assert access.allows("members.leave")


@pytest.mark.parametrize(
    "state",
    [SubscriptionState.TRIALING, SubscriptionState.ACTIVE, SubscriptionState.PAST_DUE],
)
def test_a_late_payment_closes_nothing(state: SubscriptionState) -> None:
    facts = by_hand(PLEEP.having(subscription=state), "member", {B1: CHATS_AND_RESULTS})
    assert resolve(facts).allows("conversations.write", B1)


@pytest.mark.parametrize(
    ("kept", "reads", "writes"),
    [
        (OwnerBotAccess.NONE, False, False),
        (OwnerBotAccess.READ_ONLY, True, False),
        (OwnerBotAccess.FULL, True, True),
    ],
)
def test_the_owner_of_an_expired_organisation_keeps_sign_in_billing_and_chatbots_by_policy(
    kept: OwnerBotAccess, reads: bool, writes: bool
) -> None:
    """S0-40, C20"""
    expired = PLEEP.having(subscription=SubscriptionState.EXPIRED, owner_bot_access=kept)
    access = resolve(by_hand(expired, "owner", owner_of_record=True))
    for atom in ("org.read", "members.read", "members.remove", "billing.manage", "audit.read"):
        assert access.allows(atom)
    assert access.allows("conversations.read", B1) == access.visible(B1) == reads
    assert access.allows("chatbot.read", B1) == access.allows("contacts.read") == reads
    assert access.allows("conversations.write", B1) == writes
    assert access.allows("chatbot.update", B1) == access.allows("chatbots.create") == writes
    assert access.level(B1, "testing").word == ("write" if writes else "read" if reads else "none")
    assert access.sees_every_chatbot() == reads


def test_an_admin_of_an_expired_organisation_loses_the_chatbots_like_everybody() -> None:
    expired = PLEEP.having(
        subscription=SubscriptionState.EXPIRED, owner_bot_access=OwnerBotAccess.FULL
    )
    access = resolve(by_hand(expired, "admin"))
    assert access.decide("chatbots.create").code == "subscription_expired"
    assert not access.sees_every_chatbot()
    assert access.allows("members.remove")


@pytest.mark.parametrize(
    ("atom", "features", "allowed"),
    [
        ("sso.manage", {"scim"}, False),
        ("sso.manage", {"sso"}, True),
        ("scim.manage", {"sso"}, False),
        ("mappings.manage", {"sso"}, True),
        ("mappings.manage", {"siem"}, False),
    ],
)
def test_a_plan_without_the_feature_closes_its_permissions(
    atom: str, features: set[str], allowed: bool
) -> None:
    """S4-22"""
    at = MEMBERS.having(features=frozenset(features))
    expected = "allowed" if allowed else "plan_feature"
    assert resolve(by_hand(at, "admin")).decide(atom).code == expected
    assert resolve(by_hand(at, "member")).decide(atom).code == "not_permitted"


AGENT = resolve(replace(by_hand(WHATSAPP, "agent"), teams=frozenset({named("first line")})))


@pytest.mark.parametrize(
    ("record", "code"),
    [
        (Record(RecordKind.CONVERSATION, assignee_id=MIA), "allowed"),
        (Record(RecordKind.CONVERSATION, None, named("first line")), "allowed"),
        (Record(RecordKind.CONVERSATION, None, named("second line")), "not_visible"),
        (Record(RecordKind.CONVERSATION, None, None), "not_visible"),
        (Record(RecordKind.CONVERSATION, named("joe"), named("first line")), "not_visible"),
    ],
)
def test_an_agent_works_on_assigned_conversations_and_the_own_team_s_queue(
    record: Record, code: str
) -> None:
    """S1-12"""
    assert AGENT.decide("conversations.write", B1, record).code == code


@pytest.mark.parametrize("action", ["contacts.read_assigned", "contacts.read"])
def test_an_agent_sees_assigned_contacts_only(action: str) -> None:
    """S1-12"""
    mine, other = Record(RecordKind.CONTACT, MIA), Record(RecordKind.CONTACT, named("joe"))
    assert AGENT.decide(action, None, mine).code == "allowed"
    assert AGENT.decide(action, None, other).code == "not_visible"
    assert AGENT.decide(action, None, Record(RecordKind.CONTACT)).code == "not_visible"
    assert AGENT.decide("contacts.read").code == "not_permitted"


def test_who_reads_all_contacts_reads_assigned_ones_too() -> None:
    admin = resolve(by_hand(WHATSAPP, "admin"))
    contact = Record(RecordKind.CONTACT, named("joe"))
    assert admin.allows("contacts.read_assigned", None, contact)
    assert admin.allows("contacts.read", None, contact)


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


@pytest.mark.parametrize(
    ("facts", "action", "chatbot", "error"),
    [
        (by_hand(PLEEP, "member", {}), "conversations.read", B1, NotVisible),
        (by_hand(FIVE, "viewer"), "conversations.write", B1, NotPermitted),
        (by_hand(FIVE, "viewer", admin_hold=True), "org.read", None, NotPermitted),
        (
            by_hand(FIVE.having(subscription=SubscriptionState.EXPIRED), "viewer"),
            "conversations.read",
            B1,
            SubscriptionExpired,
        ),
        (by_hand(FIVE.having(features=frozenset()), "admin"), "scim.manage", None, PlanFeature),
    ],
)
def test_a_requirement_raises_the_error_of_its_code(
    facts: AccessFacts,
    action: str,
    chatbot: UUID | None,
    error: type[NotVisible | NotPermitted | SubscriptionExpired | PlanFeature],
) -> None:
    access = resolve(facts)
    with pytest.raises(error) as raised:
        access.require(action, chatbot)
    assert raised.value.details["reason"] == access.decide(action, chatbot).code
    assert bool(raised.value.levers) == (error is not NotVisible)


def test_what_is_allowed_is_required_in_silence() -> None:
    resolve(by_hand(FIVE, "viewer")).require("conversations.read", B1)


@pytest.mark.parametrize("action", ["conversations.read", "chatbot.update"])
def test_a_question_about_chatbots_names_one(action: str) -> None:
    with pytest.raises(InvalidRequest, match="asked about a chatbot"):
        resolve(by_hand(FIVE, "owner")).decide(action)


def test_an_unknown_action_is_an_invalid_request_even_for_the_owner() -> None:
    with pytest.raises(InvalidRequest):
        resolve(by_hand(FIVE, "owner")).decide("org.fly")


def test_an_organisation_permission_on_chatbot_content_needs_the_chatbot_visible() -> None:
    facts = by_hand(WHATSAPP, "agent", {B1: {"conversations": "write"}})
    assert resolve(facts).allows("templates.use", B1)
    assert resolve(facts).decide("templates.use", B2).code == "not_visible"


def test_visible_chatbots_of_a_narrowed_member_are_listed() -> None:
    """S0-11"""
    facts = by_hand(PLEEP, "member", {B1: {"testing": "read"}, B3: {"analytics": "read"}})
    access = resolve(facts)
    assert access.visible_chatbots() == {B1, B3}
    assert not access.sees_every_chatbot()


def test_a_grant_on_a_section_that_the_role_lacks_shows_nothing() -> None:
    facts = by_hand(FIVE, "viewer", {B1: {"testing": "write"}})
    assert not resolve(facts).visible(B1)


def test_managed_members_say_by_which_connection_and_rule() -> None:
    access = resolve(managed(FIVE, ["eng"], [ENGINEERS]))
    assert access.managed_by == CONNECTION
    assert (access.source.rule_id, access.source.group_id) == (ENGINEERS.id, named("eng"))
