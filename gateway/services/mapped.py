"""Directory groups as far as mapping rules name them: whose access may change with them."""

from uuid import UUID

from sqlalchemy import select

from gateway.services import access
from gateway.storage import tables as t
from gateway.storage.unit_of_work import UnitOfWork


def members_of(uow: UnitOfWork, connection_id: UUID, group_id: UUID) -> list[UUID]:
    """Return the members whom a group stands for now."""
    u, m = t.directory_users.c, t.directory_memberships.c
    rows = uow.all(
        select(u.member_id)
        .join_from(
            t.directory_memberships,
            t.directory_users,
            (u.organisation_id == m.organisation_id)
            & (u.connection_id == m.connection_id)
            & (u.id == m.user_id),
        )
        .where(
            m.organisation_id == uow.organisation_id,
            m.connection_id == connection_id,
            m.group_id == group_id,
            m.valid_to.is_(None),
            u.member_id.is_not(None),
        )
    )
    a = t.asserted_memberships.c
    asserted = uow.all(
        uow.own(t.asserted_memberships, a.member_id).where(
            a.connection_id == connection_id, a.group_id == group_id, a.valid_to.is_(None)
        )
    )
    return [row.member_id for row in (*rows, *asserted)]


def names_group(uow: UnitOfWork, group_id: UUID) -> bool:
    """Whether a live rule names the group, so that its members' access may change with it."""
    return group_id in access.mapped_groups(uow)
