"""Mapping rules: which role, chatbot sections and team a directory group gives.

Rules name groups by id, so that a rename changes nothing and a deleted group leaves its
rules inert.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from uuid import UUID

from gateway.domain.errors import InvalidRequest, ScopeUndecided
from gateway.domain.permissions import Level
from gateway.domain.roles import RoleDefinition


class Scope(StrEnum):
    """Whether a member works on every chatbot or only on those granted one by one."""

    ALL = "all"
    SELECTED = "selected"


class RuleKind(StrEnum):
    """What a rule gives."""

    ROLE = "role"
    CHATBOT = "chatbot"
    TEAM = "team"


@dataclass(frozen=True, slots=True, kw_only=True)
class MappingRule:
    """One line of a connection's mapping; the fields of the other kinds stay empty."""

    id: UUID
    connection_id: UUID
    group_id: UUID
    kind: RuleKind
    role_id: UUID | None = None
    priority: int | None = None
    bot_scope: Scope | None = None
    chatbot_id: UUID | None = None
    sections: Mapping[str, Level] = field(default_factory=dict)
    team_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """A live directory group of which somebody is a member."""

    id: UUID
    display_name: str


RulesByGroup = Mapping[UUID, Sequence[MappingRule]]
"""Rules as decisions read them: by the group that they name."""


@dataclass(frozen=True, slots=True)
class Matched:
    """What the rules of somebody's groups give.

    `roles` are the role rules that can give something, the winner first; `inert` name a role
    that no longer exists. Chatbot and team rules add up.
    """

    roles: tuple[MappingRule, ...]
    inert: tuple[MappingRule, ...]
    chatbots: tuple[MappingRule, ...]
    teams: tuple[MappingRule, ...]


NOTHING_MATCHED = Matched((), (), (), ())


def by_group(rules: Iterable[MappingRule]) -> dict[UUID, list[MappingRule]]:
    """Return the rules keyed by the group that they name."""
    index: dict[UUID, list[MappingRule]] = {}
    for rule in rules:
        index.setdefault(rule.group_id, []).append(rule)
    return index


def match(
    groups: Iterable[Group], rules: RulesByGroup, roles: Mapping[UUID, RoleDefinition]
) -> Matched:
    """Return what the groups give; the role rule of the lowest priority number wins."""
    found = [rule for group in groups for rule in rules.get(group.id, ())]
    if not found:
        return NOTHING_MATCHED
    giving: list[MappingRule] = []
    inert: list[MappingRule] = []
    for rule in found:
        if rule.kind is RuleKind.ROLE:
            (giving if rule.role_id in roles else inert).append(rule)
    giving.sort(key=precedence)
    return Matched(
        tuple(giving),
        tuple(inert),
        tuple(rule for rule in found if rule.kind is RuleKind.CHATBOT),
        tuple(rule for rule in found if rule.kind is RuleKind.TEAM),
    )


def precedence(rule: MappingRule) -> tuple[int, int]:
    """Return the sort key of role rules: the unique priority, then the id, lower first."""
    return (rule.priority or 0, rule.id.int)


def require_well_formed(rule: MappingRule) -> None:
    """Refuse a rule whose fields do not fit its kind.

    :raises InvalidRequest: names the missing or surplus field.
    """
    needed, allowed = _SHAPES[rule.kind]
    given = {
        name
        for name in ("role_id", "priority", "bot_scope", "chatbot_id", "sections", "team_id")
        if getattr(rule, name) not in (None, {})
    }
    for name in sorted(needed - given):
        raise InvalidRequest(f"A {rule.kind} rule needs {name}.", field=name)
    for name in sorted(given - needed - allowed):
        raise InvalidRequest(f"A {rule.kind} rule has no {name}.", field=name)
    if rule.priority is not None and rule.priority < 0:
        raise InvalidRequest("A priority is not negative; the lowest wins.", field="priority")


def require_scope_decided(rule: MappingRule, chosen: Scope | None, default: Scope) -> None:
    """Refuse a chatbot rule on a connection whose scope is `all` because nobody chose it.

    Otherwise the first rule for one chatbot would look like a limit and be none.
    """
    if rule.kind is RuleKind.CHATBOT and chosen is None and default is Scope.ALL:
        raise ScopeUndecided(
            "Choose first whether this connection's people see all chatbots or selected ones.",
            levers=("Set bot_scope of the connection to all or selected.",),
            connection=str(rule.connection_id),
        )


_SHAPES: Mapping[RuleKind, tuple[frozenset[str], frozenset[str]]] = {
    RuleKind.ROLE: (frozenset({"role_id", "priority"}), frozenset({"bot_scope"})),
    RuleKind.CHATBOT: (frozenset({"chatbot_id", "sections"}), frozenset()),
    RuleKind.TEAM: (frozenset({"team_id"}), frozenset()),
}
"""Kind → the fields that it needs, and those that it may have."""
