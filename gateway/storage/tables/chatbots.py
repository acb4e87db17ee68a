"""Chatbots of an organisation, with every earlier existence and owner."""

from sqlalchemy import Boolean, Column, PrimaryKeyConstraint, Table, Uuid

from gateway.storage.tables.metadata import (
    instant,
    metadata,
    only,
    organisation_id,
    owned,
    reference,
    text_column,
    versioned,
)
from gateway.storage.types import JSONText, Key

chatbots = Table(
    "chatbots",
    metadata,
    organisation_id(),
    Column("id", Uuid, nullable=False),
    text_column("name"),
    Column("name_key", Key, nullable=False),
    Column("owner_id", Uuid, nullable=True),
    Column("settings", JSONText, nullable=False),
    Column("deleted", Boolean, nullable=False),
    instant("created_at"),
    PrimaryKeyConstraint("organisation_id", "id"),
    owned(),
    reference("members", "owner_id"),
    only("uq_chatbots_name", "organisation_id", "name_key", where="NOT deleted"),
)

chatbot_versions = versioned(chatbots, "name", "owner_id", "deleted")
