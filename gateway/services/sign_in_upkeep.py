"""Upkeep of sign-in: what is over is forgotten, and break-glass owners are announced again."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import Connection, delete, select

from gateway.services import attempts, break_glass, logout_hints, replay, throttle, traces
from gateway.storage import tables as t
from gateway.storage.person_work import PersonWork
from gateway.storage.unit_of_work import UnitOfWork


def organisations(database: Connection) -> Sequence[UUID]:
    """Return the organisations that have anything of sign-in to look after."""
    owners = select(t.break_glass_owners.c.organisation_id)
    query = select(t.sso_connections.c.organisation_id).union(owners)
    return list(database.execute(query).scalars())


def settle(uow: UnitOfWork) -> None:
    """Forget an organisation's attempts, messages, traces and tokens that are over; announce."""
    attempts.forget_old(uow)
    replay.forget_old(uow)
    traces.forget_old(uow)
    logout_hints.forget(uow)
    p = t.link_proposals
    uow.execute(
        delete(p).where(p.c.organisation_id == uow.organisation_id, p.c.expires_at < uow.now)
    )
    break_glass.announce_due(uow)


def forget(here: PersonWork) -> None:
    """Forget steps, links and throttles whose time is over."""
    throttle.forget_old(here)
    for table in (t.challenges, t.mailed_links):
        here.execute(delete(table).where(table.c.expires_at < here.now))
