"""Members: a person in an organisation, with every earlier state, and their grants."""

from sqlalchemy import Boolean, Column, PrimaryKeyConstraint, Table, Uuid, text

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

members = Table(
    "members",
    metadata,
    organisation_id(),
    Column("id", Uuid, nullable=False),
    Column("person_id", Uuid, nullable=False),
    text_column("state"),
    text_column("source"),
    Column("managed_by", Uuid, nullable=True),
    text_column("bot_scope"),
    Column("admin_hold", Boolean, nullable=False, server_default=text("false")),
    Column("contained", Boolean, nullable=False, server_default=text("false")),
    Column("owner_of_record", Boolean, nullable=False, server_default=text("false")),
    # Why it is not active: manual | idp. Decides who may bring the member back.
    text_column("deactivated_by", nullable=True),
    text_column("email", nullable=True),
    Column("email_key", Key, nullable=True),
    text_column("display_name"),
    Column("name_key", Key, nullable=False),
    text_column("availability"),
    # Caches, written inside the funnel only.
    number("access_epoch", default=0),
    Column("access_document", JSONText, nullable=False),
    instant("created_at"),
    instant("last_active_at", nullable=True),
    instant("removed_at", nullable=True),
    # No proof from before this instant opens anything: what lost access once stays signed out.
    instant("signed_out_at", nullable=True),
    PrimaryKeyConstraint("organisation_id", "id"),
    owned(),
    only("uq_members_person", "organisation_id", "person_id", where="state <> 'removed'"),
    lookup("ix_members_person", "person_id"),
    lookup("ix_members_owners", "organisation_id", where="owner_of_record"),
    lookup("ix_members_waiting", "organisation_id", "created_at", where="state = 'waitlisted'"),
    # Each order of the list, and each filter that may leave few of many.
    lookup("ix_members_name", "organisation_id", "name_key", "id", "email_key"),
    lookup("ix_members_email", "organisation_id", "email_key", "id"),
    lookup("ix_members_active", "organisation_id", "last_active_at", "id"),
    lookup("ix_members_state", "organisation_id", "state", "id"),
    lookup("ix_members_source", "organisation_id", "source", "id"),
    lookup("ix_members_managed", "organisation_id", "managed_by", "id"),
    lookup("ix_members_availability", "organisation_id", "availability", "id"),
    # Half of each page is free: new access is written beside the old, and no index knows of it.
    postgresql_with={"fillfactor": 50},
)

# What the stored document says of members, for lists to find them by, apart from the members
# themselves: whose access changes by the thousand. Written inside the funnel only.
member_roles = Table(
    "member_roles",
    metadata,
    organisation_id(),
    Column("member_id", Uuid, nullable=False),
    Column("role_id", Uuid, nullable=True),
    Column("every_chatbot", Boolean, nullable=False),
    PrimaryKeyConstraint("organisation_id", "member_id"),
    reference("members", "member_id"),
    lookup("ix_member_roles_role", "organisation_id", "role_id", "member_id"),
    lookup("ix_member_roles_every", "organisation_id", "member_id", where="every_chatbot"),
)

# Who sees every chatbot has no row for each.
member_chatbots = Table(
    "member_chatbots",
    metadata,
    organisation_id(),
    Column("chatbot_id", Uuid, nullable=False),
    Column("member_id", Uuid, nullable=False),
    PrimaryKeyConstraint("organisation_id", "chatbot_id", "member_id"),
    reference("chatbots", "chatbot_id"),
    reference("members", "member_id"),
)

member_teams = Table(
    "member_teams",
    metadata,
    organisation_id(),
    Column("team_id", Uuid, nullable=False),
    Column("member_id", Uuid, nullable=False),
    PrimaryKeyConstraint("organisation_id", "team_id", "member_id"),
    reference("teams", "team_id"),
    reference("members", "member_id"),
)

member_versions = versioned(
    members,
    "state",
    "source",
    "managed_by",
    "bot_scope",
    "admin_hold",
    "contained",
    "owner_of_record",
)

grants = Table(
    "grants",
    metadata,
    organisation_id(),
    Column("id", Uuid, nullable=False),
    Column("member_id", Uuid, nullable=False),
    text_column("kind"),  # role | chatbot
    Column("role_id", Uuid, nullable=True),
    Column("chatbot_id", Uuid, nullable=True),
    text_column("section", nullable=True),
    text_column("level", nullable=True),
    text_column("source"),  # creator | manual | invitation | transfer | default | converted
    Column("granted_by", JSONText, nullable=False),
    instant("valid_from"),
    instant("valid_to", nullable=True),
    PrimaryKeyConstraint("organisation_id", "id"),
    reference("members", "member_id"),
    reference("roles", "role_id"),
    reference("chatbots", "chatbot_id"),
    lookup("ix_grants_member", "organisation_id", "member_id", "valid_from"),
)
