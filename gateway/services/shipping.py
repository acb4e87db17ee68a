"""Shipping: deliveries leased to one worker at a time until their receiver has taken them.

As with mail, an attempt is counted before it is made, and whoever dies in between leaves a
delivery that is made again, under the same id.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import (
    Connection,
    Select,
    and_,
    bindparam,
    delete,
    func,
    literal,
    or_,
    select,
    update,
)

from gateway.domain.webhooks import PATIENCE, REST, next_attempt
from gateway.services import leases, notices, webhooks
from gateway.services.feed import Event
from gateway.services.outbox import one_line
from gateway.storage import tables as t
from gateway.storage.unit_of_work import UnitOfWork
from gateway.storage.vault import Vault, VaultError

LEASE = timedelta(minutes=2)
"""How long a worker has to make what it claimed, before another may."""

KEPT = timedelta(days=30)
"""How long the log shows what became of a delivery."""

MARGIN = timedelta(seconds=20)
"""The part of a lease in which nothing is begun any more; longer than one exchange may take."""

_D, _W = t.webhook_deliveries.c, t.webhooks.c


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event for one receiver, that this worker alone may send until its lease ends."""

    id: UUID
    webhook_id: UUID
    event: Event
    url: str
    secrets: tuple[str, ...] = field(repr=False)
    attempts: int
    leased_until: datetime

    @property
    def organisation_id(self) -> UUID:
        """Whose event it is."""
        return self.event.organisation

    def is_late(self, now: datetime) -> bool:
        """Whether too little of the lease is left to begin."""
        return now > self.leased_until - MARGIN


def claim(
    connection: Connection, now: datetime, vault: Vault, but: Collection[UUID] = (), limit: int = 40
) -> Sequence[Delivery]:
    """Lease due deliveries to the caller, in the order of events; none of the webhooks `but`."""
    lease = now + LEASE
    due = _due(connection.dialect.name, _oldest(now, but, limit))
    d = t.webhook_deliveries
    taken = (
        update(d)
        .where(_D.organisation_id == due.c.organisation_id, _D.id == due.c.id)
        .values(leased_until=lease, attempts=_D.attempts + 1)
        .returning(_D.organisation_id, _D.id)
    )
    ids = connection.execute(taken).all()
    rows = connection.execute(_WITH_EVENT, {"ids": [x.id for x in ids]}).all() if ids else ()
    mine = {(x.organisation_id, x.id) for x in ids}
    return [
        _delivery(row, vault, now, lease)
        for row in rows
        if (row.organisation_id, row.delivery) in mine
    ]


def is_due(connection: Connection, now: datetime, but: Collection[UUID] = ()) -> bool:
    """Whether there is anything to claim; takes no lock."""
    return connection.execute(_oldest(now, but, 1)).first() is not None


def finish(connection: Connection, now: datetime, delivery: Delivery, status: int) -> bool:
    """Mark a delivery as taken, and its receiver as well; False if the lease had passed."""
    _note(connection, delivery, failing_since=None, resting_until=None)
    return leases.settle(
        connection,
        t.webhook_deliveries,
        delivery,
        delivered_at=now,
        last_status=status,
        last_error=None,
    )


def retry(
    connection: Connection, now: datetime, delivery: Delivery, status: int | None, reason: str
) -> bool:
    """Plan the next attempt, or give the delivery up after the last; let the receiver rest."""
    since = func.coalesce(_W.failing_since, literal(now, _W.failing_since.type))
    _note(connection, delivery, failing_since=since, resting_until=now + REST)
    again = next_attempt(delivery.attempts, now)
    when = {"given_up_at": now} if again is None else {"due_at": again}
    said = {"last_status": status, "last_error": one_line(reason)[:200]}
    return leases.settle(connection, t.webhook_deliveries, delivery, **when, **said)


def release(connection: Connection, _: datetime, delivery: Delivery) -> bool:
    """Hand back what was claimed and not tried."""
    return leases.settle(connection, t.webhook_deliveries, delivery, attempts=delivery.attempts - 1)


def tired_of(connection: Connection, now: datetime) -> Sequence[tuple[UUID, UUID]]:
    """Return organisation and id of the receivers that only failed for five days."""
    rows = connection.execute(
        select(_W.organisation_id, _W.id).where(
            _W.state == "active", _W.failing_since <= now - PATIENCE
        )
    )
    return [(row.organisation_id, row.id) for row in rows]


def give_up(uow: UnitOfWork, webhook_id: UUID) -> None:
    """Disable a receiver that only failed for five days, and tell administrators by mail."""
    row = webhooks.get(uow, webhook_id)
    lasting = row.failing_since is not None and row.failing_since <= uow.now - PATIENCE
    if lasting and webhooks.disable(uow, webhook_id, "failing"):
        notices.webhook_disabled(uow, row.name)


def purge(connection: Connection, now: datetime) -> int:
    """Drop deliveries that ended a month ago; say how many."""
    ended = func.coalesce(_D.delivered_at, _D.given_up_at)
    old = ended <= literal(now - KEPT, _D.due_at.type)
    return connection.execute(delete(t.webhook_deliveries).where(old)).rowcount


def _oldest(now: datetime, but: Collection[UUID], limit: int) -> Select[Any]:
    return (
        select(_D.organisation_id, _D.id)
        .join(t.webhooks, and_(_W.organisation_id == _D.organisation_id, _W.id == _D.webhook_id))
        .where(
            leases.is_due(t.webhook_deliveries, now),
            _W.state == "active",
            or_(_W.resting_until.is_(None), _W.resting_until <= now),
            _W.id.not_in(sorted(but)),
        )
        .order_by(_D.due_at, _D.sequence, _D.id)
        .limit(limit)
    )


def _due(dialect: str, oldest: Select[Any]) -> Any:
    if dialect != "postgresql":
        return oldest.cte("oldest")
    # Materialised, or the planner may run the locking query once a row and claim too many.
    locked = oldest.with_for_update(skip_locked=True, of=t.webhook_deliveries)
    return locked.cte("oldest").prefix_with("MATERIALIZED")


_WITH_EVENT = (
    select(
        t.outbox.c.id,
        t.outbox.c.type,
        t.outbox.c.created_at,
        t.outbox.c.organisation_id,
        t.outbox.c.sequence,
        t.outbox.c.payload,
        _D.id.label("delivery"),
        _D.webhook_id,
        _D.attempts,
        _W.url,
        _W.secret,
        _W.old_secret,
        _W.old_secret_until,
    )
    .join_from(
        t.webhook_deliveries,
        t.outbox,
        and_(t.outbox.c.organisation_id == _D.organisation_id, t.outbox.c.id == _D.event_id),
    )
    .join(t.webhooks, and_(_W.organisation_id == _D.organisation_id, _W.id == _D.webhook_id))
    .where(_D.id.in_(bindparam("ids", expanding=True)))
    .order_by(t.outbox.c.sequence, _D.id)
)


def _delivery(row: Any, vault: Vault, now: datetime, lease: datetime) -> Delivery:
    sealed = [row.secret]
    if row.old_secret is not None and row.old_secret_until > now:
        sealed.append(row.old_secret)
    place = (row.organisation_id, row.webhook_id, webhooks.SECRET)
    try:
        opened = tuple(vault.open(each, *place) for each in sealed)
    except VaultError:
        opened = ()  # Nothing leaves unsigned; the delivery fails, and no other with it.
    event = Event.of(row)
    return Delivery(row.delivery, row.webhook_id, event, row.url, opened, row.attempts, lease)


def _note(connection: Connection, delivery: Delivery, **values: object) -> None:
    here = and_(_W.organisation_id == delivery.organisation_id, _W.id == delivery.webhook_id)
    connection.execute(update(t.webhooks).where(here).values(**values))
