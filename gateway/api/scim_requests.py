"""What identity providers sent to SCIM connections, and how the connections fare."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import Field

from gateway.api.connections import MANAGE, ONE
from gateway.api.endpoint import Endpoints
from gateway.api.models import Answer, Instant, Page, Query, Word
from gateway.api.paging import Paging
from gateway.services import connections, request_log
from gateway.storage.unit_of_work import UnitOfWork

routes = Endpoints()


class RequestFilter(Query):
    """Which requests are wanted."""

    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"] | None = None
    operation: Word | None = None
    outcome: Literal["answered", "refused"] | None = None
    since: Instant | None = None
    until: Instant | None = None


class Request(Answer):
    """One request: what was received, how it was understood, what it changed, how it ended.

    `received` holds names of attributes, never values; `changed` counts facts by their type.
    """

    id: UUID
    received_at: datetime
    method: str
    path: str
    operation: str | None
    dialect: str | None
    received: dict[str, object]
    deviations: dict[str, int]
    changed: dict[str, int]
    status: int
    detail: str | None
    milliseconds: float
    request_id: str
    ip: str | None
    user_agent: str | None


class Deviation(Answer):
    """A departure from the RFCs that was understood all the same."""

    name: str
    times: int
    first_seen: datetime
    last_seen: datetime


class Health(Answer):
    """How a connection fares; rates are those of the last 24 hours."""

    dialect: str = Field(description="As it is set; auto: as detected.")
    detected_dialect: str | None
    last_contact: datetime | None
    next_expected: datetime | None = Field(
        description="Null where the provider comes only when something changes."
    )
    requests: int
    refused: int
    success_rate: float | None
    deviations: list[Deviation]


@routes.endpoint(f"GET {ONE}/requests", MANAGE)
def listing(uow: UnitOfWork, connection: UUID, page: Paging, query: RequestFilter) -> Page[Request]:
    """List a connection's requests, the newest first."""
    connections.get(uow, connection)
    filters = request_log.Filters(
        method=query.method,
        operation=query.operation,
        refused=None if query.outcome is None else query.outcome == "refused",
        since=query.since,
        until=query.until,
    )
    rows = request_log.listing(uow, connection, filters, page.after, page.fetch)
    shown = Request.model_fields
    return page.page(rows, lambda row: Request(**{name: getattr(row, name) for name in shown}))


@routes.endpoint(f"GET {ONE}/health", MANAGE)
def health(uow: UnitOfWork, connection: UUID) -> Health:
    """Read how a connection fares: contact, success, dialect, tolerated deviations."""
    own = connections.get(uow, connection)
    spoken = own.detected_dialect if own.dialect == "auto" else own.dialect
    found = request_log.health(uow, connection, spoken)
    return Health(
        dialect=own.dialect,
        detected_dialect=own.detected_dialect,
        last_contact=found.last_contact,
        next_expected=found.next_expected,
        requests=found.requests,
        refused=found.refused,
        success_rate=found.success_rate,
        deviations=[
            Deviation.model_validate(row) for row in request_log.deviations(uow, connection)
        ],
    )
