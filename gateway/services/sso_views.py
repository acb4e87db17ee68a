"""Sign-on connections as admins see them: settings, what is missing, keys; never a secret."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any
from uuid import UUID

from sqlalchemy import Row, func

from gateway.domain import sso_settings
from gateway.domain.errors import NotFound
from gateway.domain.sso_states import SSOState
from gateway.services import certificates, managed
from gateway.storage import tables as t
from gateway.storage.unit_of_work import Record, UnitOfWork

COMMON = ("unmapped", "bot_scope", "name")
"""What lies with every kind of connection, and may change."""


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """A sign-on connection as admins see it; no secret is part of it."""

    row: Any
    settings: Mapping[str, Any]
    missing: Sequence[str]
    has_secret: bool
    certificates: Sequence[Any]
    keys: Sequence[Any]


def load(uow: UnitOfWork, connection_id: UUID, protocol: str | None = None) -> Record:
    """Return a connection with what lies with every kind of connection.

    :raises NotFound: absent, deleted, another organisation's, or of another protocol.
    """
    common = uow.find(t.connections, id=connection_id)
    row = uow.find(t.sso_connections, id=connection_id)
    if common is None or row is None or common.state == SSOState.DELETED:
        raise NotFound("No such connection.")
    if protocol is not None and row.protocol != protocol:
        raise NotFound("No such connection.")
    shared = {name: getattr(common, name) for name in (*COMMON, "state", "created_at", "kind")}
    return SimpleNamespace(**vars(row), **shared)


def view(uow: UnitOfWork, connection_id: UUID, protocol: str | None = None) -> View:
    """Return a connection as admins see it."""
    row = load(uow, connection_id, protocol)
    settings = {**sso_settings.DEFAULTS[row.protocol], **row.settings}
    return View(
        row=row,
        settings=settings,
        missing=missing(uow, row),
        has_secret=row.client_secret is not None,
        certificates=certificates.live_of(uow, connection_id),
        keys=certificates.keys_of(uow, connection_id),
    )


def listing(uow: UnitOfWork, protocol: str, after: UUID | None, limit: int) -> Sequence[Row[Any]]:
    """Return the ids of the connections of a protocol that are not deleted, the oldest first."""
    c = t.connections.c
    query = uow.own(t.connections, c.id).where(c.kind == protocol, c.state != SSOState.DELETED)
    if after is not None:
        query = query.where(c.id > after)
    return uow.all(query.order_by(c.id).limit(limit))


def deletion_preview(uow: UnitOfWork, connection_id: UUID) -> dict[str, Any]:
    """Return what a deletion would touch: people, links and live sessions."""
    row = load(uow, connection_id)
    i, p = t.identities.c, t.session_proofs.c
    links = uow.own(t.identities, func.count()).where(i.connection_id == connection_id)
    live = uow.own(t.session_proofs, func.count()).where(
        p.connection_id == connection_id, p.revoked_at.is_(None), p.expires_at > uow.now
    )
    return {
        "members_managed": len(managed.of(uow, connection_id)),
        "identities": uow.scalar(links),
        "sessions": uow.scalar(live),
        "enforced": row.enforced,
    }


def missing(uow: UnitOfWork, row: Record) -> list[str]:
    """Return what a connection lacks before anybody can be sent to its provider."""
    settings = {**sso_settings.DEFAULTS[row.protocol], **row.settings}
    lacking = sso_settings.missing(row.protocol, row.issuer, settings)
    if row.protocol == "saml" and not certificates.live_of(uow, row.id):
        lacking.append("certificates")
    if row.protocol == "oidc":
        with_key = settings["client_auth"] == "private_key_jwt"
        if with_key and not certificates.keys_of(uow, row.id):
            lacking.append("keys")
        if not with_key and row.client_secret is None:
            lacking.append("client_secret")
    return lacking
