"""What a change of one directory user needs to know, read in one statement.

A deprovisioning asks for the user, the member, groups, team seats and conversations. Each is
kept where its own verb looks first; any write to its table forgets it.
"""

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, bindparam, exists, literal_column, select

from gateway.domain.connections import Connection
from gateway.storage import tables as t
from gateway.storage.gathered import gathered
from gateway.storage.unit_of_work import UnitOfWork

USERS, MEMBERS, SEATS = t.directory_users, t.members, t.directory_memberships


def load(uow: UnitOfWork, connection: Connection, user_id: UUID) -> None:
    """Read a user of the connection and all that hangs on it, unless the unit knows it."""
    key = {"connection_id": connection.id, "id": user_id}
    if uow.knows(USERS, **key):
        return
    own = {"organisation": uow.organisation_id, "connection": connection.id, "id": user_id}
    rows = uow.all(_SITUATION, **own)
    if not rows:
        uow.keep(USERS, None, **key)
        return
    *columns, held, seated, assigned = tuple(rows[0])
    user = _record(USERS.c, columns)
    uow.keep(USERS, user, **key)
    if user.member_id is None:
        return
    uow.keep(MEMBERS, _record(MEMBERS.c, columns[len(USERS.c) :]), id=user.member_id)
    uow.keep_rows(
        (SEATS, t.directory_groups),
        [SimpleNamespace(id=UUID(group), display_name=name) for group, name in held or ()],
        connection_id=connection.id,
        member_id=user.member_id,
    )
    for table, some in ((t.team_seats, seated), (t.conversations, assigned)):
        if not some:
            uow.keep_rows((table,), [], member_id=user.member_id)


def groups(uow: UnitOfWork, connection_id: UUID, member_id: UUID) -> Sequence[Any] | None:
    """Return id and name of the directory groups that a member is in, None if not read yet."""
    return uow.kept_rows(SEATS, connection_id=connection_id, member_id=member_id)


def has_none(uow: UnitOfWork, table: Any, member_id: UUID) -> bool:
    """Whether the unit knows that a member has no row in `team_seats` or `conversations`."""
    return uow.kept_rows(table, member_id=member_id) is not None


def _record(columns: Any, values: Sequence[Any]) -> SimpleNamespace:
    return SimpleNamespace(**dict(zip(columns.keys(), values, strict=False)))


def _groups() -> ColumnElement[Any]:
    g = t.directory_groups.c
    held = (
        select(g.id, g.display_name)
        .join_from(
            SEATS,
            t.directory_groups,
            and_(
                g.organisation_id == SEATS.c.organisation_id,
                g.connection_id == SEATS.c.connection_id,
                g.id == SEATS.c.group_id,
            ),
        )
        .where(
            SEATS.c.organisation_id == USERS.c.organisation_id,
            SEATS.c.connection_id == USERS.c.connection_id,
            SEATS.c.user_id == USERS.c.id,
            SEATS.c.valid_to.is_(None),
        )
        .order_by(SEATS.c.group_id)
        .correlate(USERS)
        .subquery()
    )
    return select(gathered(held.c.id, held.c.display_name)).scalar_subquery()


def _situation() -> Select[Any]:
    s, c = t.team_seats.c, t.conversations.c
    seated = exists().where(
        s.organisation_id == MEMBERS.c.organisation_id,
        s.member_id == MEMBERS.c.id,
        s.valid_to.is_(None),
    )
    assigned = exists().where(
        c.organisation_id == MEMBERS.c.organisation_id,
        c.assignee_id == MEMBERS.c.id,
        # Said literally, as the index of open conversations says it.
        c.state != literal_column("'closed'"),
    )
    return (
        select(*USERS.c, *MEMBERS.c, _groups(), seated, assigned)
        .join_from(
            USERS,
            MEMBERS,
            and_(
                MEMBERS.c.organisation_id == USERS.c.organisation_id,
                MEMBERS.c.id == USERS.c.member_id,
            ),
            isouter=True,
        )
        .where(
            USERS.c.organisation_id == bindparam("organisation"),
            USERS.c.connection_id == bindparam("connection"),
            USERS.c.id == bindparam("id"),
        )
    )


_SITUATION = _situation()
