"""Groups of a connection's directory; a change of members is a delta of intervals."""

from collections.abc import Collection, Iterable, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row, update

from gateway.domain.connections import Connection
from gateway.domain.directory import GroupRecord, MemberDelta, StoredGroup
from gateway.domain.errors import AlreadyExists, NotFound, PreconditionFailed
from gateway.domain.events import Fact, Target
from gateway.domain.text import fold
from gateway.services import attention, funnel, mapping
from gateway.storage import tables as t
from gateway.storage.unit_of_work import UnitOfWork
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
    """
    _require_free_name(uow, connection, record)
    group_id = uow.new_id()
    joined = _live_users(uow, connection, members)
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
    _open(uow, connection, group_id, joined)
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
    """
    before = _load(uow, connection, group_id)
    if expected_version is not None and before.version != expected_version:
        raise PreconditionFailed("The resource has changed since it was read.")
    renamed = record is not None and _differs(before, record)
    if renamed and record is not None:
        _require_free_name(uow, connection, record, except_for=group_id)
    joined, left = _effective(uow, connection, group_id, delta)
    if not (renamed or joined or left):
        return stored_group(before)
    uow.update(
        GROUPS,
        {"connection_id": connection.id, "id": group_id},
        version=before.version + 1,
        member_count=before.member_count + len(joined) - len(left),
        **(_columns(uow, record) if record is not None else {"last_modified": uow.now}),
    )
    _close(uow, connection, group_id, left)
    _open(uow, connection, group_id, joined)
    _record_update(uow, before, record if renamed else None, joined, left)
    if joined or left:
        _follow(uow, connection, group_id, [*joined, *left])
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
    named = mapping.names_group(uow, group_id)
    affected = mapping.members_of(uow, connection.id, group_id) if named else []
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
    funnel.recompute(uow, affected)


def leave_all(uow: UnitOfWork, connection: Connection, user_id: UUID) -> None:
    """Take a deleted user out of every group; the caller has ended the membership."""
    s = SEATS.c
    mine = uow.own(SEATS, s.group_id).where(
        s.connection_id == connection.id, s.user_id == user_id, s.valid_to.is_(None)
    )
    for row in uow.all(mine.order_by(s.group_id)):
        update_group(uow, connection, row.group_id, None, MemberDelta(remove=frozenset({user_id})))


def stored_group(row: Row[Any]) -> StoredGroup:
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


def _load(uow: UnitOfWork, connection: Connection, group_id: UUID) -> Row[Any]:
    c = GROUPS.c
    row = uow.one(
        uow.own(GROUPS).where(
            c.connection_id == connection.id, c.id == group_id, c.deleted_at.is_(None)
        )
    )
    if row is None:
        raise NotFound("No such group.")
    return row


def _effective(
    uow: UnitOfWork, connection: Connection, group_id: UUID, delta: MemberDelta
) -> tuple[list[UUID], list[UUID]]:
    """Return who really joins and who really leaves."""
    if not delta:
        return [], []
    named = delta.add | delta.remove
    present = _present(uow, connection, group_id, None if delta.replace else named)
    joined = _live_users(uow, connection, delta.add - present)
    left = present - delta.add if delta.replace else present & delta.remove
    return joined, sorted(left)


def _present(
    uow: UnitOfWork, connection: Connection, group_id: UUID, among: Collection[UUID] | None
) -> frozenset[UUID]:
    s = SEATS.c
    here = uow.own(SEATS, s.user_id).where(
        s.connection_id == connection.id, s.group_id == group_id, s.valid_to.is_(None)
    )
    if among is None:
        return frozenset(row.user_id for row in uow.all(here))
    return frozenset(
        row.user_id for chunk in _chunks(among) for row in uow.all(here.where(s.user_id.in_(chunk)))
    )


def _live_users(uow: UnitOfWork, connection: Connection, wanted: Collection[UUID]) -> list[UUID]:
    """Return those that are live users of the connection; the others are noted, not stored."""
    u = t.directory_users.c
    live = uow.own(t.directory_users, u.id).where(
        u.connection_id == connection.id, u.deleted_at.is_(None)
    )
    known = {row.id for chunk in _chunks(wanted) for row in uow.all(live.where(u.id.in_(chunk)))}
    for unknown in sorted(set(wanted) - known)[:10]:
        attention.note(uow, connection.id, "unknown_member", str(unknown), {})
    return sorted(known)


def _open(uow: UnitOfWork, connection: Connection, group_id: UUID, users: Sequence[UUID]) -> None:
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


def _close(uow: UnitOfWork, connection: Connection, group_id: UUID, users: Sequence[UUID]) -> None:
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


def _follow(uow: UnitOfWork, connection: Connection, group_id: UUID, users: Sequence[UUID]) -> None:
    """Derive the access of those who moved, if a rule names the group."""
    if not mapping.names_group(uow, group_id):
        return
    u = t.directory_users.c
    moved = uow.own(t.directory_users, u.member_id).where(
        u.connection_id == connection.id, u.member_id.is_not(None)
    )
    funnel.recompute(
        uow,
        [
            row.member_id
            for chunk in _chunks(users)
            for row in uow.all(moved.where(u.id.in_(chunk)))
        ],
    )


def _columns(uow: UnitOfWork, record: GroupRecord) -> dict[str, Any]:
    return {
        "display_name": record.display_name,
        "display_name_key": fold(record.display_name),
        "external_id": record.external_id,
        "document": record.document,
        "search": dict(record.search),
        "last_modified": uow.now,
    }


def _differs(before: Row[Any], record: GroupRecord) -> bool:
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
    uow: UnitOfWork,
    before: Row[Any],
    record: GroupRecord | None,
    joined: Sequence[UUID],
    left: Sequence[UUID],
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
    if joined or left:
        after = {
            "added": [str(x) for x in joined[:TOLD]],
            "removed": [str(x) for x in left[:TOLD]],
            "added_count": len(joined),
            "removed_count": len(left),
        }
        uow.record(Fact("directory.group_members_changed", (target,), after=after))


def _count(uow: UnitOfWork, connection: Connection, by: int) -> None:
    uow.update(t.directory_counts, {"connection_id": connection.id}, groups=Plus(by))


def _chunks(ids: Iterable[UUID]) -> Iterable[list[UUID]]:
    ordered = sorted(ids)
    for start in range(0, len(ordered), CHUNK):
        yield ordered[start : start + CHUNK]


def _target(group_id: UUID, name: str) -> Target:
    return Target("directory_group", str(group_id), name)
