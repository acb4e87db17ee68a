"""Roles of an organisation."""

from typing import Any
from uuid import UUID

from gateway.api.endpoint import Endpoints, holds
from gateway.api.models import Answer, Page
from gateway.api.paging import Paging
from gateway.services import lists
from gateway.storage.unit_of_work import UnitOfWork

routes = Endpoints()


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


@routes.endpoint("GET /organisations/{organisation}/roles", holds("roles.read"))
def listing(uow: UnitOfWork, page: Paging) -> Page[Role]:
    """List the roles and what each allows."""
    return page.page(lists.roles(uow, page.after, page.fetch), _shown)


def _shown(row: Any) -> Role:
    said = {name: row.definition[name] for name in Role.model_fields if name != "id"}
    return Role(id=row.id, **said)
