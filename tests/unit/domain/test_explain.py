"""Explaining: the reasons that come with a decision."""

from dataclasses import replace
from typing import Any

import pytest

from gateway.domain.access import AccessFacts, Unmapped, resolve
from gateway.domain.explain import Inquiry, explain
from gateway.domain.mapping import Scope
from gateway.domain.memberships import MemberState
from gateway.domain.plans import SubscriptionState
from tests.unit.domain.world import (
    B1,
    B2,
    CONNECTION,
    by_hand,
    chatbot_grants,
    chatbot_rule,
    managed,
    named,
    role_rule,
    world,
)

FIVE, PLEEP = world("five_role"), world("pleep")
ENGINEERS = role_rule(FIVE, "eng", "developer", 1, Scope.SELECTED)
SUPPORT = role_rule(FIVE, "support", "viewer", 2)
ANALYSTS = chatbot_rule("analysts", B1, analytics="write")
MIA = managed(FIVE, ["support", "eng", "analysts"], [SUPPORT, ENGINEERS, ANALYSTS])


def told(facts: AccessFacts, action: str, **about: Any) -> dict[str, Any]:
    return explain(facts, Inquiry(action, **about)).document()


def test_a_role_says_which_rule_gave_it_which_it_beat_and_what_is_below() -> None:
    role = told(MIA, "analytics.read", chatbot_id=B1)["role"]
    assert role["key"] == "developer"
    assert role["source"]["origin"] == "rule"
    assert role["source"]["rule"] == {
        "rule": str(ENGINEERS.id),
        "priority": 1,
        "connection": str(CONNECTION),
        "group": {"id": str(named("eng")), "name": "eng"},
    }
    assert [(beaten["group"]["name"], beaten["role"]["key"]) for beaten in role["beats"]] == [
        ("support", "viewer")
    ]
    assert role["falls_back_to"]["role"]["key"] == "viewer"
    assert role["falls_back_to"]["origin"] == "rule"


def test_every_gate_is_told_with_its_detail() -> None:
    answer = told(MIA, "analytics.read", chatbot_id=B1)
    assert (answer["decision"], answer["code"]) == (True, "allowed")
    gates = {gate["gate"]: gate for gate in answer["gates"]}
    assert all(gate["passed"] for gate in gates.values())
    assert gates["permission"]["detail"] == "needs analytics read, has read"
    assert gates["scope"]["detail"] == "selected, from rule"
    assert gates["subscription"]["detail"] == "active"
    assert gates["role"]["detail"] == "developer, rule"


def test_grants_say_where_they_come_from_and_where_the_ceiling_cuts_them() -> None:
    answer = told(MIA, "analytics.read", chatbot_id=B1)
    assert answer["grants"] == [
        {
            "chatbot": str(B1),
            "section": "analytics",
            "level": "write",
            "within_ceiling": "read",
            "rule": {
                "rule": str(ANALYSTS.id),
                "priority": None,
                "connection": str(CONNECTION),
                "group": {"id": str(named("analysts")), "name": "analysts"},
            },
            "ignored": False,
        }
    ]
    assert answer["ceiling"]["sections"]["analytics"] == "read"
    assert answer["scope"] == {"bot_scope": "selected", "origin": "rule"}
    assert told(MIA, "analytics.read", chatbot_id=B2)["grants"] == []


def test_leaving_a_group_is_told_with_what_it_removes() -> None:
    answer = told(MIA, "analytics.read", chatbot_id=B1)
    told_of = {
        change["group"]["name"]: (change["effect"], change["role"]["key"], change["code"])
        for change in answer["counterfactuals"]
    }
    assert told_of == {
        "eng": ("removes_this", "viewer", "not_permitted"),
        "analysts": ("removes_this", "developer", "not_visible"),
    }


def test_leaving_the_last_group_falls_to_the_default_or_to_nothing() -> None:
    for unmapped, role in ((Unmapped.DEFAULT_ROLE, "viewer"), (Unmapped.NO_ACCESS, None)):
        facts = managed(FIVE, ["eng"], [ENGINEERS], {"unmapped": unmapped})
        (change,) = told(facts, "chatbots.create")["counterfactuals"]
        assert change["effect"] == "removes_this"
        assert (change["role"] and change["role"]["key"]) == role


def test_a_change_of_role_alone_is_told_too() -> None:
    (change,) = told(managed(FIVE, ["eng"], [ENGINEERS]), "org.read")["counterfactuals"]
    assert (change["effect"], change["allowed"]) == ("changes_role", True)


def test_the_levers_of_a_managed_member_are_the_group_and_the_rule() -> None:
    levers = told(MIA, "billing.manage")["levers"]
    assert [(lever["kind"], lever["by"]) for lever in levers] == [
        ("change_groups", "identity_provider"),
        ("change_rules", "mappings.manage"),
    ]
    assert levers[0]["group"] == str(named("eng"))
    assert levers[1]["rule"] == str(ENGINEERS.id)
    assert {lever["connection"] for lever in levers} == {str(CONNECTION)}


def test_the_lever_of_a_manual_member_is_a_colleague() -> None:
    answer = told(by_hand(FIVE, "viewer"), "testing.write", chatbot_id=B1)
    assert [lever["by"] for lever in answer["levers"]] == ["members.update"]


@pytest.mark.parametrize(
    ("facts", "code", "lever", "change"),
    [
        (by_hand(FIVE, "admin", admin_hold=True), "on_hold", "lift_hold", "lift_hold"),
        (
            by_hand(FIVE, "admin", state=MemberState.DEACTIVATED),
            "member_inactive", "reactivate", "reactivate",
        ),
        (
            managed(FIVE, ["eng"], [ENGINEERS], state=MemberState.DEACTIVATED),
            "member_inactive", "activate", "reactivate",
        ),
        (
            by_hand(FIVE, "owner", owner_of_record=True, contained=True),
            "contained", "end_containment", "end_containment",
        ),
        (
            by_hand(FIVE.having(subscription=SubscriptionState.EXPIRED), "admin"),
            "subscription_expired", "renew", "renew_subscription",
        ),
    ],
)  # fmt: skip
def test_what_closes_everything_is_named_with_its_remedy(
    facts: AccessFacts, code: str, lever: str, change: str
) -> None:
    answer = told(facts, "chatbots.create")
    assert (answer["decision"], answer["code"]) == (False, code)
    assert answer["levers"][0]["kind"] == lever
    assert change in {
        other["change"] for other in answer["counterfactuals"] if other["effect"] == "gives_this"
    }


def test_gates_behind_a_lost_standing_are_not_reached() -> None:
    answer = told(by_hand(FIVE, "admin", admin_hold=True), "org.read")
    passed = {gate["gate"]: gate["passed"] for gate in answer["gates"]}
    assert (passed["member"], passed["hold"], passed["permission"]) == (True, False, None)


def test_an_owner_s_drift_is_told_and_ownership_is_the_lever() -> None:
    facts = managed(FIVE, ["support"], [SUPPORT], owner_of_record=True)
    answer = told(facts, "billing.manage")
    assert answer["drift"]["role"]["key"] == "viewer"
    assert answer["role"]["source"]["origin"] == "owner_of_record"
    assert [beaten["group"]["name"] for beaten in answer["role"]["beats"]] == ["support"]
    assert answer["levers"][0]["kind"] == "transfer_ownership"
    given_up = {change["change"]: change for change in answer["counterfactuals"]}
    assert given_up["give_up_ownership"]["effect"] == "removes_this"


def test_grants_by_hand_carry_author_and_source_and_say_when_they_are_ignored() -> None:
    facts = by_hand(PLEEP, "member", {B1: {"testing": "read"}})
    (grant,) = told(facts, "testing.read", chatbot_id=B1)["grants"]
    assert grant["grant"]["by"]["name"] == "Ada"
    assert (grant["grant"]["source"], grant["ignored"]) == ("manual", False)
    kept = replace(managed(PLEEP, []), chatbot_grants=chatbot_grants({B1: {"testing": "read"}}))
    assert [each["ignored"] for each in told(kept, "org.read")["grants"]] == [True]


def test_ending_the_grant_is_told_as_what_removes_this() -> None:
    facts = by_hand(PLEEP, "member", {B1: {"testing": "read", "analytics": "read"}})
    changes = told(facts, "testing.read", chatbot_id=B1)["counterfactuals"]
    ended = {change["grant"]["id"]: change["effect"] for change in changes}
    assert ended == {
        str(facts.chatbot_grants[0].id): "removes_this",
        str(facts.role_grants[0].id): "removes_this",
    }


def test_inert_rules_are_told() -> None:
    roles = {role.id: role for role in FIVE.organisation.roles.values() if role.key != "developer"}
    facts = managed(FIVE.having(roles=roles), ["support", "eng"], [SUPPORT, ENGINEERS])
    answer = told(facts, "org.read")
    assert [rule["group"]["name"] for rule in answer["role"]["inert"]] == ["eng"]


def test_a_member_without_a_role_is_explained() -> None:
    facts = managed(FIVE, [], [], {"unmapped": Unmapped.NO_ACCESS})
    answer = told(facts, "testing.read", chatbot_id=B1)
    assert (answer["role"], answer["code"]) == (None, "no_role")
    assert answer["ceiling"]["sections"] == {}


def test_the_access_that_is_explained_is_the_one_that_is_enforced() -> None:
    assert explain(MIA, Inquiry("org.read")).access == resolve(MIA)
