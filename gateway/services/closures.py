"""Closing an organisation for good, with a while in which it can be opened again."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Table, and_, delete, or_, select, tuple_, update

from gateway.domain import transitions
from gateway.domain.closures import GRACE, TRANSITIONS, OrganisationState
from gateway.domain.errors import InvalidRequest
from gateway.domain.events import Fact
from gateway.services import funnel, organisations, terms
from gateway.storage import tables as t
from gateway.storage.unit_of_work import COUNTED, UnitOfWork

PASS = 1_000
"""Rows that one pass of a purge deletes, so that nobody waits for it long."""


def close(uow: UnitOfWork) -> None:
    """Close the organisation: every session, key and token opens nothing from this commit on.

    A second call changes nothing.
    """
    if organisations.get(uow).state != "live":
        return
    ended = {"revoked_at": uow.now, "revoked_because": "organisation_deleted"}
    uow.update(t.session_proofs, {"revoked_at": None}, **ended)
    _turn(uow, OrganisationState.DELETED)
    uow.record(Fact("organisation.deleted", (terms.organisation(uow),)))


def restore(uow: UnitOfWork) -> None:
    """Open a closed organisation again, as it was but for its sessions.

    :raises InvalidRequest: the time for that is over.
    """
    if organisations.get(uow).state == "live":
        return
    if uow.now >= _closed_at(uow) + GRACE:
        raise InvalidRequest("A deleted organisation can be restored for 30 days.")
    _turn(uow, OrganisationState.LIVE)
    uow.record(Fact("organisation.restored", (terms.organisation(uow),)))


def due(connection: Connection, now: datetime) -> Sequence[UUID]:
    """Return the organisations that nothing brings back and that still have rows."""
    o, h = t.organisations.c, t.organisations_history.c
    open_since = and_(h.organisation_id == o.id, h.valid_to.is_(None))
    over = and_(o.state == OrganisationState.DELETED, h.valid_from <= now - GRACE)
    wanted = select(o.id).join(t.organisations_history, open_since, isouter=True)
    return connection.scalars(wanted.where(or_(over, o.state == OrganisationState.PURGING))).all()


def begin_purge(uow: UnitOfWork) -> None:
    """Let the organisation be gone for everybody: its names are dropped, its rows will follow.

    Its id, preset and instants stay as the installation's record that it was; its slug is free.

    :raises InvalidTransition: it was restored. :raises InvalidRequest: it can be still.
    """
    row = organisations.get(uow)
    present, wanted = OrganisationState(row.state), OrganisationState.PURGING
    transitions.require(TRANSITIONS, "An organisation", present, wanted)
    if uow.now < _closed_at(uow) + GRACE:
        raise InvalidRequest("It can be restored still.")
    uow.stamp(state=wanted, name="", slug=str(uow.organisation_id))


def purge(connection: Connection, now: datetime, organisation_id: UUID) -> bool:
    """Delete a pass of rows of an organisation that is gone; True if there are more.

    Takes no lock of anybody's, and goes on where a pass before it was interrupted. People keep
    their accounts, except those whom only this organisation's connections could prove.
    """
    left = PASS
    for table in OWNED:
        left -= _delete(connection, table, table.c.organisation_id == organisation_id, left)
        if left <= 0:
            return True
    if _delete_confined(connection, organisation_id):
        return True
    o = t.organisations
    emptied = {"state": OrganisationState.PURGED, "last_change": now}
    nobody = {column.name: 0 for column in COUNTED}
    connection.execute(update(o).where(o.c.id == organisation_id).values(**emptied, **nobody))
    return False


def _closed_at(uow: UnitOfWork) -> datetime:
    h = t.organisations_history
    closed_at: datetime = uow.scalar(uow.own(h, h.c.valid_from).where(h.c.valid_to.is_(None)))
    return closed_at


def _turn(uow: UnitOfWork, state: OrganisationState) -> None:
    o = t.organisations
    uow.apply(o.update().where(o.c.id == uow.organisation_id).values(state=state))
    uow.update(t.organisations_history, {"valid_to": None}, valid_to=uow.now)
    uow.insert(t.organisations_history, valid_from=uow.now, valid_to=None, state=state)
    uow.terms_changed()
    funnel.recompute_all(uow)


def _delete(connection: Connection, table: Table, which: Any, limit: int) -> int:
    key = tuple_(*table.primary_key.columns)
    some = select(*table.primary_key.columns).where(which).limit(limit)
    return connection.execute(delete(table).where(which, key.in_(some))).rowcount


def _delete_confined(connection: Connection, organisation_id: UUID) -> int:
    """Delete a pass of people who could be proved by this organisation's connections alone."""
    p = t.persons.c
    some = select(p.id).where(p.confined_to == organisation_id).limit(PASS)
    ids = connection.scalars(some).all()
    for table in PERSONAL:
        connection.execute(delete(table).where(table.c.person_id.in_(ids)))
    return connection.execute(delete(t.persons).where(p.id.in_(ids))).rowcount


OWNED: Sequence[Table] = tuple(
    table for table in reversed(t.metadata.sorted_tables) if "organisation_id" in table.c
)
"""Every table with rows of organisations, in an order in which foreign keys let them go."""

PERSONAL: Sequence[Table] = tuple(
    table
    for table in reversed(t.metadata.sorted_tables)
    if table not in OWNED and any(key.column.table is t.persons for key in table.foreign_keys)
)
"""Every table with rows of persons outside of organisations."""
