"""Who joins and who leaves a directory group: only those that move are read or written."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import bindparam, select, update

from gateway.domain.connections import Connection
from gateway.domain.directory import MemberDelta
from gateway.services import attention
from gateway.storage import tables as t
from gateway.storage.among import among
from gateway.storage.unit_of_work import Record, UnitOfWork

SEATS = t.directory_memberships
CHUNK = 5_000
"""Ids in one statement: below the parameter limits of both databases."""


@dataclass(frozen=True, slots=True)
class Move:
    """Who really joins and who really leaves: directory user → the member behind it."""

    joined: Mapping[UUID, UUID | None]
    left: Mapping[UUID, UUID | None]

    def __bool__(self) -> bool:
        return bool(self.joined or self.left)

    @property
    def members(self) -> list[UUID]:
        return [x for x in (*self.joined.values(), *self.left.values()) if x is not None]


def moved(uow: UnitOfWork, connection: Connection, group_id: UUID, delta: MemberDelta) -> Move:
    """Return what changes; those already where they should be are not touched."""
    if not delta:
        return Move({}, {})
    named = delta.add | delta.remove
    people = {row.id: row for row in live_users(uow, connection, group_id, named)}
    joined = {
        user_id: people[user_id].member_id
        for user_id in sorted(delta.add & people.keys())
        if not people[user_id].inside
    }
    left = {
        user_id: people[user_id].member_id
        for user_id in sorted(delta.remove & people.keys())
        if people[user_id].inside
    }
    if delta.replace:
        left = {
            user_id: member_id
            for user_id, member_id in _everybody(uow, connection, group_id).items()
            if user_id not in delta.add
        }
    note_unknown(uow, connection, delta.add - people.keys())
    return Move(joined, left)


def live_users(
    uow: UnitOfWork, connection: Connection, group_id: UUID, ids: Collection[UUID]
) -> list[Record]:
    """Return the live users among these, and whether each is in the group."""
    keys = {
        "organisation": uow.organisation_id,
        "connection": connection.id,
        "group": group_id,
    }
    return [row for chunk in _chunks(ids) for row in uow.all(_NAMED, **keys, ids=chunk)]


def _everybody(uow: UnitOfWork, connection: Connection, group_id: UUID) -> dict[UUID, UUID | None]:
    u, s = t.directory_users.c, SEATS.c
    rows = uow.all(
        select(s.user_id, u.member_id)
        .join_from(SEATS, t.directory_users, _SAME_USER)
        .where(
            s.organisation_id == uow.organisation_id,
            s.connection_id == connection.id,
            s.group_id == group_id,
            s.valid_to.is_(None),
        )
        .order_by(s.user_id)
    )
    return {row.user_id: row.member_id for row in rows}


_SAME_USER = (
    (SEATS.c.organisation_id == t.directory_users.c.organisation_id)
    & (SEATS.c.connection_id == t.directory_users.c.connection_id)
    & (SEATS.c.user_id == t.directory_users.c.id)
)
_NAMED = (
    select(
        t.directory_users.c.id,
        t.directory_users.c.member_id,
        SEATS.c.user_id.is_not(None).label("inside"),
    )
    .join_from(
        t.directory_users,
        SEATS,
        _SAME_USER & (SEATS.c.group_id == bindparam("group")) & SEATS.c.valid_to.is_(None),
        isouter=True,
    )
    .where(
        t.directory_users.c.organisation_id == bindparam("organisation"),
        t.directory_users.c.connection_id == bindparam("connection"),
        t.directory_users.c.deleted_at.is_(None),
        among(t.directory_users.c.id, "ids"),
    )
)


def note_unknown(uow: UnitOfWork, connection: Connection, ids: Collection[UUID]) -> None:
    """Tell the admin of ids that name no live user; the first ten of a request suffice."""
    for unknown in sorted(ids)[:10]:
        attention.note(uow, connection.id, "unknown_member", str(unknown), {})


def open_memberships(
    uow: UnitOfWork, connection: Connection, group_id: UUID, users: Collection[UUID]
) -> None:
    uow.insert_all(
        SEATS,
        [
            {
                "connection_id": connection.id,
                "group_id": group_id,
                "user_id": user_id,
                "valid_from": uow.now,
            }
            for user_id in users
        ],
    )


def close_memberships(
    uow: UnitOfWork, connection: Connection, group_id: UUID, users: Collection[UUID]
) -> None:
    if len(users) == 1:
        only = {"connection_id": connection.id, "group_id": group_id, "valid_to": None}
        uow.update(SEATS, {**only, "user_id": next(iter(users))}, valid_to=uow.now)
        return
    s = SEATS.c
    for chunk in _chunks(users):
        uow.apply(
            update(SEATS)
            .where(
                s.organisation_id == uow.organisation_id,
                s.connection_id == connection.id,
                s.group_id == group_id,
                s.user_id.in_(chunk),
                s.valid_to.is_(None),
            )
            .values(valid_to=uow.now)
        )


def _chunks(ids: Iterable[UUID]) -> Iterable[list[UUID]]:
    ordered = sorted(ids)
    for start in range(0, len(ordered), CHUNK):
        yield ordered[start : start + CHUNK]
