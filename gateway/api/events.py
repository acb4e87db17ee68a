"""The event feed: what happened, in order, each once."""

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import Field

from gateway.api.endpoint import Endpoints, holds
from gateway.api.models import DEFAULT_LIMIT, MAX_LIMIT, Answer, Query, Word
from gateway.domain.errors import FeedDropped
from gateway.domain.webhooks import checked_events
from gateway.services import feed
from gateway.storage.unit_of_work import UnitOfWork

routes = Endpoints()


class FeedQuery(Query):
    """Where to read on, and which events are wanted."""

    after: int = Field(default=0, ge=0, le=2**62, description="`last` of the answer before.")
    limit: int = Field(default=DEFAULT_LIMIT, ge=1, le=MAX_LIMIT)
    type: Word | None = Field(
        default=None, description="A type, or a family of them such as `member.`."
    )


class Event(Answer):
    """One event, as webhooks carry it too."""

    id: UUID
    type: str
    created_at: datetime
    organisation: UUID
    sequence: int
    data: dict[str, Any]
    previous_attributes: dict[str, Any] | None


class Feed(Answer):
    """A stretch of the feed; ask again after `last`, whether or not there was anything."""

    items: list[Event]
    last: int


@routes.endpoint(
    "GET /organisations/{organisation}/events", holds("audit.read"), errors=(FeedDropped,)
)
def listing(uow: UnitOfWork, query: FeedQuery) -> Feed:
    """Read the feed on: the ordered truth, without gaps, within a second of each commit.

    Events are kept for the days that the policy `feed_days` says. Where the next one after
    `after` is gone, the answer is 410 and says under `details` with which `after` to go on, so
    that nobody skips anything without knowing.
    """
    wanted = [] if query.type is None else checked_events([query.type])
    found = feed.read(uow, query.after, query.limit, wanted)
    return Feed(items=[Event.model_validate(each) for each in found.events], last=found.last)
