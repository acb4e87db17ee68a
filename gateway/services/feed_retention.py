"""Retention of the event feed: its oldest events go, and readers hear where it begins.

How long events are kept is a policy. A shorter time waits as long as one of the audit does. What a
receiver has not taken yet, or its log still shows, is kept beyond that for the receiver alone.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import takewhile
from typing import Any

from sqlalchemy import Connection, bindparam, delete, exists, select, update

from gateway.services import retention
from gateway.services.retention import Due
from gateway.storage import tables as t
from gateway.storage.unit_of_work import UnitOfWork

POLICY = "feed_days"
"""The policy that says for how many days the feed can be read on."""

DEFAULT_DAYS = 90

_C, _F, _D = t.chains.c, t.outbox.c, t.webhook_deliveries.c


def due(connection: Connection, now: datetime) -> Sequence[Due]:
    """Return the organisations whose feed begins before the first instant that is kept.

    So are those of whose dropped events a receiver has no more need.
    """
    kept = retention.longest_days(connection, now, POLICY)
    older = retention.older_than(connection, now, kept, DEFAULT_DAYS, _OLDER)
    found = {each.organisation_id: each for each in older}
    for each in connection.execute(_LEFT_OVER).scalars():
        since = now - timedelta(days=kept.get(each, DEFAULT_DAYS))
        found.setdefault(each, Due(each, since))
    return list(found.values())


def drop(uow: UnitOfWork, kept_since: datetime) -> int:
    """Let the feed begin after at most a pass of events from before an instant; say how many.

    The chain's row keeps sealer and dropper apart; whoever comes second does nothing.
    """
    chain = uow.one(uow.own(t.chains).with_for_update(skip_locked=True))
    if chain is None:
        return 0
    oldest = uow.own(t.outbox, _F.sequence, _F.created_at).where(_F.sequence > chain.feed_dropped)
    rows = uow.all(oldest.order_by(_F.sequence).limit(retention.PASS))
    gone = list(takewhile(lambda event: event.created_at < kept_since, rows))
    last = gone[-1].sequence if gone else chain.feed_dropped
    own = _C.organisation_id == uow.organisation_id
    uow.execute(update(t.chains).where(own).values(feed_dropped=last))
    uow.execute(
        delete(t.outbox).where(
            _F.organisation_id == uow.organisation_id, _F.sequence <= last, ~_SHIPPED
        )
    )
    return len(gone)


# A delivery names its event, whether it waits or is only shown in the receiver's log.
_SHIPPED: Any = (
    exists()
    .where(_D.organisation_id == _F.organisation_id, _D.event_id == _F.id)
    .correlate(t.outbox)
)
_OLDER = (
    # Numbers have no gap: where anything is left, the next one is its first.
    select(_C.organisation_id)
    .join_from(
        t.chains,
        t.outbox,
        (_F.organisation_id == _C.organisation_id) & (_F.sequence == _C.feed_dropped + 1),
    )
    .where(_F.created_at < bindparam("since", type_=_F.created_at.type))
)
_LEFT_OVER = (
    select(_C.organisation_id)
    .join_from(
        t.chains,
        t.outbox,
        (_F.organisation_id == _C.organisation_id) & (_F.sequence <= _C.feed_dropped),
    )
    .where(~_SHIPPED)
    .distinct()
)
