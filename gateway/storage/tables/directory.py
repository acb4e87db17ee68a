"""What an identity provider said through SCIM, never mixed with what we granted."""

from sqlalchemy import Boolean, Column, ForeignKeyConstraint, PrimaryKeyConstraint, Table, Uuid

from gateway.storage.tables.metadata import (
    instant,
    lookup,
    metadata,
    number,
    only,
    organisation_id,
    reference,
    text_column,
)
from gateway.storage.types import JSONDocument, Key

LIVE = "deleted_at IS NULL"
OPEN = "valid_to IS NULL"
HERE = ("organisation_id", "connection_id")

directory_users = Table(
    "directory_users",
    metadata,
    organisation_id(),
    Column("connection_id", Uuid, nullable=False),
    Column("id", Uuid, nullable=False),
    text_column("user_name"),
    Column("user_name_key", Key, nullable=False),
    Column("external_id", Key, nullable=True),
    Column("active", Boolean, nullable=False),
    text_column("display_name"),
    text_column("email", nullable=True),
    Column("member_id", Uuid, nullable=True),
    # The canonical JSON text without id, meta and groups, which the reader adds.
    text_column("document"),
    # The same values, folded as filters compare them.
    Column("search", JSONDocument, nullable=False),
    number("version"),
    instant("created_at"),
    instant("last_modified"),
    instant("deleted_at", nullable=True),
    PrimaryKeyConstraint(*HERE, "id"),
    reference("connections", "connection_id"),
    reference("members", "member_id"),
    only("uq_directory_users_user_name", *HERE, "user_name_key", where=LIVE),
    only("uq_directory_users_external_id", *HERE, "external_id", where=LIVE),
    lookup("ix_directory_users_live", *HERE, "id", where=LIVE),
    lookup("ix_directory_users_modified", *HERE, "last_modified", "id", where=LIVE),
    lookup("ix_directory_users_member", "organisation_id", "member_id"),
)

directory_emails = Table(
    "directory_emails",
    metadata,
    organisation_id(),
    Column("connection_id", Uuid, nullable=False),
    Column("user_id", Uuid, nullable=False),
    number("position"),
    Column("value_key", Key, nullable=False),
    PrimaryKeyConstraint(*HERE, "user_id", "position"),
    ForeignKeyConstraint(
        [*HERE, "user_id"],
        [f"directory_users.{name}" for name in (*HERE, "id")],
        name="fk_directory_emails_user",
    ),
    lookup("ix_directory_emails_value", *HERE, "value_key", "user_id"),
)

directory_groups = Table(
    "directory_groups",
    metadata,
    organisation_id(),
    Column("connection_id", Uuid, nullable=False),
    Column("id", Uuid, nullable=False),
    text_column("display_name"),
    Column("display_name_key", Key, nullable=False),
    Column("external_id", Key, nullable=True),
    text_column("document"),
    Column("search", JSONDocument, nullable=False),
    number("member_count", default=0),
    number("version"),
    instant("created_at"),
    instant("last_modified"),
    instant("deleted_at", nullable=True),
    PrimaryKeyConstraint(*HERE, "id"),
    reference("connections", "connection_id"),
    only("uq_directory_groups_display_name", *HERE, "display_name_key", where=LIVE),
    lookup("ix_directory_groups_external_id", *HERE, "external_id", where=LIVE),
    lookup("ix_directory_groups_live", *HERE, "id", where=LIVE),
    lookup("ix_directory_groups_modified", *HERE, "last_modified", "id", where=LIVE),
)

directory_memberships = Table(
    "directory_memberships",
    metadata,
    organisation_id(),
    Column("connection_id", Uuid, nullable=False),
    Column("group_id", Uuid, nullable=False),
    Column("user_id", Uuid, nullable=False),
    instant("valid_from"),
    instant("valid_to", nullable=True),
    PrimaryKeyConstraint(*HERE, "group_id", "user_id", "valid_from"),
    ForeignKeyConstraint(
        [*HERE, "group_id"],
        [f"directory_groups.{name}" for name in (*HERE, "id")],
        name="fk_directory_memberships_group",
    ),
    ForeignKeyConstraint(
        [*HERE, "user_id"],
        [f"directory_users.{name}" for name in (*HERE, "id")],
        name="fk_directory_memberships_user",
    ),
    only("uq_directory_memberships_open", *HERE, "group_id", "user_id", where=OPEN),
    lookup("ix_directory_memberships_user", *HERE, "user_id", "group_id", where=OPEN),
    lookup("ix_directory_memberships_past", *HERE, "user_id", "valid_from"),
)
