"""Bearer tokens of a SCIM connection: issued, overlapping, expiring, revoked, and recognised."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy
from sqlalchemy import Row, and_, bindparam, or_, select

from gateway.domain import warnings
from gateway.domain.connections import Connection
from gateway.domain.errors import InvalidRequest, NotFound, TokenInvalid
from gateway.domain.events import Fact, Target
from gateway.services.secrets import Issued, digest_secret, new_secret
from gateway.storage import tables as t
from gateway.storage.prepared import fetch_made
from gateway.storage.unit_of_work import Record, UnitOfWork

LIVE_LIMIT = 5
"""Tokens of one connection that may be live at a time."""

SCOPES = ("users", "groups", "read")
"""What a token may do: change users, change groups, read both."""

CLOSED = "The bearer token does not open this connection."
"""What every failed authentication is told."""

MAX_OVERLAP = timedelta(days=30)


WARNED_AHEAD = (30, 7, 1)
"""Days before the end of a token at which its administrators are warned."""


@dataclass(frozen=True, slots=True)
class Authenticated:
    """Whose request this is: a live token and its active connection."""

    connection: Connection
    token_id: UUID
    scopes: frozenset[str]


def issue(
    uow: UnitOfWork,
    connection_id: UUID,
    name: str,
    *,
    scopes: Sequence[str] = SCOPES,
    expires_at: datetime | None = None,
) -> Issued:
    """Make one more live token; its secret is returned once and stored as a digest.

    :raises NotFound: no such connection.
    :raises InvalidRequest: five are live, an unknown scope, or an expiry in the past.
    """
    uow.load(t.connections, connection_id, noun="SCIM connection")
    _require_sound(name, scopes, expires_at, uow.now)
    if len(_live(uow, connection_id)) >= LIVE_LIMIT:
        raise InvalidRequest(f"A connection has at most {LIVE_LIMIT} live tokens; revoke one.")
    issued = Issued(uow.new_id(), new_secret("scim"))
    uow.insert(
        t.scim_tokens,
        id=issued.id,
        connection_id=connection_id,
        name=name.strip(),
        token_hash=digest_secret(issued.secret),
        scopes=sorted(scopes),
        created_at=uow.now,
        expires_at=expires_at,
        warned_days=warnings.reached(expires_at, uow.now, WARNED_AHEAD),
    )
    _record(
        uow, "scim_token.created", connection_id, issued.id, name, after={"scopes": sorted(scopes)}
    )
    return issued


def rotate(
    uow: UnitOfWork, connection_id: UUID, token_id: UUID, overlap: timedelta = timedelta(days=1)
) -> Issued:
    """Replace a live token: the new one works at once, the old one until the overlap ends.

    :raises NotFound: no such live token of this connection.
    :raises InvalidRequest: an overlap that is negative or longer than thirty days.
    """
    if not timedelta(0) <= overlap <= MAX_OVERLAP:
        raise InvalidRequest("An overlap lasts from none to thirty days.", field="overlap")
    old = _load_live(uow, connection_id, token_id)
    ends = uow.now + overlap
    if old.expires_at is not None:
        ends = min(ends, old.expires_at)
    # Whoever rotates knows that the old one ends.
    uow.update(t.scim_tokens, {"id": token_id}, expires_at=ends, warned_days=0)
    issued = issue(uow, connection_id, old.name, scopes=old.scopes)
    _record(
        uow,
        "scim_token.rotated",
        connection_id,
        token_id,
        old.name,
        after={"expires_at": ends.isoformat()},
    )
    return issued


def revoke(uow: UnitOfWork, connection_id: UUID, token_id: UUID) -> None:
    """Kill a token at once; a dead one stays dead and nothing is recorded.

    :raises NotFound: no such token of this connection.
    """
    token = _load(uow, connection_id, token_id)
    if token.revoked_at is not None:
        return
    uow.update(t.scim_tokens, {"id": token_id}, revoked_at=uow.now)
    _record(uow, "scim_token.revoked", connection_id, token_id, token.name)


def revoke_all(uow: UnitOfWork, connection_id: UUID) -> None:
    """Kill every token of a connection."""
    for token in _live(uow, connection_id):
        revoke(uow, connection_id, token.id)


def listing(uow: UnitOfWork, connection_id: UUID) -> Sequence[Row[Any]]:
    """Return every token of a connection, the newest first; never a secret."""
    uow.load(t.connections, connection_id, noun="SCIM connection")
    tokens = t.scim_tokens
    return uow.all(
        uow.own(tokens)
        .where(tokens.c.connection_id == connection_id, tokens.c.client_id.is_(None))
        .order_by(tokens.c.created_at.desc(), tokens.c.id)
    )


_AUTHENTICATION = (
    select(
        t.scim_tokens.c.id.label("token_id"),
        t.scim_tokens.c.scopes,
        *t.connections.c,
    )
    .join_from(
        t.scim_tokens,
        t.connections,
        and_(
            t.connections.c.organisation_id == t.scim_tokens.c.organisation_id,
            t.connections.c.id == t.scim_tokens.c.connection_id,
        ),
    )
    .join(t.organisations, t.organisations.c.id == t.scim_tokens.c.organisation_id)
    .where(
        t.scim_tokens.c.token_hash == bindparam("token_hash"),
        t.scim_tokens.c.connection_id == bindparam("connection_id"),
        t.scim_tokens.c.revoked_at.is_(None),
        or_(
            t.scim_tokens.c.expires_at.is_(None),
            t.scim_tokens.c.expires_at > bindparam("now", type_=t.scim_tokens.c.expires_at.type),
        ),
        t.connections.c.state == "active",
        t.connections.c.kind == "scim",
        t.organisations.c.state == "live",
    )
)


def authenticate(
    database: sqlalchemy.Connection, now: datetime, connection_id: UUID | None, bearer: str
) -> Authenticated:
    """Return whose token this is; token and URL must agree.

    :raises TokenInvalid: unknown, expired, revoked or foreign token, unknown, disabled or
        deleted connection: all alike.
    """
    found: list[Authenticated] = []
    if connection_id is not None and bearer:
        values = {"token_hash": digest_secret(bearer), "connection_id": connection_id, "now": now}
        found = fetch_made(database, _AUTHENTICATION, values, _authenticated)
    if not found:
        raise TokenInvalid(CLOSED)
    return found[0]


def _authenticated(row: Record) -> Authenticated:
    return Authenticated(Connection.of(row), row.token_id, frozenset(row.scopes))


def _live(uow: UnitOfWork, connection_id: UUID) -> Sequence[Row[Any]]:
    tokens = t.scim_tokens
    return uow.all(
        uow.own(tokens).where(
            tokens.c.connection_id == connection_id,
            tokens.c.client_id.is_(None),
            tokens.c.revoked_at.is_(None),
            or_(tokens.c.expires_at.is_(None), tokens.c.expires_at > uow.now),
        )
    )


def _load(uow: UnitOfWork, connection_id: UUID, token_id: UUID) -> Record:
    token = uow.load(t.scim_tokens, token_id, noun="token")
    if token.connection_id != connection_id or token.client_id is not None:
        raise NotFound("No such token.")
    return token


def _load_live(uow: UnitOfWork, connection_id: UUID, token_id: UUID) -> Record:
    token = _load(uow, connection_id, token_id)
    expired = token.expires_at is not None and token.expires_at <= uow.now
    if token.revoked_at is not None or expired:
        raise NotFound("No such live token.")
    return token


def _require_sound(
    name: str, scopes: Sequence[str], expires_at: datetime | None, now: datetime
) -> None:
    if not 0 < len(name.strip()) <= 64:
        raise InvalidRequest("A token's name has 1 to 64 characters.", field="name")
    if not scopes or not set(scopes) <= set(SCOPES):
        raise InvalidRequest(f"Scopes are {', '.join(SCOPES)}; at least one.", field="scopes")
    if expires_at is not None and expires_at <= now:
        raise InvalidRequest("A token expires in the future.", field="expires_at")


def _record(
    uow: UnitOfWork,
    action: str,
    connection_id: UUID,
    token_id: UUID,
    name: str,
    after: dict[str, Any] | None = None,
) -> None:
    targets = (
        Target("scim_token", str(token_id), name),
        Target("connection", str(connection_id)),
    )
    uow.record(Fact(action, targets, after=after))
