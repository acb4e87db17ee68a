"""Changes as requests ask for them: understood before a unit opens, performed inside it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from scim2_models import InvalidValueException

from gateway.domain.connections import Connection
from gateway.domain.directory import MemberDelta, StoredGroup, StoredUser
from gateway.domain.errors import NotFound, Refused
from gateway.scim.attributes import GROUPS, USERS
from gateway.scim.bodies import Payload, new_state
from gateway.scim.dialects import Reading
from gateway.scim.limits import require_walks
from gateway.scim.memberships import NOBODY, Named, Step, fold, of_body, step_of
from gateway.scim.operations import Operation, read_operations
from gateway.scim.records import group_record, payload_of, user_record
from gateway.scim.rendering import etag
from gateway.scim.states import patched
from gateway.services import attention, directory, directory_groups
from gateway.storage.unit_of_work import UnitOfWork

Conditions = Callable[[str | None, str], bool]
"""Judges a version under If-Match and If-None-Match; raises where the method must not run."""

STRANGERS_TOLD = 20
"""Members of one request that could not be one and are noted for the admin."""


@dataclass(frozen=True, slots=True)
class Change:
    """One write. `payload` is a new state; `operations` and `steps` change the stored one."""

    kind: str
    method: str
    resource_id: UUID | None = None
    payload: Payload | None = None
    operations: tuple[Operation, ...] = ()
    members: Named | None = None
    steps: tuple[Step, ...] = ()


@dataclass(frozen=True, slots=True)
class Done:
    """What a change left behind; None of it after a deletion. `user` is a user as it is now."""

    id: UUID
    version: int
    member_count: int = 0
    user: StoredUser | None = None


def understand(
    kind: str, method: str, resource_id: UUID | None, body: Any, reading: Reading
) -> Change:
    """Return the change that a request asks for.

    :raises SCIMException: the body does not fit the schema.
    """
    if method == "DELETE":
        return Change(kind, method, resource_id)
    schema = USERS if kind == "User" else GROUPS
    if method == "PATCH":
        operations = read_operations(schema, body, reading)
        return _patch(kind, resource_id, operations)
    payload = new_state(schema, body, reading)
    members = of_body(body, reading) if kind == "Group" else None
    return Change(kind, method, resource_id, payload, members=members)


def perform(
    uow: UnitOfWork, connection: Connection, change: Change, conditions: Conditions | None = None
) -> Done | Refused | None:
    """Make the change; a condition is judged under the unit's lock.

    :raises GatewayError: a rule refuses. :raises SCIMException: an operation does not fit.
    """
    if conditions is not None and change.resource_id is not None:
        conditions(etag(_version(uow, connection, change)), change.method)
    verb = _VERBS[change.kind, change.method]
    return verb(uow, connection, change)


def _patch(kind: str, resource_id: UUID | None, operations: list[Operation]) -> Change:
    if kind == "User":
        require_walks(sum(not each.target.is_plain for each in operations))
        return Change(kind, "PATCH", resource_id, operations=tuple(operations))
    on_members = [each for each in operations if each.target.attribute.name == "members"]
    others = [each for each in operations if each.target.attribute.name != "members"]
    steps = tuple(step_of(each) for each in on_members)
    require_walks(sum(each.kind == "matching" for each in steps))
    return Change(kind, "PATCH", resource_id, operations=tuple(others), steps=steps)


def _version(uow: UnitOfWork, connection: Connection, change: Change) -> int:
    resource_id = _id(change)
    if change.kind == "User":
        return directory.find_user(uow, connection, resource_id).version
    return directory_groups.find_group(uow, connection, resource_id).version


def _create_user(uow: UnitOfWork, connection: Connection, change: Change) -> Done | Refused:
    payload = _payload(change)
    active = payload.get("active", True)
    return _done(directory.create_user(uow, connection, user_record(payload, active=active)))


def _replace_user(uow: UnitOfWork, connection: Connection, change: Change) -> Done | Refused:
    payload = _payload(change)
    record = user_record(payload, active=payload.get("active"))
    return _done(directory.update_user(uow, connection, _id(change), record))


def _patch_user(uow: UnitOfWork, connection: Connection, change: Change) -> Done | Refused:
    stored = directory.find_user(uow, connection, _id(change))
    # Without `active`: who does not speak of it does not ask to switch anybody on.
    state = patched(USERS, payload_of(stored.document), change.operations)
    record = user_record(state, active=state.get("active"))
    return _done(directory.update_user(uow, connection, stored.id, record))


def _delete_user(uow: UnitOfWork, connection: Connection, change: Change) -> Refused | None:
    return directory.delete_user(uow, connection, _id(change))


def _create_group(uow: UnitOfWork, connection: Connection, change: Change) -> Done | Refused:
    record = group_record(_payload(change))
    members = change.members or NOBODY
    _note_strangers(uow, connection, members)
    return _done(directory_groups.create_group(uow, connection, record, members.ids))


def _replace_group(uow: UnitOfWork, connection: Connection, change: Change) -> Done | Refused:
    record = group_record(_payload(change))
    delta = MemberDelta()
    if change.members is not None:
        _note_strangers(uow, connection, change.members)
        delta = MemberDelta(add=change.members.ids, replace=True)
    group_id = _id(change)
    return _done(directory_groups.update_group(uow, connection, group_id, record, delta))


def _patch_group(uow: UnitOfWork, connection: Connection, change: Change) -> Done | Refused:
    group_id = _id(change)
    record = None
    if change.operations:
        stored = directory_groups.find_group(uow, connection, group_id)
        state = patched(GROUPS, payload_of(stored.document), change.operations)
        record = group_record(state)
    for step in change.steps:
        if step.kind != "leave":
            _note_strangers(uow, connection, step.named)
    delta = fold(uow, connection, group_id, change.steps).delta
    return _done(directory_groups.update_group(uow, connection, group_id, record, delta))


def _delete_group(uow: UnitOfWork, connection: Connection, change: Change) -> None:
    directory_groups.delete_group(uow, connection, _id(change))


_VERBS: dict[tuple[str, str], Callable[[UnitOfWork, Connection, Change], Done | Refused | None]]
_VERBS = {
    ("User", "POST"): _create_user,
    ("User", "PUT"): _replace_user,
    ("User", "PATCH"): _patch_user,
    ("User", "DELETE"): _delete_user,
    ("Group", "POST"): _create_group,
    ("Group", "PUT"): _replace_group,
    ("Group", "PATCH"): _patch_group,
    ("Group", "DELETE"): _delete_group,
}


def _done(stored: StoredUser | StoredGroup | Refused) -> Done | Refused:
    if isinstance(stored, Refused):
        return stored
    if isinstance(stored, StoredUser):
        return Done(stored.id, stored.version, user=stored)
    return Done(stored.id, stored.version, stored.member_count)


def _note_strangers(uow: UnitOfWork, connection: Connection, members: Named) -> None:
    for kind, subject in members.strangers[:STRANGERS_TOLD]:
        attention.note(uow, connection.id, kind, subject, {})


def _payload(change: Change) -> Payload:
    if change.payload is None:
        raise InvalidValueException(detail="The request needs a body.")
    return dict(change.payload)


def _id(change: Change) -> UUID:
    if change.resource_id is None:
        raise NotFound(f"No such {change.kind.lower()}.")
    return change.resource_id
