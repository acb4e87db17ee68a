"""Organisations, and what they agreed on: policies, subscription, domains."""

from sqlalchemy import BigInteger, Column, ForeignKey, PrimaryKeyConstraint, Table, Uuid

from gateway.storage.tables.metadata import (
    instant,
    lookup,
    metadata,
    number,
    only,
    organisation_id,
    owned,
    text_column,
)
from gateway.storage.types import JSONText, Key

organisations = Table(
    "organisations",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("slug", Key, nullable=False, unique=True),
    text_column("name"),
    text_column("preset"),
    text_column("state"),
    # Counters and a version that spare every change a recount and a reload.
    number("active_members", default=0),
    number("active_owners", default=0),
    number("waiting_members", default=0),
    number("pending_invitations", default=0),
    number("terms_version", default=0),
    instant("created_at"),
    instant("last_change"),
    comment="Its row is the lock for every rule that spans several rows.",
)

organisations_history = Table(
    "organisations_history",
    metadata,
    organisation_id(),
    instant("valid_from"),
    instant("valid_to", nullable=True),
    text_column("state"),
    PrimaryKeyConstraint("organisation_id", "valid_from"),
    owned(),
)

policies = Table(
    "policies",
    metadata,
    organisation_id(),
    Column("name", Key, nullable=False),
    instant("valid_from"),
    instant("valid_to", nullable=True),
    Column("value", JSONText, nullable=False),
    # Layer -> what it says; the value is the first one's that says anything.
    Column("layers", JSONText, nullable=False),
    PrimaryKeyConstraint("organisation_id", "name", "valid_from"),
    owned(),
    only("uq_policies_open", "organisation_id", "name", where="valid_to IS NULL"),
)

subscriptions = Table(
    "subscriptions",
    metadata,
    organisation_id(),
    instant("valid_from"),
    instant("valid_to", nullable=True),
    text_column("plan"),
    text_column("state"),
    text_column("currency"),
    Column("features", JSONText, nullable=False),
    Column("seat_limit", BigInteger, nullable=True),
    instant("current_period_end", nullable=True),
    PrimaryKeyConstraint("organisation_id", "valid_from"),
    owned(),
    only("uq_subscriptions_open", "organisation_id", where="valid_to IS NULL"),
)

invoices = Table(
    "invoices",
    metadata,
    organisation_id(),
    Column("id", Uuid, nullable=False),
    number("number"),
    text_column("state"),
    text_column("plan"),
    text_column("currency"),
    Column("lines", JSONText, nullable=False),
    Column("total", BigInteger, nullable=False),
    instant("period_start"),
    instant("period_end", nullable=True),
    instant("issued_at"),
    instant("due_at"),
    instant("paid_at", nullable=True),
    Column("reference", Key, nullable=True),
    PrimaryKeyConstraint("organisation_id", "id"),
    owned(),
    only("uq_invoices_number", "organisation_id", "number", where="number > 0"),
    only("uq_invoices_reference", "organisation_id", "reference", where="reference IS NOT NULL"),
)

subscription_warnings = Table(
    "subscription_warnings",
    metadata,
    organisation_id(),
    Column("kind", Key, nullable=False),
    Column("about", Key, nullable=False),
    instant("told_at"),
    PrimaryKeyConstraint("organisation_id", "kind", "about"),
    owned(),
)

domains = Table(
    "domains",
    metadata,
    organisation_id(),
    Column("id", Uuid, nullable=False),
    Column("name", Key, nullable=False),
    text_column("state"),
    instant("created_at"),
    instant("verified_at", nullable=True),
    text_column("verified_by", nullable=True),
    # What the TXT record has to say, and how the last look for it went.
    text_column("token"),
    instant("checked_at", nullable=True),
    instant("missing_since", nullable=True),
    PrimaryKeyConstraint("organisation_id", "id"),
    owned(),
    only("uq_domains_name", "organisation_id", "name", where="state <> 'released'"),
    # Across organisations on purpose: a domain proves one organisation at a time.
    only("uq_domains_verified", "name", where="state = 'verified'"),
)

api_keys = Table(
    "api_keys",
    metadata,
    organisation_id(),
    Column("id", Uuid, nullable=False),
    Column("member_id", Uuid, nullable=True),
    Column("role_id", Uuid, nullable=True),
    text_column("name"),
    text_column("key_hash"),
    Column("scopes", JSONText, nullable=False),
    instant("created_at"),
    instant("expires_at", nullable=True),
    instant("revoked_at", nullable=True),
    instant("last_used_at", nullable=True),
    PrimaryKeyConstraint("organisation_id", "id"),
    owned(),
    only("uq_api_keys_hash", "key_hash", where="key_hash <> ''"),
    lookup("ix_api_keys_member", "organisation_id", "member_id"),
)

operator_keys = Table(
    "operator_keys",
    metadata,
    Column("id", Uuid, primary_key=True),
    text_column("name"),
    Column("key_hash", Key, nullable=False, unique=True),
    instant("created_at"),
    instant("revoked_at", nullable=True),
)

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("principal", Key, nullable=False),
    Column("key", Key, nullable=False),
    text_column("request_hash"),
    number("status"),
    text_column("body"),
    instant("created_at"),
    Column("organisation_id", Uuid, ForeignKey("organisations.id"), nullable=True),
    PrimaryKeyConstraint("principal", "key"),
)
