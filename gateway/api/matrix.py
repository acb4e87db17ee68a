"""The permission matrix: what each role opens, from the declarations that enforce it."""

from collections.abc import Iterable
from uuid import UUID

from gateway.api.endpoint import PREFIX, Endpoint, Endpoints, holds
from gateway.api.models import Answer
from gateway.domain.permissions import ACTIONS
from gateway.domain.roles import RoleTemplate
from gateway.services import roles
from gateway.storage.unit_of_work import UnitOfWork


class Column(Answer):
    """A role of the matrix."""

    id: UUID
    key: str
    name: str
    rank: int
    custom: bool


class Line(Answer):
    """One permission, and the keys of the roles that hold it."""

    action: str
    roles: list[str]


class Way(Answer):
    """One endpoint with its permission, and the keys of the roles that it opens to."""

    method: str
    path: str
    action: str
    present: bool
    """Whether it wants somebody who proved a moment ago who they are, which no key does."""
    roles: list[str]


class Matrix(Answer):
    """Roles against permissions and endpoints, and what a custom role may switch on."""

    roles: list[Column]
    permissions: list[Line]
    endpoints: list[Way]
    toggles: dict[str, list[str]]


def over(declared: Iterable[Endpoint]) -> Endpoints:
    """Return the endpoint that shows the matrix of these endpoints and of itself."""
    routes = Endpoints()
    every = list(declared)

    @routes.endpoint("GET /organisations/{organisation}/roles/matrix", holds("roles.read"))
    def matrix(uow: UnitOfWork) -> Matrix:
        """Show what each role opens.

        The most that a role allows: a member's scope and the organisation's plan may leave less.
        """
        known = roles.listing(uow)
        offered = roles.toggles(uow)
        return Matrix(
            roles=[Column.model_validate(role) for role in known],
            permissions=[Line(action=atom, roles=holders(known, atom)) for atom in sorted(ACTIONS)],
            endpoints=[_way(each, known) for each in (*every, *routes) if each.allow.atom],
            toggles={feature: sorted(verbs) for feature, verbs in sorted(offered.items())},
        )

    return routes


def holders(known: Iterable[RoleTemplate], atom: str) -> list[str]:
    """Return the keys of the roles that hold a permission."""
    return [role.key for role in known if atom in role.atoms()]


def _way(endpoint: Endpoint, known: Iterable[RoleTemplate]) -> Way:
    atom = str(endpoint.allow.atom)
    return Way(
        method=endpoint.method,
        path=PREFIX + endpoint.path,
        action=atom,
        present=endpoint.allow.fresh,
        roles=holders(known, atom),
    )
