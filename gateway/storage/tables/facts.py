"""Facts: the audit trail with its chain, and the outbox towards platforms and mailboxes."""

from sqlalchemy import (
    BigInteger,
    Column,
    Integer,
    PrimaryKeyConstraint,
    String,
    Table,
    Uuid,
    text,
)

from gateway.storage.tables.metadata import (
    instant,
    lookup,
    metadata,
    number,
    only,
    organisation_id,
    owned,
    reference,
    text_column,
)
from gateway.storage.types import JSONText, Key

audit_events = Table(
    "audit_events",
    metadata,
    organisation_id(),
    Column("id", Uuid, nullable=False),
    instant("occurred_at"),
    # Order within one unit of work, whose rows share occurred_at.
    number("position"),
    Column("action", Key, nullable=False),
    text_column("actor_type"),
    text_column("actor_id"),
    Column("targets", JSONText, nullable=False),
    Column("context", JSONText, nullable=False),
    Column("before", JSONText, nullable=True),
    Column("after", JSONText, nullable=True),
    text_column("outcome"),
    text_column("content_hash"),
    # Given in commit order by the sealer.
    Column("seq", BigInteger, nullable=True),
    text_column("prev_hash", nullable=True),
    text_column("hash", nullable=True),
    PrimaryKeyConstraint("organisation_id", "id"),
    owned(),
    only("uq_audit_events_seq", "organisation_id", "seq", where="seq IS NOT NULL"),
    lookup("ix_audit_events_unsealed", "organisation_id", "occurred_at", where="seq IS NULL"),
    lookup("ix_audit_events_time", "organisation_id", "occurred_at", "id"),
)

# Names, addresses and user agents: erasable, because the chain covers their digest only.
audit_details = Table(
    "audit_details",
    metadata,
    organisation_id(),
    Column("event_id", Uuid, nullable=False),
    text_column("salt"),
    Column("details", JSONText, nullable=False),
    # What the chain covers, once the details were erased and the salt with them.
    text_column("digest", nullable=True),
    PrimaryKeyConstraint("organisation_id", "event_id"),
    reference("audit_events", "event_id"),
)

audit_targets = Table(
    "audit_targets",
    metadata,
    organisation_id(),
    Column("target_id", Uuid, nullable=False),
    Column("event_id", Uuid, nullable=False),
    PrimaryKeyConstraint("organisation_id", "target_id", "event_id"),
    reference("audit_events", "event_id"),
    # Events that are dropped take their targets with them.
    lookup("ix_audit_targets_event", "organisation_id", "event_id"),
)

chains = Table(
    "chains",
    metadata,
    organisation_id(),
    Column("audit_seq", BigInteger, nullable=False, server_default=text("0")),
    text_column("audit_hash"),
    # Up to here events were dropped, as many as the number says: what is left follows this hash.
    Column("checkpoint_seq", BigInteger, nullable=False, server_default=text("0")),
    Column("checkpoint_hash", String, nullable=False, server_default=text("''")),
    instant("checkpoint_until", nullable=True),
    instant("checkpoint_at", nullable=True),
    Column("feed_sequence", BigInteger, nullable=False, server_default=text("0")),
    # Up to here the feed was dropped; what is left of it waits for receivers alone.
    Column("feed_dropped", BigInteger, nullable=False, server_default=text("0")),
    PrimaryKeyConstraint("organisation_id"),
    owned(),
)

outbox = Table(
    "outbox",
    metadata,
    organisation_id(),
    Column("id", Uuid, nullable=False),
    text_column("channel"),  # feed | mail
    Column("type", Key, nullable=False),
    Column("payload", JSONText, nullable=False),
    # What a mail with a link says, until it has left.
    text_column("sealed", nullable=True),
    instant("created_at"),
    number("position"),
    # The order of the feed, given by the sealer; null for mail.
    Column("sequence", BigInteger, nullable=True),
    instant("due_at"),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    instant("leased_until", nullable=True),
    instant("delivered_at", nullable=True),
    instant("given_up_at", nullable=True),
    text_column("last_error", nullable=True),
    PrimaryKeyConstraint("organisation_id", "id"),
    owned(),
    only("uq_outbox_sequence", "organisation_id", "sequence", where="sequence IS NOT NULL"),
    lookup("ix_outbox_mail", "created_at", where="channel = 'mail'"),
    lookup(
        "ix_outbox_due",
        "channel",
        "due_at",
        where="delivered_at IS NULL AND given_up_at IS NULL",
    ),
)
