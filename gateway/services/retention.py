"""Retention of the audit: whole prefixes of the sealed chain go, and a checkpoint proves the rest.

How long events are kept is a policy that the plan brings. A longer time holds at once and brings
back nothing; a shorter one takes effect after a delay, so that nobody ends evidence on the spot.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import takewhile
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, Select, bindparam, delete, exists, or_, select, update

from gateway.storage import tables as t
from gateway.storage.unit_of_work import UnitOfWork

POLICY = "audit_days"
"""The policy that says for how many days events are kept."""

DEFAULT_DAYS = 365

DELAY = timedelta(days=30)
"""How long a shorter retention waits before anything goes by it."""

PASS = 500
"""Events that one pass drops, so that it never holds the chain for long."""

MAIL_KEPT = timedelta(days=30)
"""How long mail that has left, or never will, is kept."""

SESSIONS_KEPT = timedelta(days=365)
"""How long a session that has ended tells which browsers and networks its person has used."""


@dataclass(frozen=True, slots=True)
class Due:
    """An organisation that has events from before the first instant that is kept."""

    organisation_id: UUID
    kept_since: datetime


def due(connection: Connection, now: datetime) -> Sequence[Due]:
    """Return the organisations with events that are older than they keep them."""
    kept = longest_days(connection, now, POLICY)
    return older_than(connection, now, kept, DEFAULT_DAYS, _OLDER)


def older_than(
    connection: Connection,
    now: datetime,
    kept: Mapping[UUID, int],
    usual: int,
    older: Select[Any],
) -> list[Due]:
    """Return the organisations among those with something `older` than the days they keep it.

    `older` finds organisations by an instant `since`; who is not in `kept` keeps the usual days.
    """
    found: list[Due] = []
    for days in sorted({usual, *kept.values()}):
        since = now - timedelta(days=days)
        rows = connection.execute(older, {"since": since}).scalars()
        found += [Due(each, since) for each in rows if kept.get(each, usual) == days]
    return found


def drop(uow: UnitOfWork, kept_since: datetime) -> int:
    """Drop at most a pass of sealed events from before an instant; say how many.

    Only a prefix of the chain goes: an older event behind a newer one waits for that. Needs no
    lock of the organisation, as sealed events do not change; whoever comes second does nothing.
    """
    chain = uow.one(uow.own(t.chains).with_for_update(skip_locked=True))
    if chain is None:
        return 0
    gone = list(takewhile(lambda event: event.occurred_at < kept_since, _oldest(uow)))
    if not gone:
        return 0
    last = gone[-1]
    _delete(uow, last.seq)
    uow.execute(
        update(t.chains)
        .where(t.chains.c.organisation_id == uow.organisation_id)
        .values(
            checkpoint_seq=last.seq,
            checkpoint_hash=last.hash,
            checkpoint_until=last.occurred_at,
            checkpoint_at=uow.now,
        )
    )
    return len(gone)


def forget_mail(connection: Connection, now: datetime) -> int:
    """Drop what is kept of mail a month after it was asked for, once it is done with."""
    before = now - MAIL_KEPT
    dropped = 0
    for table, kind in ((t.outbox, t.outbox.c.channel == "mail"), (t.letters, None)):
        c = table.c
        done = or_(c.delivered_at.is_not(None), c.given_up_at.is_not(None))
        old = delete(table).where(c.created_at <= before, done)
        dropped += connection.execute(old if kind is None else old.where(kind)).rowcount
    return dropped


def forget_sessions(connection: Connection, now: datetime) -> int:
    """Drop sessions that ended a year ago, with what they opened; say how many."""
    s, before = t.sessions.c, now - SESSIONS_KEPT
    old = select(s.id).where(or_(s.expires_at <= before, s.revoked_at <= before))
    connection.execute(delete(t.session_proofs).where(t.session_proofs.c.session_id.in_(old)))
    return connection.execute(delete(t.sessions).where(s.id.in_(old))).rowcount


def longest_days(connection: Connection, now: datetime, policy: str) -> dict[UUID, int]:
    """Return the longest retention that each organisation had within the delay."""
    p = t.policies.c
    lately = or_(p.valid_to.is_(None), p.valid_to > now - DELAY)
    days: dict[UUID, int] = {}
    for row in connection.execute(
        select(p.organisation_id, p.value).where(p.name == policy, lately)
    ):
        days[row.organisation_id] = max(days.get(row.organisation_id, 0), int(row.value))
    return days


def _oldest(uow: UnitOfWork) -> Sequence[Row[Any]]:
    e = t.audit_events.c
    sealed = uow.own(t.audit_events, e.seq, e.hash, e.occurred_at).where(e.seq.is_not(None))
    return uow.all(sealed.order_by(e.seq).limit(PASS))


def _delete(uow: UnitOfWork, last: int) -> None:
    e = t.audit_events.c
    gone = select(e.id).where(e.organisation_id == uow.organisation_id, e.seq <= last)
    for table in (t.audit_targets, t.audit_details):
        own = table.c.organisation_id == uow.organisation_id
        uow.execute(delete(table).where(own, table.c.event_id.in_(gone)))
    uow.execute(
        delete(t.audit_events).where(e.organisation_id == uow.organisation_id, e.seq <= last)
    )


_O, _E = t.organisations.c, t.audit_events.c
_OLDER = select(_O.id).where(
    exists().where(
        _E.organisation_id == _O.id,
        _E.occurred_at < bindparam("since", type_=_E.occurred_at.type),
        _E.seq.is_not(None),
    )
)
