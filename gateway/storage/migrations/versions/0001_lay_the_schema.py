"""Lay the schema."""

import sqlalchemy as sa
from alembic import op

from gateway.storage import types

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Expand the schema."""
    op.create_table(
        "erasures",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("persons", types.JSONText(), nullable=False),
        sa.Column("addresses", types.JSONText(), nullable=False),
        sa.Column("begun_at", types.UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_erasures")),
    )
    op.create_table(
        "failed_proofs",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("email_key", types.Key(), nullable=False),
        sa.Column("method", sa.String(), nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("context", types.JSONText(), nullable=False),
        sa.Column("occurred_at", types.UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_failed_proofs")),
    )
    op.create_table(
        "letters",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("type", types.Key(), nullable=False),
        sa.Column("payload", types.JSONText(), nullable=False),
        sa.Column("sealed", sa.String(), nullable=True),
        sa.Column("created_at", types.UTCDateTime(), nullable=False),
        sa.Column("due_at", types.UTCDateTime(), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("leased_until", types.UTCDateTime(), nullable=True),
        sa.Column("delivered_at", types.UTCDateTime(), nullable=True),
        sa.Column("given_up_at", types.UTCDateTime(), nullable=True),
        sa.Column("last_error", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_letters")),
    )
    with op.batch_alter_table("letters", schema=None) as batch_op:
        batch_op.create_index(
            "ix_letters_due",
            ["due_at"],
            unique=False,
            postgresql_where=sa.text("delivered_at IS NULL AND given_up_at IS NULL"),
            sqlite_where=sa.text("delivered_at IS NULL AND given_up_at IS NULL"),
        )

    op.create_table(
        "operator_keys",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("key_hash", types.Key(), nullable=False),
        sa.Column("created_at", types.UTCDateTime(), nullable=False),
        sa.Column("revoked_at", types.UTCDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_operator_keys")),
        sa.UniqueConstraint("key_hash", name=op.f("uq_operator_keys_key_hash")),
    )
    op.create_table(
        "organisations",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("slug", types.Key(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("preset", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("active_members", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("active_owners", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("waiting_members", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("pending_invitations", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("terms_version", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("created_at", types.UTCDateTime(), nullable=False),
        sa.Column("last_change", types.UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_organisations")),
        sa.UniqueConstraint("slug", name=op.f("uq_organisations_slug")),
        comment="Its row is the lock for every rule that spans several rows.",
    )
    op.create_table(
        "throttles",
        sa.Column("key_hash", types.Key(), nullable=False),
        sa.Column("used", sa.Integer(), nullable=False),
        sa.Column("window_ends", types.UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("key_hash", name=op.f("pk_throttles")),
    )
    with op.batch_alter_table("throttles", schema=None) as batch_op:
        batch_op.create_index("ix_throttles_window", ["window_ends"], unique=False)

    op.create_table(
        "api_keys",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("member_id", sa.Uuid(), nullable=True),
        sa.Column("role_id", sa.Uuid(), nullable=True),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("key_hash", sa.String(), nullable=False),
        sa.Column("scopes", types.JSONText(), nullable=False),
        sa.Column("created_at", types.UTCDateTime(), nullable=False),
        sa.Column("expires_at", types.UTCDateTime(), nullable=True),
        sa.Column("revoked_at", types.UTCDateTime(), nullable=True),
        sa.Column("last_used_at", types.UTCDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisations.id"], name=op.f("fk_api_keys__organisations")
        ),
        sa.PrimaryKeyConstraint("organisation_id", "id", name=op.f("pk_api_keys")),
    )
    with op.batch_alter_table("api_keys", schema=None) as batch_op:
        batch_op.create_index("ix_api_keys_member", ["organisation_id", "member_id"], unique=False)
        batch_op.create_index(
            "uq_api_keys_hash",
            ["key_hash"],
            unique=True,
            postgresql_where=sa.text("key_hash <> ''"),
            sqlite_where=sa.text("key_hash <> ''"),
        )

    op.create_table(
        "audit_events",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("occurred_at", types.UTCDateTime(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("action", types.Key(), nullable=False),
        sa.Column("actor_type", sa.String(), nullable=False),
        sa.Column("actor_id", sa.String(), nullable=False),
        sa.Column("targets", types.JSONText(), nullable=False),
        sa.Column("context", types.JSONText(), nullable=False),
        sa.Column("before", types.JSONText(), nullable=True),
        sa.Column("after", types.JSONText(), nullable=True),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("content_hash", sa.String(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=True),
        sa.Column("prev_hash", sa.String(), nullable=True),
        sa.Column("hash", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisations.id"], name=op.f("fk_audit_events__organisations")
        ),
        sa.PrimaryKeyConstraint("organisation_id", "id", name=op.f("pk_audit_events")),
    )
    with op.batch_alter_table("audit_events", schema=None) as batch_op:
        batch_op.create_index(
            "ix_audit_events_time", ["organisation_id", "occurred_at", "id"], unique=False
        )
        batch_op.create_index(
            "ix_audit_events_unsealed",
            ["organisation_id", "occurred_at"],
            unique=False,
            postgresql_where=sa.text("seq IS NULL"),
            sqlite_where=sa.text("seq IS NULL"),
        )
        batch_op.create_index(
            "uq_audit_events_seq",
            ["organisation_id", "seq"],
            unique=True,
            postgresql_where=sa.text("seq IS NOT NULL"),
            sqlite_where=sa.text("seq IS NOT NULL"),
        )

    op.create_table(
        "chains",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("audit_seq", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("audit_hash", sa.String(), nullable=False),
        sa.Column("checkpoint_seq", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("checkpoint_hash", sa.String(), server_default=sa.text("('')"), nullable=False),
        sa.Column("checkpoint_until", types.UTCDateTime(), nullable=True),
        sa.Column("checkpoint_at", types.UTCDateTime(), nullable=True),
        sa.Column("feed_sequence", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("feed_dropped", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisations.id"], name=op.f("fk_chains__organisations")
        ),
        sa.PrimaryKeyConstraint("organisation_id", name=op.f("pk_chains")),
    )
    op.create_table(
        "domains",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", types.Key(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("created_at", types.UTCDateTime(), nullable=False),
        sa.Column("verified_at", types.UTCDateTime(), nullable=True),
        sa.Column("verified_by", sa.String(), nullable=True),
        sa.Column("token", sa.String(), nullable=False),
        sa.Column("checked_at", types.UTCDateTime(), nullable=True),
        sa.Column("missing_since", types.UTCDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisations.id"], name=op.f("fk_domains__organisations")
        ),
        sa.PrimaryKeyConstraint("organisation_id", "id", name=op.f("pk_domains")),
    )
    with op.batch_alter_table("domains", schema=None) as batch_op:
        batch_op.create_index(
            "uq_domains_name",
            ["organisation_id", "name"],
            unique=True,
            postgresql_where=sa.text("state <> 'released'"),
            sqlite_where=sa.text("state <> 'released'"),
        )
        batch_op.create_index(
            "uq_domains_verified",
            ["name"],
            unique=True,
            postgresql_where=sa.text("state = 'verified'"),
            sqlite_where=sa.text("state = 'verified'"),
        )

    op.create_table(
        "idempotency_keys",
        sa.Column("principal", types.Key(), nullable=False),
        sa.Column("key", types.Key(), nullable=False),
        sa.Column("request_hash", sa.String(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("body", sa.String(), nullable=False),
        sa.Column("created_at", types.UTCDateTime(), nullable=False),
        sa.Column("organisation_id", sa.Uuid(), nullable=True),
        sa.ForeignKeyConstraint(
            ["organisation_id"],
            ["organisations.id"],
            name=op.f("fk_idempotency_keys__organisations"),
        ),
        sa.PrimaryKeyConstraint("principal", "key", name=op.f("pk_idempotency_keys")),
    )
    op.create_table(
        "invoices",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("plan", sa.String(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("lines", types.JSONText(), nullable=False),
        sa.Column("total", sa.BigInteger(), nullable=False),
        sa.Column("period_start", types.UTCDateTime(), nullable=False),
        sa.Column("period_end", types.UTCDateTime(), nullable=True),
        sa.Column("issued_at", types.UTCDateTime(), nullable=False),
        sa.Column("due_at", types.UTCDateTime(), nullable=False),
        sa.Column("paid_at", types.UTCDateTime(), nullable=True),
        sa.Column("reference", types.Key(), nullable=True),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisations.id"], name=op.f("fk_invoices__organisations")
        ),
        sa.PrimaryKeyConstraint("organisation_id", "id", name=op.f("pk_invoices")),
    )
    with op.batch_alter_table("invoices", schema=None) as batch_op:
        batch_op.create_index(
            "uq_invoices_number",
            ["organisation_id", "number"],
            unique=True,
            postgresql_where=sa.text("number > 0"),
            sqlite_where=sa.text("number > 0"),
        )
        batch_op.create_index(
            "uq_invoices_reference",
            ["organisation_id", "reference"],
            unique=True,
            postgresql_where=sa.text("reference IS NOT NULL"),
            sqlite_where=sa.text("reference IS NOT NULL"),
        )

    op.create_table(
        "members",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("managed_by", sa.Uuid(), nullable=True),
        sa.Column("bot_scope", sa.String(), nullable=False),
        sa.Column("admin_hold", sa.Boolean(), server_default=sa.text("(false)"), nullable=False),
        sa.Column("contained", sa.Boolean(), server_default=sa.text("(false)"), nullable=False),
        sa.Column(
            "owner_of_record", sa.Boolean(), server_default=sa.text("(false)"), nullable=False
        ),
        sa.Column("deactivated_by", sa.String(), nullable=True),
        sa.Column("email", sa.String(), nullable=True),
        sa.Column("email_key", types.Key(), nullable=True),
        sa.Column("display_name", sa.String(), nullable=False),
        sa.Column("name_key", types.Key(), nullable=False),
        sa.Column("availability", sa.String(), nullable=False),
        sa.Column("access_epoch", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("access_document", types.JSONText(), nullable=False),
        sa.Column("created_at", types.UTCDateTime(), nullable=False),
        sa.Column("last_active_at", types.UTCDateTime(), nullable=True),
        sa.Column("removed_at", types.UTCDateTime(), nullable=True),
        sa.Column("signed_out_at", types.UTCDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisations.id"], name=op.f("fk_members__organisations")
        ),
        sa.PrimaryKeyConstraint("organisation_id", "id", name=op.f("pk_members")),
        postgresql_with={"fillfactor": 50},
    )
    with op.batch_alter_table("members", schema=None) as batch_op:
        batch_op.create_index(
            "ix_members_active", ["organisation_id", "last_active_at", "id"], unique=False
        )
        batch_op.create_index(
            "ix_members_availability", ["organisation_id", "availability", "id"], unique=False
        )
        batch_op.create_index(
            "ix_members_email", ["organisation_id", "email_key", "id"], unique=False
        )
        batch_op.create_index(
            "ix_members_managed", ["organisation_id", "managed_by", "id"], unique=False
        )
        batch_op.create_index(
            "ix_members_name", ["organisation_id", "name_key", "id", "email_key"], unique=False
        )
        batch_op.create_index(
            "ix_members_owners",
            ["organisation_id"],
            unique=False,
            postgresql_where=sa.text("owner_of_record"),
            sqlite_where=sa.text("owner_of_record"),
        )
        batch_op.create_index("ix_members_person", ["person_id"], unique=False)
        batch_op.create_index(
            "ix_members_source", ["organisation_id", "source", "id"], unique=False
        )
        batch_op.create_index("ix_members_state", ["organisation_id", "state", "id"], unique=False)
        batch_op.create_index(
            "ix_members_waiting",
            ["organisation_id", "created_at"],
            unique=False,
            postgresql_where=sa.text("state = 'waitlisted'"),
            sqlite_where=sa.text("state = 'waitlisted'"),
        )
        batch_op.create_index(
            "uq_members_person",
            ["organisation_id", "person_id"],
            unique=True,
            postgresql_where=sa.text("state <> 'removed'"),
            sqlite_where=sa.text("state <> 'removed'"),
        )

    op.create_table(
        "organisations_history",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("valid_from", types.UTCDateTime(), nullable=False),
        sa.Column("valid_to", types.UTCDateTime(), nullable=True),
        sa.Column("state", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id"],
            ["organisations.id"],
            name=op.f("fk_organisations_history__organisations"),
        ),
        sa.PrimaryKeyConstraint(
            "organisation_id", "valid_from", name=op.f("pk_organisations_history")
        ),
    )
    op.create_table(
        "outbox",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("type", types.Key(), nullable=False),
        sa.Column("payload", types.JSONText(), nullable=False),
        sa.Column("sealed", sa.String(), nullable=True),
        sa.Column("created_at", types.UTCDateTime(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=True),
        sa.Column("due_at", types.UTCDateTime(), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("leased_until", types.UTCDateTime(), nullable=True),
        sa.Column("delivered_at", types.UTCDateTime(), nullable=True),
        sa.Column("given_up_at", types.UTCDateTime(), nullable=True),
        sa.Column("last_error", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisations.id"], name=op.f("fk_outbox__organisations")
        ),
        sa.PrimaryKeyConstraint("organisation_id", "id", name=op.f("pk_outbox")),
    )
    with op.batch_alter_table("outbox", schema=None) as batch_op:
        batch_op.create_index(
            "ix_outbox_due",
            ["channel", "due_at"],
            unique=False,
            postgresql_where=sa.text("delivered_at IS NULL AND given_up_at IS NULL"),
            sqlite_where=sa.text("delivered_at IS NULL AND given_up_at IS NULL"),
        )
        batch_op.create_index(
            "ix_outbox_mail",
            ["created_at"],
            unique=False,
            postgresql_where=sa.text("channel = 'mail'"),
            sqlite_where=sa.text("channel = 'mail'"),
        )
        batch_op.create_index(
            "uq_outbox_sequence",
            ["organisation_id", "sequence"],
            unique=True,
            postgresql_where=sa.text("sequence IS NOT NULL"),
            sqlite_where=sa.text("sequence IS NOT NULL"),
        )

    op.create_table(
        "persons",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("email", sa.String(), nullable=True),
        sa.Column("email_key", types.Key(), nullable=True),
        sa.Column(
            "email_verified", sa.Boolean(), server_default=sa.text("(false)"), nullable=False
        ),
        sa.Column("display_name", sa.String(), nullable=False),
        sa.Column("password_hash", sa.String(), nullable=True),
        sa.Column(
            "must_change_password", sa.Boolean(), server_default=sa.text("(false)"), nullable=False
        ),
        sa.Column("founded_by", sa.Uuid(), nullable=True),
        sa.Column("confined_to", sa.Uuid(), nullable=True),
        sa.Column("created_at", types.UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["confined_to"], ["organisations.id"], name=op.f("fk_persons__organisations")
        ),
        sa.ForeignKeyConstraint(["founded_by"], ["organisations.id"], name="fk_persons_founded_by"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_persons")),
    )
    with op.batch_alter_table("persons", schema=None) as batch_op:
        batch_op.create_index(
            "uq_persons_email",
            ["email_key"],
            unique=True,
            postgresql_where=sa.text("confined_to IS NULL AND email_key IS NOT NULL"),
            sqlite_where=sa.text("confined_to IS NULL AND email_key IS NOT NULL"),
        )

    op.create_table(
        "policies",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("name", types.Key(), nullable=False),
        sa.Column("valid_from", types.UTCDateTime(), nullable=False),
        sa.Column("valid_to", types.UTCDateTime(), nullable=True),
        sa.Column("value", types.JSONText(), nullable=False),
        sa.Column("layers", types.JSONText(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisations.id"], name=op.f("fk_policies__organisations")
        ),
        sa.PrimaryKeyConstraint("organisation_id", "name", "valid_from", name=op.f("pk_policies")),
    )
    with op.batch_alter_table("policies", schema=None) as batch_op:
        batch_op.create_index(
            "uq_policies_open",
            ["organisation_id", "name"],
            unique=True,
            postgresql_where=sa.text("valid_to IS NULL"),
            sqlite_where=sa.text("valid_to IS NULL"),
        )

    op.create_table(
        "roles",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("name_key", types.Key(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("deleted", sa.Boolean(), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("definition", types.JSONText(), nullable=False),
        sa.Column("created_at", types.UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisations.id"], name=op.f("fk_roles__organisations")
        ),
        sa.PrimaryKeyConstraint("organisation_id", "id", name=op.f("pk_roles")),
    )
    with op.batch_alter_table("roles", schema=None) as batch_op:
        batch_op.create_index(
            "uq_roles_name",
            ["organisation_id", "name_key"],
            unique=True,
            postgresql_where=sa.text("NOT deleted"),
            sqlite_where=sa.text("NOT deleted"),
        )

    op.create_table(
        "subscription_warnings",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("kind", types.Key(), nullable=False),
        sa.Column("about", types.Key(), nullable=False),
        sa.Column("told_at", types.UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id"],
            ["organisations.id"],
            name=op.f("fk_subscription_warnings__organisations"),
        ),
        sa.PrimaryKeyConstraint(
            "organisation_id", "kind", "about", name=op.f("pk_subscription_warnings")
        ),
    )
    op.create_table(
        "subscriptions",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("valid_from", types.UTCDateTime(), nullable=False),
        sa.Column("valid_to", types.UTCDateTime(), nullable=True),
        sa.Column("plan", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("features", types.JSONText(), nullable=False),
        sa.Column("seat_limit", sa.BigInteger(), nullable=True),
        sa.Column("current_period_end", types.UTCDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisations.id"], name=op.f("fk_subscriptions__organisations")
        ),
        sa.PrimaryKeyConstraint("organisation_id", "valid_from", name=op.f("pk_subscriptions")),
    )
    with op.batch_alter_table("subscriptions", schema=None) as batch_op:
        batch_op.create_index(
            "uq_subscriptions_open",
            ["organisation_id"],
            unique=True,
            postgresql_where=sa.text("valid_to IS NULL"),
            sqlite_where=sa.text("valid_to IS NULL"),
        )

    op.create_table(
        "teams",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("name_key", types.Key(), nullable=False),
        sa.Column("strategy", sa.String(), nullable=False),
        sa.Column("deleted", sa.Boolean(), nullable=False),
        sa.Column("created_at", types.UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisations.id"], name=op.f("fk_teams__organisations")
        ),
        sa.PrimaryKeyConstraint("organisation_id", "id", name=op.f("pk_teams")),
    )
    with op.batch_alter_table("teams", schema=None) as batch_op:
        batch_op.create_index(
            "uq_teams_name",
            ["organisation_id", "name_key"],
            unique=True,
            postgresql_where=sa.text("NOT deleted"),
            sqlite_where=sa.text("NOT deleted"),
        )

    op.create_table(
        "webhooks",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("url", sa.String(), nullable=False),
        sa.Column("events", types.JSONText(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("secret", sa.String(), nullable=False),
        sa.Column("old_secret", sa.String(), nullable=True),
        sa.Column("old_secret_until", types.UTCDateTime(), nullable=True),
        sa.Column("created_at", types.UTCDateTime(), nullable=False),
        sa.Column("failing_since", types.UTCDateTime(), nullable=True),
        sa.Column("resting_until", types.UTCDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisations.id"], name=op.f("fk_webhooks__organisations")
        ),
        sa.PrimaryKeyConstraint("organisation_id", "id", name=op.f("pk_webhooks")),
    )
    op.create_table(
        "audit_details",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("salt", sa.String(), nullable=False),
        sa.Column("details", types.JSONText(), nullable=False),
        sa.Column("digest", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(
            ["organisation_id", "event_id"],
            ["audit_events.organisation_id", "audit_events.id"],
            name=op.f("fk_audit_details_event_id_audit_events"),
        ),
        sa.PrimaryKeyConstraint("organisation_id", "event_id", name=op.f("pk_audit_details")),
    )
    op.create_table(
        "audit_targets",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("target_id", sa.Uuid(), nullable=False),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id", "event_id"],
            ["audit_events.organisation_id", "audit_events.id"],
            name=op.f("fk_audit_targets_event_id_audit_events"),
        ),
        sa.PrimaryKeyConstraint(
            "organisation_id", "target_id", "event_id", name=op.f("pk_audit_targets")
        ),
    )
    with op.batch_alter_table("audit_targets", schema=None) as batch_op:
        batch_op.create_index(
            "ix_audit_targets_event", ["organisation_id", "event_id"], unique=False
        )

    op.create_table(
        "break_glass_owners",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("member_id", sa.Uuid(), nullable=False),
        sa.Column("valid_from", types.UTCDateTime(), nullable=False),
        sa.Column("valid_to", types.UTCDateTime(), nullable=True),
        sa.Column("appointed_by", types.JSONText(), nullable=False),
        sa.Column("announced_at", types.UTCDateTime(), nullable=False),
        sa.Column("confirmed_at", types.UTCDateTime(), nullable=True),
        sa.Column("last_used_at", types.UTCDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["organisation_id", "member_id"],
            ["members.organisation_id", "members.id"],
            name=op.f("fk_break_glass_owners_member_id_members"),
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id"],
            ["organisations.id"],
            name=op.f("fk_break_glass_owners__organisations"),
        ),
        sa.PrimaryKeyConstraint(
            "organisation_id", "member_id", "valid_from", name=op.f("pk_break_glass_owners")
        ),
    )
    with op.batch_alter_table("break_glass_owners", schema=None) as batch_op:
        batch_op.create_index(
            "uq_break_glass_owners_open",
            ["organisation_id", "member_id"],
            unique=True,
            postgresql_where=sa.text("valid_to IS NULL"),
            sqlite_where=sa.text("valid_to IS NULL"),
        )

    op.create_table(
        "challenges",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("token_hash", types.Key(), nullable=False),
        sa.Column("purpose", sa.String(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=True),
        sa.Column("challenge", sa.String(), nullable=False),
        sa.Column("return_to", sa.String(), nullable=False),
        sa.Column("created_at", types.UTCDateTime(), nullable=False),
        sa.Column("expires_at", types.UTCDateTime(), nullable=False),
        sa.Column("used_at", types.UTCDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["person_id"], ["persons.id"], name=op.f("fk_challenges__persons")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_challenges")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_challenges_token_hash")),
    )
    with op.batch_alter_table("challenges", schema=None) as batch_op:
        batch_op.create_index("ix_challenges_expiry", ["expires_at"], unique=False)

    op.create_table(
        "chatbots",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("name_key", types.Key(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=True),
        sa.Column("settings", types.JSONText(), nullable=False),
        sa.Column("deleted", sa.Boolean(), nullable=False),
        sa.Column("created_at", types.UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id", "owner_id"],
            ["members.organisation_id", "members.id"],
            name=op.f("fk_chatbots_owner_id_members"),
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisations.id"], name=op.f("fk_chatbots__organisations")
        ),
        sa.PrimaryKeyConstraint("organisation_id", "id", name=op.f("pk_chatbots")),
    )
    with op.batch_alter_table("chatbots", schema=None) as batch_op:
        batch_op.create_index(
            "uq_chatbots_name",
            ["organisation_id", "name_key"],
            unique=True,
            postgresql_where=sa.text("NOT deleted"),
            sqlite_where=sa.text("NOT deleted"),
        )

    op.create_table(
        "connections",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("unmapped", sa.String(), nullable=False),
        sa.Column("bot_scope", sa.String(), nullable=True),
        sa.Column("seat_overage", sa.String(), nullable=False),
        sa.Column("last_owner", sa.String(), nullable=False),
        sa.Column("successor_id", sa.Uuid(), nullable=True),
        sa.Column("dialect", sa.String(), nullable=False),
        sa.Column("detected_dialect", sa.String(), nullable=True),
        sa.Column("members_clearable", sa.Boolean(), nullable=False),
        sa.Column("token_without_bearer", sa.Boolean(), nullable=False),
        sa.Column("allowed_networks", types.JSONText(), nullable=False),
        sa.Column("created_at", types.UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id", "successor_id"],
            ["members.organisation_id", "members.id"],
            name=op.f("fk_connections_successor_id_members"),
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisations.id"], name=op.f("fk_connections__organisations")
        ),
        sa.PrimaryKeyConstraint("organisation_id", "id", name=op.f("pk_connections")),
        sa.UniqueConstraint("id", name=op.f("uq_connections_id")),
    )
    op.create_table(
        "invitations",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("email", sa.String(), nullable=False),
        sa.Column("email_key", types.Key(), nullable=False),
        sa.Column("role_id", sa.Uuid(), nullable=False),
        sa.Column("bot_scope", sa.String(), nullable=False),
        sa.Column("chatbots", types.JSONText(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("invited_by", types.JSONText(), nullable=False),
        sa.Column("inviter_id", sa.Uuid(), nullable=True),
        sa.Column("inviter_name", sa.String(), nullable=False),
        sa.Column("created_at", types.UTCDateTime(), nullable=False),
        sa.Column("expires_at", types.UTCDateTime(), nullable=False),
        sa.Column("ended_at", types.UTCDateTime(), nullable=True),
        sa.Column("member_id", sa.Uuid(), nullable=True),
        sa.Column("mail_id", sa.Uuid(), nullable=True),
        sa.Column("delivery", sa.String(), nullable=False),
        sa.Column("bounce_reason", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(
            ["organisation_id", "inviter_id"],
            ["members.organisation_id", "members.id"],
            name=op.f("fk_invitations_inviter_id_members"),
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id", "member_id"],
            ["members.organisation_id", "members.id"],
            name=op.f("fk_invitations_member_id_members"),
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id", "role_id"],
            ["roles.organisation_id", "roles.id"],
            name=op.f("fk_invitations_role_id_roles"),
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisations.id"], name=op.f("fk_invitations__organisations")
        ),
        sa.PrimaryKeyConstraint("organisation_id", "id", name=op.f("pk_invitations")),
    )
    with op.batch_alter_table("invitations", schema=None) as batch_op:
        batch_op.create_index(
            "ix_invitations_created", ["organisation_id", "created_at"], unique=False
        )
        batch_op.create_index(
            "ix_invitations_delivery", ["organisation_id", "delivery", "id"], unique=False
        )
        batch_op.create_index(
            "ix_invitations_due",
            ["organisation_id", "expires_at"],
            unique=False,
            postgresql_where=sa.text("state = 'pending'"),
            sqlite_where=sa.text("state = 'pending'"),
        )
        batch_op.create_index(
            "ix_invitations_email", ["organisation_id", "email_key", "id"], unique=False
        )
        batch_op.create_index(
            "ix_invitations_expires", ["organisation_id", "expires_at", "id"], unique=False
        )
        batch_op.create_index("ix_invitations_mail", ["organisation_id", "mail_id"], unique=False)
        batch_op.create_index(
            "ix_invitations_role", ["organisation_id", "role_id", "id"], unique=False
        )
        batch_op.create_index(
            "ix_invitations_state", ["organisation_id", "state", "id"], unique=False
        )
        batch_op.create_index(
            "uq_invitations_pending",
            ["organisation_id", "email_key"],
            unique=True,
            postgresql_where=sa.text("state = 'pending'"),
            sqlite_where=sa.text("state = 'pending'"),
        )

    op.create_table(
        "mailed_links",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("token_hash", types.Key(), nullable=False),
        sa.Column("purpose", sa.String(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=True),
        sa.Column("email", sa.String(), nullable=False),
        sa.Column("email_key", types.Key(), nullable=False),
        sa.Column("created_at", types.UTCDateTime(), nullable=False),
        sa.Column("expires_at", types.UTCDateTime(), nullable=False),
        sa.Column("used_at", types.UTCDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["person_id"], ["persons.id"], name=op.f("fk_mailed_links__persons")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mailed_links")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_mailed_links_token_hash")),
    )
    with op.batch_alter_table("mailed_links", schema=None) as batch_op:
        batch_op.create_index("ix_mailed_links_email", ["email_key", "purpose"], unique=False)

    op.create_table(
        "member_roles",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("member_id", sa.Uuid(), nullable=False),
        sa.Column("role_id", sa.Uuid(), nullable=True),
        sa.Column("every_chatbot", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id", "member_id"],
            ["members.organisation_id", "members.id"],
            name=op.f("fk_member_roles_member_id_members"),
        ),
        sa.PrimaryKeyConstraint("organisation_id", "member_id", name=op.f("pk_member_roles")),
    )
    with op.batch_alter_table("member_roles", schema=None) as batch_op:
        batch_op.create_index(
            "ix_member_roles_every",
            ["organisation_id", "member_id"],
            unique=False,
            postgresql_where=sa.text("every_chatbot"),
            sqlite_where=sa.text("every_chatbot"),
        )
        batch_op.create_index(
            "ix_member_roles_role", ["organisation_id", "role_id", "member_id"], unique=False
        )

    op.create_table(
        "member_teams",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("team_id", sa.Uuid(), nullable=False),
        sa.Column("member_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id", "member_id"],
            ["members.organisation_id", "members.id"],
            name=op.f("fk_member_teams_member_id_members"),
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id", "team_id"],
            ["teams.organisation_id", "teams.id"],
            name=op.f("fk_member_teams_team_id_teams"),
        ),
        sa.PrimaryKeyConstraint(
            "organisation_id", "team_id", "member_id", name=op.f("pk_member_teams")
        ),
    )
    op.create_table(
        "members_history",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("valid_from", types.UTCDateTime(), nullable=False),
        sa.Column("valid_to", types.UTCDateTime(), nullable=True),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("managed_by", sa.Uuid(), nullable=True),
        sa.Column("bot_scope", sa.String(), nullable=False),
        sa.Column("admin_hold", sa.Boolean(), nullable=False),
        sa.Column("contained", sa.Boolean(), nullable=False),
        sa.Column("owner_of_record", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id", "id"],
            ["members.organisation_id", "members.id"],
            name=op.f("fk_members_history_id_members"),
        ),
        sa.PrimaryKeyConstraint(
            "organisation_id", "id", "valid_from", name=op.f("pk_members_history")
        ),
    )
    with op.batch_alter_table("members_history", schema=None) as batch_op:
        batch_op.create_index(
            "uq_members_history_open",
            ["organisation_id", "id"],
            unique=True,
            postgresql_where=sa.text("valid_to IS NULL"),
            sqlite_where=sa.text("valid_to IS NULL"),
        )

    op.create_table(
        "passkeys",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("credential_id", types.Key(), nullable=False),
        sa.Column("public_key", sa.LargeBinary(), nullable=False),
        sa.Column("sign_count", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("created_at", types.UTCDateTime(), nullable=False),
        sa.Column("last_used_at", types.UTCDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["person_id"], ["persons.id"], name=op.f("fk_passkeys__persons")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_passkeys")),
        sa.UniqueConstraint("credential_id", name=op.f("uq_passkeys_credential_id")),
    )
    with op.batch_alter_table("passkeys", schema=None) as batch_op:
        batch_op.create_index("ix_passkeys_person", ["person_id"], unique=False)

    op.create_table(
        "recovery_codes",
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("code_hash", types.Key(), nullable=False),
        sa.Column("created_at", types.UTCDateTime(), nullable=False),
        sa.Column("used_at", types.UTCDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["person_id"], ["persons.id"], name=op.f("fk_recovery_codes__persons")
        ),
        sa.PrimaryKeyConstraint("person_id", "code_hash", name=op.f("pk_recovery_codes")),
    )
    op.create_table(
        "roles_history",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("valid_from", types.UTCDateTime(), nullable=False),
        sa.Column("valid_to", types.UTCDateTime(), nullable=True),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("deleted", sa.Boolean(), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("definition", types.JSONText(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id", "id"],
            ["roles.organisation_id", "roles.id"],
            name=op.f("fk_roles_history_id_roles"),
        ),
        sa.PrimaryKeyConstraint(
            "organisation_id", "id", "valid_from", name=op.f("pk_roles_history")
        ),
    )
    with op.batch_alter_table("roles_history", schema=None) as batch_op:
        batch_op.create_index(
            "uq_roles_history_open",
            ["organisation_id", "id"],
            unique=True,
            postgresql_where=sa.text("valid_to IS NULL"),
            sqlite_where=sa.text("valid_to IS NULL"),
        )

    op.create_table(
        "sessions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("token_hash", sa.String(), nullable=False),
        sa.Column("factors", types.JSONText(), nullable=False),
        sa.Column("proved_at", types.UTCDateTime(), nullable=True),
        sa.Column("created_at", types.UTCDateTime(), nullable=False),
        sa.Column("last_seen_at", types.UTCDateTime(), nullable=False),
        sa.Column("expires_at", types.UTCDateTime(), nullable=False),
        sa.Column("revoked_at", types.UTCDateTime(), nullable=True),
        sa.Column("revoked_because", sa.String(), nullable=True),
        sa.Column("ip", sa.String(), nullable=True),
        sa.Column("user_agent", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(["person_id"], ["persons.id"], name=op.f("fk_sessions__persons")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sessions")),
    )
    with op.batch_alter_table("sessions", schema=None) as batch_op:
        batch_op.create_index(
            "ix_sessions_person",
            ["person_id"],
            unique=False,
        )
        batch_op.create_index(
            "uq_sessions_token",
            ["token_hash"],
            unique=True,
            postgresql_where=sa.text("token_hash <> ''"),
            sqlite_where=sa.text("token_hash <> ''"),
        )

    op.create_table(
        "team_seats",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("team_id", sa.Uuid(), nullable=False),
        sa.Column("member_id", sa.Uuid(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("valid_from", types.UTCDateTime(), nullable=False),
        sa.Column("valid_to", types.UTCDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["organisation_id", "member_id"],
            ["members.organisation_id", "members.id"],
            name=op.f("fk_team_seats_member_id_members"),
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id", "team_id"],
            ["teams.organisation_id", "teams.id"],
            name=op.f("fk_team_seats_team_id_teams"),
        ),
        sa.PrimaryKeyConstraint(
            "organisation_id", "team_id", "member_id", "valid_from", name=op.f("pk_team_seats")
        ),
    )
    with op.batch_alter_table("team_seats", schema=None) as batch_op:
        batch_op.create_index(
            "ix_team_seats_member", ["organisation_id", "member_id", "valid_from"], unique=False
        )
        batch_op.create_index(
            "uq_team_seats_open",
            ["organisation_id", "team_id", "member_id"],
            unique=True,
            postgresql_where=sa.text("valid_to IS NULL"),
            sqlite_where=sa.text("valid_to IS NULL"),
        )

    op.create_table(
        "totp_secrets",
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("secret", sa.String(), nullable=False),
        sa.Column("created_at", types.UTCDateTime(), nullable=False),
        sa.Column("confirmed_at", types.UTCDateTime(), nullable=True),
        sa.Column("last_step", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.ForeignKeyConstraint(
            ["person_id"], ["persons.id"], name=op.f("fk_totp_secrets__persons")
        ),
        sa.PrimaryKeyConstraint("person_id", name=op.f("pk_totp_secrets")),
    )
    op.create_table(
        "webhook_deliveries",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("webhook_id", sa.Uuid(), nullable=False),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("type", types.Key(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("created_at", types.UTCDateTime(), nullable=False),
        sa.Column("due_at", types.UTCDateTime(), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("leased_until", types.UTCDateTime(), nullable=True),
        sa.Column("delivered_at", types.UTCDateTime(), nullable=True),
        sa.Column("given_up_at", types.UTCDateTime(), nullable=True),
        sa.Column("last_status", sa.Integer(), nullable=True),
        sa.Column("last_error", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(
            ["organisation_id", "event_id"],
            ["outbox.organisation_id", "outbox.id"],
            name=op.f("fk_webhook_deliveries_event_id_outbox"),
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id", "webhook_id"],
            ["webhooks.organisation_id", "webhooks.id"],
            name=op.f("fk_webhook_deliveries_webhook_id_webhooks"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("organisation_id", "id", name=op.f("pk_webhook_deliveries")),
        sa.UniqueConstraint(
            "organisation_id", "webhook_id", "event_id", name="uq_webhook_deliveries_event"
        ),
    )
    with op.batch_alter_table("webhook_deliveries", schema=None) as batch_op:
        batch_op.create_index(
            "ix_webhook_deliveries_due",
            ["due_at"],
            unique=False,
            postgresql_where=sa.text("delivered_at IS NULL AND given_up_at IS NULL"),
            sqlite_where=sa.text("delivered_at IS NULL AND given_up_at IS NULL"),
        )
        batch_op.create_index(
            "ix_webhook_deliveries_log", ["organisation_id", "webhook_id", "id"], unique=False
        )

    op.create_table(
        "attention_items",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("connection_id", sa.Uuid(), nullable=False),
        sa.Column("kind", types.Key(), nullable=False),
        sa.Column("subject", types.Key(), nullable=False),
        sa.Column("details", types.JSONText(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("first_seen", types.UTCDateTime(), nullable=False),
        sa.Column("last_seen", types.UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id", "connection_id"],
            ["connections.organisation_id", "connections.id"],
            name=op.f("fk_attention_items_connection_id_connections"),
        ),
        sa.PrimaryKeyConstraint(
            "organisation_id", "connection_id", "kind", "subject", name=op.f("pk_attention_items")
        ),
    )
    op.create_table(
        "chatbots_history",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("valid_from", types.UTCDateTime(), nullable=False),
        sa.Column("valid_to", types.UTCDateTime(), nullable=True),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=True),
        sa.Column("deleted", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id", "id"],
            ["chatbots.organisation_id", "chatbots.id"],
            name=op.f("fk_chatbots_history_id_chatbots"),
        ),
        sa.PrimaryKeyConstraint(
            "organisation_id", "id", "valid_from", name=op.f("pk_chatbots_history")
        ),
    )
    with op.batch_alter_table("chatbots_history", schema=None) as batch_op:
        batch_op.create_index(
            "uq_chatbots_history_open",
            ["organisation_id", "id"],
            unique=True,
            postgresql_where=sa.text("valid_to IS NULL"),
            sqlite_where=sa.text("valid_to IS NULL"),
        )

    op.create_table(
        "connections_history",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("valid_from", types.UTCDateTime(), nullable=False),
        sa.Column("valid_to", types.UTCDateTime(), nullable=True),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("unmapped", sa.String(), nullable=False),
        sa.Column("bot_scope", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(
            ["organisation_id", "id"],
            ["connections.organisation_id", "connections.id"],
            name=op.f("fk_connections_history_id_connections"),
        ),
        sa.PrimaryKeyConstraint(
            "organisation_id", "id", "valid_from", name=op.f("pk_connections_history")
        ),
    )
    with op.batch_alter_table("connections_history", schema=None) as batch_op:
        batch_op.create_index(
            "uq_connections_history_open",
            ["organisation_id", "id"],
            unique=True,
            postgresql_where=sa.text("valid_to IS NULL"),
            sqlite_where=sa.text("valid_to IS NULL"),
        )

    op.create_table(
        "conversations",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("chatbot_id", sa.Uuid(), nullable=False),
        sa.Column("team_id", sa.Uuid(), nullable=True),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("assignee_id", sa.Uuid(), nullable=True),
        sa.Column("previous_assignee_id", sa.Uuid(), nullable=True),
        sa.Column("created_at", types.UTCDateTime(), nullable=False),
        sa.Column("waiting_since", types.UTCDateTime(), nullable=False),
        sa.Column("queued_at", types.UTCDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["organisation_id", "assignee_id"],
            ["members.organisation_id", "members.id"],
            name="fk_conversations_assignee",
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id", "chatbot_id"],
            ["chatbots.organisation_id", "chatbots.id"],
            name=op.f("fk_conversations_chatbot_id_chatbots"),
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id", "previous_assignee_id"],
            ["members.organisation_id", "members.id"],
            name="fk_conversations_previous_assignee",
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id", "team_id"],
            ["teams.organisation_id", "teams.id"],
            name=op.f("fk_conversations_team_id_teams"),
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisations.id"], name=op.f("fk_conversations__organisations")
        ),
        sa.PrimaryKeyConstraint("organisation_id", "id", name=op.f("pk_conversations")),
    )
    with op.batch_alter_table("conversations", schema=None) as batch_op:
        batch_op.create_index(
            "ix_conversations_assignee",
            ["organisation_id", "assignee_id"],
            unique=False,
            postgresql_where=sa.text("state <> 'closed'"),
            sqlite_where=sa.text("state <> 'closed'"),
        )
        batch_op.create_index(
            "ix_conversations_queue",
            ["organisation_id", "chatbot_id", "waiting_since"],
            unique=False,
            postgresql_where=sa.text("assignee_id IS NULL AND state <> 'closed'"),
            sqlite_where=sa.text("assignee_id IS NULL AND state <> 'closed'"),
        )

    op.create_table(
        "directory_counts",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("connection_id", sa.Uuid(), nullable=False),
        sa.Column("users", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("groups", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id", "connection_id"],
            ["connections.organisation_id", "connections.id"],
            name=op.f("fk_directory_counts_connection_id_connections"),
        ),
        sa.PrimaryKeyConstraint(
            "organisation_id", "connection_id", name=op.f("pk_directory_counts")
        ),
    )
    op.create_table(
        "directory_groups",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("connection_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("display_name", sa.String(), nullable=False),
        sa.Column("display_name_key", types.Key(), nullable=False),
        sa.Column("external_id", types.Key(), nullable=True),
        sa.Column("document", sa.String(), nullable=False),
        sa.Column("search", types.JSONDocument(), nullable=False),
        sa.Column("member_count", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", types.UTCDateTime(), nullable=False),
        sa.Column("last_modified", types.UTCDateTime(), nullable=False),
        sa.Column("deleted_at", types.UTCDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["organisation_id", "connection_id"],
            ["connections.organisation_id", "connections.id"],
            name=op.f("fk_directory_groups_connection_id_connections"),
        ),
        sa.PrimaryKeyConstraint(
            "organisation_id", "connection_id", "id", name=op.f("pk_directory_groups")
        ),
    )
    with op.batch_alter_table("directory_groups", schema=None) as batch_op:
        batch_op.create_index(
            "ix_directory_groups_external_id",
            ["organisation_id", "connection_id", "external_id"],
            unique=False,
            postgresql_where=sa.text("deleted_at IS NULL"),
            sqlite_where=sa.text("deleted_at IS NULL"),
        )
        batch_op.create_index(
            "ix_directory_groups_live",
            ["organisation_id", "connection_id", "id"],
            unique=False,
            postgresql_where=sa.text("deleted_at IS NULL"),
            sqlite_where=sa.text("deleted_at IS NULL"),
        )
        batch_op.create_index(
            "ix_directory_groups_modified",
            ["organisation_id", "connection_id", "last_modified", "id"],
            unique=False,
            postgresql_where=sa.text("deleted_at IS NULL"),
            sqlite_where=sa.text("deleted_at IS NULL"),
        )
        batch_op.create_index(
            "uq_directory_groups_display_name",
            ["organisation_id", "connection_id", "display_name_key"],
            unique=True,
            postgresql_where=sa.text("deleted_at IS NULL"),
            sqlite_where=sa.text("deleted_at IS NULL"),
        )

    op.create_table(
        "directory_users",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("connection_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_name", sa.String(), nullable=False),
        sa.Column("user_name_key", types.Key(), nullable=False),
        sa.Column("external_id", types.Key(), nullable=True),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("display_name", sa.String(), nullable=False),
        sa.Column("email", sa.String(), nullable=True),
        sa.Column("member_id", sa.Uuid(), nullable=True),
        sa.Column("document", sa.String(), nullable=False),
        sa.Column("search", types.JSONDocument(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", types.UTCDateTime(), nullable=False),
        sa.Column("last_modified", types.UTCDateTime(), nullable=False),
        sa.Column("deleted_at", types.UTCDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["organisation_id", "connection_id"],
            ["connections.organisation_id", "connections.id"],
            name=op.f("fk_directory_users_connection_id_connections"),
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id", "member_id"],
            ["members.organisation_id", "members.id"],
            name=op.f("fk_directory_users_member_id_members"),
        ),
        sa.PrimaryKeyConstraint(
            "organisation_id", "connection_id", "id", name=op.f("pk_directory_users")
        ),
    )
    with op.batch_alter_table("directory_users", schema=None) as batch_op:
        batch_op.create_index(
            "ix_directory_users_live",
            ["organisation_id", "connection_id", "id"],
            unique=False,
            postgresql_where=sa.text("deleted_at IS NULL"),
            sqlite_where=sa.text("deleted_at IS NULL"),
        )
        batch_op.create_index(
            "ix_directory_users_member", ["organisation_id", "member_id"], unique=False
        )
        batch_op.create_index(
            "ix_directory_users_modified",
            ["organisation_id", "connection_id", "last_modified", "id"],
            unique=False,
            postgresql_where=sa.text("deleted_at IS NULL"),
            sqlite_where=sa.text("deleted_at IS NULL"),
        )
        batch_op.create_index(
            "uq_directory_users_external_id",
            ["organisation_id", "connection_id", "external_id"],
            unique=True,
            postgresql_where=sa.text("deleted_at IS NULL"),
            sqlite_where=sa.text("deleted_at IS NULL"),
        )
        batch_op.create_index(
            "uq_directory_users_user_name",
            ["organisation_id", "connection_id", "user_name_key"],
            unique=True,
            postgresql_where=sa.text("deleted_at IS NULL"),
            sqlite_where=sa.text("deleted_at IS NULL"),
        )

    op.create_table(
        "grants",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("member_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("role_id", sa.Uuid(), nullable=True),
        sa.Column("chatbot_id", sa.Uuid(), nullable=True),
        sa.Column("section", sa.String(), nullable=True),
        sa.Column("level", sa.String(), nullable=True),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("granted_by", types.JSONText(), nullable=False),
        sa.Column("valid_from", types.UTCDateTime(), nullable=False),
        sa.Column("valid_to", types.UTCDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["organisation_id", "chatbot_id"],
            ["chatbots.organisation_id", "chatbots.id"],
            name=op.f("fk_grants_chatbot_id_chatbots"),
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id", "member_id"],
            ["members.organisation_id", "members.id"],
            name=op.f("fk_grants_member_id_members"),
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id", "role_id"],
            ["roles.organisation_id", "roles.id"],
            name=op.f("fk_grants_role_id_roles"),
        ),
        sa.PrimaryKeyConstraint("organisation_id", "id", name=op.f("pk_grants")),
    )
    with op.batch_alter_table("grants", schema=None) as batch_op:
        batch_op.create_index(
            "ix_grants_member", ["organisation_id", "member_id", "valid_from"], unique=False
        )

    op.create_table(
        "identities",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("connection_id", sa.Uuid(), nullable=False),
        sa.Column("issuer", types.Key(), nullable=False),
        sa.Column("subject", types.Key(), nullable=False),
        sa.Column("subject_format", sa.String(), nullable=True),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("member_id", sa.Uuid(), nullable=False),
        sa.Column("linked_by", sa.String(), nullable=False),
        sa.Column("created_at", types.UTCDateTime(), nullable=False),
        sa.Column("last_used_at", types.UTCDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["organisation_id", "connection_id"],
            ["connections.organisation_id", "connections.id"],
            name=op.f("fk_identities_connection_id_connections"),
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id", "member_id"],
            ["members.organisation_id", "members.id"],
            name=op.f("fk_identities_member_id_members"),
        ),
        sa.ForeignKeyConstraint(["person_id"], ["persons.id"], name=op.f("fk_identities__persons")),
        sa.PrimaryKeyConstraint("organisation_id", "id", name=op.f("pk_identities")),
    )
    with op.batch_alter_table("identities", schema=None) as batch_op:
        batch_op.create_index(
            "ix_identities_member", ["organisation_id", "member_id"], unique=False
        )
        batch_op.create_index(
            "uq_identities_subject",
            ["organisation_id", "connection_id", "issuer", "subject"],
            unique=True,
            postgresql_where=sa.text("subject <> ''"),
            sqlite_where=sa.text("subject <> ''"),
        )

    op.create_table(
        "invitation_links",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("invitation_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("token_hash", types.Key(), nullable=False),
        sa.Column("created_at", types.UTCDateTime(), nullable=False),
        sa.Column("rotated_at", types.UTCDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["organisation_id", "invitation_id"],
            ["invitations.organisation_id", "invitations.id"],
            name=op.f("fk_invitation_links_invitation_id_invitations"),
        ),
        sa.PrimaryKeyConstraint("organisation_id", "id", name=op.f("pk_invitation_links")),
    )
    with op.batch_alter_table("invitation_links", schema=None) as batch_op:
        batch_op.create_index(
            "ix_invitation_links_invitation", ["organisation_id", "invitation_id"], unique=False
        )
        batch_op.create_index(
            "uq_invitation_links_token",
            ["token_hash"],
            unique=True,
            postgresql_where=sa.text("token_hash <> ''"),
            sqlite_where=sa.text("token_hash <> ''"),
        )

    op.create_table(
        "link_proposals",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("connection_id", sa.Uuid(), nullable=False),
        sa.Column("token_hash", sa.String(), nullable=False),
        sa.Column("issuer", types.Key(), nullable=False),
        sa.Column("subject", types.Key(), nullable=False),
        sa.Column("subject_format", sa.String(), nullable=True),
        sa.Column("return_to", sa.String(), nullable=False),
        sa.Column("created_at", types.UTCDateTime(), nullable=False),
        sa.Column("expires_at", types.UTCDateTime(), nullable=False),
        sa.Column("consumed_at", types.UTCDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["organisation_id", "connection_id"],
            ["connections.organisation_id", "connections.id"],
            name=op.f("fk_link_proposals_connection_id_connections"),
        ),
        sa.PrimaryKeyConstraint("organisation_id", "id", name=op.f("pk_link_proposals")),
    )
    with op.batch_alter_table("link_proposals", schema=None) as batch_op:
        batch_op.create_index(
            "uq_link_proposals_token",
            ["token_hash"],
            unique=True,
            postgresql_where=sa.text("token_hash <> ''"),
            sqlite_where=sa.text("token_hash <> ''"),
        )

    op.create_table(
        "member_chatbots",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("chatbot_id", sa.Uuid(), nullable=False),
        sa.Column("member_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id", "chatbot_id"],
            ["chatbots.organisation_id", "chatbots.id"],
            name=op.f("fk_member_chatbots_chatbot_id_chatbots"),
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id", "member_id"],
            ["members.organisation_id", "members.id"],
            name=op.f("fk_member_chatbots_member_id_members"),
        ),
        sa.PrimaryKeyConstraint(
            "organisation_id", "chatbot_id", "member_id", name=op.f("pk_member_chatbots")
        ),
    )
    op.create_table(
        "page_ends",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("connection_id", sa.Uuid(), nullable=False),
        sa.Column("query", types.Key(), nullable=False),
        sa.Column("start", sa.Integer(), nullable=False),
        sa.Column("position", types.JSONText(), nullable=False),
        sa.Column("kept_at", types.UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id", "connection_id"],
            ["connections.organisation_id", "connections.id"],
            name=op.f("fk_page_ends_connection_id_connections"),
        ),
        sa.PrimaryKeyConstraint(
            "organisation_id", "connection_id", "query", "start", name=op.f("pk_page_ends")
        ),
    )
    with op.batch_alter_table("page_ends", schema=None) as batch_op:
        batch_op.create_index("ix_page_ends_kept", ["kept_at"], unique=False)

    op.create_table(
        "replay_keys",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("connection_id", sa.Uuid(), nullable=False),
        sa.Column("key_hash", types.Key(), nullable=False),
        sa.Column("expires_at", types.UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id", "connection_id"],
            ["connections.organisation_id", "connections.id"],
            name=op.f("fk_replay_keys_connection_id_connections"),
        ),
        sa.PrimaryKeyConstraint(
            "organisation_id", "connection_id", "key_hash", name=op.f("pk_replay_keys")
        ),
    )
    with op.batch_alter_table("replay_keys", schema=None) as batch_op:
        batch_op.create_index(
            "ix_replay_keys_expiry", ["organisation_id", "expires_at"], unique=False
        )

    op.create_table(
        "scim_clients",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("connection_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("secret_hash", sa.String(), nullable=False),
        sa.Column("scopes", types.JSONText(), nullable=False),
        sa.Column("created_at", types.UTCDateTime(), nullable=False),
        sa.Column("revoked_at", types.UTCDateTime(), nullable=True),
        sa.Column("last_used_at", types.UTCDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["organisation_id", "connection_id"],
            ["connections.organisation_id", "connections.id"],
            name=op.f("fk_scim_clients_connection_id_connections"),
        ),
        sa.PrimaryKeyConstraint("organisation_id", "id", name=op.f("pk_scim_clients")),
    )
    with op.batch_alter_table("scim_clients", schema=None) as batch_op:
        batch_op.create_index(
            "ix_scim_clients_connection", ["organisation_id", "connection_id"], unique=False
        )
        batch_op.create_index(
            "uq_scim_clients_secret",
            ["secret_hash"],
            unique=True,
            postgresql_where=sa.text("secret_hash <> ''"),
            sqlite_where=sa.text("secret_hash <> ''"),
        )

    op.create_table(
        "scim_requests",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("connection_id", sa.Uuid(), nullable=False),
        sa.Column("received_at", types.UTCDateTime(), nullable=False),
        sa.Column("method", sa.String(), nullable=False),
        sa.Column("path", sa.String(), nullable=False),
        sa.Column("operation", sa.String(), nullable=True),
        sa.Column("dialect", sa.String(), nullable=True),
        sa.Column("received", types.JSONText(), nullable=False),
        sa.Column("deviations", types.JSONText(), nullable=False),
        sa.Column("changed", types.JSONText(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("detail", sa.String(), nullable=True),
        sa.Column("milliseconds", sa.Float(), nullable=False),
        sa.Column("request_id", sa.String(), nullable=False),
        sa.Column("ip", sa.String(), nullable=True),
        sa.Column("user_agent", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(
            ["organisation_id", "connection_id"],
            ["connections.organisation_id", "connections.id"],
            name=op.f("fk_scim_requests_connection_id_connections"),
        ),
        sa.PrimaryKeyConstraint(
            "organisation_id", "connection_id", "id", name=op.f("pk_scim_requests")
        ),
    )
    with op.batch_alter_table("scim_requests", schema=None) as batch_op:
        batch_op.create_index(
            "ix_scim_requests_received", ["organisation_id", "received_at"], unique=False
        )

    op.create_table(
        "session_proofs",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("session_id", sa.Uuid(), nullable=False),
        sa.Column("member_id", sa.Uuid(), nullable=False),
        sa.Column("method", sa.String(), nullable=False),
        sa.Column("break_glass", sa.Boolean(), nullable=False),
        sa.Column("connection_id", sa.Uuid(), nullable=True),
        sa.Column("identity_id", sa.Uuid(), nullable=True),
        sa.Column("name_id", types.Key(), nullable=True),
        sa.Column("session_index", types.Key(), nullable=True),
        sa.Column("id_token", sa.String(), nullable=True),
        sa.Column("access_epoch", sa.Integer(), nullable=False),
        sa.Column("proved_at", types.UTCDateTime(), nullable=True),
        sa.Column("recorded_at", types.UTCDateTime(), nullable=False),
        sa.Column("expires_at", types.UTCDateTime(), nullable=False),
        sa.Column("revoked_at", types.UTCDateTime(), nullable=True),
        sa.Column("revoked_because", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(
            ["organisation_id", "connection_id"],
            ["connections.organisation_id", "connections.id"],
            name=op.f("fk_session_proofs_connection_id_connections"),
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id", "member_id"],
            ["members.organisation_id", "members.id"],
            name=op.f("fk_session_proofs_member_id_members"),
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisations.id"], name=op.f("fk_session_proofs__organisations")
        ),
        sa.ForeignKeyConstraint(
            ["session_id"], ["sessions.id"], name=op.f("fk_session_proofs__sessions")
        ),
        sa.PrimaryKeyConstraint("organisation_id", "session_id", name=op.f("pk_session_proofs")),
    )
    with op.batch_alter_table("session_proofs", schema=None) as batch_op:
        batch_op.create_index(
            "ix_session_proofs_id_token",
            ["organisation_id"],
            unique=False,
            postgresql_where=sa.text("id_token IS NOT NULL"),
            sqlite_where=sa.text("id_token IS NOT NULL"),
        )
        batch_op.create_index(
            "ix_session_proofs_identity",
            ["organisation_id", "identity_id"],
            unique=False,
            postgresql_where=sa.text("revoked_at IS NULL AND identity_id IS NOT NULL"),
            sqlite_where=sa.text("revoked_at IS NULL AND identity_id IS NOT NULL"),
        )
        batch_op.create_index(
            "ix_session_proofs_live",
            ["organisation_id", "member_id"],
            unique=False,
            postgresql_where=sa.text("revoked_at IS NULL"),
            sqlite_where=sa.text("revoked_at IS NULL"),
        )
        batch_op.create_index("ix_session_proofs_session", ["session_id"], unique=False)

    op.create_table(
        "signin_attempts",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("connection_id", sa.Uuid(), nullable=False),
        sa.Column("handle_hash", sa.String(), nullable=False),
        sa.Column("cookie_hash", sa.String(), nullable=False),
        sa.Column("nonce", sa.String(), nullable=False),
        sa.Column("code_verifier", sa.String(), nullable=False),
        sa.Column("request_id", sa.String(), nullable=False),
        sa.Column("return_to", sa.String(), nullable=False),
        sa.Column("test", sa.Boolean(), nullable=False),
        sa.Column("started_by", sa.Uuid(), nullable=True),
        sa.Column("session_id", sa.Uuid(), nullable=True),
        sa.Column("force", sa.Boolean(), nullable=False),
        sa.Column("created_at", types.UTCDateTime(), nullable=False),
        sa.Column("expires_at", types.UTCDateTime(), nullable=False),
        sa.Column("consumed_at", types.UTCDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["organisation_id", "connection_id"],
            ["connections.organisation_id", "connections.id"],
            name=op.f("fk_signin_attempts_connection_id_connections"),
        ),
        sa.PrimaryKeyConstraint("organisation_id", "id", name=op.f("pk_signin_attempts")),
    )
    with op.batch_alter_table("signin_attempts", schema=None) as batch_op:
        batch_op.create_index(
            "ix_signin_attempts_expiry", ["organisation_id", "expires_at"], unique=False
        )
        batch_op.create_index(
            "uq_signin_attempts_handle",
            ["organisation_id", "connection_id", "handle_hash"],
            unique=True,
            postgresql_where=sa.text("handle_hash <> ''"),
            sqlite_where=sa.text("handle_hash <> ''"),
        )

    op.create_table(
        "signin_traces",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("connection_id", sa.Uuid(), nullable=False),
        sa.Column("occurred_at", types.UTCDateTime(), nullable=False),
        sa.Column("expires_at", types.UTCDateTime(), nullable=False),
        sa.Column("test", sa.Boolean(), nullable=False),
        sa.Column("started_by", sa.Uuid(), nullable=True),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("code", sa.String(), nullable=True),
        sa.Column("document", types.JSONText(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id", "connection_id"],
            ["connections.organisation_id", "connections.id"],
            name=op.f("fk_signin_traces_connection_id_connections"),
        ),
        sa.PrimaryKeyConstraint("organisation_id", "id", name=op.f("pk_signin_traces")),
    )
    with op.batch_alter_table("signin_traces", schema=None) as batch_op:
        batch_op.create_index(
            "ix_signin_traces_expiry", ["organisation_id", "expires_at"], unique=False
        )
        batch_op.create_index(
            "ix_signin_traces_newest",
            ["organisation_id", "connection_id", "occurred_at"],
            unique=False,
        )

    op.create_table(
        "sso_certificates",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("connection_id", sa.Uuid(), nullable=False),
        sa.Column("fingerprint", sa.String(), nullable=False),
        sa.Column("pem", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("not_before", types.UTCDateTime(), nullable=False),
        sa.Column("not_after", types.UTCDateTime(), nullable=False),
        sa.Column("created_at", types.UTCDateTime(), nullable=False),
        sa.Column("proved_at", types.UTCDateTime(), nullable=True),
        sa.Column("retired_at", types.UTCDateTime(), nullable=True),
        sa.Column("warned_days", sa.Integer(), server_default=sa.text("(1000)"), nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id", "connection_id"],
            ["connections.organisation_id", "connections.id"],
            name=op.f("fk_sso_certificates_connection_id_connections"),
        ),
        sa.PrimaryKeyConstraint("organisation_id", "id", name=op.f("pk_sso_certificates")),
    )
    with op.batch_alter_table("sso_certificates", schema=None) as batch_op:
        batch_op.create_index(
            "uq_sso_certificates_live",
            ["organisation_id", "connection_id", "fingerprint"],
            unique=True,
            postgresql_where=sa.text("state <> 'retired'"),
            sqlite_where=sa.text("state <> 'retired'"),
        )

    op.create_table(
        "sso_connections",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("slug", types.Key(), nullable=False),
        sa.Column("protocol", sa.String(), nullable=False),
        sa.Column("preset", sa.String(), nullable=False),
        sa.Column("issuer", types.Key(), nullable=False),
        sa.Column("settings", types.JSONText(), nullable=False),
        sa.Column("client_secret", sa.String(), nullable=True),
        sa.Column("subject_claim", types.Key(), nullable=True),
        sa.Column("subject_match", sa.String(), nullable=False),
        sa.Column("directory_id", sa.Uuid(), nullable=True),
        sa.Column("jit", sa.Boolean(), nullable=False),
        sa.Column("enforced", sa.Boolean(), nullable=False),
        sa.Column("metadata_url", sa.String(), nullable=True),
        sa.Column("refreshed_at", types.UTCDateTime(), nullable=True),
        sa.Column("refresh_error", sa.String(), nullable=True),
        sa.Column("tested_at", types.UTCDateTime(), nullable=True),
        sa.Column("owner_proved_at", types.UTCDateTime(), nullable=True),
        sa.Column("trust_rank", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id", "directory_id"],
            ["connections.organisation_id", "connections.id"],
            name="fk_sso_connections_directory",
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id", "id"],
            ["connections.organisation_id", "connections.id"],
            name=op.f("fk_sso_connections_id_connections"),
        ),
        sa.PrimaryKeyConstraint("organisation_id", "id", name=op.f("pk_sso_connections")),
    )
    with op.batch_alter_table("sso_connections", schema=None) as batch_op:
        batch_op.create_index(
            "uq_sso_connections_slug",
            ["slug"],
            unique=True,
            postgresql_where=sa.text("slug <> ''"),
            sqlite_where=sa.text("slug <> ''"),
        )

    op.create_table(
        "sso_keys",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("connection_id", sa.Uuid(), nullable=False),
        sa.Column("certificate", sa.String(), nullable=False),
        sa.Column("private_key", sa.String(), nullable=False),
        sa.Column("created_at", types.UTCDateTime(), nullable=False),
        sa.Column("not_after", types.UTCDateTime(), nullable=False),
        sa.Column("retired_at", types.UTCDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["organisation_id", "connection_id"],
            ["connections.organisation_id", "connections.id"],
            name=op.f("fk_sso_keys_connection_id_connections"),
        ),
        sa.PrimaryKeyConstraint("organisation_id", "id", name=op.f("pk_sso_keys")),
    )
    with op.batch_alter_table("sso_keys", schema=None) as batch_op:
        batch_op.create_index(
            "ix_sso_keys_connection", ["organisation_id", "connection_id"], unique=False
        )

    op.create_table(
        "asserted_memberships",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("connection_id", sa.Uuid(), nullable=False),
        sa.Column("group_id", sa.Uuid(), nullable=False),
        sa.Column("member_id", sa.Uuid(), nullable=False),
        sa.Column("valid_from", types.UTCDateTime(), nullable=False),
        sa.Column("valid_to", types.UTCDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["organisation_id", "connection_id", "group_id"],
            [
                "directory_groups.organisation_id",
                "directory_groups.connection_id",
                "directory_groups.id",
            ],
            name="fk_asserted_memberships_group",
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id", "member_id"],
            ["members.organisation_id", "members.id"],
            name=op.f("fk_asserted_memberships_member_id_members"),
        ),
        sa.PrimaryKeyConstraint(
            "organisation_id",
            "connection_id",
            "group_id",
            "member_id",
            "valid_from",
            name=op.f("pk_asserted_memberships"),
        ),
    )
    with op.batch_alter_table("asserted_memberships", schema=None) as batch_op:
        batch_op.create_index(
            "ix_asserted_memberships_member",
            ["organisation_id", "member_id", "valid_from"],
            unique=False,
        )

    op.create_table(
        "directory_emails",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("connection_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("value_key", types.Key(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id", "connection_id", "user_id"],
            [
                "directory_users.organisation_id",
                "directory_users.connection_id",
                "directory_users.id",
            ],
            name="fk_directory_emails_user",
        ),
        sa.PrimaryKeyConstraint(
            "organisation_id",
            "connection_id",
            "user_id",
            "position",
            name=op.f("pk_directory_emails"),
        ),
    )
    with op.batch_alter_table("directory_emails", schema=None) as batch_op:
        batch_op.create_index(
            "ix_directory_emails_value",
            ["organisation_id", "connection_id", "value_key", "user_id"],
            unique=False,
        )

    op.create_table(
        "directory_memberships",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("connection_id", sa.Uuid(), nullable=False),
        sa.Column("group_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("valid_from", types.UTCDateTime(), nullable=False),
        sa.Column("valid_to", types.UTCDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["organisation_id", "connection_id", "group_id"],
            [
                "directory_groups.organisation_id",
                "directory_groups.connection_id",
                "directory_groups.id",
            ],
            name="fk_directory_memberships_group",
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id", "connection_id", "user_id"],
            [
                "directory_users.organisation_id",
                "directory_users.connection_id",
                "directory_users.id",
            ],
            name="fk_directory_memberships_user",
        ),
        sa.PrimaryKeyConstraint(
            "organisation_id",
            "connection_id",
            "group_id",
            "user_id",
            "valid_from",
            name=op.f("pk_directory_memberships"),
        ),
    )
    with op.batch_alter_table("directory_memberships", schema=None) as batch_op:
        batch_op.create_index(
            "ix_directory_memberships_past",
            ["organisation_id", "connection_id", "user_id", "valid_from"],
            unique=False,
        )
        batch_op.create_index(
            "ix_directory_memberships_user",
            ["organisation_id", "connection_id", "user_id", "group_id"],
            unique=False,
            postgresql_where=sa.text("valid_to IS NULL"),
            sqlite_where=sa.text("valid_to IS NULL"),
        )
        batch_op.create_index(
            "uq_directory_memberships_open",
            ["organisation_id", "connection_id", "group_id", "user_id"],
            unique=True,
            postgresql_where=sa.text("valid_to IS NULL"),
            sqlite_where=sa.text("valid_to IS NULL"),
        )

    op.create_table(
        "mapping_rules",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("connection_id", sa.Uuid(), nullable=False),
        sa.Column("group_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("role_id", sa.Uuid(), nullable=True),
        sa.Column("priority", sa.Integer(), nullable=True),
        sa.Column("bot_scope", sa.String(), nullable=True),
        sa.Column("chatbot_id", sa.Uuid(), nullable=True),
        sa.Column("sections", types.JSONText(), nullable=True),
        sa.Column("team_id", sa.Uuid(), nullable=True),
        sa.Column("valid_from", types.UTCDateTime(), nullable=False),
        sa.Column("valid_to", types.UTCDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["organisation_id", "chatbot_id"],
            ["chatbots.organisation_id", "chatbots.id"],
            name=op.f("fk_mapping_rules_chatbot_id_chatbots"),
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id", "connection_id", "group_id"],
            [
                "directory_groups.organisation_id",
                "directory_groups.connection_id",
                "directory_groups.id",
            ],
            name="fk_mapping_rules_group",
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id", "connection_id"],
            ["connections.organisation_id", "connections.id"],
            name=op.f("fk_mapping_rules_connection_id_connections"),
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id", "role_id"],
            ["roles.organisation_id", "roles.id"],
            name=op.f("fk_mapping_rules_role_id_roles"),
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id", "team_id"],
            ["teams.organisation_id", "teams.id"],
            name=op.f("fk_mapping_rules_team_id_teams"),
        ),
        sa.PrimaryKeyConstraint(
            "organisation_id", "id", "valid_from", name=op.f("pk_mapping_rules")
        ),
    )
    with op.batch_alter_table("mapping_rules", schema=None) as batch_op:
        batch_op.create_index(
            "ix_mapping_rules_group", ["organisation_id", "group_id", "valid_from"], unique=False
        )
        batch_op.create_index(
            "uq_mapping_rules_open",
            ["organisation_id", "id"],
            unique=True,
            postgresql_where=sa.text("valid_to IS NULL"),
            sqlite_where=sa.text("valid_to IS NULL"),
        )
        batch_op.create_index(
            "uq_mapping_rules_priority",
            ["organisation_id", "connection_id", "priority"],
            unique=True,
            postgresql_where=sa.text("valid_to IS NULL AND kind = 'role'"),
            sqlite_where=sa.text("valid_to IS NULL AND kind = 'role'"),
        )

    op.create_table(
        "scim_tokens",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("connection_id", sa.Uuid(), nullable=False),
        sa.Column("client_id", sa.Uuid(), nullable=True),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("token_hash", sa.String(), nullable=False),
        sa.Column("scopes", types.JSONText(), nullable=False),
        sa.Column("created_at", types.UTCDateTime(), nullable=False),
        sa.Column("expires_at", types.UTCDateTime(), nullable=True),
        sa.Column("revoked_at", types.UTCDateTime(), nullable=True),
        sa.Column("last_used_at", types.UTCDateTime(), nullable=True),
        sa.Column("warned_days", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["organisation_id", "client_id"],
            ["scim_clients.organisation_id", "scim_clients.id"],
            name=op.f("fk_scim_tokens_client_id_scim_clients"),
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id", "connection_id"],
            ["connections.organisation_id", "connections.id"],
            name=op.f("fk_scim_tokens_connection_id_connections"),
        ),
        sa.PrimaryKeyConstraint("organisation_id", "id", name=op.f("pk_scim_tokens")),
    )
    with op.batch_alter_table("scim_tokens", schema=None) as batch_op:
        batch_op.create_index(
            "ix_scim_tokens_connection", ["organisation_id", "connection_id"], unique=False
        )
        batch_op.create_index(
            "ix_scim_tokens_ending",
            ["expires_at"],
            unique=False,
            postgresql_where=sa.text("expires_at IS NOT NULL"),
            sqlite_where=sa.text("expires_at IS NOT NULL"),
        )
        batch_op.create_index(
            "uq_scim_tokens_hash",
            ["token_hash"],
            unique=True,
            postgresql_where=sa.text("token_hash <> ''"),
            sqlite_where=sa.text("token_hash <> ''"),
        )


def downgrade() -> None:
    """Take the expansion back."""
    with op.batch_alter_table("scim_tokens", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_scim_tokens_hash",
            postgresql_where=sa.text("token_hash <> ''"),
            sqlite_where=sa.text("token_hash <> ''"),
        )
        batch_op.drop_index(
            "ix_scim_tokens_ending",
            postgresql_where=sa.text("expires_at IS NOT NULL"),
            sqlite_where=sa.text("expires_at IS NOT NULL"),
        )
        batch_op.drop_index("ix_scim_tokens_connection")

    op.drop_table("scim_tokens")
    with op.batch_alter_table("mapping_rules", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_mapping_rules_priority",
            postgresql_where=sa.text("valid_to IS NULL AND kind = 'role'"),
            sqlite_where=sa.text("valid_to IS NULL AND kind = 'role'"),
        )
        batch_op.drop_index(
            "uq_mapping_rules_open",
            postgresql_where=sa.text("valid_to IS NULL"),
            sqlite_where=sa.text("valid_to IS NULL"),
        )
        batch_op.drop_index("ix_mapping_rules_group")

    op.drop_table("mapping_rules")
    with op.batch_alter_table("directory_memberships", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_directory_memberships_open",
            postgresql_where=sa.text("valid_to IS NULL"),
            sqlite_where=sa.text("valid_to IS NULL"),
        )
        batch_op.drop_index(
            "ix_directory_memberships_user",
            postgresql_where=sa.text("valid_to IS NULL"),
            sqlite_where=sa.text("valid_to IS NULL"),
        )
        batch_op.drop_index("ix_directory_memberships_past")

    op.drop_table("directory_memberships")
    with op.batch_alter_table("directory_emails", schema=None) as batch_op:
        batch_op.drop_index("ix_directory_emails_value")

    op.drop_table("directory_emails")
    with op.batch_alter_table("asserted_memberships", schema=None) as batch_op:
        batch_op.drop_index("ix_asserted_memberships_member")

    op.drop_table("asserted_memberships")
    with op.batch_alter_table("sso_keys", schema=None) as batch_op:
        batch_op.drop_index("ix_sso_keys_connection")

    op.drop_table("sso_keys")
    with op.batch_alter_table("sso_connections", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_sso_connections_slug",
            postgresql_where=sa.text("slug <> ''"),
            sqlite_where=sa.text("slug <> ''"),
        )

    op.drop_table("sso_connections")
    with op.batch_alter_table("sso_certificates", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_sso_certificates_live",
            postgresql_where=sa.text("state <> 'retired'"),
            sqlite_where=sa.text("state <> 'retired'"),
        )

    op.drop_table("sso_certificates")
    with op.batch_alter_table("signin_traces", schema=None) as batch_op:
        batch_op.drop_index("ix_signin_traces_newest")
        batch_op.drop_index("ix_signin_traces_expiry")

    op.drop_table("signin_traces")
    with op.batch_alter_table("signin_attempts", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_signin_attempts_handle",
            postgresql_where=sa.text("handle_hash <> ''"),
            sqlite_where=sa.text("handle_hash <> ''"),
        )
        batch_op.drop_index("ix_signin_attempts_expiry")

    op.drop_table("signin_attempts")
    with op.batch_alter_table("session_proofs", schema=None) as batch_op:
        batch_op.drop_index("ix_session_proofs_session")
        batch_op.drop_index(
            "ix_session_proofs_live",
            postgresql_where=sa.text("revoked_at IS NULL"),
            sqlite_where=sa.text("revoked_at IS NULL"),
        )
        batch_op.drop_index(
            "ix_session_proofs_identity",
            postgresql_where=sa.text("revoked_at IS NULL AND identity_id IS NOT NULL"),
            sqlite_where=sa.text("revoked_at IS NULL AND identity_id IS NOT NULL"),
        )
        batch_op.drop_index(
            "ix_session_proofs_id_token",
            postgresql_where=sa.text("id_token IS NOT NULL"),
            sqlite_where=sa.text("id_token IS NOT NULL"),
        )

    op.drop_table("session_proofs")
    with op.batch_alter_table("scim_requests", schema=None) as batch_op:
        batch_op.drop_index("ix_scim_requests_received")

    op.drop_table("scim_requests")
    with op.batch_alter_table("scim_clients", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_scim_clients_secret",
            postgresql_where=sa.text("secret_hash <> ''"),
            sqlite_where=sa.text("secret_hash <> ''"),
        )
        batch_op.drop_index("ix_scim_clients_connection")

    op.drop_table("scim_clients")
    with op.batch_alter_table("replay_keys", schema=None) as batch_op:
        batch_op.drop_index("ix_replay_keys_expiry")

    op.drop_table("replay_keys")
    with op.batch_alter_table("page_ends", schema=None) as batch_op:
        batch_op.drop_index("ix_page_ends_kept")

    op.drop_table("page_ends")
    op.drop_table("member_chatbots")
    with op.batch_alter_table("link_proposals", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_link_proposals_token",
            postgresql_where=sa.text("token_hash <> ''"),
            sqlite_where=sa.text("token_hash <> ''"),
        )

    op.drop_table("link_proposals")
    with op.batch_alter_table("invitation_links", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_invitation_links_token",
            postgresql_where=sa.text("token_hash <> ''"),
            sqlite_where=sa.text("token_hash <> ''"),
        )
        batch_op.drop_index("ix_invitation_links_invitation")

    op.drop_table("invitation_links")
    with op.batch_alter_table("identities", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_identities_subject",
            postgresql_where=sa.text("subject <> ''"),
            sqlite_where=sa.text("subject <> ''"),
        )
        batch_op.drop_index("ix_identities_member")

    op.drop_table("identities")
    with op.batch_alter_table("grants", schema=None) as batch_op:
        batch_op.drop_index("ix_grants_member")

    op.drop_table("grants")
    with op.batch_alter_table("directory_users", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_directory_users_user_name",
            postgresql_where=sa.text("deleted_at IS NULL"),
            sqlite_where=sa.text("deleted_at IS NULL"),
        )
        batch_op.drop_index(
            "uq_directory_users_external_id",
            postgresql_where=sa.text("deleted_at IS NULL"),
            sqlite_where=sa.text("deleted_at IS NULL"),
        )
        batch_op.drop_index(
            "ix_directory_users_modified",
            postgresql_where=sa.text("deleted_at IS NULL"),
            sqlite_where=sa.text("deleted_at IS NULL"),
        )
        batch_op.drop_index("ix_directory_users_member")
        batch_op.drop_index(
            "ix_directory_users_live",
            postgresql_where=sa.text("deleted_at IS NULL"),
            sqlite_where=sa.text("deleted_at IS NULL"),
        )

    op.drop_table("directory_users")
    with op.batch_alter_table("directory_groups", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_directory_groups_display_name",
            postgresql_where=sa.text("deleted_at IS NULL"),
            sqlite_where=sa.text("deleted_at IS NULL"),
        )
        batch_op.drop_index(
            "ix_directory_groups_modified",
            postgresql_where=sa.text("deleted_at IS NULL"),
            sqlite_where=sa.text("deleted_at IS NULL"),
        )
        batch_op.drop_index(
            "ix_directory_groups_live",
            postgresql_where=sa.text("deleted_at IS NULL"),
            sqlite_where=sa.text("deleted_at IS NULL"),
        )
        batch_op.drop_index(
            "ix_directory_groups_external_id",
            postgresql_where=sa.text("deleted_at IS NULL"),
            sqlite_where=sa.text("deleted_at IS NULL"),
        )

    op.drop_table("directory_groups")
    op.drop_table("directory_counts")
    with op.batch_alter_table("conversations", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_conversations_queue",
            postgresql_where=sa.text("assignee_id IS NULL AND state <> 'closed'"),
            sqlite_where=sa.text("assignee_id IS NULL AND state <> 'closed'"),
        )
        batch_op.drop_index(
            "ix_conversations_assignee",
            postgresql_where=sa.text("state <> 'closed'"),
            sqlite_where=sa.text("state <> 'closed'"),
        )

    op.drop_table("conversations")
    with op.batch_alter_table("connections_history", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_connections_history_open",
            postgresql_where=sa.text("valid_to IS NULL"),
            sqlite_where=sa.text("valid_to IS NULL"),
        )

    op.drop_table("connections_history")
    with op.batch_alter_table("chatbots_history", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_chatbots_history_open",
            postgresql_where=sa.text("valid_to IS NULL"),
            sqlite_where=sa.text("valid_to IS NULL"),
        )

    op.drop_table("chatbots_history")
    op.drop_table("attention_items")
    with op.batch_alter_table("webhook_deliveries", schema=None) as batch_op:
        batch_op.drop_index("ix_webhook_deliveries_log")
        batch_op.drop_index(
            "ix_webhook_deliveries_due",
            postgresql_where=sa.text("delivered_at IS NULL AND given_up_at IS NULL"),
            sqlite_where=sa.text("delivered_at IS NULL AND given_up_at IS NULL"),
        )

    op.drop_table("webhook_deliveries")
    op.drop_table("totp_secrets")
    with op.batch_alter_table("team_seats", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_team_seats_open",
            postgresql_where=sa.text("valid_to IS NULL"),
            sqlite_where=sa.text("valid_to IS NULL"),
        )
        batch_op.drop_index("ix_team_seats_member")

    op.drop_table("team_seats")
    with op.batch_alter_table("sessions", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_sessions_token",
            postgresql_where=sa.text("token_hash <> ''"),
            sqlite_where=sa.text("token_hash <> ''"),
        )
        batch_op.drop_index("ix_sessions_person")

    op.drop_table("sessions")
    with op.batch_alter_table("roles_history", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_roles_history_open",
            postgresql_where=sa.text("valid_to IS NULL"),
            sqlite_where=sa.text("valid_to IS NULL"),
        )

    op.drop_table("roles_history")
    op.drop_table("recovery_codes")
    with op.batch_alter_table("passkeys", schema=None) as batch_op:
        batch_op.drop_index("ix_passkeys_person")

    op.drop_table("passkeys")
    with op.batch_alter_table("members_history", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_members_history_open",
            postgresql_where=sa.text("valid_to IS NULL"),
            sqlite_where=sa.text("valid_to IS NULL"),
        )

    op.drop_table("members_history")
    op.drop_table("member_teams")
    op.drop_table("member_roles")
    with op.batch_alter_table("mailed_links", schema=None) as batch_op:
        batch_op.drop_index("ix_mailed_links_email")

    op.drop_table("mailed_links")
    with op.batch_alter_table("invitations", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_invitations_pending",
            postgresql_where=sa.text("state = 'pending'"),
            sqlite_where=sa.text("state = 'pending'"),
        )
        batch_op.drop_index("ix_invitations_state")
        batch_op.drop_index("ix_invitations_role")
        batch_op.drop_index("ix_invitations_mail")
        batch_op.drop_index("ix_invitations_expires")
        batch_op.drop_index("ix_invitations_email")
        batch_op.drop_index(
            "ix_invitations_due",
            postgresql_where=sa.text("state = 'pending'"),
            sqlite_where=sa.text("state = 'pending'"),
        )
        batch_op.drop_index("ix_invitations_delivery")
        batch_op.drop_index("ix_invitations_created")

    op.drop_table("invitations")
    op.drop_table("connections")
    with op.batch_alter_table("chatbots", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_chatbots_name",
            postgresql_where=sa.text("NOT deleted"),
            sqlite_where=sa.text("NOT deleted"),
        )

    op.drop_table("chatbots")
    with op.batch_alter_table("challenges", schema=None) as batch_op:
        batch_op.drop_index("ix_challenges_expiry")

    op.drop_table("challenges")
    with op.batch_alter_table("break_glass_owners", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_break_glass_owners_open",
            postgresql_where=sa.text("valid_to IS NULL"),
            sqlite_where=sa.text("valid_to IS NULL"),
        )

    op.drop_table("break_glass_owners")
    with op.batch_alter_table("audit_targets", schema=None) as batch_op:
        batch_op.drop_index("ix_audit_targets_event")

    op.drop_table("audit_targets")
    op.drop_table("audit_details")
    op.drop_table("webhooks")
    with op.batch_alter_table("teams", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_teams_name",
            postgresql_where=sa.text("NOT deleted"),
            sqlite_where=sa.text("NOT deleted"),
        )

    op.drop_table("teams")
    with op.batch_alter_table("subscriptions", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_subscriptions_open",
            postgresql_where=sa.text("valid_to IS NULL"),
            sqlite_where=sa.text("valid_to IS NULL"),
        )

    op.drop_table("subscriptions")
    op.drop_table("subscription_warnings")
    with op.batch_alter_table("roles", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_roles_name",
            postgresql_where=sa.text("NOT deleted"),
            sqlite_where=sa.text("NOT deleted"),
        )

    op.drop_table("roles")
    with op.batch_alter_table("policies", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_policies_open",
            postgresql_where=sa.text("valid_to IS NULL"),
            sqlite_where=sa.text("valid_to IS NULL"),
        )

    op.drop_table("policies")
    with op.batch_alter_table("persons", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_persons_email",
            postgresql_where=sa.text("confined_to IS NULL AND email_key IS NOT NULL"),
            sqlite_where=sa.text("confined_to IS NULL AND email_key IS NOT NULL"),
        )

    op.drop_table("persons")
    with op.batch_alter_table("outbox", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_outbox_sequence",
            postgresql_where=sa.text("sequence IS NOT NULL"),
            sqlite_where=sa.text("sequence IS NOT NULL"),
        )
        batch_op.drop_index(
            "ix_outbox_mail",
            postgresql_where=sa.text("channel = 'mail'"),
            sqlite_where=sa.text("channel = 'mail'"),
        )
        batch_op.drop_index(
            "ix_outbox_due",
            postgresql_where=sa.text("delivered_at IS NULL AND given_up_at IS NULL"),
            sqlite_where=sa.text("delivered_at IS NULL AND given_up_at IS NULL"),
        )

    op.drop_table("outbox")
    op.drop_table("organisations_history")
    with op.batch_alter_table("members", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_members_person",
            postgresql_where=sa.text("state <> 'removed'"),
            sqlite_where=sa.text("state <> 'removed'"),
        )
        batch_op.drop_index(
            "ix_members_waiting",
            postgresql_where=sa.text("state = 'waitlisted'"),
            sqlite_where=sa.text("state = 'waitlisted'"),
        )
        batch_op.drop_index("ix_members_state")
        batch_op.drop_index("ix_members_source")
        batch_op.drop_index("ix_members_person")
        batch_op.drop_index(
            "ix_members_owners",
            postgresql_where=sa.text("owner_of_record"),
            sqlite_where=sa.text("owner_of_record"),
        )
        batch_op.drop_index("ix_members_name")
        batch_op.drop_index("ix_members_managed")
        batch_op.drop_index("ix_members_email")
        batch_op.drop_index("ix_members_availability")
        batch_op.drop_index("ix_members_active")

    op.drop_table("members")
    with op.batch_alter_table("invoices", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_invoices_reference",
            postgresql_where=sa.text("reference IS NOT NULL"),
            sqlite_where=sa.text("reference IS NOT NULL"),
        )
        batch_op.drop_index(
            "uq_invoices_number",
            postgresql_where=sa.text("number > 0"),
            sqlite_where=sa.text("number > 0"),
        )

    op.drop_table("invoices")
    op.drop_table("idempotency_keys")
    with op.batch_alter_table("domains", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_domains_verified",
            postgresql_where=sa.text("state = 'verified'"),
            sqlite_where=sa.text("state = 'verified'"),
        )
        batch_op.drop_index(
            "uq_domains_name",
            postgresql_where=sa.text("state <> 'released'"),
            sqlite_where=sa.text("state <> 'released'"),
        )

    op.drop_table("domains")
    op.drop_table("chains")
    with op.batch_alter_table("audit_events", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_audit_events_seq",
            postgresql_where=sa.text("seq IS NOT NULL"),
            sqlite_where=sa.text("seq IS NOT NULL"),
        )
        batch_op.drop_index(
            "ix_audit_events_unsealed",
            postgresql_where=sa.text("seq IS NULL"),
            sqlite_where=sa.text("seq IS NULL"),
        )
        batch_op.drop_index("ix_audit_events_time")

    op.drop_table("audit_events")
    with op.batch_alter_table("api_keys", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_api_keys_hash",
            postgresql_where=sa.text("key_hash <> ''"),
            sqlite_where=sa.text("key_hash <> ''"),
        )
        batch_op.drop_index("ix_api_keys_member")

    op.drop_table("api_keys")
    with op.batch_alter_table("throttles", schema=None) as batch_op:
        batch_op.drop_index("ix_throttles_window")

    op.drop_table("throttles")
    op.drop_table("organisations")
    op.drop_table("operator_keys")
    with op.batch_alter_table("letters", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_letters_due",
            postgresql_where=sa.text("delivered_at IS NULL AND given_up_at IS NULL"),
            sqlite_where=sa.text("delivered_at IS NULL AND given_up_at IS NULL"),
        )

    op.drop_table("letters")
    op.drop_table("failed_proofs")
    op.drop_table("erasures")
