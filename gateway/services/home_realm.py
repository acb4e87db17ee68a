"""Home realm discovery: where people of a domain sign in. Only the domain counts.

An address that nobody has is answered like one that somebody has: the person is never looked up.
"""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection, and_, bindparam, select

from gateway.domain.errors import InvalidRequest
from gateway.services import domains
from gateway.storage import tables as t


@dataclass(frozen=True, slots=True)
class Realm:
    """A connection through which people of a domain may sign in."""

    connection_id: UUID
    name: str
    organisation_name: str
    protocol: str
    slug: str
    enforced: bool


def find(database: Connection, email: str) -> tuple[Realm, ...]:
    """Return the active connections of the organisation that has proved the address's domain."""
    try:
        domain = domains.normalise(email.strip().rpartition("@")[2])
    except InvalidRequest:
        domain = ""
    rows = database.execute(_BY_DOMAIN, {"domain": domain})
    return tuple(
        Realm(row.id, row.name, row.organisation, row.protocol, row.slug, row.enforced)
        for row in rows
        if "sso" in row.features
    )


_D, _C, _S, _O, _B = (
    t.domains.c,
    t.connections.c,
    t.sso_connections.c,
    t.organisations.c,
    t.subscriptions.c,
)

_BY_DOMAIN = (
    select(
        _S.id,
        _C.name,
        _O.name.label("organisation"),
        _S.protocol,
        _S.slug,
        _S.enforced,
        _B.features,
    )
    .join_from(t.domains, t.organisations, _O.id == _D.organisation_id)
    .join(t.connections, _C.organisation_id == _D.organisation_id)
    .join(
        t.sso_connections,
        and_(_S.organisation_id == _C.organisation_id, _S.id == _C.id),
    )
    .join(
        t.subscriptions,
        and_(_B.organisation_id == _D.organisation_id, _B.valid_to.is_(None)),
    )
    .where(
        _D.name == bindparam("domain"),
        _D.state == "verified",
        _C.state == "active",
        _O.state == "live",
    )
    .order_by(_S.enforced.desc(), _C.created_at, _C.id)
)
