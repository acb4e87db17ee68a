"""Leases on what must leave the house: rows that one worker at a time may send.

A leased row says until when it is somebody's (`leased_until`) and which attempt it is; it is over
once it is delivered or given up.
"""

from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, Table, and_, or_, true, update


class Leased(Protocol):
    """A row as its holder knows it; one without organisation is no house's."""

    @property
    def organisation_id(self) -> UUID | None:
        """Whose row it is."""

    @property
    def id(self) -> UUID:
        """Its id."""

    @property
    def attempts(self) -> int:
        """How often it has been tried, this time included."""

    @property
    def leased_until(self) -> datetime:
        """Until when it is the holder's."""


def is_due(table: Table, now: Any) -> ColumnElement[bool]:
    """Whether a row waits to be sent and nobody holds it; `now` is an instant or its parameter."""
    c = table.c
    return and_(
        c.delivered_at.is_(None),
        c.given_up_at.is_(None),
        c.due_at <= now,
        or_(c.leased_until.is_(None), c.leased_until <= now),
    )


def settle(connection: Connection, table: Table, leased: Leased, **values: object) -> bool:
    """Only the holder of the lease decides: a late worker changes nothing."""
    c = table.c
    own = c.organisation_id == leased.organisation_id if "organisation_id" in c else true()
    held = and_(
        own,
        c.id == leased.id,
        c.leased_until == leased.leased_until,
        c.attempts == leased.attempts,
    )
    statement = update(table).where(held).values(leased_until=None, **values)
    return connection.execute(statement).rowcount == 1
