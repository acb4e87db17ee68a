"""Roles of an organisation: the preset's, which stay as they are, and its own."""

from typing import Any, Literal
from uuid import UUID

from pydantic import Field

from gateway.api.endpoint import Endpoints, holds
from gateway.api.models import Answer, Body, Name, Page, Word
from gateway.api.paging import Paging
from gateway.domain import errors
from gateway.domain.roles import RANK_LIMIT, CustomRole
from gateway.services import lists, roles
from gateway.storage.unit_of_work import UnitOfWork

routes = Endpoints()
ALL = "/organisations/{organisation}/roles"
ONE = "/organisations/{organisation}/roles/{role}"
READ, MANAGE = holds("roles.read"), holds("roles.manage")
DEFINING = (errors.AlreadyExists, errors.RoleAboveOwn, errors.OwnAccess)


class RoleDefinition(Body):
    """What a custom role is to allow, beside what every role carries: nothing else."""

    name: Name
    rank: int = Field(ge=0, le=RANK_LIMIT, description="No higher than its author's.")
    toggles: list[Word] = Field(
        default=[],
        max_length=100,
        description="Of what `roles/matrix` offers, such as `contacts.read`.",
    )
    sections: dict[Word, Literal["none", "read", "write"]] = Field(
        default={}, description="The ceiling of each of the eight sections; none if left out."
    )


class Role(Answer):
    """A role and the most that it allows."""

    id: UUID
    key: str
    name: str
    rank: int
    is_owner_role: bool
    custom: bool
    narrowable: bool
    org_atoms: list[str]
    bot_atoms: list[str]
    sections: dict[str, str]
    record_scope: dict[str, str]


@routes.endpoint(f"GET {ALL}", READ)
def listing(uow: UnitOfWork, page: Paging) -> Page[Role]:
    """List the roles and what each allows."""
    return page.page(lists.roles(uow, page.after, page.fetch), _shown)


@routes.endpoint(f"POST {ALL}", MANAGE, status=201, tagged=True, errors=DEFINING)
def create(uow: UnitOfWork, body: RoleDefinition) -> Role:
    """Make a custom role that nobody holds yet."""
    return read(uow, roles.create(uow, _wish(body)))


@routes.endpoint(f"GET {ONE}", READ, tagged=True)
def read(uow: UnitOfWork, role: UUID) -> Role:
    """Read a role."""
    return _shown(roles.get(uow, role))


@routes.endpoint(f"PUT {ONE}", MANAGE, tagged=True, errors=DEFINING)
def change(uow: UnitOfWork, role: UUID, body: RoleDefinition) -> Role:
    """Define a custom role afresh; its holders have the new definition at their next request."""
    roles.change(uow, role, _wish(body))
    return read(uow, role)


@routes.endpoint(
    f"DELETE {ONE}",
    MANAGE,
    status=204,
    tagged=True,
    errors=(errors.RoleAboveOwn, errors.OwnAccess, errors.RoleInUse),
)
def delete(uow: UnitOfWork, role: UUID) -> None:
    """End a custom role that nobody holds and nothing gives."""
    roles.delete(uow, role)


def _wish(body: RoleDefinition) -> CustomRole:
    return CustomRole(
        name=body.name, rank=body.rank, atoms=tuple(body.toggles), sections=body.sections
    )


def _shown(row: Any) -> Role:
    said = {name: row.definition[name] for name in Role.model_fields if name != "id"}
    return Role(id=row.id, **said)
