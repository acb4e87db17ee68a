"""The sealer: gives audit rows their place in the chain and feed rows their number.

A change commits its rows with their content hash only, because numbering them there would make
every writer of an organisation wait for the one before. The sealer comes after the commits,
takes one lock of its own and numbers what it finds, so that order is the order of commits.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, bindparam, select, union, update
from sqlalchemy.dialects import postgresql, sqlite

from gateway.services import webhooks
from gateway.storage import tables as t
from gateway.storage.facts import digest
from gateway.storage.types import canonical
from gateway.storage.unit_of_work import UnitOfWork

GENESIS = ""
"""What the first link of every chain follows."""

PASS = 500
"""Rows of each kind that one pass seals, so that it never holds its lock for long."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """How many rows one pass sealed."""

    events: int
    feed: int

    @property
    def is_partial(self) -> bool:
        """Whether the pass stopped at its bound and another one has work."""
        return PASS in (self.events, self.feed)


NOTHING = Sealed(0, 0)


def link(seq: int, prev_hash: str, content_hash: str) -> str:
    """Return the hash of one link: its number, what it follows, and what it says."""
    return digest(canonical({"seq": seq, "prev": prev_hash, "content": content_hash}))


def waiting(connection: Connection) -> list[UUID]:
    """Return the organisations that have something to seal."""
    return list(connection.scalars(_WAITING))


def seal(uow: UnitOfWork) -> Sealed:
    """Seal at most a pass of this organisation's rows; whoever comes second does nothing.

    Needs no lock of the organisation: committed facts do not change, and the chain's own row
    keeps two sealers apart.
    """
    _require_chain(uow)
    chain = uow.one(uow.own(t.chains).with_for_update(skip_locked=True))
    if chain is None:
        return NOTHING
    # Read after the lock is held: an older snapshot would miss rows of the sealer before.
    events, feed = uow.all(_unsealed(uow)), uow.all(_unnumbered(uow))
    if not events and not feed:
        return NOTHING
    head = _seal_events(uow, events, chain.audit_seq, chain.audit_hash)
    last = _number_feed(uow, feed, chain.feed_sequence)
    own = t.chains.c.organisation_id == uow.organisation_id
    seq = chain.audit_seq + len(events)
    uow.execute(
        update(t.chains).where(own).values(audit_seq=seq, audit_hash=head, feed_sequence=last)
    )
    return Sealed(len(events), len(feed))


def _require_chain(uow: UnitOfWork) -> None:
    """Begin the chain of an organisation that has none yet."""
    if uow.scalar(uow.own(t.chains, t.chains.c.audit_seq)) is not None:
        return
    dialect = postgresql if uow.connection.dialect.name == "postgresql" else sqlite
    first = {"organisation_id": uow.organisation_id, "audit_hash": GENESIS}
    uow.execute(dialect.insert(t.chains).values(first).on_conflict_do_nothing())


def _seal_events(uow: UnitOfWork, events: Sequence[Row[Any]], seq: int, head: str) -> str:
    links = []
    for event in events:
        seq += 1
        previous, head = head, link(seq, head, event.content_hash)
        links.append({"row": event.id, "number": seq, "previous": previous, "own": head})
    if links:
        uow.connection.execute(
            _SEAL, [{"organisation": uow.organisation_id, **values} for values in links]
        )
    return head


def _number_feed(uow: UnitOfWork, feed: Sequence[Row[Any]], last: int) -> int:
    """Give feed rows their number, which is their delivery: the feed is read, not sent."""
    numbers = [
        {"organisation": uow.organisation_id, "row": row.id, "number": number, "now": uow.now}
        for number, row in enumerate(feed, start=last + 1)
    ]
    if numbers:
        uow.connection.execute(_NUMBER, numbers)
        webhooks.fan_out(uow, [(row, x["number"]) for row, x in zip(feed, numbers, strict=True)])
    return last + len(numbers)


def _unsealed(uow: UnitOfWork) -> Any:
    rows = t.audit_events.c
    return (
        uow.own(t.audit_events, rows.id, rows.content_hash)
        .where(rows.seq.is_(None))
        .order_by(rows.occurred_at, rows.position, rows.id)
        .limit(PASS)
    )


def _unnumbered(uow: UnitOfWork) -> Any:
    rows = t.outbox.c
    return (
        uow.own(t.outbox, rows.id, rows.type)
        .where(rows.channel == "feed", rows.delivered_at.is_(None), rows.given_up_at.is_(None))
        .order_by(rows.created_at, rows.position, rows.id)
        .limit(PASS)
    )


_WAITING = union(
    select(t.audit_events.c.organisation_id).where(t.audit_events.c.seq.is_(None)),
    select(t.outbox.c.organisation_id).where(
        t.outbox.c.channel == "feed",
        t.outbox.c.delivered_at.is_(None),
        t.outbox.c.given_up_at.is_(None),
    ),
)

_SEAL = (
    update(t.audit_events)
    .where(
        t.audit_events.c.organisation_id == bindparam("organisation"),
        t.audit_events.c.id == bindparam("row"),
    )
    .values(seq=bindparam("number"), prev_hash=bindparam("previous"), hash=bindparam("own"))
)

_NUMBER = (
    update(t.outbox)
    .where(
        t.outbox.c.organisation_id == bindparam("organisation"), t.outbox.c.id == bindparam("row")
    )
    .values(sequence=bindparam("number"), delivered_at=bindparam("now"))
)
