"""Mapping rules: which access an identity provider's group gives."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from gateway.domain import acting as rules
from gateway.domain.connections import Connection
from gateway.domain.errors import AlreadyExists, InvalidRequest, NotFound
from gateway.domain.events import Fact, Target
from gateway.domain.mapping import (
    MappingRule,
    RuleKind,
    Scope,
    require_scope_decided,
    require_well_formed,
)
from gateway.domain.permissions import parse_sections
from gateway.services import (
    access,
    acting,
    chatbots,
    connections,
    funnel,
    group_facts,
    mapped,
    teams,
    terms,
)
from gateway.storage import tables as t
from gateway.storage.unit_of_work import UnitOfWork


def create_rule(
    uow: UnitOfWork, connection_id: UUID, group_id: UUID, kind: str, **wish: Any
) -> UUID:
    """Map a group; its people have the new access when this commits.

    `wish` is role_id, priority and bot_scope, or chatbot_id and sections, or team_id.

    :raises InvalidRequest: a field that does not fit the kind, or names nothing of this
        organisation. :raises AlreadyExists: the priority is taken.
    :raises RoleAboveOwn: the rule gives more than its author may give.
    :raises ScopeUndecided: a first chatbot rule, and nobody chose the connection's scope.
    """
    connection = connections.of_any_kind(uow, connection_id)
    rule = _rule(uow.new_id(), connection_id, group_id, kind, wish)
    _require_sound(uow, connection, rule)
    _insert(uow, rule)
    uow.record(Fact("mapping_rule.created", _targets(rule), after=_said(rule)))
    funnel.recompute(uow, mapped.members_of(uow, connection_id, group_id))
    return rule.id


def update_rule(uow: UnitOfWork, rule_id: UUID, **wish: Any) -> None:
    """Change fields of a rule; the same values change nothing. As `create_rule` otherwise."""
    before = get(uow, rule_id)
    connection = connections.of_any_kind(uow, before.connection_id)
    fields = _shown(before) | wish
    after = _rule(before.id, before.connection_id, before.group_id, before.kind, fields)
    if after == before:
        return
    _require_may_unmap(uow, before)
    _require_sound(uow, connection, after)
    _close(uow, rule_id)
    _insert(uow, after)
    uow.record(
        Fact("mapping_rule.updated", _targets(after), before=_said(before), after=_said(after))
    )
    funnel.recompute(uow, mapped.members_of(uow, before.connection_id, before.group_id))


def delete_rule(uow: UnitOfWork, rule_id: UUID) -> None:
    """End a rule; its people fall through to the next rule, or to what the connection says.

    :raises NotFound: absent or ended.
    """
    rule = get(uow, rule_id)
    _require_may_unmap(uow, rule)
    _close(uow, rule_id)
    uow.record(Fact("mapping_rule.deleted", _targets(rule), before=_said(rule)))
    funnel.recompute(uow, mapped.members_of(uow, rule.connection_id, rule.group_id))


def get(uow: UnitOfWork, rule_id: UUID) -> MappingRule:
    """Return a live rule.

    :raises NotFound: absent, ended or another organisation's.
    """
    r = t.mapping_rules.c
    row = uow.one(uow.own(t.mapping_rules).where(r.id == rule_id, r.valid_to.is_(None)))
    if row is None:
        raise NotFound("No such mapping rule.")
    return group_facts.rule_of(row)


def listing(uow: UnitOfWork, connection_id: UUID | None = None) -> Sequence[MappingRule]:
    """Return the live rules: role rules by priority, then the others by age."""
    r = t.mapping_rules.c
    query = uow.own(t.mapping_rules).where(r.valid_to.is_(None))
    if connection_id is not None:
        query = query.where(r.connection_id == connection_id)
    # The priority is null for other kinds; coalescing sorts alike on both databases.
    found = [group_facts.rule_of(row) for row in uow.all(query.order_by(r.id))]
    return sorted(found, key=lambda rule: (rule.kind is not RuleKind.ROLE, rule.priority or 0))


def _rule(
    rule_id: UUID, connection_id: UUID, group_id: UUID, kind: str, wish: dict[str, Any]
) -> MappingRule:
    unknown = wish.keys() - _FIELDS
    if unknown or kind not in list(RuleKind):
        raise InvalidRequest(f"A rule has no {', '.join(sorted(unknown)) or kind}.")
    try:
        scope = Scope(wish["bot_scope"]) if wish.get("bot_scope") else None
    except ValueError:
        raise InvalidRequest("bot_scope is all or selected.", field="bot_scope") from None
    rule = MappingRule(
        id=rule_id, connection_id=connection_id, group_id=group_id, kind=RuleKind(kind)
    )
    fields = {name: wish[name] for name in _FIELDS if wish.get(name) is not None}
    fields["sections"] = parse_sections(wish.get("sections") or {})
    fields["bot_scope"] = scope
    rule = replace(rule, **fields)
    require_well_formed(rule)
    return rule


_FIELDS = frozenset({"role_id", "priority", "bot_scope", "chatbot_id", "sections", "team_id"})


def _require_sound(uow: UnitOfWork, connection: Connection, rule: MappingRule) -> None:
    g = t.directory_groups.c
    group = uow.own(t.directory_groups, g.id).where(
        g.connection_id == rule.connection_id, g.id == rule.group_id, g.deleted_at.is_(None)
    )
    if uow.one(group) is None:
        raise InvalidRequest("The connection has no such group.", field="group_id")
    if rule.chatbot_id is not None:
        _require_known(lambda: chatbots.get(uow, _given(rule.chatbot_id)), "chatbot_id")
    if rule.team_id is not None:
        _require_known(lambda: teams.get(uow, _given(rule.team_id)), "team_id")
    default = Scope(terms.current(uow).policies["bot_scope_default"])
    chosen = Scope(connection.bot_scope) if connection.bot_scope else None
    require_scope_decided(rule, chosen, default)
    _require_may_map(uow, rule)
    _require_free_priority(uow, rule)


def _require_known(look: Any, field: str) -> None:
    try:
        look()
    except NotFound:
        raise InvalidRequest("There is no such thing here.", field=field) from None


def _require_may_map(uow: UnitOfWork, rule: MappingRule) -> None:
    roles = {role.id: role for role in access.roles_at(uow)}
    owners = terms.current(uow).policies["owners"]
    rules.require_may_map(acting.author(uow), rule, roles, owners)


def _require_may_unmap(uow: UnitOfWork, rule: MappingRule) -> None:
    roles = {role.id: role for role in access.roles_at(uow)}
    rules.require_may_unmap(acting.author(uow), rule, roles)


def _require_free_priority(uow: UnitOfWork, rule: MappingRule) -> None:
    if rule.kind is not RuleKind.ROLE:
        return
    r = t.mapping_rules.c
    taken = uow.one(
        uow.own(t.mapping_rules, r.id).where(
            r.connection_id == rule.connection_id,
            r.priority == rule.priority,
            r.kind == RuleKind.ROLE,
            r.valid_to.is_(None),
            r.id != rule.id,
        )
    )
    if taken is not None:
        raise AlreadyExists(
            f"Priority {rule.priority} is taken on this connection.", rule=str(taken.id)
        )


def _insert(uow: UnitOfWork, rule: MappingRule) -> None:
    uow.terms_changed()
    uow.insert(
        t.mapping_rules,
        id=rule.id,
        connection_id=rule.connection_id,
        group_id=rule.group_id,
        kind=str(rule.kind),
        role_id=rule.role_id,
        priority=rule.priority,
        bot_scope=rule.bot_scope,
        chatbot_id=rule.chatbot_id,
        sections={name: level.word for name, level in rule.sections.items()} or None,
        team_id=rule.team_id,
        valid_from=uow.now,
        valid_to=None,
    )


def _close(uow: UnitOfWork, rule_id: UUID) -> None:
    uow.update(t.mapping_rules, {"id": rule_id, "valid_to": None}, valid_to=uow.now)
    uow.terms_changed()
    uow.flush()


def _given(value: UUID | None) -> UUID:
    assert value is not None  # noqa: S101 - the caller has looked
    return value


def _shown(rule: MappingRule) -> dict[str, Any]:
    return {name: getattr(rule, name) for name in _FIELDS}


def _said(rule: MappingRule) -> dict[str, Any]:
    said: dict[str, Any] = {"kind": str(rule.kind), "group": str(rule.group_id)}
    for name in sorted(_FIELDS - {"sections"}):
        value = getattr(rule, name)
        if value is not None:
            said[name] = value if isinstance(value, int) else str(value)
    if rule.sections:
        said["sections"] = {name: level.word for name, level in rule.sections.items()}
    return said


def _targets(rule: MappingRule) -> tuple[Target, ...]:
    return (
        Target("mapping_rule", str(rule.id)),
        Target("directory_group", str(rule.group_id)),
        Target("connection", str(rule.connection_id)),
    )
