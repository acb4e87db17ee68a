"""SCIM connections: an identity provider that may provision this organisation."""

from collections.abc import Sequence
from uuid import UUID

from gateway.domain import acting as rules
from gateway.domain.connections import SETTINGS, Connection, proper_networks
from gateway.domain.errors import InvalidRequest, NotFound, OwnershipTransferDisabled
from gateway.domain.events import Fact, Target
from gateway.services import (
    access,
    acting,
    group_facts,
    managed,
    scim_clients,
    scim_tokens,
    successors,
    terms,
)
from gateway.storage import tables as t
from gateway.storage.unit_of_work import Record, UnitOfWork

PEOPLE_AFTER_DELETION = ("keep_members", "deactivate_members")


def create(
    uow: UnitOfWork, name: str, successor_id: UUID | None = None, **settings: object
) -> UUID:
    """Make an active SCIM connection, which needs somebody to inherit the ownership.

    :raises PlanFeature: the plan has no SCIM.
    :raises SuccessorRequired: nobody fit to succeed the owner is named.
    :raises InvalidRequest: an unknown setting or value.
    """
    agreed = terms.current(uow)
    agreed.require("scim")
    require_may_configure(uow, None, settings.get("unmapped", "default_role"))
    name = proper_name(name)
    networks = proper_networks(settings.pop("allowed_networks", ()))
    require_settings(settings, agreed)
    successors.require(uow, successor_id)
    connection_id = uow.new_id()
    values: dict[str, object] = {
        "unmapped": "default_role",
        "bot_scope": None,
        "seat_overage": agreed.policies["scim_overage"],
        "last_owner": agreed.policies["last_owner_scim"],
        "dialect": "auto",
        "members_clearable": False,
        "token_without_bearer": False,
        "allowed_networks": networks,
        **settings,
    }
    uow.create(
        t.connection_versions,
        id=connection_id,
        kind="scim",
        name=name,
        state="active",
        successor_id=successor_id,
        detected_dialect=None,
        created_at=uow.now,
        **values,
    )
    uow.insert(t.directory_counts, connection_id=connection_id, users=0, groups=0)
    uow.terms_changed()
    after = {"name": name, "successor_id": str(successor_id), **values}
    uow.record(Fact("connection.created", (_target(connection_id, name),), after=after))
    return connection_id


def get(uow: UnitOfWork, connection_id: UUID) -> Connection:
    """Return a connection that is not deleted.

    :raises NotFound: absent, deleted or another organisation's.
    """
    return Connection.of(_load(uow, connection_id))


def of_any_kind(uow: UnitOfWork, connection_id: UUID) -> Connection:
    """Return a connection, whatever protocol it speaks, that is not deleted.

    :raises NotFound: absent, deleted or another organisation's.
    """
    row = uow.load(t.connections, connection_id, noun="connection")
    if row.state == "deleted":
        raise NotFound("No such connection.")
    return Connection.of(row)


def listing(uow: UnitOfWork) -> Sequence[Connection]:
    """Return the SCIM connections that are not deleted, the oldest first."""
    c = t.connections.c
    wanted = uow.own(t.connections).where(c.kind == "scim", c.state != "deleted").order_by(c.id)
    return [Connection.of(row) for row in uow.all(wanted)]


def update(uow: UnitOfWork, connection_id: UUID, **settings: object) -> None:
    """Change name, successor or settings; what people get follows at once.

    :raises InvalidRequest: an unknown setting or value.
    :raises SuccessorRequired: the named successor does not fit.
    """
    row = _load(uow, connection_id)
    named = dict(settings)
    if "name" in named:
        settings["name"] = proper_name(named.pop("name"))
    if "successor_id" in named:
        successors.require(uow, named.pop("successor_id"))
    if "allowed_networks" in named:
        settings["allowed_networks"] = proper_networks(named.pop("allowed_networks"))
    require_settings(named, terms.current(uow))
    require_may_configure(uow, connection_id, named.get("unmapped", row.unmapped))
    changed = {k: v for k, v in settings.items() if getattr(row, k) != v}
    if not uow.change(t.connection_versions, row, **settings):
        return
    uow.terms_changed()
    before = {k: _plain(getattr(row, k)) for k in changed}
    after = {k: _plain(v) for k, v in changed.items()}
    uow.record(
        Fact("connection.updated", (_target(connection_id, row.name),), before=before, after=after)
    )
    if changed.keys() & {"unmapped", "bot_scope"}:
        managed.recompute(uow, connection_id)


def notice_dialect(uow: UnitOfWork, connection_id: UUID, dialect: str) -> None:
    """Remember which identity provider a connection's requests look like."""
    uow.update(t.connections, {"id": connection_id}, detected_dialect=dialect)


def disable(uow: UnitOfWork, connection_id: UUID) -> None:
    """Stop deciding: people keep the roles they have as manual ones, and can be edited.

    People whom the identity provider deactivated stay deactivated. Disabling twice changes
    nothing.
    """
    row = _load(uow, connection_id)
    if row.state == "disabled":
        return
    require_may_configure(uow, connection_id, row.unmapped)
    managed.convert(uow, connection_id)
    uow.change(t.connection_versions, row, state="disabled")
    uow.terms_changed()
    uow.record(Fact("connection.disabled", (_target(connection_id, row.name),)))
    managed.recompute(uow, connection_id)


def enable(uow: UnitOfWork, connection_id: UUID) -> None:
    """Decide again: roles follow the groups, and what was converted ends."""
    row = _load(uow, connection_id)
    if row.state == "active":
        return
    require_may_configure(uow, connection_id, row.unmapped)
    terms.current(uow).require("scim")
    successors.require(uow, row.successor_id)
    uow.change(t.connection_versions, row, state="active")
    uow.terms_changed()
    managed.end_conversions(uow, connection_id)
    uow.record(Fact("connection.enabled", (_target(connection_id, row.name),)))
    managed.recompute(uow, connection_id)


def delete(uow: UnitOfWork, connection_id: UUID, people: str = "keep_members") -> None:
    """End a connection: its tokens die first, then its people become manual or deactivated.

    :raises InvalidRequest: `people` is neither keep_members nor deactivate_members.
    """
    if people not in PEOPLE_AFTER_DELETION:
        raise InvalidRequest(f"People: {' or '.join(PEOPLE_AFTER_DELETION)}.", field="people")
    row = _load(uow, connection_id)
    require_may_configure(uow, connection_id, row.unmapped)
    scim_tokens.revoke_all(uow, connection_id)
    scim_clients.revoke_all(uow, connection_id)
    managed.release(uow, connection_id, deactivate=people == "deactivate_members")
    row = _load(uow, connection_id)
    uow.change(t.connection_versions, row, state="deleted")
    uow.terms_changed()
    uow.record(Fact("connection.deleted", (_target(connection_id, row.name),)))


def _load(uow: UnitOfWork, connection_id: UUID) -> Record:
    row = uow.load(t.connections, connection_id, noun="SCIM connection")
    if row.state == "deleted" or row.kind != "scim":
        raise NotFound("No such SCIM connection.")
    return row


def require_may_configure(uow: UnitOfWork, connection_id: UUID | None, unmapped: object) -> None:
    """Judge a connection by the strongest role that it can give."""
    roles = {role.id: role for role in access.roles_at(uow)}
    r = t.mapping_rules.c
    rows = (
        uow.all(
            uow.own(t.mapping_rules).where(r.connection_id == connection_id, r.valid_to.is_(None))
        )
        if connection_id is not None
        else []
    )
    key = terms.current(uow).policies["default_role"]
    default = next((role for role in roles.values() if role.key == key), None)
    rules.require_may_change_connection(
        acting.author(uow),
        [group_facts.rule_of(row) for row in rows],
        roles,
        default if unmapped == "default_role" else None,
    )


def proper_name(name: object) -> str:
    """Return a connection's name without spaces around it.

    :raises InvalidRequest: empty, or longer than 64 characters.
    """
    if not isinstance(name, str) or not 0 < len(name.strip()) <= 64:
        raise InvalidRequest("A connection's name has 1 to 64 characters.", field="name")
    return name.strip()


def require_settings(settings: dict[str, object], agreed: terms.Terms) -> None:
    """Refuse an unknown setting, and a value that it cannot have."""
    for name, value in settings.items():
        if name not in SETTINGS:
            raise InvalidRequest(f"A connection has no setting {name!r}.", field=name)
        if not any(type(value) is type(x) and value == x for x in SETTINGS[name]):
            allowed = ", ".join(str(x).lower() for x in SETTINGS[name])
            raise InvalidRequest(f"{name} is one of {allowed}.", field=name)
    if settings.get("last_owner") == "succeed" and not agreed.ownership_may_pass:
        raise OwnershipTransferDisabled("Ownership stays with the creator; nobody succeeds.")
    if settings.get("seat_overage") == "bill" and not agreed.may_bill:
        raise InvalidRequest(
            f"The plan {agreed.plan} has no price for a seat, so none beyond its limit is billed.",
            levers=("Choose refuse or waitlist.", "Take a plan that has prices."),
            field="seat_overage",
        )


def _target(connection_id: UUID, name: str) -> Target:
    return Target("connection", str(connection_id), name)


def _plain(value: object) -> object:
    return str(value) if isinstance(value, UUID) else value
