"""Mapping rules: directory group → role, chatbot sections or team, as intervals."""

from sqlalchemy import Column, ForeignKeyConstraint, Integer, PrimaryKeyConstraint, Table, Uuid

from gateway.storage.tables.metadata import (
    instant,
    lookup,
    metadata,
    only,
    organisation_id,
    reference,
    text_column,
)
from gateway.storage.types import JSONText

mapping_rules = Table(
    "mapping_rules",
    metadata,
    organisation_id(),
    Column("id", Uuid, nullable=False),
    Column("connection_id", Uuid, nullable=False),
    Column("group_id", Uuid, nullable=False),
    text_column("kind"),  # role | chatbot | team
    Column("role_id", Uuid, nullable=True),
    Column("priority", Integer, nullable=True),
    text_column("bot_scope", nullable=True),
    Column("chatbot_id", Uuid, nullable=True),
    Column("sections", JSONText, nullable=True),
    Column("team_id", Uuid, nullable=True),
    instant("valid_from"),
    instant("valid_to", nullable=True),
    PrimaryKeyConstraint("organisation_id", "id", "valid_from"),
    reference("connections", "connection_id"),
    reference("roles", "role_id"),
    reference("chatbots", "chatbot_id"),
    reference("teams", "team_id"),
    ForeignKeyConstraint(
        ["organisation_id", "connection_id", "group_id"],
        [f"directory_groups.{name}" for name in ("organisation_id", "connection_id", "id")],
        name="fk_mapping_rules_group",
    ),
    only("uq_mapping_rules_open", "organisation_id", "id", where="valid_to IS NULL"),
    only(
        "uq_mapping_rules_priority",
        "organisation_id",
        "connection_id",
        "priority",
        where="valid_to IS NULL AND kind = 'role'",
    ),
    lookup("ix_mapping_rules_group", "organisation_id", "group_id", "valid_from"),
)
