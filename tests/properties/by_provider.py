"""What identity providers do through their connections."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any
from uuid import UUID

from gateway.domain.connections import Connection
from gateway.domain.directory import MemberDelta, StoredGroup, StoredUser, UserRecord
from gateway.domain.errors import NotFound, Refused
from gateway.services import connections, directory, directory_groups
from gateway.storage import tables as t
from gateway.storage.unit_of_work import UnitOfWork
from tests.factories import group_record, user_record
from tests.properties.hand import Hand, Verb
from tests.properties.town import GROUPS, PEOPLE, idp


def _through(
    hand: Hand, verb: Callable[[UnitOfWork, Connection], Any], connection_id: UUID
) -> Verb:
    def unit(uow: UnitOfWork) -> Any:
        here = connections.get(uow, connection_id)
        if here.state != "active":
            raise NotFound("No token opens a disabled connection.")
        return verb(uow, here)

    row = hand.town.rows(t.connections.select().where(t.connections.c.id == connection_id))[0]
    hand.actor = idp(row)  # type: ignore[arg-type]
    return unit


def _record(hand: Hand, *, active: bool | None) -> UserRecord:
    record = user_record(hand.address(), active=active)
    external = hand.some((None, "x1", "x2", "x3", "x4"))
    record = replace(record, external_id=external, document=f"{record.document}{external}")
    if hand.rng.random() < 0.1:
        record = replace(record, user_name=f"login-{hand.rng.choice(PEOPLE)}")
    return record


def post_user(hand: Hand) -> Verb:
    here = hand.connection()
    record = _record(hand, active=hand.some((True, True, True, None, False)))

    def verb(uow: UnitOfWork, connection: Connection) -> StoredUser | Refused:
        made = directory.create_user(uow, connection, record)
        if isinstance(made, StoredUser) and made.id not in hand.house.users[here]:
            hand.house.users[here].append(made.id)
        return made

    return _through(hand, verb, here)


def put_user(hand: Hand) -> Verb:
    here = hand.connection()
    user = hand.named(hand.house.users[here])
    record = _record(hand, active=hand.some((True, None, None)))
    return _through(hand, lambda u, c: directory.update_user(u, c, user, record), here)


def _say_active(hand: Hand, active: bool) -> Verb:
    here = hand.connection()
    user = hand.named(hand.house.users[here])

    def verb(uow: UnitOfWork, connection: Connection) -> StoredUser | Refused:
        now = directory.find_user(uow, connection, user)
        record = user_record(now.user_name, now.external_id, active=active)
        return directory.update_user(uow, connection, user, replace(record, document=now.document))

    return _through(hand, verb, here)


def activate_user(hand: Hand) -> Verb:
    return _say_active(hand, True)


def deactivate_user(hand: Hand) -> Verb:
    return _say_active(hand, False)


def delete_user(hand: Hand) -> Verb:
    here = hand.connection()
    user = hand.named(hand.house.users[here])
    return _through(hand, lambda u, c: directory.delete_user(u, c, user), here)


def post_group(hand: Hand) -> Verb:
    here = hand.connection()
    people = _some_users(hand, here)
    name = hand.some(GROUPS)

    def verb(uow: UnitOfWork, connection: Connection) -> StoredGroup:
        made = directory_groups.create_group(uow, connection, group_record(name), people)
        hand.house.groups[here].append(made.id)
        return made

    return _through(hand, verb, here)


def _some_users(hand: Hand, connection_id: UUID) -> frozenset[UUID]:
    known = [*hand.house.users[connection_id], UUID(int=9)]
    other = hand.town.other(hand.house)
    known += [user for users in other.users.values() for user in users[:1]]
    chosen = frozenset(hand.rng.sample(known, min(len(known), hand.rng.randint(0, 4))))
    hand.wish.append(sorted(chosen))
    return chosen


def join_group(hand: Hand) -> Verb:
    return _move(hand, lambda people: MemberDelta(add=people))


def leave_group(hand: Hand) -> Verb:
    return _move(hand, lambda people: MemberDelta(remove=people))


def replace_group(hand: Hand) -> Verb:
    return _move(hand, lambda people: MemberDelta(add=people, replace=True))


def _move(hand: Hand, delta: Callable[[frozenset[UUID]], MemberDelta]) -> Verb:
    here = hand.connection()
    group, wanted = hand.named(hand.house.groups[here]), delta(_some_users(hand, here))
    return _through(
        hand, lambda u, c: directory_groups.update_group(u, c, group, None, wanted), here
    )


def rename_group(hand: Hand) -> Verb:
    here = hand.connection()
    group, name = hand.named(hand.house.groups[here]), hand.some(GROUPS)
    return _through(
        hand,
        lambda u, c: directory_groups.update_group(u, c, group, group_record(name), MemberDelta()),
        here,
    )


def delete_group(hand: Hand) -> Verb:
    here = hand.connection()
    group = hand.named(hand.house.groups[here])
    return _through(hand, lambda u, c: directory_groups.delete_group(u, c, group), here)
