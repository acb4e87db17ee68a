"""The audit trail, newest first."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, Field, StringConstraints

from gateway.api.calls import Call
from gateway.api.endpoint import Endpoints, holds
from gateway.api.models import Answer, Instant, Page, Query, Word
from gateway.api.paging import Paging
from gateway.domain.events import is_known
from gateway.domain.exports import Format
from gateway.services import audit, exports
from gateway.services.exports import Download, Kind, Wanted
from gateway.storage.unit_of_work import UnitOfWork

routes = Endpoints()
PLACE = "/organisations/{organisation}/audit"


def known(action: str) -> str:
    """Return an action or family of the catalogue.

    :raises ValueError: there is no such action.
    """
    if not is_known(action):
        raise ValueError("there is no such action")
    return action


Action = Annotated[Word, AfterValidator(known)]
ActorId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.:-]{1,100}$")]


class AuditFilter(Query):
    """Which events are wanted."""

    action: Action | None = Field(
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
    actor_id: ActorId | None = None
    target: UUID | None = None
    member: UUID | None = Field(
        default=None,
        description="What a member did, by keys of theirs too, and what was done to them.",
    )
    outcome: Literal["success", "refused"] | None = None
    since: Instant | None = None
    until: Instant | None = Field(default=None, description="First instant that is not wanted.")


class AuditExport(AuditFilter):
    """Which events are exported, and how."""

    format: Literal["csv", "jsonl"] = "jsonl"


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


@routes.endpoint(f"GET {PLACE}", holds("audit.read"))
def listing(uow: UnitOfWork, page: Paging, query: AuditFilter) -> Page[Event]:
    """List events, the newest first."""
    rows = audit.listing(uow, _filters(uow, query), page.after_instant, page.fetch)
    return page.page(
        rows, Event.model_validate, lambda event: (event.occurred_at.isoformat(), str(event.id))
    )


@routes.endpoint(f"POST {PLACE}:export", holds("audit.export"))
def export(uow: UnitOfWork, call: Call, query: AuditExport) -> Download:
    """Download the events as CSV or JSON lines, the newest first; that is an event itself.

    No cell of the CSV is a formula: one that would be begins with an apostrophe. An answer that
    breaks off is not whole, and its last chunk is missing.
    """
    wanted = Wanted(Kind.AUDIT, Format(query.format), _filters(uow, query))
    return exports.begin(uow, call.work, wanted)


def _filters(uow: UnitOfWork, query: AuditFilter) -> audit.Filters:
    return audit.Filters(
        action=query.action,
        actor_type=query.actor_type,
        actor_id=query.actor_id,
        target_ids=() if query.target is None else (query.target,),
        involved=() if query.member is None else audit.actors_of(uow, query.member),
        outcome=query.outcome,
        since=query.since,
        until=query.until,
    )
