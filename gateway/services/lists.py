"""Lists, a page at a time: rows in the order of their ids, after the last one seen."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, Select, Table, and_, select

from gateway.domain.connections import Connection
from gateway.domain.errors import NotFound
from gateway.domain.mapping import MappingRule
from gateway.services import group_facts
from gateway.storage import tables as t
from gateway.storage.unit_of_work import UnitOfWork

Rows = Sequence[Row[Any]]


def chatbots(
    uow: UnitOfWork, after: UUID | None, limit: int, only: frozenset[UUID] | None = None
) -> Rows:
    """Return chatbots; `only` these, where somebody does not see all."""
    wanted = uow.own(t.chatbots).where(~t.chatbots.c.deleted)
    if only is not None:
        wanted = wanted.where(t.chatbots.c.id.in_(sorted(only)))
    return uow.all(_paged(wanted, t.chatbots, after, limit))


def connections(uow: UnitOfWork, after: UUID | None, limit: int) -> Sequence[Connection]:
    """Return SCIM connections that are not deleted."""
    c = t.connections.c
    wanted = uow.own(t.connections).where(c.kind == "scim", c.state != "deleted")
    rows = uow.all(_paged(wanted, t.connections, after, limit))
    return [Connection.of(row) for row in rows]


def roles(uow: UnitOfWork, after: UUID | None, limit: int) -> Rows:
    """Return live roles."""
    return uow.all(_paged(uow.own(t.roles).where(~t.roles.c.deleted), t.roles, after, limit))


def teams(uow: UnitOfWork, after: UUID | None, limit: int) -> Rows:
    """Return teams."""
    return uow.all(_paged(uow.own(t.teams).where(~t.teams.c.deleted), t.teams, after, limit))


def domains(uow: UnitOfWork, after: UUID | None, limit: int) -> Rows:
    """Return the organisation's domains."""
    wanted = uow.own(t.domains).where(t.domains.c.state != "released")
    return uow.all(_paged(wanted, t.domains, after, limit))


def rules(
    uow: UnitOfWork, after: UUID | None, limit: int, connection_id: UUID | None = None
) -> Sequence[MappingRule]:
    """Return live mapping rules, of one connection where it is named."""
    r = t.mapping_rules.c
    wanted = uow.own(t.mapping_rules).where(r.valid_to.is_(None))
    if connection_id is not None:
        wanted = wanted.where(r.connection_id == connection_id)
    rows = uow.all(_paged(wanted, t.mapping_rules, after, limit))
    return [group_facts.rule_of(row) for row in rows]


def groups(
    uow: UnitOfWork, after: UUID | None, limit: int, connection_id: UUID | None = None
) -> Rows:
    """Return live directory groups with their member counts, of one connection where named."""
    wanted = _groups(uow)
    if connection_id is not None:
        wanted = wanted.where(t.directory_groups.c.connection_id == connection_id)
    return uow.all(_paged(wanted, t.directory_groups, after, limit))


def group(uow: UnitOfWork, group_id: UUID) -> Row[Any]:
    """Return a live directory group.

    :raises NotFound: absent, deleted, of a deleted connection, or another organisation's.
    """
    row = uow.one(_groups(uow).where(t.directory_groups.c.id == group_id))
    if row is None:
        raise NotFound("No such group.")
    return row


def group_members(uow: UnitOfWork, group_id: UUID, after: UUID | None, limit: int) -> Rows:
    """Return the people of a directory group, and the members whom they stand for."""
    here = group(uow, group_id)
    m, u = t.directory_memberships.c, t.directory_users.c
    wanted = (
        select(u.id, u.member_id, u.user_name, u.display_name, u.active)
        .join_from(
            t.directory_memberships,
            t.directory_users,
            and_(
                u.organisation_id == m.organisation_id,
                u.connection_id == m.connection_id,
                u.id == m.user_id,
            ),
        )
        .where(
            m.organisation_id == uow.organisation_id,
            m.connection_id == here.connection_id,
            m.group_id == group_id,
            m.valid_to.is_(None),
            *([m.user_id > after] if after else []),
        )
        .order_by(m.user_id)
        .limit(limit)
    )
    return uow.all(wanted)


def _groups(uow: UnitOfWork) -> Select[Any]:
    g, c = t.directory_groups.c, t.connections.c
    same: ColumnElement[bool] = and_(
        c.organisation_id == g.organisation_id, c.id == g.connection_id, c.state != "deleted"
    )
    return (
        select(
            g.id,
            g.connection_id,
            g.display_name,
            g.external_id,
            g.member_count,
            g.created_at,
            g.last_modified,
        )
        .join_from(t.directory_groups, t.connections, same)
        .where(g.organisation_id == uow.organisation_id, g.deleted_at.is_(None))
    )


def _paged(wanted: Select[Any], table: Table, after: UUID | None, limit: int) -> Select[Any]:
    if after is not None:
        wanted = wanted.where(table.c.id > after)
    return wanted.order_by(table.c.id).limit(limit)
