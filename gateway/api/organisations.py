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


def _shown(row: Any) -> dict[str, Any]:
    return {name: getattr(row, name) for name in Organisation.model_fields}
