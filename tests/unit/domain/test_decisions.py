"""Decisions: each gate by itself, and the error that stands for its refusal."""

from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from gateway.domain.access import AccessFacts, resolve
from gateway.domain.decisions import widens
from gateway.domain.errors import (
    InvalidRequest,
    NotPermitted,
    NotVisible,
    PlanFeature,
    SubscriptionExpired,
)
from gateway.domain.gates import Record, RecordKind
from gateway.domain.memberships import MemberState
from gateway.domain.permissions import SECTIONS
from gateway.domain.plans import SubscriptionState
from gateway.domain.sources import OwnerBotAccess
from tests.unit.domain.world import B1, B2, B3, MIA, by_hand, named, world

PLEEP, WHATSAPP, FIVE, MEMBERS = (
    world(preset) for preset in ("pleep", "whatsapp", "five_role", "members_invitations")
)
CHATS_AND_RESULTS = {"conversations": "write", "analytics": "read"}
ALL_WRITE = dict.fromkeys(SECTIONS, "write")


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


ONE = {B1: {"testing": "read"}}


@pytest.mark.parametrize(
    ("before", "after", "wider"),
    [
        (by_hand(FIVE, "admin"), by_hand(FIVE, "owner"), True),
        (by_hand(FIVE, "owner"), by_hand(FIVE, "admin"), False),
        (by_hand(FIVE, "developer"), by_hand(FIVE, "developer", ONE), False),
        (by_hand(FIVE, "developer", ONE), by_hand(FIVE, "developer"), True),
        (by_hand(FIVE, "developer", ONE), by_hand(FIVE, "developer", ONE), False),
        (
            by_hand(FIVE, "developer", ONE),
            by_hand(FIVE, "developer", {B1: {"testing": "write"}}),
            True,
        ),
        (by_hand(FIVE, "developer", ONE), by_hand(FIVE, "developer", {B2: ONE[B1]}), True),
        (by_hand(FIVE, "developer", ONE), by_hand(FIVE, "billing"), True),
        (by_hand(FIVE, "viewer"), None, False),
    ],
)
def test_access_widens_by_whatever_was_not_allowed_before(
    before: AccessFacts, after: AccessFacts | None, wider: bool
) -> None:
    gone = replace(before, member=replace(before.member, state=MemberState.DEACTIVATED))
    documents = [resolve(facts).document() for facts in (before, after or gone)]
    assert widens(*documents) is wider
