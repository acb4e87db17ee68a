"""Traces of sign-ins: which checks passed, kept for seven days, without secrets."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row, delete, func

from gateway.domain.errors import NotFound
from gateway.domain.signin import TRACE_LIFETIME, Trace
from gateway.services import sso_connections
from gateway.storage import tables as t
from gateway.storage.unit_of_work import UnitOfWork

TABLE = t.signin_traces
UNASKED_LIMIT = 30
"""Traces a minute of messages that answer no attempt of ours: anybody can send those."""

FAILED_LIMIT = 600
"""Failures a minute of a connection that are kept: whoever knows its address can begin and fail."""


def keep(
    uow: UnitOfWork,
    connection_id: UUID,
    trace: Trace,
    *,
    test: bool = False,
    started_by: UUID | None = None,
    more: Mapping[str, Any] | None = None,
) -> UUID:
    """Keep a trace, and return its id."""
    trace_id = uow.new_id()
    uow.insert(
        TABLE,
        id=trace_id,
        connection_id=connection_id,
        occurred_at=uow.now,
        expires_at=uow.now + TRACE_LIFETIME,
        test=test,
        started_by=started_by,
        outcome="success" if trace.code is None else "refused",
        code=trace.code,
        document={**trace.document(), **(more or {})},
    )
    return trace_id


def keep_unasked(uow: UnitOfWork, connection_id: UUID, trace: Trace) -> None:
    """Keep the trace of a message that nobody here asked for, unless there are many of them."""
    if _lately(uow, connection_id) < UNASKED_LIMIT:
        keep(uow, connection_id, trace)


def may_keep(uow: UnitOfWork, connection_id: UUID) -> bool:
    """Whether one more failed sign-in is kept, or there are too many to be anybody's."""
    return _lately(uow, connection_id) < FAILED_LIMIT


def listing(
    uow: UnitOfWork, connection_id: UUID, after: UUID | None, limit: int
) -> Sequence[Row[Any]]:
    """Return traces of a connection, the newest first, after the trace `after`."""
    sso_connections.rules(uow, connection_id)
    r = TABLE.c
    query = uow.own(TABLE).where(r.connection_id == connection_id, r.expires_at > uow.now)
    if after is not None:
        query = query.where(r.id < after)
    return uow.all(query.order_by(r.id.desc()).limit(limit))


def get(uow: UnitOfWork, connection_id: UUID, trace_id: UUID) -> Row[Any]:
    """Return a trace of a connection.

    :raises NotFound: absent, another connection's, or older than seven days.
    """
    r = TABLE.c
    row = uow.one(
        uow.own(TABLE).where(
            r.id == trace_id, r.connection_id == connection_id, r.expires_at > uow.now
        )
    )
    if row is None:
        raise NotFound("No such trace.")
    return row


def _lately(uow: UnitOfWork, connection_id: UUID) -> int:
    """Return how many traces of a connection are of the last minute."""
    r = TABLE.c
    lately = uow.own(TABLE, func.count()).where(
        r.connection_id == connection_id, r.occurred_at > uow.now - timedelta(minutes=1)
    )
    return int(uow.scalar(lately))


def forget_old(uow: UnitOfWork) -> int:
    """Delete traces after seven days; say how many."""
    r = TABLE.c
    gone = delete(TABLE).where(r.organisation_id == uow.organisation_id, r.expires_at <= uow.now)
    return uow.execute(gone).rowcount
