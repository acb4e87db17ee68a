"""Domains: claimed by an organisation, proved by a record in the DNS or by the operator's word."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field, StringConstraints

from gateway.api.calls import Call
from gateway.api.endpoint import Endpoints, holds_or_operator
from gateway.api.models import PRINTABLE, Answer, Body, Page
from gateway.api.paging import Paging
from gateway.domain.errors import AlreadyExists
from gateway.net import domain_proofs
from gateway.net.dns import Resolver
from gateway.services import domains, lists
from gateway.services.domains import Sighting
from gateway.storage.unit_of_work import UnitOfWork

routes = Endpoints()
ALL = "/organisations/{organisation}/domains"
ONE = "/organisations/{organisation}/domains/{domain}"


class Claim(Body):
    """A domain that the organisation says is its own."""

    name: Annotated[str, StringConstraints(min_length=3, max_length=253, pattern=PRINTABLE)]


class Record(Answer):
    """What the DNS has to say."""

    type: str
    name: str
    value: str


class Domain(Answer):
    """A domain; a proved one is this organisation's alone."""

    id: UUID
    name: str
    state: str
    record: Record = Field(description="The record that proves the domain; leave it there.")
    created_at: datetime
    verified_at: datetime | None
    verified_by: str | None
    checked_at: datetime | None = Field(description="When the DNS was last asked.")
    missing_since: datetime | None = Field(
        description="Since when the proof is out of sight; after a week it counts no more."
    )


@routes.endpoint(f"POST {ALL}", holds_or_operator("org.update"), status=201, tagged=True)
def claim(uow: UnitOfWork, body: Claim) -> Domain:
    """Claim a domain; claiming it again gives the same one."""
    return read(uow, domains.claim(uow, body.name))


@routes.endpoint(f"GET {ALL}", holds_or_operator("settings.read"))
def listing(uow: UnitOfWork, page: Paging) -> Page[Domain]:
    """List the organisation's domains."""
    return page.page(lists.domains(uow, page.after, page.fetch), _shown)


@routes.endpoint(f"GET {ONE}", holds_or_operator("settings.read"), tagged=True)
def read(uow: UnitOfWork, domain: UUID) -> Domain:
    """Read a domain."""
    return _shown(domains.get(uow, domain))


def _looked(call: Call, _body: None, ids: Mapping[str, UUID]) -> Sighting | None:
    """Ask the DNS with nothing open; an operator's word needs no proof."""
    if call.principal.is_operator:
        return None
    resolver = Resolver.of(call.settings)
    return domain_proofs.look_for(call.work, resolver, ids["organisation"], ids["domain"])


@routes.endpoint(
    f"POST {ONE}:verify",
    holds_or_operator("org.update"),
    errors=(AlreadyExists,),
    prepare=_looked,
)
def verify(uow: UnitOfWork, domain: UUID, prepared: Sighting | None) -> Domain:
    """Prove a domain by its record in the DNS, or by the operator's word."""
    if prepared is None:
        domains.force_verify(uow, domains.get(uow, domain).name)
    else:
        domains.verify(uow, domain, prepared)
    return read(uow, domain)


@routes.endpoint(f"DELETE {ONE}", holds_or_operator("org.update"), status=204, tagged=True)
def release(uow: UnitOfWork, domain: UUID) -> None:
    """Give up a domain: it proves nothing any more, and another claim needs another proof."""
    domains.release(uow, domain)


def _shown(row: Any) -> Domain:
    shown = {name: getattr(row, name) for name in Domain.model_fields if name != "record"}
    record = Record(type="TXT", name=domains.record_name(row.name), value=row.token)
    return Domain(**shown, record=record)
