"""Directory users who go: out of every group, and their SCIM id answers 404 from then on."""

from uuid import UUID

from gateway.domain.events import Fact, Target
from gateway.services import directory_groups
from gateway.storage import tables as t
from gateway.storage.unit_of_work import Record, UnitOfWork
from gateway.storage.writes import Plus

USERS = t.directory_users


def end_users_of(uow: UnitOfWork, member_id: UUID) -> None:
    """End every directory user behind a membership that has ended; the caller recomputes."""
    u = USERS.c
    mine = uow.own(USERS).where(u.member_id == member_id, u.deleted_at.is_(None))
    for user in uow.all(mine.order_by(u.connection_id, u.id)):
        end_user(uow, user)


def end_user(uow: UnitOfWork, user: Record) -> None:
    """End a directory user; a membership behind it is the caller's to end."""
    directory_groups.leave_all(uow, user.connection_id, user.id)
    key = {"connection_id": user.connection_id, "id": user.id}
    uow.update(USERS, key, deleted_at=uow.now, active=False)
    uow.update(t.directory_counts, {"connection_id": user.connection_id}, users=Plus(-1))
    targets = [Target("directory_user", str(user.id), user.user_name)]
    if user.member_id is not None:
        targets.append(Target("member", str(user.member_id)))
    uow.record(Fact("directory.user_deleted", tuple(targets)))
