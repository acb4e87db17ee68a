"""What an installation has and what waits in it, as numbers for whoever watches it.

Counted in the database, so that every process tells the same; nothing names an organisation.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, func, select

from gateway.domain.memberships import MemberState
from gateway.storage import tables as t

_WAITING = (t.outbox.c.delivered_at.is_(None), t.outbox.c.given_up_at.is_(None))
_DELIVERIES = t.webhook_deliveries.c

COUNTED: Mapping[str, tuple[str, Select[Any]]] = {
    "gateway_organisations": (
        "Organisations that are live.",
        select(func.count()).select_from(t.organisations).where(t.organisations.c.state == "live"),
    ),
    "gateway_members_active": (
        "Active members of all organisations.",
        select(func.count()).select_from(t.members).where(t.members.c.state == MemberState.ACTIVE),
    ),
    "gateway_events_unnumbered": (
        "Events that are committed and not in the feed yet; a worker numbers them in a second.",
        select(func.count()).select_from(t.outbox).where(t.outbox.c.channel == "feed", *_WAITING),
    ),
    "gateway_mails_waiting": (
        "Mails that have not left.",
        select(func.count()).select_from(t.outbox).where(t.outbox.c.channel == "mail", *_WAITING),
    ),
    "gateway_webhook_deliveries_waiting": (
        "Deliveries that no receiver has taken yet.",
        select(func.count())
        .select_from(t.webhook_deliveries)
        .where(_DELIVERIES.delivered_at.is_(None), _DELIVERIES.given_up_at.is_(None)),
    ),
    "gateway_webhooks_failing": (
        "Receivers whose last attempt failed.",
        select(func.count())
        .select_from(t.webhooks)
        .where(t.webhooks.c.failing_since.is_not(None), t.webhooks.c.state == "active"),
    ),
}
"""Gauge → what it says, and how it is counted."""

OLDEST = "gateway_oldest_unnumbered_event_seconds"
"""The gauge that rises where no worker runs."""


def counted(connection: Connection) -> dict[str, int]:
    """Return every count."""
    return {name: int(connection.scalar(query) or 0) for name, (_, query) in COUNTED.items()}


def oldest_unnumbered(connection: Connection, now: datetime) -> float:
    """Return for how many seconds the longest waiting event has not been in the feed."""
    oldest = connection.scalar(
        select(func.min(t.outbox.c.created_at)).where(t.outbox.c.channel == "feed", *_WAITING)
    )
    return 0.0 if oldest is None else max(0.0, (now - oldest).total_seconds())
