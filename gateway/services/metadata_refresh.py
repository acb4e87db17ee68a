"""Settings that follow what a provider publishes of itself: read again, overlapped, told of."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, and_, or_, select

from gateway.domain import sso_settings
from gateway.domain.errors import InvalidRequest
from gateway.domain.events import Fact, Target
from gateway.services import attention, certificates
from gateway.services.sso_views import load
from gateway.storage import tables as t
from gateway.storage.unit_of_work import UnitOfWork

REFRESH_EVERY = timedelta(hours=6)
FOLLOWED: Mapping[str, tuple[str, ...]] = {
    "saml": ("sso_url", "sso_binding", "slo_url", "slo_binding", "slo_response_url"),
    "oidc": (
        "authorization_endpoint",
        "token_endpoint",
        "jwks_uri",
        "userinfo_endpoint",
        "end_session_endpoint",
        "iss_parameter_supported",
    ),
}
"""Protocol → settings that follow; what an admin decides stays."""

UNREADABLE = "metadata_unreadable"
REASON_LIMIT = 300


def due(database: Connection, protocol: str, now: datetime, limit: int = 50) -> Sequence[Any]:
    """Return the connections of a protocol whose provider's description is to be read again."""
    s, c = t.sso_connections.c, t.connections.c
    query = (
        select(s.organisation_id, s.id, s.metadata_url, s.issuer, s.settings)
        .join_from(
            t.sso_connections,
            t.connections,
            and_(c.organisation_id == s.organisation_id, c.id == s.id),
        )
        .where(
            s.protocol == protocol,
            s.metadata_url.is_not(None),
            c.state.in_(("testing", "active")),
            or_(s.refreshed_at.is_(None), s.refreshed_at <= now - REFRESH_EVERY),
        )
        .order_by(s.refreshed_at, s.id)
        .limit(limit)
    )
    return database.execute(query).all()


def follow(uow: UnitOfWork, connection_id: UUID, described: Mapping[str, Any]) -> None:
    """Take over what the provider says now; new certificates are staged, dropped ones overlap.

    :raises InvalidRequest: it is another provider's, or has something that cannot be taken.
    """
    row = load(uow, connection_id)
    if described["issuer"] != row.issuer:
        raise InvalidRequest(
            "The metadata describes another provider than the connection's.", field="metadata_url"
        )
    wish = {name: described[name] for name in FOLLOWED[row.protocol]}
    settings = sso_settings.complete(row.protocol, wish, row.settings)
    changed = sorted(name for name in wish if settings[name] != row.settings.get(name))
    if row.protocol == "saml" and _certificates_follow(uow, connection_id, described):
        changed.append("certificates")
    uow.update(
        t.sso_connections,
        {"id": connection_id},
        settings=settings,
        refreshed_at=uow.now,
        refresh_error=None,
    )
    if changed:
        target = Target("connection", str(connection_id), row.name)
        uow.record(Fact("sso.metadata_refreshed", (target,), after={"changed": changed}))


def _certificates_follow(
    uow: UnitOfWork, connection_id: UUID, described: Mapping[str, Any]
) -> bool:
    before = {each.id for each in certificates.live_of(uow, connection_id)}
    certificates.follow_metadata(uow, connection_id, described["certificates"])
    return before != {each.id for each in certificates.live_of(uow, connection_id)}


def failed(uow: UnitOfWork, connection_id: UUID, reason: str) -> None:
    """Note that the description could not be taken; sign-in goes on with what was read last."""
    reason = reason[:REASON_LIMIT]
    row = load(uow, connection_id)
    uow.update(t.sso_connections, {"id": connection_id}, refreshed_at=uow.now, refresh_error=reason)
    subject = row.metadata_url or row.issuer
    attention.note(uow, connection_id, UNREADABLE, subject, {"reason": reason})
