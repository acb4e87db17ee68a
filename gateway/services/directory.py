"""Users of a connection's directory: SCIM's verbs on what an identity provider said of people."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any
from uuid import UUID

from sqlalchemy import CompoundSelect, Select, bindparam, null, select, union, union_all

from gateway.domain.connections import Connection
from gateway.domain.directory import StoredUser, UserRecord
from gateway.domain.errors import AlreadyExists, NotFound, PreconditionFailed, Refused
from gateway.domain.events import Fact, Target
from gateway.domain.memberships import Known, Landing, on_scim_create
from gateway.domain.text import fold
from gateway.services import (
    attention,
    departures,
    domains,
    members,
    people,
    provisioning,
    situations,
    terms,
)
from gateway.storage import tables as t
from gateway.storage.unit_of_work import UnitOfWork
from gateway.storage.writes import Plus

USERS = t.directory_users


def find_user(uow: UnitOfWork, connection: Connection, user_id: UUID) -> StoredUser:
    """Return a live user of the connection.

    :raises NotFound: absent, deleted, or another connection's.
    """
    return stored_user(_load(uow, connection, user_id))


def create_user(
    uow: UnitOfWork, connection: Connection, record: UserRecord
) -> StoredUser | Refused:
    """Add a user and let the membership follow; one that was inactive comes back in place.

    :raises AlreadyExists: a live user has the userName or externalId; details carry its id.
    :raises SeatLimitReached: no seat, and no waiting list.
    :raises PlanFeature: the plan has no SCIM any more.
    """
    terms.current(uow).require("scim")
    by_external, by_name = _known(uow, connection, record)
    outcome = on_scim_create(record.external_id, by_external, by_name)
    if outcome.landing is Landing.TAKEN:
        raise AlreadyExists(
            f"A user with this userName or externalId exists: {outcome.user_id}.",
            id=str(outcome.user_id),
        )
    if outcome.landing is Landing.RESTORED and outcome.user_id is not None:
        return update_user(uow, connection, outcome.user_id, _with_activity(record))
    if outcome.landing is Landing.REPLACES and outcome.user_id is not None:
        refused = delete_user(uow, connection, outcome.user_id)
        if refused is not None:
            return refused
        attention.note(uow, connection.id, "username_reused", record.user_name, {})
    return _insert(uow, connection, record)


def update_user(
    uow: UnitOfWork,
    connection: Connection,
    user_id: UUID,
    record: UserRecord,
    expected_version: int | None = None,
) -> StoredUser | Refused:
    """Make a user as the record says; where nothing differs, nothing changes.

    A deactivation of the last owner is refused and contained: the user stays as it was, until
    a record says `active` again.

    :raises NotFound: absent, deleted, or another connection's.
    :raises PreconditionFailed: another version. :raises AlreadyExists: a key is taken.
    :raises PlanFeature: the plan has no SCIM any more, and the user would be active after it.
    """
    before = _load(uow, connection, user_id)
    require_version(before, expected_version)
    active = before.active if record.active is None else record.active
    manages = provisioning.manages(uow, connection, before.member_id)
    if manages and before.active and record.active:
        provisioning.confirm(uow, connection, before.member_id)
    if _says_the_same(before, record, active=active):
        return stored_user(before)
    if active:  # who rests after it is given nothing
        terms.current(uow).require("scim")
    _require_free_keys(uow, connection, record, before)
    if manages:
        refused = _follow_active(uow, connection, before, active=active)
        if refused is not None:
            return refused
        members.rename(uow, before.member_id, record.display_name, record.email)
    if before.active and not active:
        provisioning.mind_owners(uow, connection, before)
    _write(uow, connection, before, record, active=active)
    action = "directory.user_updated"
    if active and not before.active:
        action = "directory.user_restored"
    uow.record(
        Fact(
            action,
            _targets(before, record.user_name),
            before={"version": before.version, "active": before.active},
            after={"version": before.version + 1, "active": active},
        )
    )
    return find_user(uow, connection, user_id)


def delete_user(
    uow: UnitOfWork, connection: Connection, user_id: UUID, expected_version: int | None = None
) -> Refused | None:
    """End a user and the membership for good; its SCIM id answers 404 from now on.

    :raises NotFound: absent, deleted, or another connection's.
    :raises PreconditionFailed: another version.
    """
    before = _load(uow, connection, user_id)
    require_version(before, expected_version)
    if before.active:
        provisioning.mind_owners(uow, connection, before)
    if not provisioning.manages(uow, connection, before.member_id):
        departures.end_user(uow, before)
        return None
    refusal = provisioning.refuses_to_go(uow, connection, before.member_id)
    if refusal is not None:
        return Refused(refusal)
    members.remove(uow, before.member_id, "deprovisioned")
    return None


def require_version(before: Any, expected: int | None) -> None:
    """Refuse a change that was decided on another version.

    :raises PreconditionFailed: the stored version is not the expected one.
    """
    if expected is not None and before.version != expected:
        raise PreconditionFailed("The resource has changed since it was read.")


def stored_user(row: Any) -> StoredUser:
    """Return the user that a row of the directory holds."""
    return StoredUser(
        id=row.id,
        connection_id=row.connection_id,
        user_name=row.user_name,
        external_id=row.external_id,
        active=row.active,
        member_id=row.member_id,
        document=row.document,
        version=row.version,
        created_at=row.created_at,
        last_modified=row.last_modified,
    )


def _load(uow: UnitOfWork, connection: Connection, user_id: UUID) -> Any:
    situations.load(uow, connection, user_id)
    row = uow.find(USERS, connection_id=connection.id, id=user_id)
    if row is None or row.deleted_at is not None:
        raise NotFound("No such user.")
    return row


def _known(
    uow: UnitOfWork, connection: Connection, record: UserRecord
) -> tuple[Known | None, Known | None]:
    """Return who has the record's externalId, and who its userName.

    Who has its address comes along where provisioning will ask (`people.find`).
    """
    name_key = fold(record.user_name)
    keys = {"organisation": uow.organisation_id, "connection": connection.id, "name": name_key}
    if record.external_id is not None:
        keys["external"] = record.external_id
    address = record.email if domains.is_proved(uow, record.email) else None
    if address is not None:
        keys["email_key"] = fold(address)
    rows = uow.all(_KNOWN["external" in keys, address is not None], **keys)
    if address is not None:
        people.keep(uow, address, [row for row in rows if row.user_name_key is None])
    by_external = by_name = None
    for row in rows:
        known = Known(row.id, row.external_id, row.active)
        if record.external_id is not None and row.external_id == record.external_id:
            by_external = known
        if row.user_name_key == name_key:
            by_name = known
    return by_external, by_name


_HERE = select(USERS.c.id, USERS.c.user_name_key, USERS.c.external_id, USERS.c.active).where(
    USERS.c.organisation_id == bindparam("organisation"),
    USERS.c.connection_id == bindparam("connection"),
    USERS.c.deleted_at.is_(None),
)
_WITH_NAME = _HERE.where(USERS.c.user_name_key == bindparam("name"))
# Two index look-ups: an OR of both columns would scan one of the indexes.
_WITH_EITHER = union(_WITH_NAME, _HERE.where(USERS.c.external_id == bindparam("external")))
_PERSON = people.BY_EMAIL.add_columns(null(), null(), null())
_KNOWN: dict[tuple[bool, bool], Select[Any] | CompoundSelect[Any]] = {
    (False, False): _WITH_NAME,
    (True, False): _WITH_EITHER,
    (False, True): union_all(_WITH_NAME, _PERSON),
    (True, True): union(*_WITH_EITHER.selects, _PERSON),
}
"""By whether an externalId is given, and whether a person with the address is looked for."""


def _insert(uow: UnitOfWork, connection: Connection, record: UserRecord) -> StoredUser | Refused:
    member_id = provisioning.enrol(uow, connection, record)
    if isinstance(member_id, Refused):
        return member_id
    row = {
        "id": uow.new_id(),
        "connection_id": connection.id,
        "member_id": member_id,
        "version": 1,
        "created_at": uow.now,
        "deleted_at": None,
        **_columns(uow, record, active=record.active is not False),
    }
    uow.insert(USERS, **row)
    user = stored_user(SimpleNamespace(**row))
    _insert_emails(uow, connection, user.id, record)
    _count(uow, connection, 1)
    targets = [Target("directory_user", str(user.id), record.user_name)]
    if member_id is not None:
        targets.append(Target("member", str(member_id)))
    after = {"active": user.active, "connection": str(connection.id)}
    uow.record(Fact("directory.user_created", tuple(targets), after=after))
    return user


def _with_activity(record: UserRecord) -> UserRecord:
    """Return a posted record: who is created without a word on activity is active."""
    return replace(record, active=True) if record.active is None else record


def _follow_active(
    uow: UnitOfWork, connection: Connection, before: Any, *, active: bool
) -> Refused | None:
    if active == before.active:
        return None
    if active:
        provisioning.activate(uow, connection, before.member_id, before.user_name)
        return None
    refusal = provisioning.deactivate(uow, connection, before.member_id)
    return None if refusal is None else Refused(refusal)


def _write(
    uow: UnitOfWork,
    connection: Connection,
    before: Any,
    record: UserRecord,
    *,
    active: bool,
) -> None:
    columns = _columns(uow, record, active=active)
    # A column that is set again would have the database write its indexes again too.
    changed = {name: value for name, value in columns.items() if getattr(before, name) != value}
    uow.update(USERS, _key(before), version=before.version + 1, **changed)
    if before.search.get("emails") != record.search.get("emails"):
        e = t.directory_emails.c
        uow.apply(
            t.directory_emails.delete().where(
                e.organisation_id == uow.organisation_id,
                e.connection_id == connection.id,
                e.user_id == before.id,
            )
        )
        _insert_emails(uow, connection, before.id, record)


def _columns(uow: UnitOfWork, record: UserRecord, *, active: bool) -> dict[str, Any]:
    return {
        "user_name": record.user_name,
        "user_name_key": fold(record.user_name),
        "external_id": record.external_id,
        "active": active,
        "display_name": record.display_name,
        "email": record.email,
        "document": record.document,
        "search": dict(record.search),
        "last_modified": uow.now,
    }


def _insert_emails(
    uow: UnitOfWork, connection: Connection, user_id: UUID, record: UserRecord
) -> None:
    uow.insert_all(
        t.directory_emails,
        [
            {
                "connection_id": connection.id,
                "user_id": user_id,
                "position": position,
                "value_key": value,
            }
            for position, value in enumerate(record.emails)
        ],
    )


def _says_the_same(before: Any, record: UserRecord, *, active: bool) -> bool:
    present = (before.document, before.active, before.user_name, before.external_id)
    return present == (record.document, active, record.user_name, record.external_id)


def _require_free_keys(
    uow: UnitOfWork, connection: Connection, record: UserRecord, before: Any
) -> None:
    same_name = fold(record.user_name) == before.user_name_key
    if same_name and record.external_id in (before.external_id, None):
        return
    for known in _known(uow, connection, record):
        if known is not None and known.id != before.id:
            raise AlreadyExists(
                f"Another user has this userName or externalId: {known.id}.", id=str(known.id)
            )


def _count(uow: UnitOfWork, connection: Connection, by: int) -> None:
    uow.update(t.directory_counts, {"connection_id": connection.id}, users=Plus(by))


def _key(row: Any) -> dict[str, object]:
    return {"connection_id": row.connection_id, "id": row.id}


def _targets(row: Any, user_name: str) -> tuple[Target, ...]:
    user = Target("directory_user", str(row.id), user_name)
    if row.member_id is None:
        return (user,)
    return (user, Target("member", str(row.member_id)))
