"""Another plan, limit or add-ons: previewed for everybody, and applied as it was previewed."""

from typing import Annotated
from uuid import UUID

from pydantic import Field

from gateway.api.endpoint import OPERATOR, Endpoints, holds_or_operator
from gateway.api.models import Answer, Body, Word
from gateway.api.rehearsed import Change, grouped
from gateway.api.subscription import MAX_SEATS, PLACE, Renewal, Subscription
from gateway.api.subscription import read as read_subscription
from gateway.domain import errors
from gateway.services import subscription_change
from gateway.storage.unit_of_work import UnitOfWork

routes = Endpoints()
LOOK = holds_or_operator("org.update")


class SubscriptionWish(Body):
    """What changes of a subscription; what is left out stays."""

    plan: Word | None = None
    state: Word | None = None
    seat_limit: Annotated[int, Field(ge=0, le=MAX_SEATS)] | None = Field(
        default=None, description="Null lifts the limit."
    )
    add_ons: list[Word] | None = Field(
        default=None, max_length=10, description="All that are wanted, the present ones included."
    )


class SubscriptionChange(SubscriptionWish):
    """What changes, and the token of its preview if there was one."""

    plan_token: str | None = Field(
        default=None,
        max_length=64,
        description="Of a preview: the change is applied only if it does what that said.",
    )


class Stopped(Answer):
    """A connection that the plan would not include any more."""

    id: UUID
    name: str
    kind: str


class ChangePreview(Answer):
    """What a change of the subscription would do."""

    plan: str
    state: str
    seat_limit: int | None
    features: list[str]
    features_lost: list[str]
    connections: list[Stopped] = Field(description="Those that lose their feature.")
    chatbots_closed: int = Field(description="Chatbots that nobody could use any more.")
    seats_missing: int = Field(
        description="Seats in use beyond a limit that was cut: nobody is evicted, nobody is added."
    )
    changes: list[Change]
    renewal_before: Renewal
    renewal_after: Renewal
    takes_away: bool = Field(description="Whether somebody has less by it.")
    plan_token: str


@routes.endpoint(f"POST {PLACE}:preview-change", LOOK)
def preview(uow: UnitOfWork, body: SubscriptionWish) -> ChangePreview:
    """Say what a change would do to features, connections, everybody, seats and money.

    It is carried out and taken back, so that it says what applying does. Members whose access
    stays as it is are not listed under `changes`.
    """
    found = subscription_change.preview(uow, body.model_dump(exclude_unset=True))
    before, after = found.standing
    return ChangePreview(
        **found.said,
        changes=grouped(found.effects),
        renewal_before=Renewal.model_validate(before),
        renewal_after=Renewal.model_validate(after),
        takes_away=subscription_change.takes_away(found),
        plan_token=found.token,
    )


@routes.endpoint(f"PATCH {PLACE}", OPERATOR, tagged=True, errors=(errors.PlanStale,))
def change(uow: UnitOfWork, body: SubscriptionChange) -> Subscription:
    """Change plan, state, seat limit or add-ons of a subscription.

    With the token of a preview it is applied only as long as it would do the same. A lower limit
    evicts nobody; a higher one admits who waits.
    """
    wish = body.model_dump(exclude_unset=True)
    subscription_change.apply(uow, wish, wish.pop("plan_token", None))
    return read_subscription(uow)
