"""The audit trail, newest first."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import Field

from gateway.api.endpoint import Endpoints, holds
from gateway.api.models import Answer, Instant, Page, Query, Search, Word
from gateway.api.paging import Paging
from gateway.services import audit
from gateway.storage.unit_of_work import UnitOfWork

routes = Endpoints()


class AuditFilter(Query):
    """Which events are wanted."""

    action: Word | None = Field(
        default=None, description="An action, or a family of them such as `member.`."
    )
    actor_type: (
        Literal[
            "member",
            "person",
            "scim_connection",
            "sso_connection",
            "api_key",
            "operator",
            "system",
        ]
        | None
    ) = None
    actor_id: Search | None = None
    target: UUID | None = None
    since: Instant | None = None
    until: Instant | None = Field(default=None, description="First instant that is not wanted.")


class Actor(Answer):
    """Who did it."""

    type: str
    id: str
    name: str | None


class Target(Answer):
    """What it was done to."""

    type: str
    id: str
    name: str | None


class Context(Answer):
    """Where it came from."""

    request_id: str
    ip: str | None
    user_agent: str | None
    connection: str | None
    cause: str | None


class Event(Answer):
    """One event; `seq` and the hashes are null until it is sealed."""

    id: UUID
    seq: int | None
    organisation: UUID
    occurred_at: datetime
    action: str
    actor: Actor
    targets: list[Target]
    context: Context
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    outcome: str
    prev_hash: str | None
    hash: str | None


@routes.endpoint("GET /organisations/{organisation}/audit", holds("audit.read"))
def listing(uow: UnitOfWork, page: Paging, query: AuditFilter) -> Page[Event]:
    """List events, the newest first."""
    filters = audit.Filters(
        action=query.action,
        actor_type=query.actor_type,
        actor_id=query.actor_id,
        target_id=query.target,
        since=query.since,
        until=query.until,
    )
    rows = audit.listing(uow, filters, page.after_instant, page.fetch)
    return page.page(
        rows, Event.model_validate, lambda event: (event.occurred_at.isoformat(), str(event.id))
    )
