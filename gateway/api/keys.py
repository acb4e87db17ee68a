"""API keys of an organisation."""

from datetime import datetime
from uuid import UUID

from pydantic import Field

from gateway.api.endpoint import Endpoints, holds_or_operator
from gateway.api.models import SHOWN_ONCE, Answer, Body, Instant, Name, Page, Word
from gateway.api.paging import Paging
from gateway.domain import errors
from gateway.services import keys
from gateway.storage.unit_of_work import UnitOfWork

routes = Endpoints()
ALL = "/organisations/{organisation}/api-keys"
ONE = "/organisations/{organisation}/api-keys/{key}"
MANAGE = holds_or_operator("apikeys.manage")


class NewKey(Body):
    """A key to issue: a member's own, or the organisation's with a role."""

    name: Name
    scopes: list[Word] = Field(min_length=1, max_length=100, description="Permissions, by name.")
    member_id: UUID | None = None
    role_id: UUID | None = None
    expires_at: Instant | None = None


class Key(Answer):
    """An API key, without its secret."""

    id: UUID
    name: str
    scopes: list[str]
    member_id: UUID | None
    role_id: UUID | None
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None


class IssuedKey(Answer):
    """A new API key; its secret is shown this once."""

    id: UUID
    secret: str | None = Field(json_schema_extra=SHOWN_ONCE)


@routes.endpoint(f"POST {ALL}", MANAGE, status=201, errors=(errors.RoleAboveOwn, errors.OwnAccess))
def create(uow: UnitOfWork, body: NewKey) -> IssuedKey:
    """Issue a key that never opens more than its owner may do, nor than its author."""
    issued = keys.create(
        uow,
        body.name,
        body.scopes,
        member_id=body.member_id,
        role_id=body.role_id,
        expires_at=body.expires_at,
    )
    return IssuedKey(id=issued.id, secret=issued.secret)


@routes.endpoint(f"GET {ALL}", MANAGE)
def listing(uow: UnitOfWork, page: Paging) -> Page[Key]:
    """List the keys, dead ones too; never a secret."""
    return page.page(keys.listing(uow, page.after, page.fetch), Key.model_validate)


@routes.endpoint(f"GET {ONE}", MANAGE)
def read(uow: UnitOfWork, key: UUID) -> Key:
    """Read a key."""
    return Key.model_validate(keys.get(uow, key))


@routes.endpoint(f"POST {ONE}:revoke", MANAGE, status=204, errors=(errors.RoleAboveOwn,))
def revoke(uow: UnitOfWork, key: UUID) -> None:
    """Kill a key at once."""
    keys.revoke(uow, key)
