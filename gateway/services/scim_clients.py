"""OAuth 2.0 clients of a SCIM connection, and the short-lived tokens they fetch (RFC 6749 §4.4)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy
from sqlalchemy import Row, and_, bindparam, delete, or_, select

from gateway.domain.connections import Connection
from gateway.domain.errors import InvalidRequest, NotFound, TokenInvalid
from gateway.domain.events import Fact, Target
from gateway.services.scim_tokens import SCOPES
from gateway.services.secrets import Issued, digest_secret, new_secret
from gateway.storage import tables as t
from gateway.storage.prepared import fetch
from gateway.storage.unit_of_work import UnitOfWork

LIVE_LIMIT = 5
"""Clients of one connection that may be live at a time."""

TOKEN_LIFE = timedelta(hours=1)
MOST_TOKENS = 50
"""Access tokens of one client that live at a time; fetching one more ends the oldest."""


@dataclass(frozen=True, slots=True)
class Client:
    """A client that has proved who it is, and its active connection."""

    id: UUID
    connection: Connection
    name: str
    scopes: frozenset[str]


def issue(
    uow: UnitOfWork, connection_id: UUID, name: str, *, scopes: Sequence[str] = SCOPES
) -> Issued:
    """Make one more client; its secret is returned once and stored as a digest.

    :raises NotFound: no such connection.
    :raises InvalidRequest: five are live, or an unknown scope.
    """
    uow.load(t.connections, connection_id, noun="SCIM connection")
    if not 0 < len(name.strip()) <= 64:
        raise InvalidRequest("A client's name has 1 to 64 characters.", field="name")
    if not scopes or not set(scopes) <= set(SCOPES):
        raise InvalidRequest(f"Scopes are {', '.join(SCOPES)}; at least one.", field="scopes")
    if len(_live(uow, connection_id)) >= LIVE_LIMIT:
        raise InvalidRequest(f"A connection has at most {LIVE_LIMIT} live clients; revoke one.")
    issued = Issued(uow.new_id(), new_secret("scim_client"))
    uow.insert(
        t.scim_clients,
        id=issued.id,
        connection_id=connection_id,
        name=name.strip(),
        secret_hash=digest_secret(issued.secret),
        scopes=sorted(scopes),
        created_at=uow.now,
    )
    after = {"scopes": sorted(scopes)}
    uow.record(Fact("scim_client.created", _targets(connection_id, issued.id, name), after=after))
    return issued


def revoke(uow: UnitOfWork, connection_id: UUID, client_id: UUID) -> None:
    """Kill a client and every token it fetched, at once; a dead one stays dead.

    :raises NotFound: no such client of this connection.
    """
    client = uow.load(t.scim_clients, client_id, noun="client")
    if client.connection_id != connection_id:
        raise NotFound("No such client.")
    if client.revoked_at is not None:
        return
    uow.update(t.scim_clients, {"id": client_id}, revoked_at=uow.now)
    uow.update(t.scim_tokens, {"client_id": client_id, "revoked_at": None}, revoked_at=uow.now)
    uow.record(Fact("scim_client.revoked", _targets(connection_id, client_id, client.name)))


def revoke_all(uow: UnitOfWork, connection_id: UUID) -> None:
    """Kill every client of a connection."""
    for client in _live(uow, connection_id):
        revoke(uow, connection_id, client.id)


def listing(uow: UnitOfWork, connection_id: UUID) -> Sequence[Row[Any]]:
    """Return every client of a connection, the newest first; never a secret."""
    c = t.scim_clients.c
    wanted = uow.own(t.scim_clients).where(c.connection_id == connection_id)
    return uow.all(wanted.order_by(c.created_at.desc(), c.id))


_CLIENT = (
    select(
        t.scim_clients.c.id.label("client_id"),
        t.scim_clients.c.name.label("client_name"),
        t.scim_clients.c.scopes,
        *t.connections.c,
    )
    .join_from(
        t.scim_clients,
        t.connections,
        and_(
            t.connections.c.organisation_id == t.scim_clients.c.organisation_id,
            t.connections.c.id == t.scim_clients.c.connection_id,
        ),
    )
    .join(t.organisations, t.organisations.c.id == t.scim_clients.c.organisation_id)
    .where(
        t.scim_clients.c.secret_hash == bindparam("secret_hash"),
        t.scim_clients.c.id == bindparam("client"),
        t.scim_clients.c.connection_id == bindparam("connection_id"),
        t.scim_clients.c.revoked_at.is_(None),
        t.connections.c.state == "active",
        t.connections.c.kind == "scim",
        t.organisations.c.state == "live",
    )
)


def authenticate(
    database: sqlalchemy.Connection, connection_id: UUID, client_id: UUID, secret: str
) -> Client:
    """Return the client that these credentials are; id, secret and URL must agree.

    :raises TokenInvalid: whatever is wrong, all alike.
    """
    values = {
        "secret_hash": digest_secret(secret),
        "client": client_id,
        "connection_id": connection_id,
    }
    row = next(iter(fetch(database, _CLIENT, values)), None)
    if row is None:
        raise TokenInvalid("These credentials open nothing.")
    return Client(row.client_id, Connection.of(row), row.client_name, frozenset(row.scopes))


def grant(uow: UnitOfWork, client: Client, scopes: frozenset[str]) -> str:
    """Return a new access token of the client, which lives for an hour; stored as a digest.

    :raises TokenInvalid: the client was revoked a moment ago.
    """
    if uow.load(t.scim_clients, client.id, noun="client").revoked_at is not None:
        raise TokenInvalid("These credentials open nothing.")
    _make_room(uow, client.id, uow.now)
    secret = new_secret("scim")
    uow.insert(
        t.scim_tokens,
        id=uow.new_id(),
        connection_id=client.connection.id,
        client_id=client.id,
        name=client.name,
        token_hash=digest_secret(secret),
        scopes=sorted(scopes),
        created_at=uow.now,
        expires_at=uow.now + TOKEN_LIFE,
    )
    uow.update(t.scim_clients, {"id": client.id}, last_used_at=uow.now)
    return secret


def _make_room(uow: UnitOfWork, client_id: UUID, now: datetime) -> None:
    """Drop the client's dead tokens, and the oldest where too many live."""
    token = t.scim_tokens.c
    own = and_(token.organisation_id == uow.organisation_id, token.client_id == client_id)
    rows = uow.all(
        uow.own(t.scim_tokens, token.id)
        .where(own, token.expires_at > now)
        .order_by(token.id.desc())
    )
    crowded = [row.id for row in rows[MOST_TOKENS - 1 :]]
    gone = or_(token.expires_at <= now, token.id.in_(crowded))
    uow.execute(delete(t.scim_tokens).where(own, gone))


def _live(uow: UnitOfWork, connection_id: UUID) -> Sequence[Row[Any]]:
    c = t.scim_clients.c
    return uow.all(
        uow.own(t.scim_clients).where(c.connection_id == connection_id, c.revoked_at.is_(None))
    )


def _targets(connection_id: UUID, client_id: UUID, name: str) -> tuple[Target, ...]:
    return (
        Target("scim_client", str(client_id), name),
        Target("connection", str(connection_id)),
    )
