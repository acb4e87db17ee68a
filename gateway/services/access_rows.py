"""The statements that effective access is read by, made once: now, and as of an instant."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

from sqlalchemy import (
    CTE,
    BindParameter,
    ColumnElement,
    Row,
    Select,
    String,
    Table,
    and_,
    bindparam,
    cast,
    func,
    or_,
    select,
)

from gateway.storage import tables as t
from gateway.storage.among import among
from gateway.storage.types import UTCDateTime
from gateway.storage.unit_of_work import UnitOfWork

ORGANISATION: BindParameter[Any] = bindparam("organisation")
AT = bindparam("at", type_=UTCDateTime())


def provisioned_groups(
    uow: UnitOfWork, members: Sequence[UUID], at: datetime | None
) -> Sequence[Row[Any]]:
    """Return member, connection, id and name of the directory groups that members are in."""
    return _fetch(uow, _provisioned_groups(at is None), members, at)


def deciding_groups(
    uow: UnitOfWork, members: Sequence[UUID], groups: Iterable[UUID], *, asserted: bool
) -> Sequence[Row[Any]]:
    """Return connection, id and name of certain groups, and which of the members are in each.

    As it is now; a row for each group, because many members at once share few groups. Of a row,
    `members_in` reads the members.
    """
    values = {"organisation": uow.organisation_id, "ids": members, "groups": groups}
    return uow.all(_DECIDING[asserted], **values)


def members_in(row: Row[Any]) -> Iterable[UUID]:
    """Return the members in the group of a row of `deciding_groups`."""
    return map(UUID, row.members.split(","))


def asserted_groups(
    uow: UnitOfWork, members: Sequence[UUID], at: datetime | None
) -> Sequence[Row[Any]]:
    """Return the same of the groups that members' last good sign-ins asserted."""
    return _fetch(uow, _asserted_groups(at is None), members, at)


def rules(uow: UnitOfWork, groups: Sequence[UUID], at: datetime | None) -> Sequence[Row[Any]]:
    """Return the live rules that name groups."""
    return _fetch(uow, _of(t.mapping_rules, "group_id", at is None), groups, at)


def grants(uow: UnitOfWork, members: Sequence[UUID], at: datetime) -> Sequence[Row[Any]]:
    """Return what was given to members by hand and holds at an instant."""
    return _fetch(uow, _of(t.grants, "member_id", False), members, at)  # noqa: FBT003


def seats(uow: UnitOfWork, members: Sequence[UUID], at: datetime | None) -> Sequence[Row[Any]]:
    """Return the team seats that members took by hand."""
    return _fetch(uow, _of(t.team_seats, "member_id", at is None), members, at)


def _fetch(
    uow: UnitOfWork, statement: Select[Any], ids: Sequence[UUID], at: datetime | None
) -> Sequence[Row[Any]]:
    values = {"organisation": uow.organisation_id, "ids": ids}
    return uow.all(statement, **(values if at is None else {**values, "at": at}))


def _held(table: Table, now: bool) -> ColumnElement[bool]:  # noqa: FBT001 - of a cached key
    if now:
        return table.c.valid_to.is_(None)
    return and_(table.c.valid_from <= AT, or_(table.c.valid_to.is_(None), table.c.valid_to > AT))


@lru_cache(maxsize=16)
def _of(table: Table, column: str, now: bool) -> Select[Any]:  # noqa: FBT001
    order = table.c.id if "id" in table.c else table.c.valid_from
    return (
        select(table)
        .where(table.c.organisation_id == ORGANISATION, among(table.c[column], "ids"))
        .where(_held(table, now))
        .order_by(order)
    )


@lru_cache(maxsize=2)
def _provisioned_groups(now: bool) -> Select[Any]:  # noqa: FBT001
    g, m = t.directory_groups.c, t.directory_memberships
    u = _users_of_members().c
    return (
        select(u.member_id, u.connection_id, g.id, g.display_name)
        .join(
            m,
            and_(
                m.c.organisation_id == u.organisation_id,
                m.c.connection_id == u.connection_id,
                m.c.user_id == u.id,
                _held(m, now),
            ),
        )
        .join(
            t.directory_groups,
            and_(
                g.organisation_id == u.organisation_id,
                g.connection_id == u.connection_id,
                g.id == m.c.group_id,
            ),
        )
        .order_by(g.id)
    )


def _users_of_members() -> CTE:
    """Return the directory's users, found before their groups are.

    PostgreSQL would rather go through a large group, once for every few members.
    """
    u = t.directory_users.c
    found = select(u.organisation_id, u.connection_id, u.id, u.member_id).where(
        u.organisation_id == ORGANISATION, among(u.member_id, "ids")
    )
    return found.cte("users_of_members").prefix_with("MATERIALIZED", dialect="postgresql")


@lru_cache(maxsize=2)
def _asserted_groups(now: bool) -> Select[Any]:  # noqa: FBT001
    a, g = t.asserted_memberships, t.directory_groups.c
    return (
        select(a.c.member_id, a.c.connection_id, g.id, g.display_name)
        .join_from(
            a,
            t.directory_groups,
            and_(
                g.organisation_id == a.c.organisation_id,
                g.connection_id == a.c.connection_id,
                g.id == a.c.group_id,
            ),
        )
        .where(a.c.organisation_id == ORGANISATION, among(a.c.member_id, "ids"), _held(a, now))
        .order_by(g.id)
    )


def _by_group(memberships: Select[Any]) -> Select[Any]:
    of = memberships.order_by(None).subquery()
    return (
        select(
            of.c.connection_id,
            of.c.id,
            of.c.display_name,
            func.aggregate_strings(cast(of.c.member_id, String), ",").label("members"),
        )
        .group_by(of.c.connection_id, of.c.id, of.c.display_name)
        .order_by(of.c.id)
    )


_DECIDING = {
    asserted: _by_group(statement.where(among(t.directory_groups.c.id, "groups")))
    for asserted, statement in (
        (False, _provisioned_groups(True)),  # noqa: FBT003
        (True, _asserted_groups(True)),  # noqa: FBT003
    )
}
