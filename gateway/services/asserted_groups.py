"""Groups that sign-ins assert, for members whom no provisioning manages.

They become groups of the connection, which rules name by id like provisioned ones, and
memberships as intervals. What a sign-in does not say changes nothing.
"""

import json
from uuid import UUID

from gateway.domain.errors import InvalidRequest
from gateway.domain.events import Fact, Target
from gateway.domain.signin import Groups, is_group_name
from gateway.domain.text import fold
from gateway.services import attention, role_turns
from gateway.storage import tables as t
from gateway.storage.unit_of_work import UnitOfWork
from gateway.storage.writes import Plus

GROUPS, SEATS = t.directory_groups, t.asserted_memberships
FEW = 5
"""So many groups are looked up one by one; for more all of the connection's are read."""


def follow(uow: UnitOfWork, connection_id: UUID, member_id: UUID, groups: Groups) -> None:
    """Let a member's groups be those of this sign-in, if it said any; none is said, too.

    An overage is noted for the admins, and the last groups stay.
    """
    if groups.said == "overage":
        attention.note(uow, connection_id, "group_overage", str(member_id), {})
    if groups.said != "named":
        return
    at_hand = known(uow, connection_id) if len(groups.names) > FEW else {}
    wanted = {at_hand.get(name) or named(uow, connection_id, name) for name in groups.names}
    present = of_member(uow, connection_id, member_id)
    for group_id in sorted(present - wanted):
        key = {"connection_id": connection_id, "group_id": group_id, "member_id": member_id}
        uow.update(SEATS, {**key, "valid_to": None}, valid_to=uow.now)
    uow.insert_all(
        SEATS,
        [
            {
                "connection_id": connection_id,
                "group_id": group_id,
                "member_id": member_id,
                "valid_from": uow.now,
                "valid_to": None,
            }
            for group_id in sorted(wanted - present)
        ],
    )
    _count(uow, connection_id, joined=wanted - present, left=present - wanted)
    if wanted != present:
        uow.record(
            Fact(
                "directory.group_members_changed",
                (Target("member", str(member_id)), Target("connection", str(connection_id))),
                after={
                    "joined": sorted(map(str, wanted - present))[:100],
                    "left": sorted(map(str, present - wanted))[:100],
                },
            )
        )
        role_turns.follow_groups(uow, [member_id])


def of_member(uow: UnitOfWork, connection_id: UUID, member_id: UUID) -> set[UUID]:
    """Return the groups of the member's last sign-in that said any."""
    a = SEATS.c
    rows = uow.all(
        uow.own(SEATS, a.group_id).where(
            a.connection_id == connection_id, a.member_id == member_id, a.valid_to.is_(None)
        )
    )
    return {row.group_id for row in rows}


def known(uow: UnitOfWork, connection_id: UUID) -> dict[str, UUID]:
    """Return the connection's groups by the value that the provider sends."""
    g = GROUPS.c
    rows = uow.all(
        uow.own(GROUPS, g.id, g.external_id).where(
            g.connection_id == connection_id, g.deleted_at.is_(None)
        )
    )
    return {row.external_id: row.id for row in rows}


def named(uow: UnitOfWork, connection_id: UUID, value: str) -> UUID:
    """Return the group that the provider calls so; the first mention makes it.

    :raises InvalidRequest: no name, or too long.
    """
    value = value.strip()
    if not is_group_name(value):
        raise InvalidRequest("A group's name is one line of at most 255 characters.", field="name")
    g = GROUPS.c
    found: UUID | None = uow.scalar(
        uow.own(GROUPS, g.id).where(
            g.connection_id == connection_id, g.external_id == value, g.deleted_at.is_(None)
        )
    )
    return found or _make(uow, connection_id, value)


def _make(uow: UnitOfWork, connection_id: UUID, value: str) -> UUID:
    group_id = uow.new_id()
    uow.insert(
        GROUPS,
        id=group_id,
        connection_id=connection_id,
        display_name=value,
        # Providers tell groups apart by the exact value; two may differ by case alone.
        display_name_key=value,
        external_id=value,
        document=json.dumps({"displayName": value}, ensure_ascii=False),
        search={"displayname": fold(value)},
        member_count=0,
        version=1,
        created_at=uow.now,
        last_modified=uow.now,
        deleted_at=None,
    )
    target = Target("directory_group", str(group_id), value)
    uow.record(Fact("directory.group_created", (target, Target("connection", str(connection_id)))))
    return group_id


def _count(uow: UnitOfWork, connection_id: UUID, *, joined: set[UUID], left: set[UUID]) -> None:
    for group_id in sorted(joined | left):
        by = 1 if group_id in joined else -1
        key = {"connection_id": connection_id, "id": group_id}
        uow.update(GROUPS, key, member_count=Plus(by))
