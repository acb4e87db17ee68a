"""Organisations of the installation, and what each agreed on."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field, StringConstraints

from gateway.api.calls import Call
from gateway.api.endpoint import OPERATOR, Allow, Endpoints, holds_or_operator
from gateway.api.models import Answer, Body, Name, Page, Word
from gateway.api.paging import Paging
from gateway.domain.errors import AlreadyExists, InvalidRequest, StepUpRequired
from gateway.domain.sessions import Session
from gateway.services import closures, credentials, organisations, session_openings
from gateway.storage.person_work import PersonWork
from gateway.storage.unit_of_work import UnitOfWork

routes = Endpoints()
FOUNDERS = Allow(operator=True, person=True)
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
    owner_email: Email | None = Field(default=None, description="Needed from the operator.")
    owner_name: Name | None = None


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


@routes.endpoint(
    "POST /organisations", FOUNDERS, status=201, errors=(AlreadyExists, StepUpRequired)
)
def create(uow: UnitOfWork, call: Call, body: NewOrganisation) -> Founded:
    """Found an organisation with its preset's roles and policies, and its owner.

    A person founds their own and names neither owner, add-ons nor policies; the operator does.
    """
    said = {**body.model_dump(), "add_ons": tuple(body.add_ons)}
    session = call.principal.session
    if session is not None:
        said |= _founder(uow, session, body)
    elif body.owner_email is None or body.owner_name is None:
        raise InvalidRequest("Name the owner.", field="owner_email")
    owner_id = organisations.create(uow, organisations.NewOrganisation(**said))
    if session is not None:
        here = PersonWork.beside(uow)
        session_openings.enter(here, session, uow.organisation_id)
        here.finish()
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
    "DELETE /organisations/{organisation}", holds_or_operator("org.delete"), tagged=True
)
def delete(uow: UnitOfWork) -> Organisation:
    """Close the organisation at once; the operator can restore it for 30 days."""
    closures.close(uow)
    return read(uow)


@routes.endpoint("POST /organisations/{organisation}:restore", OPERATOR)
def restore(uow: UnitOfWork) -> Organisation:
    """Open a deleted organisation again, with everything as it was; people sign in anew."""
    closures.restore(uow)
    return read(uow)


def _founder(uow: UnitOfWork, session: Session, body: NewOrganisation) -> dict[str, Any]:
    """Return who founds: the person whose own proof opened the session, by a proved address."""
    if not session.is_own:
        raise StepUpRequired("Sign in with your own password or passkey first.")
    if body.owner_email or body.owner_name or body.add_ons or body.policies:
        raise InvalidRequest(
            "Only the operator names owner, add-ons or policies.", field="owner_email"
        )
    person = credentials.load(PersonWork.beside(uow), session.person_id)
    if not person.email_verified:
        raise InvalidRequest("Verify your e-mail address first.")
    return {"owner_email": person.email, "owner_name": person.display_name}


def _shown(row: Any) -> dict[str, Any]:
    return {name: getattr(row, name) for name in Organisation.model_fields}
