"""Warnings ahead of a certificate's end, so that sign-in never stops unnoticed."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Connection, and_, or_, select

from gateway.domain import warnings
from gateway.domain.events import Fact, Target
from gateway.services import attention, notices
from gateway.services.certificates import WARNINGS
from gateway.storage import tables as t
from gateway.storage.unit_of_work import UnitOfWork

EXPIRING = "sso.certificate_expiring"


def due(database: Connection, now: datetime) -> dict[UUID, list[UUID]]:
    """Return, by organisation, the certificates of which a warning is due and not yet given."""
    c, bond = t.sso_certificates.c, t.connections.c
    reached = or_(
        *(
            and_(c.not_after <= now + timedelta(days=days), c.warned_days > days)
            for days in WARNINGS
        )
    )
    query = (
        select(c.organisation_id, c.id)
        .join_from(
            t.sso_certificates,
            t.connections,
            and_(bond.organisation_id == c.organisation_id, bond.id == c.connection_id),
        )
        .where(c.state != "retired", c.not_after > now, bond.state == "active", reached)
        .order_by(c.organisation_id, c.not_after, c.id)
    )
    found: dict[UUID, list[UUID]] = defaultdict(list)
    for row in database.execute(query):
        found[row.organisation_id].append(row.id)
    return dict(found)


def warn(uow: UnitOfWork, certificate_ids: Sequence[UUID]) -> None:
    """Tell administrators and the feed that these certificates end soon; each warning once."""
    for certificate_id in certificate_ids:
        row = uow.load(t.sso_certificates, certificate_id, noun="certificate")
        days = warnings.reached(row.not_after, uow.now, WARNINGS)
        if days is None or row.state == "retired" or row.warned_days <= days:
            continue
        uow.update(t.sso_certificates, {"id": certificate_id}, warned_days=days)
        connection = uow.load(t.connections, row.connection_id)
        ends = {"not_after": row.not_after.isoformat(), "days": days}
        targets = (
            Target("connection", str(connection.id), connection.name),
            Target("certificate", str(certificate_id)),
        )
        uow.record(Fact(EXPIRING, targets, after=ends))
        attention.note(uow, connection.id, "certificate_expiring", row.fingerprint, ends)
        notices.certificate_expiring(uow, connection.name, row.not_after)
