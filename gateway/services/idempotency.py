"""Answers kept for a day under the caller's Idempotency-Key, so that a retry repeats nothing.

The place is taken before the change and the answer filled in after it, all in one commit. Of two
requests with one key at the same time the database lets one take the place; the other waits, is
run again, and finds the answer.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, delete, insert, select, update

from gateway.domain.errors import IdempotencyMismatch
from gateway.storage import tables as t
from gateway.storage.unit_of_work import UnitOfWork

LIFETIME = timedelta(hours=24)
_UNANSWERED = 0


@dataclass(frozen=True, slots=True)
class Once:
    """A request that is to happen once: whose, under which key, and what it asks for."""

    principal: str
    key: str
    request_hash: str


@dataclass(frozen=True, slots=True)
class Kept:
    """The answer that a request got."""

    status: int
    body: str


def begin(uow: UnitOfWork, once: Once) -> Kept | None:
    """Return what the same request was answered in the last 24 hours, or take its place.

    :raises IdempotencyMismatch: the key came with another request.
    """
    k = t.idempotency_keys.c
    row = uow.one(select(t.idempotency_keys).where(_place(once)))
    if row is not None and row.created_at > uow.now - LIFETIME:
        if row.request_hash != once.request_hash:
            raise IdempotencyMismatch(
                "This Idempotency-Key was used for another request.",
                levers=("Send a new key with a new request.",),
            )
        return Kept(row.status, row.body)
    if row is not None:
        outdated = _place(once) & (k.created_at <= uow.now - LIFETIME)
        uow.execute(delete(t.idempotency_keys).where(outdated))
    values: dict[str, Any] = {
        "principal": once.principal,
        "key": once.key,
        "request_hash": once.request_hash,
        "status": _UNANSWERED,
        "body": "",
        "created_at": uow.now,
    }
    uow.execute(insert(t.idempotency_keys).values(values))
    return None


def finish(uow: UnitOfWork, once: Once, answer: Kept) -> None:
    """Keep the answer in the commit of its change."""
    uow.apply(
        update(t.idempotency_keys)
        .where(_place(once))
        .values(status=answer.status, body=answer.body, organisation_id=uow.organisation_id)
    )


def forget(uow: UnitOfWork, once: Once) -> None:
    """Give the place back: a refusal that leaves a trace is judged afresh the next time."""
    uow.apply(delete(t.idempotency_keys).where(_place(once)))


def purge(connection: Connection, now: datetime) -> int:
    """Drop the answers that are no longer given again; say how many."""
    outdated = t.idempotency_keys.c.created_at <= now - LIFETIME
    return connection.execute(delete(t.idempotency_keys).where(outdated)).rowcount


def _place(once: Once) -> ColumnElement[bool]:
    k = t.idempotency_keys.c
    return and_(k.principal == once.principal, k.key == once.key)
