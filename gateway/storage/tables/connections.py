"""Connections to identity providers, their bearer tokens, and what needs an admin's eye."""

from sqlalchemy import BigInteger, Boolean, Column, PrimaryKeyConstraint, Table, Uuid

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
    versioned,
)
from gateway.storage.types import JSONText, Key

connections = Table(
    "connections",
    metadata,
    organisation_id(),
    Column("id", Uuid, nullable=False, unique=True),
    text_column("kind"),  # scim; saml and oidc join later
    text_column("name"),
    text_column("state"),  # active | disabled | deleted
    text_column("unmapped"),  # default_role | no_access
    text_column("bot_scope", nullable=True),  # all | selected; null: not chosen yet
    text_column("seat_overage"),  # refuse | waitlist | bill
    text_column("last_owner"),  # refuse_and_contain | succeed
    Column("successor_id", Uuid, nullable=True),
    text_column("dialect"),  # auto | strict | okta | entra | onelogin | google | jumpcloud
    text_column("detected_dialect", nullable=True),
    Column("members_clearable", Boolean, nullable=False),
    instant("created_at"),
    PrimaryKeyConstraint("organisation_id", "id"),
    owned(),
    reference("members", "successor_id"),
)

connection_versions = versioned(connections, "state", "unmapped", "bot_scope")

directory_counts = Table(
    "directory_counts",
    metadata,
    organisation_id(),
    Column("connection_id", Uuid, nullable=False),
    number("users", default=0),
    number("groups", default=0),
    PrimaryKeyConstraint("organisation_id", "connection_id"),
    reference("connections", "connection_id"),
)

scim_tokens = Table(
    "scim_tokens",
    metadata,
    organisation_id(),
    Column("id", Uuid, nullable=False),
    Column("connection_id", Uuid, nullable=False),
    text_column("name"),
    text_column("token_hash"),
    Column("scopes", JSONText, nullable=False),
    instant("created_at"),
    instant("expires_at", nullable=True),
    instant("revoked_at", nullable=True),
    instant("last_used_at", nullable=True),
    PrimaryKeyConstraint("organisation_id", "id"),
    reference("connections", "connection_id"),
    only("uq_scim_tokens_hash", "token_hash", where="token_hash <> ''"),
    lookup("ix_scim_tokens_connection", "organisation_id", "connection_id"),
)

attention_items = Table(
    "attention_items",
    metadata,
    organisation_id(),
    Column("connection_id", Uuid, nullable=False),
    Column("kind", Key, nullable=False),
    Column("subject", Key, nullable=False),
    Column("details", JSONText, nullable=False),
    Column("count", BigInteger, nullable=False),
    instant("first_seen"),
    instant("last_seen"),
    PrimaryKeyConstraint("organisation_id", "connection_id", "kind", "subject"),
    reference("connections", "connection_id"),
)
