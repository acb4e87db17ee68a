"""Effective access read from rows: now from the stored document, at any instant from intervals."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, select

from gateway.domain.access import (
    AccessFacts,
    ChatbotGrant,
    ConnectionFacts,
    MemberFacts,
    OrganisationFacts,
    RoleGrant,
    Unmapped,
    resolve,
)
from gateway.domain.decisions import FORMAT, Access
from gateway.domain.errors import NotFound
from gateway.domain.mapping import Group, RulesByGroup, Scope
from gateway.domain.memberships import MemberState
from gateway.domain.permissions import Level
from gateway.domain.roles import RoleDefinition
from gateway.domain.sources import GrantSource, OwnerBotAccess
from gateway.domain.text import fold
from gateway.services import access_rows, group_facts, situations, terms
from gateway.services.terms import held_at
from gateway.storage import tables as t
from gateway.storage.unit_of_work import UnitOfWork

CHUNK = 500
READ_OF_MEMBERS = frozenset(
    {
        "id",
        "state",
        "admin_hold",
        "contained",
        "owner_of_record",
        "bot_scope",
        "managed_by",
    }
)
"""Columns of a member's row that access follows from."""


def effective(uow: UnitOfWork, member_id: UUID, at: datetime | None = None) -> Access:
    """Return what a member may do now, or could do at an instant.

    Now is read from the stored document unless time alone has outdated it.

    :raises NotFound: no such member, or none yet at that instant.
    """
    if at is None:
        row = uow.load(t.members, member_id)
        document = row.access_document
        until = document.get("valid_until")
        fresh = until is None or datetime.fromisoformat(until) > uow.now
        if document.get("format") == FORMAT and fresh:
            return Access.from_document(document)
    facts = load(uow, [member_id], at)
    if member_id not in facts:
        raise NotFound("No such member.")
    return resolve(facts[member_id])


def organisation_facts(uow: UnitOfWork, at: datetime | None = None) -> OrganisationFacts:
    """Return what the organisation agreed on, now or at an instant."""
    if at is None:
        return uow.remembered("organisation_facts", lambda: _organisation_facts(uow, None))
    return _organisation_facts(uow, at)


def _organisation_facts(uow: UnitOfWork, at: datetime | None) -> OrganisationFacts:
    agreed = terms.current(uow, at)
    roles = {role.id: role for role in roles_at(uow, at)}
    by_key = {role.key: role.id for role in roles.values()}
    owner_role = next(role for role in roles.values() if role.is_owner_role)
    return OrganisationFacts(
        live=_is_live(uow, at),
        subscription=agreed.state,
        owner_bot_access=OwnerBotAccess(
            agreed.policies["subscription_expired"]["owner_bot_access"]
        ),
        features=agreed.features,
        roles=roles,
        owner_role_id=owner_role.id,
        default_role_id=by_key.get(agreed.policies["default_role"]),
        bot_scope_default=Scope(agreed.policies["bot_scope_default"]),
    )


def roles_at(uow: UnitOfWork, at: datetime | None = None) -> Sequence[RoleDefinition]:
    """Return the live roles, now or at an instant."""
    if at is None:
        return uow.remembered("roles", lambda: _roles(uow))
    history = t.role_versions.history
    rows = uow.all(uow.own(history).where(held_at(history, at), ~history.c.deleted))
    return [RoleDefinition.of(row.id, row.definition) for row in rows]


def role_called(uow: UnitOfWork, name: str) -> UUID | None:
    """Return the live role of this key or name."""
    for role in roles_at(uow):
        if role.key == name or fold(role.name) == fold(name):
            return role.id
    return None


def _roles(uow: UnitOfWork) -> Sequence[RoleDefinition]:
    rows = uow.all(uow.own(t.roles).where(~t.roles.c.deleted))
    return tuple(RoleDefinition.of(row.id, row.definition) for row in rows)


def load(
    uow: UnitOfWork, member_ids: Sequence[UUID], at: datetime | None = None
) -> dict[UUID, AccessFacts]:
    """Return the facts of each member that existed, now or at an instant."""
    found: dict[UUID, AccessFacts] = {}
    for start in range(0, len(member_ids), CHUNK):
        chunk = member_ids[start : start + CHUNK]
        table = t.members if at is None else t.member_versions.history
        query = uow.own(table).where(table.c.id.in_(chunk))
        rows = uow.all(query if at is None else query.where(held_at(table, at)))
        found |= of_rows(uow, rows, at)
    return found


@dataclass(frozen=True, slots=True)
class FactsOfMany:
    """What the access of several members follows from, read at once; by member where it differs."""

    organisation: OrganisationFacts
    connections: Mapping[UUID, ConnectionFacts]
    groups: Mapping[UUID, Mapping[UUID, Group]]
    rules: RulesByGroup
    role_grants: Mapping[UUID, Sequence[RoleGrant]]
    chatbot_grants: Mapping[UUID, Sequence[ChatbotGrant]]
    seats: Mapping[UUID, frozenset[UUID]]

    def of(self, row: Any) -> AccessFacts:
        """Return the facts of one of these members, by its row."""
        member = member_facts(row)
        return AccessFacts(
            organisation=self.organisation,
            member=member,
            connection=self.connections.get(member.managed_by) if member.managed_by else None,
            groups=tuple(self.groups.get(member.id, {}).values()),
            rules=self.rules,
            role_grants=tuple(self.role_grants.get(member.id, ())),
            chatbot_grants=tuple(self.chatbot_grants.get(member.id, ())),
            teams=self.seats.get(member.id, frozenset()),
        )


def facts_of_many(
    uow: UnitOfWork, rows: Sequence[Row[Any]], at: datetime | None = None
) -> FactsOfMany:
    """Read what the access of members follows from whose rows are at hand."""
    connections = _connections(uow, at)
    managed = {row.id: row.managed_by for row in rows if row.managed_by}
    if at is None and len(managed) > 1:
        groups = group_facts.deciding_groups(uow, managed)
    else:
        groups = group_facts.groups_of(uow, managed, at)
    rules = group_facts.rules_of(uow, {g for found in groups.values() for g in found}, at)
    # What hands gave a managed member is kept and ignored, so it need not be read.
    by_hand = [row.id for row in rows if not _decides(connections, row.managed_by)]
    role_grants, chatbot_grants = _grants(uow, by_hand, at)
    return FactsOfMany(
        organisation_facts(uow, at),
        connections,
        groups,
        rules,
        role_grants,
        chatbot_grants,
        _seats(uow, [row.id for row in rows], at),
    )


def of_rows(
    uow: UnitOfWork, rows: Sequence[Row[Any]], at: datetime | None = None
) -> dict[UUID, AccessFacts]:
    """Return the facts of members whose rows are at hand."""
    if not rows:
        return {}
    facts = facts_of_many(uow, rows, at)
    return {row.id: facts.of(row) for row in rows}


def _decides(connections: Mapping[UUID, ConnectionFacts], connection_id: UUID | None) -> bool:
    return connection_id is not None and connections[connection_id].live


def of_newcomer(
    uow: UnitOfWork, member: MemberFacts, role_grants: tuple[RoleGrant, ...] = ()
) -> AccessFacts:
    """Return the facts of somebody who is about to join: no groups, seats or chatbots yet."""
    return AccessFacts(
        organisation=organisation_facts(uow),
        member=member,
        connection=_connections(uow, None).get(member.managed_by) if member.managed_by else None,
        role_grants=role_grants,
    )


def member_facts(row: Any) -> MemberFacts:
    """Return what a row of members, or of their history, says."""
    return MemberFacts(
        id=row.id,
        state=MemberState(row.state),
        admin_hold=row.admin_hold,
        contained=row.contained,
        owner_of_record=row.owner_of_record,
        bot_scope=Scope(row.bot_scope),
        managed_by=row.managed_by,
    )


def _connections(uow: UnitOfWork, at: datetime | None) -> dict[UUID, ConnectionFacts]:
    if at is None:
        return uow.remembered(
            "connection_facts", lambda: _connection_facts(uow.all(uow.own(t.connections)))
        )
    history = t.connection_versions.history
    return _connection_facts(uow.all(uow.own(history).where(held_at(history, at))))


def _connection_facts(rows: Sequence[Row[Any]]) -> dict[UUID, ConnectionFacts]:
    return {
        row.id: ConnectionFacts(
            id=row.id,
            live=row.state == "active",
            unmapped=Unmapped(row.unmapped),
            bot_scope=Scope(row.bot_scope) if row.bot_scope else None,
        )
        for row in rows
    }


def _grants(
    uow: UnitOfWork, ids: Sequence[UUID], at: datetime | None
) -> tuple[dict[UUID, list[RoleGrant]], dict[UUID, list[ChatbotGrant]]]:
    roles: dict[UUID, list[RoleGrant]] = defaultdict(list)
    chatbots: dict[UUID, list[ChatbotGrant]] = defaultdict(list)
    for row in access_rows.grants(uow, ids, at or uow.now) if ids else ():
        common = {
            "id": row.id,
            "source": GrantSource(row.source),
            "by": row.granted_by,
            "valid_from": row.valid_from,
            "valid_to": row.valid_to,
        }
        if row.kind == "role":
            roles[row.member_id].append(RoleGrant(role_id=row.role_id, **common))
        else:
            chatbots[row.member_id].append(
                ChatbotGrant(
                    chatbot_id=row.chatbot_id,
                    section=row.section,
                    level=Level.parse(row.level),
                    **common,
                )
            )
    return roles, chatbots


def _seats(
    uow: UnitOfWork, ids: Sequence[UUID], at: datetime | None
) -> Mapping[UUID, frozenset[UUID]]:
    if at is None and len(ids) == 1 and situations.has_none(uow, t.team_seats, ids[0]):
        return {}
    found: dict[UUID, list[UUID]] = defaultdict(list)
    for row in access_rows.seats(uow, ids, at):
        found[row.member_id].append(row.team_id)
    return {member_id: frozenset(teams) for member_id, teams in found.items()}


def _is_live(uow: UnitOfWork, at: datetime | None) -> bool:
    if at is None:
        query = select(t.organisations.c.state).where(t.organisations.c.id == uow.organisation_id)
    else:
        history = t.organisations_history
        query = uow.own(history, history.c.state).where(held_at(history, at))
    return bool(uow.scalar(query) == "live")
