"""What access follows from of groups: which ones members are in, and the rules that name them."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from gateway.domain.mapping import Group, MappingRule, RuleKind, Scope, by_group
from gateway.domain.permissions import parse_sections
from gateway.services import access_rows, situations
from gateway.storage import tables as t
from gateway.storage.unit_of_work import UnitOfWork


def mapped_groups(uow: UnitOfWork) -> frozenset[UUID]:
    """Return the groups that a live rule names: only these decide anything."""
    return uow.remembered("mapped_groups", lambda: _mapped_groups(uow))


def _mapped_groups(uow: UnitOfWork) -> frozenset[UUID]:
    r = t.mapping_rules.c
    rows = uow.all(uow.own(t.mapping_rules, r.group_id).where(r.valid_to.is_(None)).distinct())
    return frozenset(row.group_id for row in rows)


def groups_of(
    uow: UnitOfWork, managed: Mapping[UUID, UUID], at: datetime | None = None
) -> dict[UUID, dict[UUID, Group]]:
    """Return, by member, the groups in the connection that manages it.

    A SCIM connection's directory says them, a sign-on connection's last good sign-in.
    """
    if not managed:
        return {}
    if at is None and len(managed) == 1:
        ((member_id, connection_id),) = managed.items()
        known = situations.groups(uow, connection_id, member_id)
        if known is not None:
            return {member_id: {row.id: Group(row.id, row.display_name) for row in known}}
    provisioned, asserting = _by_kind(uow, managed)
    rows = [
        *(access_rows.provisioned_groups(uow, provisioned, at) if provisioned else ()),
        *(access_rows.asserted_groups(uow, asserting, at) if asserting else ()),
    ]
    return _by_member(managed, rows)


def deciding_groups(uow: UnitOfWork, managed: Mapping[UUID, UUID]) -> dict[UUID, dict[UUID, Group]]:
    """Return, of many members, the groups that a rule names: most groups decide nothing."""
    named = mapped_groups(uow)
    if not named:
        return {}
    rows = [
        row
        for asserted, ids in enumerate(_by_kind(uow, managed))
        if ids
        for row in access_rows.deciding_groups(uow, ids, named, asserted=bool(asserted))
    ]
    found: dict[UUID, dict[UUID, Group]] = defaultdict(dict)
    for row in rows:
        group = Group(row.id, row.display_name)
        for member_id in access_rows.members_in(row):
            if managed[member_id] == row.connection_id:
                found[member_id][group.id] = group
    return found


def _by_kind(uow: UnitOfWork, managed: Mapping[UUID, UUID]) -> tuple[list[UUID], list[UUID]]:
    """Return those whom a SCIM connection manages, and those whom a sign-on connection does."""
    sign_on = _sign_on_connections(uow)
    return (
        [member for member, connection in managed.items() if connection not in sign_on],
        [member for member, connection in managed.items() if connection in sign_on],
    )


def _by_member(
    managed: Mapping[UUID, UUID], rows: Iterable[Row[Any]]
) -> dict[UUID, dict[UUID, Group]]:
    found: dict[UUID, dict[UUID, Group]] = defaultdict(dict)
    known: dict[UUID, Group] = {}
    for row in rows:
        if managed[row.member_id] == row.connection_id:
            group = known.get(row.id) or Group(row.id, row.display_name)
            found[row.member_id][row.id] = known.setdefault(row.id, group)
    return found


def has_sign_on(uow: UnitOfWork) -> bool:
    """Whether the organisation ever had a sign-on connection."""
    return bool(_sign_on_connections(uow))


def _sign_on_connections(uow: UnitOfWork) -> frozenset[UUID]:
    c = t.connections.c

    def load() -> frozenset[UUID]:
        rows = uow.all(uow.own(t.connections, c.id).where(c.kind != "scim"))
        return frozenset(row.id for row in rows)

    return uow.remembered("sign_on_connections", load)


def rules_of(
    uow: UnitOfWork, groups: set[UUID], at: datetime | None = None
) -> dict[UUID, list[MappingRule]]:
    """Return the live rules that name these groups, by group."""
    if at is None:
        groups &= mapped_groups(uow)
    if not groups:
        return {}
    return by_group(rule_of(row) for row in access_rows.rules(uow, sorted(groups), at))


def rule_of(row: Row[Any]) -> MappingRule:
    """Return the rule that a row holds."""
    return MappingRule(
        id=row.id,
        connection_id=row.connection_id,
        group_id=row.group_id,
        kind=RuleKind(row.kind),
        role_id=row.role_id,
        priority=row.priority,
        bot_scope=Scope(row.bot_scope) if row.bot_scope else None,
        chatbot_id=row.chatbot_id,
        sections=parse_sections(row.sections or {}),
        team_id=row.team_id,
    )
