"""Explaining: the enforcing decision, with where it comes from and what would change it.

Nothing here decides. The gates are the ones that `Access.decide` walks, and each
counterfactual is another run of the same derivation with one fact changed.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from gateway.domain.access import (
    AccessFacts,
    ChatbotGrant,
    Derivation,
    RoleGrant,
    assemble,
    derive,
    resolve,
)
from gateway.domain.decisions import Access, Decision
from gateway.domain.gates import CHECKS, Record, ask
from gateway.domain.mapping import Group, MappingRule
from gateway.domain.memberships import MemberState
from gateway.domain.permissions import SECTION_ATOMS, Level
from gateway.domain.plans import SubscriptionState
from gateway.domain.roles import RoleDefinition
from gateway.domain.sources import Lever, levers

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Inquiry:
    """What is asked about somebody's access."""

    action: str
    chatbot_id: UUID | None = None
    record: Record | None = None

    def decide(self, access: Access) -> Decision:
        """Return the answer that enforcement gives."""
        return access.decide(self.action, self.chatbot_id, self.record)


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """An answer with its reasons; every part but the first two is plain JSON values."""

    access: Access
    decision: Decision
    gates: list[Document]
    role: Document | None
    drift: Document | None
    ceiling: Document
    scope: Document
    grants: list[Document]
    counterfactuals: list[Document]
    levers: list[Document]

    def document(self) -> Document:
        """Return all of it as plain JSON values."""
        return {
            "decision": self.decision.allowed,
            "code": self.decision.code,
            "gates": self.gates,
            "role": self.role,
            "drift": self.drift,
            "ceiling": self.ceiling,
            "scope": self.scope,
            "grants": self.grants,
            "counterfactuals": self.counterfactuals,
            "levers": self.levers,
        }


def explain(facts: AccessFacts, inquiry: Inquiry) -> Explanation:
    """Return the decision on these facts with everything that it follows from.

    :raises InvalidRequest: an unknown action, or one on chatbots without a chatbot.
    """
    derivation = derive(facts)
    access = assemble(facts, derivation)
    decision = inquiry.decide(access)
    role = derivation.role
    return Explanation(
        access=access,
        decision=decision,
        gates=_gates(facts, access, inquiry),
        role=None if role is None else _role_with_source(facts, derivation, role),
        drift=None if derivation.drift is None else {"role": _role(derivation.drift.role)},
        ceiling=_ceiling(role),
        scope={"bot_scope": access.scope.value, "origin": access.scope_origin.value},
        grants=list(_grants(facts, derivation, inquiry.chatbot_id)),
        counterfactuals=list(_counterfactuals(facts, access, inquiry)),
        levers=[_lever(lever) for lever in levers(decision.code, access.managed_by, access.source)],
    )


def _gates(facts: AccessFacts, access: Access, inquiry: Inquiry) -> list[Document]:
    question = ask(inquiry.action, inquiry.chatbot_id, inquiry.record)
    details = _details(facts, access, inquiry)
    gates: list[Document] = []
    reached = True
    for check in CHECKS:
        gate = check(access, question)
        gates.append(
            {
                "gate": gate.name,
                "passed": gate.code is None if reached else None,
                "code": gate.code if reached else None,
                "detail": details[gate.name],
            }
        )
        # Without standing there are no permissions left to check.
        reached = reached and not (gate.code and access.standing)
    return gates


def _details(facts: AccessFacts, access: Access, inquiry: Inquiry) -> Mapping[str, str]:
    organisation, member = facts.organisation, facts.member
    role = access.role
    return {
        "organisation": "live" if organisation.live else "not live",
        "member": member.state.value,
        "hold": "on hold" if member.admin_hold else "no hold",
        "containment": "contained" if member.contained else "not contained",
        "role": f"{role.key}, {access.source.origin}" if role else access.source.origin.value,
        "chatbot": _chatbot_detail(access, inquiry),
        "subscription": organisation.subscription.value,
        "permission": _permission_detail(access, inquiry),
        "plan": ", ".join(sorted(organisation.features)) or "no features",
        "scope": f"{access.scope}, from {access.scope_origin}",
        "record": ", ".join(f"{kind}: {limit}" for kind, limit in access.record_scope.items())
        or "every record",
    }


def _chatbot_detail(access: Access, inquiry: Inquiry) -> str:
    if inquiry.chatbot_id is None:
        return "no chatbot asked about"
    if not access.opens_chatbots():
        return "the role opens no chatbot"
    return "within scope" if access.knows(str(inquiry.chatbot_id)) else "not granted"


def _permission_detail(access: Access, inquiry: Inquiry) -> str:
    if inquiry.action not in SECTION_ATOMS or inquiry.chatbot_id is None:
        return f"needs {inquiry.action}"
    section, needed = SECTION_ATOMS[inquiry.action]
    has = access.granted(str(inquiry.chatbot_id), section)
    return f"needs {section} {needed.word}, has {has.word}"


def _role_with_source(facts: AccessFacts, derivation: Derivation, role: RoleDefinition) -> Document:
    names = {group.id: group for group in facts.groups}
    matched, winner = derivation.matched, derivation.winner
    beaten = matched.roles[1:] if winner else matched.roles
    return {
        "id": str(role.id),
        "key": role.key,
        "name": role.name,
        "rank": role.rank,
        "source": {
            "origin": derivation.source.origin.value,
            "rule": None if winner is None else _rule(winner, names),
            "grant": None if derivation.grant is None else _grant(derivation.grant),
        },
        "beats": [
            {**_rule(rule, names), "role": _role(facts.organisation.roles.get(_id(rule.role_id)))}
            for rule in beaten
        ],
        "inert": [_rule(rule, names) for rule in matched.inert],
        "falls_back_to": None if winner is None else _fall_back(facts, winner),
    }


def _fall_back(facts: AccessFacts, winner: MappingRule) -> Document:
    rules = {
        group: [rule for rule in named if rule.id != winner.id]
        for group, named in facts.rules.items()
    }
    derivation = derive(replace(facts, rules=rules))
    return {"role": _role(derivation.role), "origin": derivation.source.origin.value}


def _ceiling(role: RoleDefinition | None) -> Document:
    if role is None:
        return {"sections": {}, "chatbot": [], "organisation": []}
    return {
        "sections": {name: role.sections[name].word for name in sorted(role.sections)},
        "chatbot": sorted(role.bot_atoms),
        "organisation": sorted(role.org_atoms),
    }


def _grants(
    facts: AccessFacts, derivation: Derivation, chatbot_id: UUID | None
) -> Iterator[Document]:
    names = {group.id: group for group in facts.groups}
    for rule in derivation.matched.chatbots:
        if chatbot_id in (None, rule.chatbot_id):
            for section, level in rule.sections.items():
                yield {
                    **_section(derivation.role, rule.chatbot_id, section, level),
                    "rule": _rule(rule, names),
                    "ignored": False,
                }
    for grant in facts.chatbot_grants:
        if chatbot_id in (None, grant.chatbot_id):
            yield {
                **_section(derivation.role, grant.chatbot_id, grant.section, grant.level),
                "grant": _grant(grant),
                "ignored": facts.managed,
            }


def _section(
    role: RoleDefinition | None, chatbot_id: UUID | None, section: str, level: Level
) -> Document:
    ceiling = role.level(section) if role else Level.NONE
    return {
        "chatbot": str(chatbot_id),
        "section": section,
        "level": level.word,
        "within_ceiling": min(level, ceiling).word,
    }


def _counterfactuals(facts: AccessFacts, access: Access, inquiry: Inquiry) -> Iterator[Document]:
    before = inquiry.decide(access)
    for change, subject, changed in _changed_facts(facts):
        after_access = resolve(changed)
        after = inquiry.decide(after_access)
        role_moves = (access.role and access.role.id) != (
            after_access.role and after_access.role.id
        )
        if after.allowed == before.allowed and not role_moves:
            continue
        roles = facts.organisation.roles
        yield {
            "change": change,
            **subject,
            "allowed": after.allowed,
            "code": after.code,
            "role": _role(roles.get(after_access.role.id) if after_access.role else None),
            "effect": _effect(before, after),
        }


def _changed_facts(facts: AccessFacts) -> Iterator[tuple[str, Document, AccessFacts]]:
    """Each single thing that somebody could undo, with the facts as they would then be."""
    for group in facts.groups if facts.managed else ():
        if facts.rules.get(group.id):
            rest = tuple(other for other in facts.groups if other.id != group.id)
            yield "leave_group", {"group": _group(group)}, replace(facts, groups=rest)
    if not facts.managed:
        yield from _without_grants(facts)
    yield from _with_other_standing(facts)


def _with_other_standing(facts: AccessFacts) -> Iterator[tuple[str, Document, AccessFacts]]:
    member, organisation = facts.member, facts.organisation
    if member.state is not MemberState.ACTIVE:
        active = replace(member, state=MemberState.ACTIVE)
        yield "reactivate", {}, replace(facts, member=active)
    if member.admin_hold:
        yield "lift_hold", {}, replace(facts, member=replace(member, admin_hold=False))
    if member.contained:
        yield "end_containment", {}, replace(facts, member=replace(member, contained=False))
    if member.owner_of_record:
        given_up = replace(member, owner_of_record=False)
        yield "give_up_ownership", {}, replace(facts, member=given_up)
    if not organisation.subscription.is_open:
        renewed = replace(organisation, subscription=SubscriptionState.ACTIVE)
        yield "renew_subscription", {}, replace(facts, organisation=renewed)


def _without_grants(facts: AccessFacts) -> Iterator[tuple[str, Document, AccessFacts]]:
    for grant in facts.role_grants:
        rest = tuple(other for other in facts.role_grants if other.id != grant.id)
        yield "end_grant", {"grant": _grant(grant)}, replace(facts, role_grants=rest)
    for section in facts.chatbot_grants:
        left = tuple(other for other in facts.chatbot_grants if other.id != section.id)
        yield "end_grant", {"grant": _grant(section)}, replace(facts, chatbot_grants=left)


def _effect(before: Decision, after: Decision) -> str:
    if before.allowed == after.allowed:
        return "changes_role"
    return "gives_this" if after.allowed else "removes_this"


def _rule(rule: MappingRule, names: Mapping[UUID, Group]) -> Document:
    group = names.get(rule.group_id)
    return {
        "rule": str(rule.id),
        "priority": rule.priority,
        "connection": str(rule.connection_id),
        "group": _group(group) if group else {"id": str(rule.group_id), "name": None},
    }


def _grant(grant: RoleGrant | ChatbotGrant) -> Document:
    return {
        "id": str(grant.id),
        "source": grant.source.value,
        "by": dict(grant.by),
        "valid_from": _instant(grant.valid_from),
        "valid_to": _instant(grant.valid_to),
    }


def _role(role: RoleDefinition | None) -> Document | None:
    if role is None:
        return None
    return {"id": str(role.id), "key": role.key, "name": role.name, "rank": role.rank}


def _group(group: Group) -> Document:
    return {"id": str(group.id), "name": group.display_name}


def _lever(lever: Lever) -> Document:
    return {"kind": lever.kind, "by": lever.by, "text": lever.text, **lever.ids}


def _instant(value: datetime | None) -> str | None:
    return None if value is None else value.isoformat()


def _id(value: UUID | None) -> UUID:
    return value or UUID(int=0)
