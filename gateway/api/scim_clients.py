"""OAuth 2.0 clients of SCIM connections."""

from datetime import datetime
from uuid import UUID

from pydantic import Field

from gateway.api.connections import MANAGE, ONE, Scope
from gateway.api.endpoint import Endpoints
from gateway.api.models import SHOWN_ONCE, Answer, Body, Name
from gateway.domain import errors
from gateway.services import connections, scim_clients
from gateway.storage.unit_of_work import UnitOfWork

routes = Endpoints()
CLIENTS = f"{ONE}/clients"


class NewClient(Body):
    """An OAuth 2.0 client to issue."""

    name: Name
    scopes: list[Scope] = Field(default=["users", "groups", "read"], min_length=1, max_length=3)


class Client(Answer):
    """An OAuth 2.0 client, without its secret; `id` is its client_id."""

    id: UUID
    name: str
    scopes: list[str]
    created_at: datetime
    revoked_at: datetime | None
    last_used_at: datetime | None


class IssuedClient(Answer):
    """A new OAuth 2.0 client: client_id and client_secret; the secret is shown this once."""

    id: UUID
    secret: str | None = Field(json_schema_extra=SHOWN_ONCE)


class Clients(Answer):
    """Every OAuth 2.0 client of a connection, the newest first."""

    items: list[Client]


@routes.endpoint(f"POST {CLIENTS}", MANAGE, status=201, errors=(errors.RoleAboveOwn,))
def issue(uow: UnitOfWork, connection: UUID, body: NewClient) -> IssuedClient:
    """Issue an OAuth 2.0 client; at most five of a connection are live at a time."""
    connections.get(uow, connection)
    issued = scim_clients.issue(uow, connection, body.name, scopes=sorted(set(body.scopes)))
    return IssuedClient(id=issued.id, secret=issued.secret)


@routes.endpoint(f"GET {CLIENTS}", MANAGE)
def listing(uow: UnitOfWork, connection: UUID) -> Clients:
    """List a connection's OAuth 2.0 clients, dead ones too; never a secret."""
    connections.get(uow, connection)
    rows = scim_clients.listing(uow, connection)
    return Clients(items=[Client.model_validate(row) for row in rows])


@routes.endpoint(f"POST {CLIENTS}/{{client}}:revoke", MANAGE, status=204)
def revoke(uow: UnitOfWork, connection: UUID, client: UUID) -> None:
    """Kill an OAuth 2.0 client and every token it fetched, at once."""
    connections.get(uow, connection)
    scim_clients.revoke(uow, connection, client)
