"""Roles, copied from the preset at an organisation's birth, with every earlier definition."""

from sqlalchemy import Boolean, Column, PrimaryKeyConstraint, Table, Uuid

from gateway.storage.tables.metadata import (
    instant,
    metadata,
    number,
    only,
    organisation_id,
    owned,
    text_column,
    versioned,
)
from gateway.storage.types import JSONText, Key

roles = Table(
    "roles",
    metadata,
    organisation_id(),
    Column("id", Uuid, nullable=False),
    text_column("name"),
    Column("name_key", Key, nullable=False),
    text_column("key"),
    Column("deleted", Boolean, nullable=False),
    number("rank"),
    Column("definition", JSONText, nullable=False),
    instant("created_at"),
    PrimaryKeyConstraint("organisation_id", "id"),
    owned(),
    only("uq_roles_name", "organisation_id", "name_key", where="NOT deleted"),
)

role_versions = versioned(roles, "name", "key", "deleted", "rank", "definition")
