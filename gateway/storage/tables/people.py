"""Persons (global identities) and their sessions in an organisation."""

from sqlalchemy import Boolean, Column, ForeignKey, PrimaryKeyConstraint, Table, Uuid, text

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
from gateway.storage.types import Key

persons = Table(
    "persons",
    metadata,
    Column("id", Uuid, primary_key=True),
    text_column("email", nullable=True),
    Column("email_key", Key, nullable=True),
    Column("email_verified", Boolean, nullable=False, server_default=text("false")),
    text_column("display_name"),
    text_column("password_hash", nullable=True),
    # A confined person can be proved by this organisation's connections only.
    Column("confined_to", Uuid, ForeignKey("organisations.id"), nullable=True),
    instant("created_at"),
    only(
        "uq_persons_email",
        "email_key",
        where="confined_to IS NULL AND email_key IS NOT NULL",
    ),
)

sessions = Table(
    "sessions",
    metadata,
    organisation_id(),
    Column("id", Uuid, nullable=False),
    Column("member_id", Uuid, nullable=False),
    text_column("token_hash"),
    number("access_epoch"),
    instant("created_at"),
    instant("expires_at"),
    instant("revoked_at", nullable=True),
    text_column("revoked_because", nullable=True),
    PrimaryKeyConstraint("organisation_id", "id"),
    reference("members", "member_id"),
    only("uq_sessions_token", "token_hash", where="token_hash <> ''"),
    lookup("ix_sessions_live", "organisation_id", "member_id", where="revoked_at IS NULL"),
)
