"""Directory groups as far as mapping rules name them: whose access may change with them."""

from uuid import UUID

from sqlalchemy import bindparam, select

from gateway.services import group_facts
from gateway.storage import tables as t
from gateway.storage.unit_of_work import UnitOfWork


def members_of(uow: UnitOfWork, connection_id: UUID, group_id: UUID) -> list[UUID]:
    """Return the members whom a group stands for now."""
    keys = {
        "organisation": uow.organisation_id,
        "connection": connection_id,
        "group": group_id,
    }
    return [row.member_id for query in (_PROVISIONED, _ASSERTED) for row in uow.all(query, **keys)]


_U, _M, _A = t.directory_users.c, t.directory_memberships.c, t.asserted_memberships.c
_PROVISIONED = (
    select(_U.member_id)
    .join_from(
        t.directory_memberships,
        t.directory_users,
        (_U.organisation_id == _M.organisation_id)
        & (_U.connection_id == _M.connection_id)
        & (_U.id == _M.user_id),
    )
    .where(
        _M.organisation_id == bindparam("organisation"),
        _M.connection_id == bindparam("connection"),
        _M.group_id == bindparam("group"),
        _M.valid_to.is_(None),
        _U.member_id.is_not(None),
    )
)
_ASSERTED = select(_A.member_id).where(
    _A.organisation_id == bindparam("organisation"),
    _A.connection_id == bindparam("connection"),
    _A.group_id == bindparam("group"),
    _A.valid_to.is_(None),
)


def names_group(uow: UnitOfWork, group_id: UUID) -> bool:
    """Whether a live rule names the group, so that its members' access may change with it."""
    return group_id in group_facts.mapped_groups(uow)
