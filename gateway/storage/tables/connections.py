"""Connections to identity providers, their bearer tokens, and what needs an admin's eye."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Uuid,
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
    Column("token_without_bearer", Boolean, nullable=False),
    Column("allowed_networks", JSONText, nullable=False),
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

scim_clients = Table(
    "scim_clients",
    metadata,
    organisation_id(),
    Column("id", Uuid, nullable=False),
    Column("connection_id", Uuid, nullable=False),
    text_column("name"),
    text_column("secret_hash"),
    Column("scopes", JSONText, nullable=False),
    instant("created_at"),
    instant("revoked_at", nullable=True),
    instant("last_used_at", nullable=True),
    PrimaryKeyConstraint("organisation_id", "id"),
    reference("connections", "connection_id"),
    lookup("ix_scim_clients_connection", "organisation_id", "connection_id"),
    only("uq_scim_clients_secret", "secret_hash", where="secret_hash <> ''"),
)

scim_tokens = Table(
    "scim_tokens",
    metadata,
    organisation_id(),
    Column("id", Uuid, nullable=False),
    Column("connection_id", Uuid, nullable=False),
    Column("client_id", Uuid, nullable=True),  # whose access token; null: issued by an admin
    text_column("name"),
    text_column("token_hash"),
    Column("scopes", JSONText, nullable=False),
    instant("created_at"),
    instant("expires_at", nullable=True),
    instant("revoked_at", nullable=True),
    instant("last_used_at", nullable=True),
    Column("warned_days", Integer, nullable=True),  # the nearest warning of its end given
    PrimaryKeyConstraint("organisation_id", "id"),
    reference("connections", "connection_id"),
    reference("scim_clients", "client_id"),
    only("uq_scim_tokens_hash", "token_hash", where="token_hash <> ''"),
    lookup("ix_scim_tokens_connection", "organisation_id", "connection_id"),
    lookup("ix_scim_tokens_ending", "expires_at", where="expires_at IS NOT NULL"),
)

scim_requests = Table(
    "scim_requests",
    metadata,
    organisation_id(),
    Column("id", Uuid, nullable=False),
    Column("connection_id", Uuid, nullable=False),
    instant("received_at"),
    text_column("method"),
    text_column("path"),
    text_column("operation", nullable=True),
    text_column("dialect", nullable=True),
    Column("received", JSONText, nullable=False),  # names of attributes, never their values
    Column("deviations", JSONText, nullable=False),  # name -> how often
    Column("changed", JSONText, nullable=False),  # fact -> how often
    Column("status", Integer, nullable=False),
    text_column("detail", nullable=True),
    Column("milliseconds", Float, nullable=False),
    text_column("request_id"),
    text_column("ip", nullable=True),
    text_column("user_agent", nullable=True),
    PrimaryKeyConstraint("organisation_id", "connection_id", "id"),
    reference("connections", "connection_id"),
    lookup("ix_scim_requests_received", "organisation_id", "received_at"),
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

# After what a page by index begins; anybody may forget it.
page_ends = Table(
    "page_ends",
    metadata,
    organisation_id(),
    Column("connection_id", Uuid, nullable=False),
    Column("query", Key, nullable=False),  # digest of query and token
    number("start"),
    Column("position", JSONText, nullable=False),
    instant("kept_at"),
    PrimaryKeyConstraint("organisation_id", "connection_id", "query", "start"),
    reference("connections", "connection_id"),
    lookup("ix_page_ends_kept", "kept_at"),
)
