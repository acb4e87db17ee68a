"""Webhooks: receivers of an organisation's events, and what became of each delivery."""

from sqlalchemy import (
    BigInteger,
    Column,
    Integer,
    PrimaryKeyConstraint,
    Table,
    UniqueConstraint,
    Uuid,
    text,
)

from gateway.storage.tables.metadata import (
    instant,
    lookup,
    metadata,
    organisation_id,
    owned,
    reference,
    text_column,
)
from gateway.storage.types import JSONText, Key

webhooks = Table(
    "webhooks",
    metadata,
    organisation_id(),
    Column("id", Uuid, nullable=False),
    text_column("name"),
    text_column("url"),
    # Types and families of them that are wanted; empty: all.
    Column("events", JSONText, nullable=False),
    text_column("state"),  # active | disabled
    # Sealed; the one before signs too until its time ends.
    text_column("secret"),
    text_column("old_secret", nullable=True),
    instant("old_secret_until", nullable=True),
    instant("created_at"),
    # The first of the failures that no success has followed yet.
    instant("failing_since", nullable=True),
    # After a failure nothing is sent for a moment, so that a queue does not hammer.
    instant("resting_until", nullable=True),
    PrimaryKeyConstraint("organisation_id", "id"),
    owned(),
)

webhook_deliveries = Table(
    "webhook_deliveries",
    metadata,
    organisation_id(),
    Column("id", Uuid, nullable=False),
    Column("webhook_id", Uuid, nullable=False),
    Column("event_id", Uuid, nullable=False),
    Column("type", Key, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    instant("created_at"),
    instant("due_at"),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    instant("leased_until", nullable=True),
    instant("delivered_at", nullable=True),
    instant("given_up_at", nullable=True),
    Column("last_status", Integer, nullable=True),
    text_column("last_error", nullable=True),
    PrimaryKeyConstraint("organisation_id", "id"),
    reference("webhooks", "webhook_id", cascade=True),
    reference("outbox", "event_id"),
    UniqueConstraint(
        "organisation_id", "webhook_id", "event_id", name="uq_webhook_deliveries_event"
    ),
    lookup(
        "ix_webhook_deliveries_due",
        "due_at",
        where="delivered_at IS NULL AND given_up_at IS NULL",
    ),
    lookup("ix_webhook_deliveries_log", "organisation_id", "webhook_id", "id"),
)
