"""Properties of effective access over random organisations, groups, rules and grants."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.access import (
    AccessFacts,
    ChatbotGrant,
    ConnectionFacts,
    RoleGrant,
    Unmapped,
    derive,
    resolve,
)
from gateway.domain.decisions import Access
from gateway.domain.explain import Inquiry, explain
from gateway.domain.gates import Record, RecordKind
from gateway.domain.mapping import MappingRule, RuleKind, Scope, by_group
from gateway.domain.memberships import MemberState
from gateway.domain.permissions import (
    ACTIONS,
    BOT_ATOMS,
    ORG_ATOMS,
    SECTION_ATOMS,
    SECTIONS,
    Level,
)
from gateway.domain.plans import SubscriptionState
from gateway.domain.sources import GrantSource, OwnerBotAccess
from tests.unit.domain.world import (
    AUTHOR,
    B1,
    B2,
    CONNECTION,
    MIA,
    MORNING,
    PRESETS,
    World,
    group,
    member,
    named,
    world,
)

pytestmark = pytest.mark.soak

CHATBOTS = (B1, B2)
GROUPS = ("g1", "g2", "g3", "g4")
WORLDS = [world(preset) for preset in PRESETS]
ON_CHATBOTS = BOT_ATOMS | frozenset(SECTION_ATOMS)
Asked = tuple[str, UUID | None]
QUESTIONS: list[Asked] = [
    *((action, None) for action in sorted(ORG_ATOMS)),
    *((action, chatbot) for action in sorted(ACTIONS) for chatbot in CHATBOTS),
]

chatbots = st.sampled_from(CHATBOTS)
groups = st.sampled_from(GROUPS)
scopes = st.sampled_from(Scope)
levels = st.sampled_from([Level.READ, Level.WRITE])
sections = st.dictionaries(st.sampled_from(SECTIONS), levels, min_size=1, max_size=3)


@st.composite
def worlds(draw: st.DrawFn) -> World:
    at = draw(st.sampled_from(WORLDS))
    return at.having(
        subscription=draw(st.sampled_from([SubscriptionState.ACTIVE, *SubscriptionState])),
        owner_bot_access=draw(st.sampled_from(OwnerBotAccess)),
        features=frozenset(draw(st.sets(st.sampled_from(["sso", "scim"])))),
    )


@st.composite
def rules(draw: st.DrawFn, at: World) -> list[MappingRule]:
    drawn: list[MappingRule] = []
    roles = st.sampled_from([*at.organisation.roles, named("gone")])
    for number in range(draw(st.integers(0, 7))):
        kind = draw(st.sampled_from(RuleKind))
        rule = MappingRule(
            id=named(f"rule {number}"),
            connection_id=CONNECTION,
            group_id=named(draw(groups)),
            kind=kind,
        )
        if kind is RuleKind.ROLE:
            scope = draw(st.none() | scopes)
            rule = replace(rule, role_id=draw(roles), priority=number, bot_scope=scope)
        elif kind is RuleKind.CHATBOT:
            rule = replace(rule, chatbot_id=draw(chatbots), sections=draw(sections))
        else:
            rule = replace(rule, team_id=named(draw(st.sampled_from(["t1", "t2"]))))
        drawn.append(rule)
    return drawn


@st.composite
def role_grants(draw: st.DrawFn, at: World) -> list[RoleGrant]:
    return [
        RoleGrant(
            id=named(f"role grant {number}"),
            role_id=role_id,
            source=GrantSource.MANUAL,
            by=AUTHOR,
            valid_from=MORNING + timedelta(hours=number),
            valid_to=draw(st.none() | st.just(MORNING + timedelta(days=number + 1))),
        )
        for number, role_id in enumerate(
            draw(st.lists(st.sampled_from(list(at.organisation.roles)), max_size=2))
        )
    ]


@st.composite
def section_grants(draw: st.DrawFn) -> list[ChatbotGrant]:
    return [
        ChatbotGrant(
            id=named(f"grant {number}"),
            chatbot_id=draw(chatbots),
            section=draw(st.sampled_from(SECTIONS)),
            level=draw(levels),
            source=GrantSource.MANUAL,
            by=AUTHOR,
            valid_from=MORNING,
        )
        for number in range(draw(st.integers(0, 4)))
    ]


@st.composite
def facts(draw: st.DrawFn) -> AccessFacts:
    at = draw(worlds())
    mostly = st.sampled_from([False, False, False, True])
    managed = draw(st.booleans())
    return AccessFacts(
        organisation=at.organisation,
        member=member(
            state=draw(st.sampled_from([MemberState.ACTIVE, MemberState.ACTIVE, *MemberState])),
            admin_hold=draw(mostly),
            contained=draw(mostly),
            owner_of_record=draw(mostly),
            bot_scope=draw(scopes),
            managed_by=CONNECTION if managed else None,
        ),
        connection=ConnectionFacts(
            id=CONNECTION,
            live=draw(st.sampled_from([True, True, True, False])),
            unmapped=draw(st.sampled_from(Unmapped)),
            bot_scope=draw(st.none() | scopes),
        )
        if managed
        else None,
        groups=tuple(group(name) for name in draw(st.lists(groups, unique=True))),
        rules=by_group(draw(rules(at))),
        role_grants=tuple(draw(role_grants(at))),
        chatbot_grants=tuple(draw(section_grants())),
        teams=frozenset(map(named, draw(st.sets(st.sampled_from(["t1", "t2", "t3"]))))),
    )


@st.composite
def records(draw: st.DrawFn) -> Record:
    people = st.sampled_from([None, MIA, named("joe")])
    teams = st.sampled_from([None, named("t1"), named("t2"), named("t3")])
    return Record(draw(st.sampled_from(RecordKind)), draw(people), draw(teams))


def granted(access: Access) -> set[Asked]:
    """Every question that is answered with yes."""
    return {question for question in QUESTIONS if access.allows(*question)}


def everyday(given_facts: AccessFacts) -> AccessFacts:
    """The same facts with standing and an open subscription, where rules have their say."""
    return replace(
        given_facts,
        organisation=replace(
            given_facts.organisation,
            subscription=SubscriptionState.ACTIVE,
            features=frozenset({"sso", "scim"}),
        ),
        member=replace(
            given_facts.member, state=MemberState.ACTIVE, admin_hold=False, contained=False
        ),
    )


@given(facts(), records())
def test_a_stored_document_decides_like_the_facts(given_facts: AccessFacts, record: Record) -> None:
    access = resolve(given_facts)
    read = Access.from_document(json.loads(json.dumps(access.document())))
    assert read == access
    assert read.document() == access.document()
    for question in QUESTIONS:
        assert read.decide(*question) == access.decide(*question)
        assert read.decide(*question, record) == access.decide(*question, record)


@given(facts())
def test_access_is_what_the_formula_says(given_facts: AccessFacts) -> None:
    """S4-21, C15"""
    given_facts = everyday(given_facts)
    access = resolve(given_facts)
    role = derive(given_facts).role
    for chatbot in CHATBOTS:
        found = {section: access.level(chatbot, section) for section in SECTIONS}
        assert found == {section: _formula(given_facts, chatbot, section) for section in SECTIONS}
        sees = any(found.values()) or (
            role is not None and access.scope is Scope.ALL and "chatbot.read" in role.bot_atoms
        )
        assert access.visible(chatbot) == access.allows("chatbot.read", chatbot) == sees
        for action, (section, level) in SECTION_ATOMS.items():
            assert access.allows(action, chatbot) == (found[section] >= level)


def _formula(given_facts: AccessFacts, chatbot: object, section: str) -> Level:
    role = derive(given_facts).role
    if role is None:
        return Level.NONE
    if resolve(given_facts).scope is Scope.ALL:
        return role.level(section)
    grants = [Level.NONE]
    if given_facts.managed:
        held = {each.id for each in given_facts.groups}
        grants += [
            rule.sections.get(section, Level.NONE)
            for named_rules in given_facts.rules.values()
            for rule in named_rules
            if rule.group_id in held and rule.chatbot_id == chatbot
        ]
    else:
        grants += [
            grant.level
            for grant in given_facts.chatbot_grants
            if grant.chatbot_id == chatbot and grant.section == section
        ]
    return min(role.level(section), max(grants))


@given(facts())
def test_taking_something_away_adds_nothing_but_the_fall_through_to_another_role(
    given_facts: AccessFacts,
) -> None:
    given_facts = everyday(given_facts)
    before = resolve(given_facts)
    winner = derive(given_facts).source
    for less in _with_one_thing_less(given_facts):
        after = resolve(less)
        if derive(less).source == winner:
            assert granted(after) <= granted(before)
            assert after.teams <= before.teams


def _with_one_thing_less(given_facts: AccessFacts) -> Iterator[AccessFacts]:
    for left in given_facts.groups:
        rest = tuple(other for other in given_facts.groups if other != left)
        yield replace(given_facts, groups=rest)
    for gone in [rule for named_rules in given_facts.rules.values() for rule in named_rules]:
        kept = by_group(
            rule
            for named_rules in given_facts.rules.values()
            for rule in named_rules
            if rule != gone
        )
        yield replace(given_facts, rules=kept)
    for role_grant in given_facts.role_grants:
        others = tuple(other for other in given_facts.role_grants if other != role_grant)
        yield replace(given_facts, role_grants=others)
    for grant in given_facts.chatbot_grants:
        remaining = tuple(other for other in given_facts.chatbot_grants if other != grant)
        yield replace(given_facts, chatbot_grants=remaining)
    yield replace(given_facts, teams=frozenset())


@given(facts())
def test_access_never_exceeds_what_the_role_allows(given_facts: AccessFacts) -> None:
    role = derive(given_facts).role
    allowed = {action for action, _chatbot in granted(resolve(given_facts))}
    assert allowed <= (role.atoms() if role else frozenset())


@given(facts())
def test_without_grants_a_narrowed_member_sees_nothing(given_facts: AccessFacts) -> None:
    bare = replace(everyday(given_facts), chatbot_grants=(), rules={})
    access = resolve(bare)
    if access.scope is Scope.SELECTED:
        assert not any(access.visible(chatbot) for chatbot in CHATBOTS)
        assert not any(access.allows(action, B1) for action in ON_CHATBOTS)


@given(facts())
def test_without_standing_access_is_empty(given_facts: AccessFacts) -> None:
    subject = given_facts.member
    access = resolve(given_facts)
    stands = (
        subject.state is MemberState.ACTIVE
        and not subject.admin_hold
        and not subject.contained
        and derive(given_facts).role is not None
    )
    assert (access.standing is None) == stands
    assert access.is_empty() == (not stands)
    if not stands:
        assert granted(access) == set()
        assert access.teams == frozenset()


@given(facts())
def test_the_order_of_groups_rules_and_grants_does_not_matter(given_facts: AccessFacts) -> None:
    turned = replace(
        given_facts,
        groups=given_facts.groups[::-1],
        rules={key: list(value)[::-1] for key, value in sorted(given_facts.rules.items())},
        role_grants=given_facts.role_grants[::-1],
        chatbot_grants=given_facts.chatbot_grants[::-1],
    )
    assert json.dumps(resolve(turned).document()) == json.dumps(resolve(given_facts).document())


@given(facts(), st.sampled_from(QUESTIONS), records() | st.none())
def test_explaining_decides_like_enforcing(
    given_facts: AccessFacts, question: Asked, record: Record | None
) -> None:
    enforced = resolve(given_facts).decide(*question, record)
    explanation = explain(given_facts, Inquiry(*question, record))
    assert explanation.decision == enforced
    shut = [gate["code"] for gate in explanation.gates if gate["passed"] is False]
    assert shut[:1] == ([] if enforced.allowed else [enforced.code])
    told = explanation.document()
    assert json.loads(json.dumps(told)) == told


@given(facts(), st.sampled_from(QUESTIONS))
def test_each_counterfactual_comes_true(given_facts: AccessFacts, question: Asked) -> None:
    for change in explain(given_facts, Inquiry(*question)).counterfactuals:
        if change["change"] == "leave_group":
            rest = tuple(g for g in given_facts.groups if str(g.id) != change["group"]["id"])
            then = resolve(replace(given_facts, groups=rest)).decide(*question)
            assert (then.allowed, then.code) == (change["allowed"], change["code"])
