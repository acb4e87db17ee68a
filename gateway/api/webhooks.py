"""Webhooks: receivers of events, their secrets and their deliveries (Standard Webhooks)."""

from datetime import datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field, StringConstraints

from gateway.api.endpoint import Endpoints, holds
from gateway.api.models import SHOWN_ONCE, Answer, Body, Name, Page, Word
from gateway.api.paging import Paging
from gateway.domain.errors import InvalidRequest
from gateway.net.http import Unreachable, require_sound
from gateway.services import webhooks
from gateway.storage.unit_of_work import UnitOfWork

routes = Endpoints()
ALL = "/organisations/{organisation}/webhooks"
ONE = "/organisations/{organisation}/webhooks/{webhook}"
MANAGE = holds("webhooks.manage")
Address = Annotated[str, StringConstraints(min_length=1, max_length=2000)]


class Receiver(Body):
    """Where events go, and which."""

    name: Name
    url: Address
    events: list[Word] = Field(
        default=[],
        max_length=200,
        description="Types, or families such as `member.`; left out or empty: all.",
    )


class Overlap(Body):
    """How long the earlier secret goes on signing."""

    overlap_seconds: int = Field(default=86_400, ge=0, le=604_800)


class Webhook(Answer):
    """A receiver, without its secret."""

    id: UUID
    name: str
    url: str
    events: list[str]
    state: str
    created_at: datetime
    failing_since: datetime | None
    old_secret_until: datetime | None


class NewWebhook(Answer):
    """A new receiver; its secret is shown this once."""

    id: UUID
    secret: str | None = Field(json_schema_extra=SHOWN_ONCE)


class NewSecret(Answer):
    """A new secret, shown this once."""

    secret: str | None = Field(json_schema_extra=SHOWN_ONCE)


class Delivery(Answer):
    """One event for one receiver, and how its last attempt went."""

    id: UUID
    event_id: UUID
    type: str
    sequence: int
    state: str
    attempts: int
    created_at: datetime
    next_attempt_at: datetime | None
    delivered_at: datetime | None
    last_status: int | None
    last_error: str | None


@routes.endpoint(f"POST {ALL}", MANAGE, status=201)
def create(uow: UnitOfWork, body: Receiver) -> NewWebhook:
    """Send every event that is wanted, from now on, to an address."""
    issued = webhooks.create(uow, _receiver(body))
    return NewWebhook(id=issued.id, secret=issued.secret)


@routes.endpoint(f"GET {ALL}", MANAGE)
def listing(uow: UnitOfWork, page: Paging) -> Page[Webhook]:
    """List the receivers."""
    return page.page(webhooks.listing(uow, page.after, page.fetch), Webhook.model_validate)


@routes.endpoint(f"GET {ONE}", MANAGE, tagged=True)
def read(uow: UnitOfWork, webhook: UUID) -> Webhook:
    """Read a receiver."""
    return Webhook.model_validate(webhooks.get(uow, webhook))


@routes.endpoint(f"PUT {ONE}", MANAGE, tagged=True)
def change(uow: UnitOfWork, webhook: UUID, body: Receiver) -> Webhook:
    """Give a receiver another name, address or filter."""
    webhooks.change(uow, webhook, _receiver(body))
    return read(uow, webhook)


@routes.endpoint(f"DELETE {ONE}", MANAGE, status=204, tagged=True)
def remove(uow: UnitOfWork, webhook: UUID) -> None:
    """End a receiver, its secrets and its log."""
    webhooks.remove(uow, webhook)


@routes.endpoint(f"POST {ONE}:rotate-secret", MANAGE)
def rotate(uow: UnitOfWork, webhook: UUID, body: Overlap) -> NewSecret:
    """Make a new secret; while the overlap lasts, each message is signed by both."""
    overlap = timedelta(seconds=body.overlap_seconds)
    return NewSecret(secret=webhooks.rotate(uow, webhook, overlap))


@routes.endpoint(f"POST {ONE}:disable", MANAGE)
def disable(uow: UnitOfWork, webhook: UUID) -> Webhook:
    """Send nothing more; events of this time are in the feed alone."""
    webhooks.disable(uow, webhook)
    return read(uow, webhook)


@routes.endpoint(f"POST {ONE}:enable", MANAGE)
def enable(uow: UnitOfWork, webhook: UUID) -> Webhook:
    """Send again: what still waits, and what happens from now on."""
    webhooks.enable(uow, webhook)
    return read(uow, webhook)


@routes.endpoint(f"GET {ONE}/deliveries", MANAGE)
def deliveries(uow: UnitOfWork, webhook: UUID, page: Paging) -> Page[Delivery]:
    """List what was sent and what waits, the newest first."""
    return page.page(webhooks.deliveries(uow, webhook, page.after, page.fetch), _delivery)


@routes.endpoint(f"POST {ONE}/deliveries/{{delivery}}:redeliver", MANAGE)
def redeliver(uow: UnitOfWork, webhook: UUID, delivery: UUID) -> Delivery:
    """Send an event once more, under the same id."""
    return _delivery(webhooks.redeliver(uow, webhook, delivery))


def _receiver(body: Receiver) -> webhooks.Receiver:
    try:
        require_sound(body.url)
    except Unreachable as wrong:
        raise InvalidRequest(str(wrong), field="url") from None
    return webhooks.Receiver(name=body.name, url=body.url, events=body.events)


def _delivery(row: Any) -> Delivery:
    state = "pending"
    if row.delivered_at is not None:
        state = "delivered"
    elif row.given_up_at is not None:
        state = "given_up"
    shared = Delivery.model_fields.keys() - {"state", "next_attempt_at"}
    due_at = row.due_at if state == "pending" else None
    return Delivery(
        **{name: getattr(row, name) for name in shared}, state=state, next_attempt_at=due_at
    )
