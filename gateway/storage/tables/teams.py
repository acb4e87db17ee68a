"""Assignment teams, their seats, and the conversations they answer."""

from sqlalchemy import Boolean, Column, PrimaryKeyConstraint, Table, Uuid

from gateway.storage.tables.metadata import (
    instant,
    lookup,
    metadata,
    only,
    organisation_id,
    owned,
    reference,
    text_column,
)
from gateway.storage.types import Key

teams = Table(
    "teams",
    metadata,
    organisation_id(),
    Column("id", Uuid, nullable=False),
    text_column("name"),
    Column("name_key", Key, nullable=False),
    text_column("strategy"),  # round_robin | load_balanced | manual
    Column("deleted", Boolean, nullable=False),
    instant("created_at"),
    PrimaryKeyConstraint("organisation_id", "id"),
    owned(),
    only("uq_teams_name", "organisation_id", "name_key", where="NOT deleted"),
)

# Seats taken by hand. A seat that follows a directory group is derived, never a row.
team_seats = Table(
    "team_seats",
    metadata,
    organisation_id(),
    Column("team_id", Uuid, nullable=False),
    Column("member_id", Uuid, nullable=False),
    text_column("source"),  # manual | converted
    instant("valid_from"),
    instant("valid_to", nullable=True),
    PrimaryKeyConstraint("organisation_id", "team_id", "member_id", "valid_from"),
    reference("teams", "team_id"),
    reference("members", "member_id"),
    only("uq_team_seats_open", "organisation_id", "team_id", "member_id", where="valid_to IS NULL"),
    lookup("ix_team_seats_member", "organisation_id", "member_id", "valid_from"),
)

conversations = Table(
    "conversations",
    metadata,
    organisation_id(),
    Column("id", Uuid, nullable=False),
    Column("chatbot_id", Uuid, nullable=False),
    Column("team_id", Uuid, nullable=True),
    text_column("subject"),
    text_column("state"),  # open | snoozed | closed
    Column("assignee_id", Uuid, nullable=True),
    Column("previous_assignee_id", Uuid, nullable=True),
    instant("created_at"),
    instant("waiting_since"),
    instant("queued_at", nullable=True),
    PrimaryKeyConstraint("organisation_id", "id"),
    owned(),
    reference("chatbots", "chatbot_id"),
    reference("teams", "team_id"),
    reference("members", "assignee_id", name="fk_conversations_assignee"),
    reference("members", "previous_assignee_id", name="fk_conversations_previous_assignee"),
    lookup(
        "ix_conversations_assignee", "organisation_id", "assignee_id", where="state <> 'closed'"
    ),
    lookup(
        "ix_conversations_queue",
        "organisation_id",
        "chatbot_id",
        "waiting_since",
        where="assignee_id IS NULL AND state <> 'closed'",
    ),
)
