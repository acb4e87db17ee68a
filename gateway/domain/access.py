"""Effective access: what follows from a member's state, role, groups, rules and grants.

Everything that the derivation reads is in `AccessFacts`; giving it the facts as they were at an
earlier instant answers what somebody could do then.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from gateway.domain.decisions import Access
from gateway.domain.mapping import (
    NOTHING_MATCHED,
    Group,
    MappingRule,
    Matched,
    RulesByGroup,
    Scope,
    match,
)
from gateway.domain.memberships import MemberState
from gateway.domain.permissions import FEATURES_OF_ATOM, Level
from gateway.domain.plans import SubscriptionState
from gateway.domain.roles import RoleDefinition, RoleTemplate
from gateway.domain.sources import (
    GrantSource,
    HeldRole,
    Origin,
    OwnerBotAccess,
    RoleSource,
    ScopeOrigin,
)


class Unmapped(StrEnum):
    """What a connection gives to people whom no role rule names."""

    DEFAULT_ROLE = "default_role"
    NO_ACCESS = "no_access"


@dataclass(frozen=True, slots=True, kw_only=True)
class OrganisationFacts:
    """What the organisation agreed on; shared by the derivations of all its members.

    `roles` are the live ones. `valid_until` is when time alone will change any of this.
    """

    live: bool
    subscription: SubscriptionState
    owner_bot_access: OwnerBotAccess
    features: frozenset[str]
    roles: Mapping[UUID, RoleDefinition]
    owner_role_id: UUID
    default_role_id: UUID | None
    bot_scope_default: Scope
    valid_until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberFacts:
    """What the membership itself says."""

    id: UUID
    state: MemberState
    admin_hold: bool
    contained: bool
    owner_of_record: bool
    bot_scope: Scope
    managed_by: UUID | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionFacts:
    """The connection that manages the member; `live` means active, so that it decides."""

    id: UUID
    live: bool
    unmapped: Unmapped
    bot_scope: Scope | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleGrant:
    """A role given by hand or as a one-off; `by` names the author as the audit does."""

    id: UUID
    role_id: UUID
    source: GrantSource
    by: Mapping[str, Any]
    valid_from: datetime
    valid_to: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatbotGrant:
    """A section of one chatbot given by hand or as a one-off."""

    id: UUID
    chatbot_id: UUID
    section: str
    level: Level
    source: GrantSource
    by: Mapping[str, Any]
    valid_from: datetime
    valid_to: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessFacts:
    """Everything that one member's access follows from, as it is at one instant.

    `groups` are the live ones of the managing connection, `rules` its live rules by group.
    `grants` are those that hold at the instant. `teams` are the seats taken by hand.
    """

    organisation: OrganisationFacts
    member: MemberFacts
    connection: ConnectionFacts | None = None
    groups: tuple[Group, ...] = ()
    rules: RulesByGroup = field(default_factory=dict)
    role_grants: tuple[RoleGrant, ...] = ()
    chatbot_grants: tuple[ChatbotGrant, ...] = ()
    teams: frozenset[UUID] = frozenset()

    @property
    def managed(self) -> bool:
        """Whether a live connection decides role, grants and scope."""
        return self.connection is not None and self.connection.live


@dataclass(frozen=True, slots=True)
class Derivation:
    """How a role came about, kept for explaining.

    `winner` is the rule, and `grant` the grant, that decided. `drift` is set for an owner of
    record to whom the identity provider would give less: the role's id, or nothing at all.
    """

    role: RoleDefinition | None
    source: RoleSource
    matched: Matched = NOTHING_MATCHED
    winner: MappingRule | None = None
    grant: RoleGrant | None = None
    drift: "Drift | None" = None


@dataclass(frozen=True, slots=True)
class Drift:
    """What an identity provider would make of an owner of record."""

    role: RoleDefinition | None


def resolve(facts: AccessFacts) -> Access:
    """Return the effective access; deciding and explaining both start here."""
    return assemble(facts, derive(facts))


def derive(facts: AccessFacts) -> Derivation:
    """Return the effective role and why: owner of record, else the identity provider, else hand."""
    matched = match(facts.groups, facts.rules, facts.organisation.roles) if facts.managed else None
    if facts.member.owner_of_record:
        return _owner(facts, matched)
    return _by_hand(facts) if matched is None else _by_provider(facts, matched)


def assemble(facts: AccessFacts, derivation: Derivation) -> Access:
    """Return the access that a derived role gives."""
    organisation, member, role = facts.organisation, facts.member, derivation.role
    standing = _standing(organisation, member, role)
    powers: RoleTemplate = _NO_POWERS if role is None or standing else role
    scope, scope_origin = _scope(facts, derivation)
    narrowed = powers is role and scope is Scope.SELECTED
    return Access(
        member_id=member.id,
        standing=standing,
        role=HeldRole(role.id, role.key, role.rank, role.is_owner_role) if role else None,
        source=derivation.source,
        managed_by=facts.connection.id if facts.connection and facts.managed else None,
        owner_of_record=member.owner_of_record,
        scope=scope,
        scope_origin=scope_origin,
        org_atoms=powers.org_atoms,
        unavailable=_unavailable(powers.org_atoms, organisation.features),
        ceiling=powers.sections,
        bot_atoms=powers.bot_atoms,
        record_scope=powers.record_scope,
        chatbots=_capped(granted_levels(facts, derivation.matched), powers) if narrowed else {},
        teams=frozenset() if standing else _teams(facts, derivation.matched),
        suspended=None if organisation.subscription.is_open else organisation.owner_bot_access,
        valid_until=_valid_until(facts),
    )


def of_service_key(
    key_id: UUID, role: RoleDefinition | None, organisation: OrganisationFacts
) -> Access:
    """Return what a key of the organisation itself may do: its role, on every chatbot."""
    holder = MemberFacts(
        id=key_id,
        state=MemberState.ACTIVE,
        admin_hold=False,
        contained=False,
        owner_of_record=False,
        bot_scope=Scope.ALL,
        managed_by=None,
    )
    facts = AccessFacts(organisation=organisation, member=holder)
    return assemble(facts, Derivation(role, RoleSource(Origin.GRANT)))


def granted_levels(facts: AccessFacts, matched: Matched) -> dict[UUID, dict[str, Level]]:
    """Return chatbot → section → highest level given, before the role's ceiling.

    For a managed member only rules give; grants by hand are kept and ignored.
    """
    levels: dict[UUID, dict[str, Level]] = {}
    if facts.managed:
        for rule in matched.chatbots:
            if rule.chatbot_id is not None:
                _raise_levels(levels.setdefault(rule.chatbot_id, {}), rule.sections.items())
    else:
        for grant in facts.chatbot_grants:
            _raise_levels(levels.setdefault(grant.chatbot_id, {}), ((grant.section, grant.level),))
    return levels


@dataclass(frozen=True, slots=True)
class Conversion:
    """What to write by hand so that access stays as it is when a connection stops deciding.

    An owner of record needs no role grant. Teams are the seats that followed groups.
    """

    role_id: UUID | None
    scope: Scope
    chatbots: tuple[tuple[UUID, str, Level], ...]
    teams: frozenset[UUID]


def conversion(facts: AccessFacts) -> Conversion:
    """Return the grants, scope and seats that replace what a live connection gives."""
    derivation = derive(facts)
    role = derivation.role
    levels = granted_levels(facts, derivation.matched)
    return Conversion(
        role.id if role is not None and not facts.member.owner_of_record else None,
        _scope(facts, derivation)[0] if role is None or role.narrowable else facts.member.bot_scope,
        tuple(
            (chatbot_id, section, level)
            for chatbot_id, sections in levels.items()
            for section, level in sections.items()
        ),
        frozenset(rule.team_id for rule in derivation.matched.teams if rule.team_id is not None)
        - facts.teams,
    )


def _owner(facts: AccessFacts, matched: Matched | None) -> Derivation:
    owner = facts.organisation.roles[facts.organisation.owner_role_id]
    source = RoleSource(Origin.OWNER_OF_RECORD)
    if matched is None:
        return Derivation(owner, source)
    told = _by_provider(facts, matched).role
    drift = None if told is not None and told.rank >= owner.rank else Drift(told)
    return Derivation(owner, source, matched, drift=drift)


def _by_provider(facts: AccessFacts, matched: Matched) -> Derivation:
    organisation, connection = facts.organisation, facts.connection
    if matched.roles:
        rule = matched.roles[0]
        role = organisation.roles[rule.role_id] if rule.role_id is not None else None
        return Derivation(
            role, RoleSource(Origin.RULE, rule.id, rule.group_id), matched, winner=rule
        )
    default = organisation.roles.get(organisation.default_role_id or _NIL)
    if connection is not None and connection.unmapped is Unmapped.DEFAULT_ROLE and default:
        return Derivation(default, RoleSource(Origin.UNMAPPED_DEFAULT), matched)
    return Derivation(None, RoleSource(Origin.UNMAPPED_NO_ACCESS), matched)


def _by_hand(facts: AccessFacts) -> Derivation:
    roles = facts.organisation.roles
    live = [grant for grant in facts.role_grants if grant.role_id in roles]
    if not live:
        return Derivation(None, RoleSource(Origin.NOTHING))
    grant = max(live, key=lambda each: (each.valid_from, each.id.int))
    source = RoleSource(Origin.GRANT, grant_id=grant.id)
    return Derivation(roles[grant.role_id], source, grant=grant)


def _standing(
    organisation: OrganisationFacts, member: MemberFacts, role: RoleDefinition | None
) -> str | None:
    if not organisation.live:
        return "not_visible"
    if member.state is not MemberState.ACTIVE:
        return "member_inactive"
    if member.admin_hold:
        return "on_hold"
    if member.contained:
        return "contained"
    return "no_role" if role is None else None


def _scope(facts: AccessFacts, derivation: Derivation) -> tuple[Scope, ScopeOrigin]:
    if derivation.role is not None and not derivation.role.narrowable:
        return Scope.ALL, ScopeOrigin.ROLE
    if facts.connection is None or not facts.connection.live:
        return facts.member.bot_scope, ScopeOrigin.MEMBER
    if derivation.winner is not None and derivation.winner.bot_scope is not None:
        return derivation.winner.bot_scope, ScopeOrigin.RULE
    if facts.connection.bot_scope is not None:
        return facts.connection.bot_scope, ScopeOrigin.CONNECTION
    return facts.organisation.bot_scope_default, ScopeOrigin.PRESET


def _unavailable(org_atoms: frozenset[str], features: frozenset[str]) -> frozenset[str]:
    missing = (
        atom
        for atom, needed in FEATURES_OF_ATOM.items()
        if atom in org_atoms and not needed & features
    )
    return frozenset(missing)


def _raise_levels(levels: dict[str, Level], given: Iterable[tuple[str, Level]]) -> None:
    for section, level in given:
        if level > levels.get(section, Level.NONE):
            levels[section] = level


def _capped(
    levels: Mapping[UUID, Mapping[str, Level]], powers: RoleTemplate
) -> dict[str, dict[str, str]]:
    capped: dict[str, dict[str, str]] = {}
    for chatbot_id, sections in levels.items():
        reached = {
            section: min(level, powers.sections[section]).word
            for section, level in sections.items()
            if section in powers.sections
        }
        if reached:
            capped[str(chatbot_id)] = reached
    return capped


def _teams(facts: AccessFacts, matched: Matched) -> frozenset[str]:
    if not matched.teams and not facts.teams:
        return frozenset()
    return frozenset(map(str, facts.teams)).union(str(rule.team_id) for rule in matched.teams)


def _valid_until(facts: AccessFacts) -> datetime | None:
    ends = [] if facts.managed else [grant.valid_to for grant in facts.role_grants]
    if not facts.managed:
        ends += [grant.valid_to for grant in facts.chatbot_grants]
    ends.append(facts.organisation.valid_until)
    known = [end for end in ends if end is not None]
    return min(known) if known else None


_NIL = UUID(int=0)
_NO_POWERS = RoleTemplate(
    key="",
    name="",
    rank=0,
    narrowable=True,
    org_atoms=frozenset(),
    sections={},
    bot_atoms=frozenset(),
    record_scope={},
    invitable=False,
    grant_only_by=frozenset(),
    manages=frozenset(),
    is_owner_role=False,
    custom=False,
)
