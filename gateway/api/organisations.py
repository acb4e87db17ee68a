"""Organisations of the installation, and what each agreed on."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field, StringConstraints

from gateway.api.calls import Call
from gateway.api.endpoint import OPERATOR, Endpoints, holds_or_operator
from gateway.api.models import Answer, Body, Name, Page, Word
from gateway.api.paging import Paging
from gateway.domain.errors import AlreadyExists
from gateway.services import organisations
from gateway.storage.unit_of_work import UnitOfWork

routes = Endpoints()
Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")]
Email = Annotated[
    str, StringConstraints(min_length=3, max_length=254, pattern=r"^[!-?A-~]+@[!-?A-~]+$")
]
Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
MAX_SEATS = 10_000_000


class NewOrganisation(Body):
    """An organisation to found; its owner is made by e-mail address."""

    slug: Slug
    name: Name
    preset: Word
    plan: Word | None = None
    currency: Currency = "USD"
    add_ons: list[Word] = Field(default_factory=list, max_length=10)
    policies: dict[Word, str | bool | int | dict[Word, Word]] = Field(default_factory=dict)
    owner_email: Email
    owner_name: Name


class OrganisationChange(Body):
    """What may change about an organisation itself."""

    name: Name


class SubscriptionChange(Body):
    """What the operator changes of a subscription; what is left out stays."""

    plan: Word | None = None
    state: Word | None = None
    seat_limit: Annotated[int, Field(ge=0, le=MAX_SEATS)] | None = Field(
        default=None, description="Null lifts the limit."
    )
    add_ons: list[Word] | None = Field(
        default=None, max_length=10, description="All that are wanted, the present ones included."
    )


class Organisation(Answer):
    """An organisation."""

    id: UUID
    slug: str
    name: str
    preset: str
    state: str
    created_at: datetime


class Founded(Organisation):
    """A new organisation, and its owner."""

    owner_id: UUID


class Subscription(Answer):
    """What an organisation pays for."""

    plan: str
    state: str
    currency: str
    features: list[str]
    seat_limit: int | None
    active_members: int


@routes.endpoint("POST /organisations", OPERATOR, status=201, errors=(AlreadyExists,))
def create(uow: UnitOfWork, body: NewOrganisation) -> Founded:
    """Found an organisation with its preset's roles and policies, and its owner."""
    wanted = organisations.NewOrganisation(**{**dict(body), "add_ons": tuple(body.add_ons)})
    owner_id = organisations.create(uow, wanted)
    return Founded(**_shown(organisations.get(uow)), owner_id=owner_id)


@routes.endpoint("GET /organisations", OPERATOR)
def listing(call: Call, page: Paging) -> Page[Organisation]:
    """List the installation's organisations."""
    with call.work.platform() as database:
        rows = organisations.listing(database, page.after, page.fetch)
    return page.page(rows, Organisation.model_validate)


@routes.endpoint("GET /organisations/{organisation}", holds_or_operator("org.read"), tagged=True)
def read(uow: UnitOfWork) -> Organisation:
    """Read an organisation."""
    return Organisation(**_shown(organisations.get(uow)))


@routes.endpoint(
    "PATCH /organisations/{organisation}", holds_or_operator("org.update"), tagged=True
)
def change(uow: UnitOfWork, body: OrganisationChange) -> Organisation:
    """Rename an organisation."""
    organisations.rename(uow, body.name)
    return read(uow)


@routes.endpoint(
    "GET /organisations/{organisation}/subscription",
    holds_or_operator("billing.read"),
    tagged=True,
)
def read_subscription(uow: UnitOfWork) -> Subscription:
    """Read plan, state, features and seats."""
    row = organisations.get(uow)
    return Subscription(
        plan=row.plan,
        state=row.subscription_state,
        currency=row.currency,
        features=row.features,
        seat_limit=row.seat_limit,
        active_members=row.active_members,
    )


@routes.endpoint("PATCH /organisations/{organisation}/subscription", OPERATOR, tagged=True)
def change_subscription(uow: UnitOfWork, body: SubscriptionChange) -> Subscription:
    """Change plan, state, seat limit or add-ons of a subscription.

    A lower limit evicts nobody; a higher one admits who waits.
    """
    organisations.change_subscription(uow, **body.model_dump(exclude_unset=True))
    return read_subscription(uow)


def _shown(row: Any) -> dict[str, Any]:
    return {name: getattr(row, name) for name in Organisation.model_fields}
