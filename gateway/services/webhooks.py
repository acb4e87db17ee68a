"""Receivers of an organisation's events: their addresses, filters, secrets and deliveries.

A delivery is written by the sealer in the transaction that numbers its event, so that each event
reaches each receiver that wanted it at that moment, at least once.
"""

import base64
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from sqlalchemy import Row, delete, func

from gateway.domain.errors import InvalidRequest, NotFound
from gateway.domain.events import Fact, Target
from gateway.domain.webhooks import checked_events, wants
from gateway.services.secrets import Issued
from gateway.storage import tables as t
from gateway.storage.unit_of_work import Record, UnitOfWork

LIMIT = 20
"""Receivers of one organisation."""

SECRET = "webhook secret"  # noqa: S105 - what a sealed value is bound to
PREFIX = "whsec_"
OVERLAP = timedelta(days=7)
"""The longest that an earlier secret goes on signing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Receiver:
    """Where events go, and which; an empty filter means all."""

    name: str
    url: str
    events: Sequence[str] = field(default=())


def create(uow: UnitOfWork, receiver: Receiver) -> Issued:
    """Make a receiver of everything that happens from now on; its secret, this once.

    :raises InvalidRequest: a name or filter out of bounds, one too many, or no key to seal with.
    """
    columns = _columns(receiver)
    if int(uow.scalar(uow.own(t.webhooks, func.count())) or 0) >= LIMIT:
        raise InvalidRequest(f"An organisation has at most {LIMIT} webhooks.")
    issued = Issued(uow.new_id(), _new_secret(uow))
    sealed = _sealed(uow, issued.id, issued.secret)
    uow.insert(
        t.webhooks, id=issued.id, state="active", secret=sealed, created_at=uow.now, **columns
    )
    _record(uow, "webhook.created", issued.id, columns["name"], after=_told(columns))
    return issued


def change(uow: UnitOfWork, webhook_id: UUID, receiver: Receiver) -> None:
    """Give a receiver another name, address or filter; what waits goes to the new address."""
    row, columns = get(uow, webhook_id), _columns(receiver)
    before = {name: getattr(row, name) for name in columns}
    if before == columns:
        return
    uow.update(t.webhooks, {"id": webhook_id}, **columns)
    _record(uow, "webhook.updated", webhook_id, columns["name"], _told(before), _told(columns))


def rotate(uow: UnitOfWork, webhook_id: UUID, overlap: timedelta) -> str:
    """Return a new secret, this once; the one before signs too until the overlap ends."""
    row = get(uow, webhook_id)
    if not timedelta(0) <= overlap <= OVERLAP:
        raise InvalidRequest("An overlap is at most seven days.", field="overlap_seconds")
    secret = _new_secret(uow)
    uow.update(
        t.webhooks,
        {"id": webhook_id},
        secret=_sealed(uow, webhook_id, secret),
        old_secret=row.secret if overlap else None,
        old_secret_until=uow.now + overlap if overlap else None,
    )
    _record(uow, "webhook.secret_rotated", webhook_id, row.name)
    return secret


def disable(uow: UnitOfWork, webhook_id: UUID, cause: str | None = None) -> bool:
    """Send nothing more to a receiver; say whether anything was still sent to it."""
    row = get(uow, webhook_id)
    if row.state == "disabled":
        return False
    uow.update(t.webhooks, {"id": webhook_id}, state="disabled")
    _record(uow, "webhook.disabled", webhook_id, row.name, after={"cause": cause or "manual"})
    return True


def enable(uow: UnitOfWork, webhook_id: UUID) -> None:
    """Send events again: what waits, and what happens from now on."""
    row = get(uow, webhook_id)
    if row.state == "active":
        return
    fresh = {"failing_since": None, "resting_until": None}
    uow.update(t.webhooks, {"id": webhook_id}, state="active", **fresh)
    _record(uow, "webhook.enabled", webhook_id, row.name)


def remove(uow: UnitOfWork, webhook_id: UUID) -> None:
    """End a receiver, its secrets and its log."""
    row, d = get(uow, webhook_id), t.webhook_deliveries.c
    own = d.organisation_id == uow.organisation_id
    uow.apply(delete(t.webhook_deliveries).where(own, d.webhook_id == webhook_id))
    w = t.webhooks.c
    uow.apply(delete(t.webhooks).where(w.organisation_id == uow.organisation_id, w.id == row.id))
    _record(uow, "webhook.deleted", webhook_id, row.name)


def get(uow: UnitOfWork, webhook_id: UUID) -> Record:
    """Return a receiver."""
    return uow.load(t.webhooks, webhook_id)


def listing(uow: UnitOfWork, after: UUID | None, limit: int) -> Sequence[Row[Any]]:
    """Return receivers, the oldest first."""
    wanted = uow.own(t.webhooks)
    if after is not None:
        wanted = wanted.where(t.webhooks.c.id > after)
    return uow.all(wanted.order_by(t.webhooks.c.id).limit(limit))


def deliveries(
    uow: UnitOfWork, webhook_id: UUID, after: UUID | None, limit: int
) -> Sequence[Row[Any]]:
    """Return what was sent to a receiver or is to be, the newest first."""
    get(uow, webhook_id)
    d = t.webhook_deliveries.c
    wanted = uow.own(t.webhook_deliveries).where(d.webhook_id == webhook_id)
    if after is not None:
        wanted = wanted.where(d.id < after)
    return uow.all(wanted.order_by(d.id.desc()).limit(limit))


def redeliver(uow: UnitOfWork, webhook_id: UUID, delivery_id: UUID) -> Record:
    """Send an event once more, at once and under the same id, whatever became of it before.

    :raises NotFound: no such delivery of this receiver.
    """
    get(uow, webhook_id)
    row = uow.load(t.webhook_deliveries, delivery_id, noun="delivery")
    if row.webhook_id != webhook_id:
        raise NotFound("No such delivery.")
    again = {"delivered_at": None, "given_up_at": None, "leased_until": None}
    uow.update(t.webhook_deliveries, {"id": row.id}, due_at=uow.now, attempts=0, **again)
    return uow.load(t.webhook_deliveries, delivery_id)


def fan_out(uow: UnitOfWork, numbered: Sequence[tuple[Row[Any], int]]) -> None:
    """Write a delivery of each event, now numbered, for each receiver that wants it."""
    w = t.webhooks.c
    receivers = uow.all(uow.own(t.webhooks, w.id, w.events).where(w.state == "active"))
    rows = [
        {
            "id": uow.new_id(),
            "webhook_id": receiver.id,
            "event_id": event.id,
            "type": event.type,
            "sequence": number,
            "created_at": uow.now,
            "due_at": uow.now,
        }
        for event, number in numbered
        for receiver in receivers
        if wants(receiver.events, event.type)
    ]
    uow.insert_all(t.webhook_deliveries, rows)


def _columns(receiver: Receiver) -> dict[str, Any]:
    name = receiver.name.strip()
    if not 0 < len(name) <= 64:
        raise InvalidRequest("A webhook's name has 1 to 64 characters.", field="name")
    return {"name": name, "url": receiver.url, "events": checked_events(receiver.events)}


def _told(columns: dict[str, Any]) -> dict[str, Any]:
    """Return what the audit keeps: an address's path may be a secret of its receiver."""
    parts = urlsplit(columns["url"])
    return {**columns, "url": f"{parts.scheme}://{parts.hostname}"}


def _new_secret(uow: UnitOfWork) -> str:
    if not uow.vault.is_open:
        raise InvalidRequest("This installation has no encryption key; set one to keep secrets.")
    return PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def _sealed(uow: UnitOfWork, webhook_id: UUID, secret: str) -> str:
    return uow.vault.seal(secret, uow.organisation_id, webhook_id, SECRET)


def _record(
    uow: UnitOfWork,
    action: str,
    webhook_id: UUID,
    name: str,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
) -> None:
    uow.record(Fact(action, (Target("webhook", str(webhook_id), name),), before, after))
