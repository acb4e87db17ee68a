"""The event feed: an organisation's facts in the order of their commits, each once, without gaps.

The sealer numbers what is committed; whoever reads on after the last number that they saw has
missed nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from gateway.domain.errors import FeedDropped
from gateway.domain.webhooks import wants
from gateway.storage import tables as t
from gateway.storage.unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True)
class Event:
    """One event as it is read and sent."""

    id: UUID
    type: str
    created_at: datetime
    organisation: UUID
    sequence: int
    data: Mapping[str, Any]
    previous_attributes: Mapping[str, Any] | None

    @classmethod
    def of(cls, row: Any) -> "Event":
        """Return the event of a numbered row."""
        said = row.payload
        return cls(
            id=row.id,
            type=row.type,
            created_at=row.created_at,
            organisation=row.organisation_id,
            sequence=row.sequence,
            data={**said["data"], "targets": said["targets"]},
            previous_attributes=said["previous_attributes"],
        )


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of the feed, and where to read on."""

    events: Sequence[Event]
    last: int


def read(uow: UnitOfWork, after: int, limit: int, events: Sequence[str] = ()) -> Stretch:
    """Return at most `limit` events after a number, those of the wanted types.

    `last` is the number of the last event looked at, wanted or not.

    :raises FeedDropped: the next event is not kept any more.
    """
    rows = t.outbox.c
    looked_at = uow.all(
        uow.own(t.outbox)
        .where(rows.sequence.is_not(None), rows.sequence > after)
        .order_by(rows.sequence)
        .limit(limit)
    )
    _require_kept(uow, after)
    last = looked_at[-1].sequence if looked_at else after
    return Stretch([Event.of(row) for row in looked_at if wants(events, row.type)], last)


def _require_kept(uow: UnitOfWork, after: int) -> None:
    """Refuse where events after a number are gone; asked after reading, so that none was missed."""
    dropped = int(uow.scalar(uow.own(t.chains, t.chains.c.feed_dropped)) or 0)
    if after < dropped:
        raise FeedDropped(
            f"The feed begins with event {dropped + 1}; those before it are not kept any more.",
            levers=(
                f"Read what is true now, then read on with after={dropped}.",
                "The audit may have the older events still.",
            ),
            first=dropped + 1,
            after=dropped,
        )
