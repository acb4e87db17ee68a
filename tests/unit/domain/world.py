"""Organisations of each product as facts, and members of them, in one line each."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid5

from gateway.domain.access import (
    AccessFacts,
    ChatbotGrant,
    ConnectionFacts,
    MemberFacts,
    OrganisationFacts,
    RoleGrant,
    Unmapped,
)
from gateway.domain.mapping import Group, MappingRule, RuleKind, Scope, by_group
from gateway.domain.memberships import MemberState
from gateway.domain.permissions import Level
from gateway.domain.plans import SubscriptionState
from gateway.domain.roles import RoleDefinition
from gateway.domain.sources import GrantSource, OwnerBotAccess
from gateway.services.presets import packaged

PRESETS = ("pleep", "whatsapp", "five_role", "pingback", "members_invitations")
MORNING = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
AUTHOR = {"type": "member", "id": "author", "name": "Ada"}


def named(name: str) -> UUID:
    """The same id for the same name, everywhere."""
    return uuid5(UUID(int=0), name)


B1, B2, B3 = named("b1"), named("b2"), named("b3")
CONNECTION = named("connection")
MIA = named("mia")


@dataclass(frozen=True)
class World:
    """One organisation of a product."""

    organisation: OrganisationFacts

    def role(self, key: str) -> RoleDefinition:
        return next(role for role in self.organisation.roles.values() if role.key == key)

    def having(self, **changes: Any) -> "World":
        return World(replace(self.organisation, **changes))

    def with_role(self, role: RoleDefinition) -> "World":
        return self.having(roles={**self.organisation.roles, role.id: role})


def world(preset: str, **policies: Any) -> World:
    """An organisation as it is on its first day, with every feature."""
    made = packaged().preset(preset)
    agreed = {**made.policies, **policies}
    roles = {
        named(f"{preset}.{key}"): role.owned(named(f"{preset}.{key}"))
        for key, role in made.roles_under(agreed).items()
    }
    return World(
        OrganisationFacts(
            live=True,
            subscription=SubscriptionState.ACTIVE,
            owner_bot_access=OwnerBotAccess.NONE,
            features=frozenset({"sso", "scim"}),
            roles=roles,
            owner_role_id=named(f"{preset}.{made.owner_role}"),
            default_role_id=named(f"{preset}.{made.default_role}"),
            bot_scope_default=Scope(agreed["bot_scope_default"]),
        )
    )


def member(**changes: Any) -> MemberFacts:
    plain = MemberFacts(
        id=MIA,
        state=MemberState.ACTIVE,
        admin_hold=False,
        contained=False,
        owner_of_record=False,
        bot_scope=Scope.ALL,
        managed_by=None,
    )
    return replace(plain, **changes)


def chatbot_grants(
    grants: Mapping[UUID, Mapping[str, str]], **changes: Any
) -> tuple[ChatbotGrant, ...]:
    return tuple(
        replace(
            ChatbotGrant(
                id=named(f"grant {chatbot} {section}"),
                chatbot_id=chatbot,
                section=section,
                level=Level.parse(level),
                source=GrantSource.MANUAL,
                by=AUTHOR,
                valid_from=MORNING,
            ),
            **changes,
        )
        for chatbot, sections in grants.items()
        for section, level in sections.items()
    )


def by_hand(
    at: World,
    role: str | None,
    grants: Mapping[UUID, Mapping[str, str]] | None = None,
    **changes: Any,
) -> AccessFacts:
    """A member of the manual path; with grants given, narrowed to them."""
    scope = Scope.ALL if grants is None else Scope.SELECTED
    given = (
        RoleGrant(
            id=named("role grant"),
            role_id=at.role(role).id,
            source=GrantSource.MANUAL,
            by=AUTHOR,
            valid_from=MORNING,
        )
        if role
        else None
    )
    return AccessFacts(
        organisation=at.organisation,
        member=member(**{"bot_scope": scope, **changes}),
        role_grants=(given,) if given else (),
        chatbot_grants=chatbot_grants(grants or {}),
    )


def group(name: str) -> Group:
    return Group(named(name), name)


def role_rule(
    at: World, name: str, role: str, priority: int, scope: Scope | None = None
) -> MappingRule:
    return MappingRule(
        id=named(f"rule {name} {role}"),
        connection_id=CONNECTION,
        group_id=named(name),
        kind=RuleKind.ROLE,
        role_id=at.role(role).id,
        priority=priority,
        bot_scope=scope,
    )


def chatbot_rule(name: str, chatbot: UUID, **sections: str) -> MappingRule:
    return MappingRule(
        id=named(f"rule {name} {chatbot}"),
        connection_id=CONNECTION,
        group_id=named(name),
        kind=RuleKind.CHATBOT,
        chatbot_id=chatbot,
        sections={section: Level.parse(level) for section, level in sections.items()},
    )


def team_rule(name: str, team: str) -> MappingRule:
    return MappingRule(
        id=named(f"rule {name} {team}"),
        connection_id=CONNECTION,
        group_id=named(name),
        kind=RuleKind.TEAM,
        team_id=named(team),
    )


def managed(
    at: World,
    groups: Iterable[str],
    rules: Iterable[MappingRule] = (),
    connection: Mapping[str, Any] | None = None,
    **changes: Any,
) -> AccessFacts:
    """A member whom a live SCIM connection manages."""
    decides = ConnectionFacts(
        id=CONNECTION, live=True, unmapped=Unmapped.DEFAULT_ROLE, bot_scope=None
    )
    return AccessFacts(
        organisation=at.organisation,
        member=member(managed_by=CONNECTION, **changes),
        connection=replace(decides, **(connection or {})),
        groups=tuple(group(name) for name in groups),
        rules=by_group(rules),
    )
