"""Single sign-on: connections, their keys, attempts under way, identities, and what failed."""

from sqlalchemy import (
    Boolean,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
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
)
from gateway.storage.types import JSONText, Key

# Beside the row of `connections` with the same id, which holds state and what people get.
sso_connections = Table(
    "sso_connections",
    metadata,
    organisation_id(),
    Column("id", Uuid, nullable=False),
    Column("slug", Key, nullable=False),
    text_column("protocol"),  # saml | oidc
    text_column("preset"),
    # The provider's entity id or issuer; empty in a draft.
    Column("issuer", Key, nullable=False),
    # Protocol settings, typed in gateway.domain.sso_settings.
    Column("settings", JSONText, nullable=False),
    text_column("client_secret", nullable=True),  # sealed
    Column("subject_claim", Key, nullable=True),  # null: the subject itself
    text_column("subject_match"),  # external_id | user_name
    Column("directory_id", Uuid, nullable=True),  # null: the only SCIM connection
    Column("jit", Boolean, nullable=False),
    Column("enforced", Boolean, nullable=False),
    text_column("metadata_url", nullable=True),
    instant("refreshed_at", nullable=True),
    text_column("refresh_error", nullable=True),
    # The last good test, and the last good sign-in of an owner: activation and enforcement ask.
    instant("tested_at", nullable=True),
    instant("owner_proved_at", nullable=True),
    # Rank of the weakest author of the trust settings since an approval: nobody signs in as
    # somebody stronger, or whoever may set a certificate could become the owner.
    number("trust_rank"),
    PrimaryKeyConstraint("organisation_id", "id"),
    reference("connections", "id"),
    reference("connections", "directory_id", name="fk_sso_connections_directory"),
    # Across organisations: an address names the connection alone.
    only("uq_sso_connections_slug", "slug", where="slug <> ''"),
)

sso_certificates = Table(
    "sso_certificates",
    metadata,
    organisation_id(),
    Column("id", Uuid, nullable=False),
    Column("connection_id", Uuid, nullable=False),
    text_column("fingerprint"),
    text_column("pem"),
    text_column("state"),  # staged | active | retired
    text_column("source"),  # manual | metadata
    instant("not_before"),
    instant("not_after"),
    instant("created_at"),
    instant("proved_at", nullable=True),
    instant("retired_at", nullable=True),
    # Days before the end of which a warning was sent last.
    number("warned_days", default=1000),
    PrimaryKeyConstraint("organisation_id", "id"),
    reference("connections", "connection_id"),
    only(
        "uq_sso_certificates_live",
        "organisation_id",
        "connection_id",
        "fingerprint",
        where="state <> 'retired'",
    ),
)

# Our own key pairs of a connection: the newest signs, all that are not retired decrypt.
sso_keys = Table(
    "sso_keys",
    metadata,
    organisation_id(),
    Column("id", Uuid, nullable=False),
    Column("connection_id", Uuid, nullable=False),
    text_column("certificate"),
    text_column("private_key"),  # sealed
    instant("created_at"),
    instant("not_after"),
    instant("retired_at", nullable=True),
    PrimaryKeyConstraint("organisation_id", "id"),
    reference("connections", "connection_id"),
    lookup("ix_sso_keys_connection", "organisation_id", "connection_id"),
)

signin_attempts = Table(
    "signin_attempts",
    metadata,
    organisation_id(),
    Column("id", Uuid, nullable=False),
    Column("connection_id", Uuid, nullable=False),
    text_column("handle_hash"),
    text_column("cookie_hash"),
    text_column("nonce"),
    text_column("code_verifier"),
    text_column("request_id"),
    text_column("return_to"),
    Column("test", Boolean, nullable=False),
    Column("started_by", Uuid, nullable=True),
    Column("session_id", Uuid, nullable=True),
    Column("force", Boolean, nullable=False),
    instant("created_at"),
    instant("expires_at"),
    instant("consumed_at", nullable=True),
    PrimaryKeyConstraint("organisation_id", "id"),
    reference("connections", "connection_id"),
    only(
        "uq_signin_attempts_handle",
        "organisation_id",
        "connection_id",
        "handle_hash",
        where="handle_hash <> ''",
    ),
    lookup("ix_signin_attempts_expiry", "organisation_id", "expires_at"),
)

replay_keys = Table(
    "replay_keys",
    metadata,
    organisation_id(),
    Column("connection_id", Uuid, nullable=False),
    Column("key_hash", Key, nullable=False),
    instant("expires_at"),
    PrimaryKeyConstraint("organisation_id", "connection_id", "key_hash"),
    reference("connections", "connection_id"),
    lookup("ix_replay_keys_expiry", "organisation_id", "expires_at"),
)

# (connection, issuer, subject) → person, for as long as that membership lasts; nothing else ever
# links the two.
identities = Table(
    "identities",
    metadata,
    organisation_id(),
    Column("id", Uuid, nullable=False),
    Column("connection_id", Uuid, nullable=False),
    Column("issuer", Key, nullable=False),
    Column("subject", Key, nullable=False),
    text_column("subject_format", nullable=True),
    Column("person_id", Uuid, ForeignKey("persons.id"), nullable=False),
    Column("member_id", Uuid, nullable=False),
    text_column("linked_by"),  # scim | jit | proof
    instant("created_at"),
    instant("last_used_at", nullable=True),
    PrimaryKeyConstraint("organisation_id", "id"),
    reference("connections", "connection_id"),
    reference("members", "member_id"),
    only(
        "uq_identities_subject",
        "organisation_id",
        "connection_id",
        "issuer",
        "subject",
        where="subject <> ''",
    ),
    lookup("ix_identities_member", "organisation_id", "member_id"),
)

link_proposals = Table(
    "link_proposals",
    metadata,
    organisation_id(),
    Column("id", Uuid, nullable=False),
    Column("connection_id", Uuid, nullable=False),
    text_column("token_hash"),
    Column("issuer", Key, nullable=False),
    Column("subject", Key, nullable=False),
    text_column("subject_format", nullable=True),
    text_column("return_to"),
    instant("created_at"),
    instant("expires_at"),
    instant("consumed_at", nullable=True),
    PrimaryKeyConstraint("organisation_id", "id"),
    reference("connections", "connection_id"),
    # A secret is looked up before its organisation is known.
    only("uq_link_proposals_token", "token_hash", where="token_hash <> ''"),
)

# Groups of the last good sign-in that said any, of people whom a sign-on connection manages.
asserted_memberships = Table(
    "asserted_memberships",
    metadata,
    organisation_id(),
    Column("connection_id", Uuid, nullable=False),
    Column("group_id", Uuid, nullable=False),
    Column("member_id", Uuid, nullable=False),
    instant("valid_from"),
    instant("valid_to", nullable=True),
    PrimaryKeyConstraint("organisation_id", "connection_id", "group_id", "member_id", "valid_from"),
    reference("members", "member_id"),
    ForeignKeyConstraint(
        ["organisation_id", "connection_id", "group_id"],
        [f"directory_groups.{name}" for name in ("organisation_id", "connection_id", "id")],
        name="fk_asserted_memberships_group",
    ),
    lookup("ix_asserted_memberships_member", "organisation_id", "member_id", "valid_from"),
)

signin_traces = Table(
    "signin_traces",
    metadata,
    organisation_id(),
    Column("id", Uuid, nullable=False),
    Column("connection_id", Uuid, nullable=False),
    instant("occurred_at"),
    instant("expires_at"),
    Column("test", Boolean, nullable=False),
    Column("started_by", Uuid, nullable=True),
    text_column("outcome"),  # success | refused
    text_column("code", nullable=True),
    Column("document", JSONText, nullable=False),
    PrimaryKeyConstraint("organisation_id", "id"),
    reference("connections", "connection_id"),
    lookup("ix_signin_traces_newest", "organisation_id", "connection_id", "occurred_at"),
    lookup("ix_signin_traces_expiry", "organisation_id", "expires_at"),
)

break_glass_owners = Table(
    "break_glass_owners",
    metadata,
    organisation_id(),
    Column("member_id", Uuid, nullable=False),
    instant("valid_from"),
    instant("valid_to", nullable=True),
    Column("appointed_by", JSONText, nullable=False),
    # Announced every 90 days until somebody confirms.
    instant("announced_at"),
    instant("confirmed_at", nullable=True),
    instant("last_used_at", nullable=True),
    PrimaryKeyConstraint("organisation_id", "member_id", "valid_from"),
    owned(),
    reference("members", "member_id"),
    only("uq_break_glass_owners_open", "organisation_id", "member_id", where="valid_to IS NULL"),
)
