"""SCIM connections, their bearer tokens, and what needs an admin's eye."""

from datetime import datetime, timedelta
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field

from gateway.api.calls import Call
from gateway.api.endpoint import Endpoints, beyond_plan, holds
from gateway.api.models import SHOWN_ONCE, Answer, Body, Instant, Name, Page, Query
from gateway.api.paging import Paging
from gateway.domain import errors
from gateway.services import attention, connections, lists, scim_tokens
from gateway.services.secrets import Issued
from gateway.storage.unit_of_work import UnitOfWork

routes = Endpoints()
ALL = "/organisations/{organisation}/scim-connections"
ONE = "/organisations/{organisation}/scim-connections/{connection}"
TOKENS = f"{ONE}/tokens"
MANAGE = holds("scim.manage")
END = beyond_plan(MANAGE)
UNFIT = (
    errors.PlanFeature,
    errors.SuccessorRequired,
    errors.OwnershipTransferDisabled,
    errors.RoleAboveOwn,
)

Unmapped = Literal["default_role", "no_access"]
BotScope = Literal["all", "selected"]
SeatOverage = Literal["refuse", "waitlist", "bill"]
LastOwner = Literal["refuse_and_contain", "succeed"]
Dialect = Literal["auto", "strict", "okta", "entra", "onelogin", "google", "jumpcloud"]
Scope = Literal["users", "groups", "read"]


class ConnectionChange(Body):
    """What may change about a connection; what is left out stays."""

    name: Name | None = None
    successor_id: UUID | None = Field(
        default=None, description="Active member, managed by hand, who inherits the ownership."
    )
    unmapped: Unmapped | None = None
    bot_scope: BotScope | None = Field(default=None, description="Null: not chosen yet.")
    seat_overage: SeatOverage | None = None
    last_owner: LastOwner | None = None
    dialect: Dialect | None = None
    members_clearable: bool | None = None
    token_without_bearer: bool | None = Field(
        default=None, description="Take a token that is the whole Authorization header."
    )
    allowed_networks: list[str] | None = Field(
        default=None,
        max_length=50,
        description="Networks (CIDR) that requests must come from; empty: from anywhere.",
    )


class NewConnection(ConnectionChange):
    """A connection to make; what is left out is as the organisation's policies say."""

    name: Name


class DeletionQuery(Query):
    """What becomes of the connection's people."""

    people: Literal["keep_members", "deactivate_members"] = "keep_members"


class Connection(Answer):
    """A SCIM connection; `base_url` is what the identity provider is given."""

    id: UUID
    name: str
    state: str
    base_url: str
    unmapped: str
    bot_scope: str | None
    seat_overage: str
    last_owner: str
    successor_id: UUID | None
    dialect: str
    detected_dialect: str | None
    members_clearable: bool
    token_without_bearer: bool
    allowed_networks: list[str]


class NewToken(Body):
    """A bearer token to issue."""

    name: Name
    scopes: list[Scope] = Field(default=["users", "groups", "read"], min_length=1, max_length=3)
    expires_at: Instant | None = None


class Rotation(Body):
    """How long the old token stays alive beside the new one."""

    overlap_seconds: Annotated[int, Field(ge=0, le=30 * 86_400)] = 86_400


class Token(Answer):
    """A bearer token, without its secret."""

    id: UUID
    name: str
    scopes: list[str]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None


class IssuedToken(Answer):
    """A new bearer token; its secret is shown this once."""

    id: UUID
    secret: str | None = Field(json_schema_extra=SHOWN_ONCE)


class Tokens(Answer):
    """Every token of a connection, the newest first."""

    items: list[Token]


class AttentionItem(Answer):
    """Something tolerated, unclear or refused, counted by its subject."""

    kind: str
    subject: str
    details: dict[str, Any]
    count: int
    first_seen: datetime
    last_seen: datetime


class AttentionItems(Answer):
    """What needs an admin's eye, the newest first."""

    items: list[AttentionItem]


@routes.endpoint(f"POST {ALL}", MANAGE, status=201, tagged=True, errors=UNFIT)
def create(uow: UnitOfWork, call: Call, body: NewConnection) -> Connection:
    """Connect an identity provider; somebody must be named to succeed the owner."""
    return read(uow, call, connections.create(uow, **body.model_dump(exclude_unset=True)))


@routes.endpoint(f"GET {ALL}", END)
def listing(uow: UnitOfWork, call: Call, page: Paging) -> Page[Connection]:
    """List the SCIM connections."""
    rows = lists.connections(uow, page.after, page.fetch)
    return page.page(rows, lambda row: _shown(call, row))


@routes.endpoint(f"GET {ONE}", END, tagged=True)
def read(uow: UnitOfWork, call: Call, connection: UUID) -> Connection:
    """Read a connection."""
    return _shown(call, connections.get(uow, connection))


@routes.endpoint(f"PATCH {ONE}", MANAGE, tagged=True, errors=UNFIT)
def change(uow: UnitOfWork, call: Call, connection: UUID, body: ConnectionChange) -> Connection:
    """Change a connection's settings; what its people get follows at once."""
    connections.update(uow, connection, **body.model_dump(exclude_unset=True))
    return read(uow, call, connection)


@routes.endpoint(f"DELETE {ONE}", END, status=204, tagged=True, errors=(errors.RoleAboveOwn,))
def delete(uow: UnitOfWork, connection: UUID, query: DeletionQuery) -> None:
    """Delete a connection: its tokens die first, then its people are kept or deactivated."""
    connections.delete(uow, connection, query.people)


@routes.endpoint(f"POST {ONE}:disable", END, errors=(errors.RoleAboveOwn,))
def disable(uow: UnitOfWork, call: Call, connection: UUID) -> Connection:
    """Let a connection decide no longer; what its people have becomes theirs by hand."""
    connections.disable(uow, connection)
    return read(uow, call, connection)


@routes.endpoint(f"POST {ONE}:enable", MANAGE, errors=UNFIT)
def enable(uow: UnitOfWork, call: Call, connection: UUID) -> Connection:
    """Let a connection decide again."""
    connections.enable(uow, connection)
    return read(uow, call, connection)


@routes.endpoint(f"GET {ONE}/attention-items", END)
def attention_items(uow: UnitOfWork, connection: UUID) -> AttentionItems:
    """List what needs an admin's eye, at most 500 items."""
    connections.get(uow, connection)
    rows = attention.listing(uow, connection)
    return AttentionItems(items=[AttentionItem.model_validate(row) for row in rows])


@routes.endpoint(f"POST {TOKENS}", MANAGE, status=201, errors=(errors.RoleAboveOwn,))
def issue_token(uow: UnitOfWork, connection: UUID, body: NewToken) -> IssuedToken:
    """Issue a bearer token; at most five of a connection are live at a time."""
    connections.get(uow, connection)
    return _issued(
        scim_tokens.issue(
            uow, connection, body.name, scopes=sorted(set(body.scopes)), expires_at=body.expires_at
        )
    )


@routes.endpoint(f"GET {TOKENS}", END)
def tokens(uow: UnitOfWork, connection: UUID) -> Tokens:
    """List a connection's tokens, dead ones too; never a secret."""
    connections.get(uow, connection)
    rows = scim_tokens.listing(uow, connection)
    return Tokens(items=[Token.model_validate(row) for row in rows])


@routes.endpoint(
    f"POST {TOKENS}/{{token}}:rotate", MANAGE, status=201, errors=(errors.RoleAboveOwn,)
)
def rotate_token(uow: UnitOfWork, connection: UUID, token: UUID, body: Rotation) -> IssuedToken:
    """Replace a token: the new one works at once, the old one until the overlap ends."""
    connections.get(uow, connection)
    overlap = timedelta(seconds=body.overlap_seconds)
    return _issued(scim_tokens.rotate(uow, connection, token, overlap))


@routes.endpoint(f"POST {TOKENS}/{{token}}:revoke", END, status=204)
def revoke_token(uow: UnitOfWork, connection: UUID, token: UUID) -> None:
    """Kill a token at once."""
    connections.get(uow, connection)
    scim_tokens.revoke(uow, connection, token)


def _shown(call: Call, connection: Any) -> Connection:
    values = {name: getattr(connection, name, None) for name in Connection.model_fields}
    values["allowed_networks"] = list(connection.allowed_networks)
    values["base_url"] = f"{call.settings.origin}/scim/v2/{connection.id}"
    return Connection(**values)


def _issued(issued: Issued) -> IssuedToken:
    return IssuedToken(id=issued.id, secret=issued.secret)
