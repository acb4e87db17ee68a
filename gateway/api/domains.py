"""Domains: claimed by an organisation, proved by the operator's word."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import StringConstraints

from gateway.api.endpoint import OPERATOR, Endpoints, holds_or_operator
from gateway.api.models import PRINTABLE, Answer, Body, Page
from gateway.api.paging import Paging
from gateway.domain.errors import AlreadyExists
from gateway.services import domains, lists
from gateway.storage.unit_of_work import UnitOfWork

routes = Endpoints()
ALL = "/organisations/{organisation}/domains"
ONE = "/organisations/{organisation}/domains/{domain}"


class Claim(Body):
    """A domain that the organisation says is its own."""

    name: Annotated[str, StringConstraints(min_length=3, max_length=253, pattern=PRINTABLE)]


class Domain(Answer):
    """A domain; a proved one is this organisation's alone."""

    id: UUID
    name: str
    state: str
    created_at: datetime
    verified_at: datetime | None
    verified_by: str | None


@routes.endpoint(f"POST {ALL}", holds_or_operator("settings.write"), status=201, tagged=True)
def claim(uow: UnitOfWork, body: Claim) -> Domain:
    """Claim a domain; claiming it again gives the same one."""
    return read(uow, domains.claim(uow, body.name))


@routes.endpoint(f"GET {ALL}", holds_or_operator("settings.read"))
def listing(uow: UnitOfWork, page: Paging) -> Page[Domain]:
    """List the organisation's domains."""
    return page.page(lists.domains(uow, page.after, page.fetch), Domain.model_validate)


@routes.endpoint(f"GET {ONE}", holds_or_operator("settings.read"), tagged=True)
def read(uow: UnitOfWork, domain: UUID) -> Domain:
    """Read a domain."""
    return Domain.model_validate(domains.get(uow, domain))


@routes.endpoint(f"POST {ONE}:verify", OPERATOR, errors=(AlreadyExists,))
def verify(uow: UnitOfWork, domain: UUID) -> Domain:
    """Prove a domain by the operator's word."""
    return read(uow, domains.force_verify(uow, read(uow, domain).name))
