"""Warnings ahead of a token's end, so that provisioning never stops unnoticed."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Connection, and_, or_, select

from gateway.domain import warnings
from gateway.domain.events import Fact, Target
from gateway.services import notices
from gateway.services.scim_tokens import WARNED_AHEAD
from gateway.storage import tables as t
from gateway.storage.unit_of_work import UnitOfWork

EXPIRING = "scim_token.expiring"


def due(connection: Connection, now: datetime) -> dict[UUID, list[UUID]]:
    """Return, by organisation, the live tokens of which a warning is due and not yet given."""
    token, bond = t.scim_tokens.c, t.connections.c
    reached = or_(
        *(
            and_(
                token.expires_at <= now + timedelta(days=days),
                or_(token.warned_days.is_(None), token.warned_days > days),
            )
            for days in WARNED_AHEAD
        )
    )
    query = (
        select(token.organisation_id, token.id)
        .join_from(
            t.scim_tokens,
            t.connections,
            and_(bond.organisation_id == token.organisation_id, bond.id == token.connection_id),
        )
        .where(
            token.client_id.is_(None),
            token.revoked_at.is_(None),
            token.expires_at > now,
            bond.state == "active",
            reached,
        )
        .order_by(token.organisation_id, token.expires_at, token.id)
    )
    found: dict[UUID, list[UUID]] = defaultdict(list)
    for row in connection.execute(query):
        found[row.organisation_id].append(row.id)
    return dict(found)


def warn(uow: UnitOfWork, token_ids: Sequence[UUID]) -> None:
    """Tell administrators and the feed that these tokens end soon; each warning is given once."""
    for token_id in token_ids:
        token = uow.load(t.scim_tokens, token_id, noun="token")
        days = warnings.reached(token.expires_at, uow.now, WARNED_AHEAD)
        is_told = token.warned_days is not None and days is not None and token.warned_days <= days
        if days is None or is_told or token.revoked_at is not None:
            continue
        uow.update(t.scim_tokens, {"id": token_id}, warned_days=days)
        connection = uow.load(t.connections, token.connection_id, noun="SCIM connection")
        targets = (
            Target("scim_token", str(token_id), token.name),
            Target("connection", str(connection.id), connection.name),
        )
        uow.record(Fact(EXPIRING, targets, after={"expires_at": token.expires_at.isoformat()}))
        notices.token_expiring(uow, EXPIRING, connection.name, token.name, token.expires_at)
