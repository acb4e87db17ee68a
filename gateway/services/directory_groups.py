"""Groups of a connection's directory; a change of members is a delta of intervals."""

from collections.abc import Collection
from itertools import islice
from typing import Any
from uuid import UUID

from sqlalchemy import update

from gateway.domain.connections import Connection
from gateway.domain.directory import GroupRecord, MemberDelta, StoredGroup
from gateway.domain.errors import AlreadyExists, NotFound, PreconditionFailed
from gateway.domain.events import Fact, Target
from gateway.domain.text import fold
from gateway.services import attention, directory_moves, mapped, role_turns, terms
from gateway.storage import tables as t
from gateway.storage.unit_of_work import Record, UnitOfWork
from gateway.storage.writes import Plus

GROUPS = t.directory_groups
SEATS = t.directory_memberships
CHUNK = 5_000
"""Ids in one statement: below the parameter limits of both databases."""

TOLD = 1_000
"""Ids that one fact lists; beyond, it carries the counts and the intervals hold the rest."""


def find_group(uow: UnitOfWork, connection: Connection, group_id: UUID) -> StoredGroup:
    """Return a live group of the connection.

    :raises NotFound: absent, deleted, or another connection's.
    """
    return stored_group(_load(uow, connection, group_id))


def create_group(
    uow: UnitOfWork, connection: Connection, record: GroupRecord, members: Collection[UUID] = ()
) -> StoredGroup:
    """Add a group with those of the members that are live users of the connection.

    :raises AlreadyExists: a live group has the displayName; details carry its id.
    :raises PlanFeature: the plan has no SCIM any more.
    """
    terms.current(uow).require("scim")
    _require_free_name(uow, connection, record)
    group_id = uow.new_id()
    joined = [row.id for row in directory_moves.live_users(uow, connection, group_id, members)]
    directory_moves.note_unknown(uow, connection, frozenset(members) - set(joined))
    uow.insert(
        GROUPS,
        id=group_id,
        connection_id=connection.id,
        member_count=len(joined),
        version=1,
        created_at=uow.now,
        deleted_at=None,
        **_columns(uow, record),
    )
    directory_moves.open_memberships(uow, connection, group_id, sorted(joined))
    _count(uow, connection, 1)
    uow.record(
        Fact(
            "directory.group_created",
            (_target(group_id, record.display_name),),
            after={"connection": str(connection.id), "members": len(joined)},
        )
    )
    return find_group(uow, connection, group_id)


def update_group(
    uow: UnitOfWork,
    connection: Connection,
    group_id: UUID,
    record: GroupRecord | None,
    delta: MemberDelta,
    expected_version: int | None = None,
) -> StoredGroup:
    """Rename a group and move its members; whoever is already where wanted is not touched.

    :raises NotFound: absent, deleted, or another connection's.
    :raises PreconditionFailed: another version. :raises AlreadyExists: the name is taken.
    :raises PlanFeature: the plan has no SCIM any more, and this does more than take members out.
    """
    before = _load(uow, connection, group_id)
    if expected_version is not None and before.version != expected_version:
        raise PreconditionFailed("The resource has changed since it was read.")
    renamed = record is not None and _differs(before, record)
    if renamed and record is not None:
        _require_free_name(uow, connection, record, except_for=group_id)
    move = directory_moves.moved(uow, connection, group_id, delta)
    if not (renamed or move):
        return stored_group(before)
    if renamed or move.joined:
        terms.current(uow).require("scim")
    uow.update(
        GROUPS,
        {"connection_id": connection.id, "id": group_id},
        version=before.version + 1,
        member_count=before.member_count + len(move.joined) - len(move.left),
        **(_columns(uow, record) if record is not None else {"last_modified": uow.now}),
    )
    directory_moves.close_memberships(uow, connection, group_id, move.left)
    directory_moves.open_memberships(uow, connection, group_id, move.joined)
    _record_update(uow, before, record if renamed else None, move)
    if move and mapped.names_group(uow, group_id):
        role_turns.follow_groups(uow, move.members)
    return find_group(uow, connection, group_id)


def delete_group(
    uow: UnitOfWork, connection: Connection, group_id: UUID, expected_version: int | None = None
) -> None:
    """End a group and its memberships; rules that name it are inert from now on.

    :raises NotFound: absent, deleted, or another connection's.
    :raises PreconditionFailed: another version.
    """
    before = _load(uow, connection, group_id)
    if expected_version is not None and before.version != expected_version:
        raise PreconditionFailed("The resource has changed since it was read.")
    named = mapped.names_group(uow, group_id)
    affected = mapped.members_of(uow, connection.id, group_id) if named else []
    s = SEATS.c
    uow.apply(
        update(SEATS)
        .where(
            s.organisation_id == uow.organisation_id,
            s.connection_id == connection.id,
            s.group_id == group_id,
            s.valid_to.is_(None),
        )
        .values(valid_to=uow.now)
    )
    uow.update(
        GROUPS,
        {"connection_id": connection.id, "id": group_id},
        deleted_at=uow.now,
        member_count=0,
    )
    _count(uow, connection, -1)
    uow.record(
        Fact(
            "directory.group_deleted",
            (_target(group_id, before.display_name),),
            before={"members": before.member_count},
        )
    )
    if named:
        attention.note(uow, connection.id, "mapped_group_deleted", before.display_name, {})
    role_turns.follow_groups(uow, affected)


def leave_all(uow: UnitOfWork, connection_id: UUID, user_id: UUID) -> None:
    """Take a user out of every group; the caller derives the access afterwards."""
    g, s = GROUPS.c, SEATS.c
    mine = (
        uow.own(GROUPS, g.id, g.display_name, g.version, g.member_count)
        .join(
            SEATS,
            (s.organisation_id == g.organisation_id)
            & (s.connection_id == g.connection_id)
            & (s.group_id == g.id),
        )
        .where(s.connection_id == connection_id, s.user_id == user_id, s.valid_to.is_(None))
        .order_by(g.id)
    )
    for group in uow.all(mine):
        uow.update(
            GROUPS,
            {"connection_id": connection_id, "id": group.id},
            version=group.version + 1,
            member_count=group.member_count - 1,
            last_modified=uow.now,
        )
        _record_update(uow, group, None, directory_moves.Move({}, {user_id: None}))
    here = {"connection_id": connection_id, "user_id": user_id, "valid_to": None}
    uow.update(SEATS, here, valid_to=uow.now)


def stored_group(row: Record) -> StoredGroup:
    """Return the group that a row of the directory holds."""
    return StoredGroup(
        id=row.id,
        connection_id=row.connection_id,
        display_name=row.display_name,
        external_id=row.external_id,
        document=row.document,
        member_count=row.member_count,
        version=row.version,
        created_at=row.created_at,
        last_modified=row.last_modified,
    )


def _load(uow: UnitOfWork, connection: Connection, group_id: UUID) -> Record:
    row = uow.find(GROUPS, connection_id=connection.id, id=group_id)
    if row is None or row.deleted_at is not None:
        raise NotFound("No such group.")
    return row


def _columns(uow: UnitOfWork, record: GroupRecord) -> dict[str, Any]:
    return {
        "display_name": record.display_name,
        "display_name_key": fold(record.display_name),
        "external_id": record.external_id,
        "document": record.document,
        "search": dict(record.search),
        "last_modified": uow.now,
    }


def _differs(before: Record, record: GroupRecord) -> bool:
    return (before.display_name, before.external_id, before.document) != (
        record.display_name,
        record.external_id,
        record.document,
    )


def _require_free_name(
    uow: UnitOfWork,
    connection: Connection,
    record: GroupRecord,
    except_for: UUID | None = None,
) -> None:
    c = GROUPS.c
    taken = uow.own(GROUPS, c.id).where(
        c.connection_id == connection.id,
        c.display_name_key == fold(record.display_name),
        c.deleted_at.is_(None),
    )
    row = uow.one(taken)
    if row is not None and row.id != except_for:
        raise AlreadyExists(f"A group with this displayName exists: {row.id}.", id=str(row.id))


def _record_update(
    uow: UnitOfWork, before: Record, record: GroupRecord | None, move: directory_moves.Move
) -> None:
    name = before.display_name if record is None else record.display_name
    target = _target(before.id, name)
    if record is not None:
        uow.record(
            Fact(
                "directory.group_updated",
                (target,),
                before={"display_name": before.display_name, "external_id": before.external_id},
                after={"display_name": record.display_name, "external_id": record.external_id},
            )
        )
    if move:
        after = {
            "added": [str(x) for x in islice(move.joined, TOLD)],
            "removed": [str(x) for x in islice(move.left, TOLD)],
            "added_count": len(move.joined),
            "removed_count": len(move.left),
        }
        uow.record(Fact("directory.group_members_changed", (target,), after=after))


def _count(uow: UnitOfWork, connection: Connection, by: int) -> None:
    uow.update(t.directory_counts, {"connection_id": connection.id}, groups=Plus(by))


def _target(group_id: UUID, name: str) -> Target:
    return Target("directory_group", str(group_id), name)
