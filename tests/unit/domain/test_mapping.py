"""Mapping rules: which match, which win, and which may be saved."""

from dataclasses import replace

import pytest

from gateway.domain.errors import InvalidRequest, ScopeUndecided
from gateway.domain.mapping import (
    NOTHING_MATCHED,
    MappingRule,
    RuleKind,
    Scope,
    by_group,
    match,
    require_scope_decided,
    require_well_formed,
)
from tests.unit.domain.world import B1, chatbot_rule, group, named, role_rule, team_rule, world

FIVE = world("five_role")
ENGINEERS = role_rule(FIVE, "eng", "developer", 1)
SUPPORT = role_rule(FIVE, "support", "viewer", 2)
ROLES = FIVE.organisation.roles


def test_the_winner_comes_first_and_the_beaten_after_it() -> None:
    for rules in ([ENGINEERS, SUPPORT], [SUPPORT, ENGINEERS]):
        matched = match([group("support"), group("eng")], by_group(rules), ROLES)
        assert matched.roles == (ENGINEERS, SUPPORT)


def test_groups_without_rules_match_nothing() -> None:
    rules = by_group([ENGINEERS])
    assert match([group("lunch")], rules, ROLES) == NOTHING_MATCHED
    assert match([], rules, ROLES) == NOTHING_MATCHED


def test_a_deleted_group_leaves_its_rules_inert() -> None:
    assert match([group("support")], by_group([ENGINEERS, SUPPORT]), ROLES).roles == (SUPPORT,)


def test_chatbot_and_team_rules_of_all_groups_count() -> None:
    rules = [chatbot_rule("eng", B1, testing="write"), team_rule("support", "first line")]
    matched = match([group("support"), group("eng")], by_group(rules), ROLES)
    assert (matched.chatbots, matched.teams) == ((rules[0],), (rules[1],))


@pytest.mark.parametrize(
    "rule", [ENGINEERS, chatbot_rule("eng", B1, testing="read"), team_rule("eng", "first line")]
)
def test_a_rule_with_the_fields_of_its_kind_is_well_formed(rule: MappingRule) -> None:
    require_well_formed(rule)


@pytest.mark.parametrize(
    ("rule", "field"),
    [
        (replace(ENGINEERS, role_id=None), "role_id"),
        (replace(ENGINEERS, priority=None), "priority"),
        (replace(ENGINEERS, priority=-1), "priority"),
        (replace(ENGINEERS, team_id=named("team")), "team_id"),
        (replace(ENGINEERS, chatbot_id=B1), "chatbot_id"),
        (replace(ENGINEERS, kind=RuleKind.TEAM), "team_id"),
        (chatbot_rule("eng", B1), "sections"),
        (replace(chatbot_rule("eng", B1, testing="read"), priority=1), "priority"),
        (replace(chatbot_rule("eng", B1, testing="read"), bot_scope=Scope.ALL), "bot_scope"),
    ],
)
def test_a_rule_with_missing_or_surplus_fields_is_refused_by_the_field(
    rule: MappingRule, field: str
) -> None:
    with pytest.raises(InvalidRequest) as raised:
        require_well_formed(rule)
    assert raised.value.details == {"field": field}


@pytest.mark.parametrize(
    ("rule", "chosen", "default", "refused"),
    [
        (chatbot_rule("eng", B1, testing="read"), None, Scope.ALL, True),
        (chatbot_rule("eng", B1, testing="read"), None, Scope.SELECTED, False),
        (chatbot_rule("eng", B1, testing="read"), Scope.ALL, Scope.ALL, False),
        (chatbot_rule("eng", B1, testing="read"), Scope.SELECTED, Scope.ALL, False),
        (ENGINEERS, None, Scope.ALL, False),
        (team_rule("eng", "first line"), None, Scope.ALL, False),
    ],
)
def test_the_first_chatbot_rule_waits_until_the_scope_is_chosen(
    rule: MappingRule, chosen: Scope | None, default: Scope, refused: bool
) -> None:
    if not refused:
        require_scope_decided(rule, chosen, default)
        return
    with pytest.raises(ScopeUndecided):
        require_scope_decided(rule, chosen, default)
