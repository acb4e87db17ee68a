"""Invitations, and the links that lead to them; of a link only a digest is kept."""

from sqlalchemy import Column, PrimaryKeyConstraint, Table, Uuid

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
from gateway.storage.types import JSONText, Key

invitations = Table(
    "invitations",
    metadata,
    organisation_id(),
    Column("id", Uuid, nullable=False),
    text_column("email"),
    Column("email_key", Key, nullable=False),
    Column("role_id", Uuid, nullable=False),
    text_column("bot_scope"),
    # Chatbot -> section -> level, as it will be granted.
    Column("chatbots", JSONText, nullable=False),
    text_column("state"),
    # The actor, as grants name theirs; the member behind it, if there is one.
    Column("invited_by", JSONText, nullable=False),
    Column("inviter_id", Uuid, nullable=True),
    text_column("inviter_name"),
    instant("created_at"),
    instant("expires_at"),
    instant("ended_at", nullable=True),
    # The membership that came of it.
    Column("member_id", Uuid, nullable=True),
    # The newest mail, and what became of it: queued | sent | bounced.
    Column("mail_id", Uuid, nullable=True),
    text_column("delivery"),
    # Why it came back, in the words of the mail server.
    text_column("bounce_reason", nullable=True),
    PrimaryKeyConstraint("organisation_id", "id"),
    owned(),
    reference("roles", "role_id"),
    reference("members", "inviter_id"),
    reference("members", "member_id"),
    only("uq_invitations_pending", "organisation_id", "email_key", where="state = 'pending'"),
    lookup("ix_invitations_due", "organisation_id", "expires_at", where="state = 'pending'"),
    lookup("ix_invitations_created", "organisation_id", "created_at"),
    lookup("ix_invitations_mail", "organisation_id", "mail_id"),
    # Each order of the list, and each filter that may leave few of many.
    lookup("ix_invitations_email", "organisation_id", "email_key", "id"),
    lookup("ix_invitations_expires", "organisation_id", "expires_at", "id"),
    lookup("ix_invitations_state", "organisation_id", "state", "id"),
    lookup("ix_invitations_delivery", "organisation_id", "delivery", "id"),
    lookup("ix_invitations_role", "organisation_id", "role_id", "id"),
)

invitation_links = Table(
    "invitation_links",
    metadata,
    organisation_id(),
    Column("id", Uuid, nullable=False),
    Column("invitation_id", Uuid, nullable=False),
    text_column("kind"),  # mailed | copied
    Column("token_hash", Key, nullable=False),
    instant("created_at"),
    instant("rotated_at", nullable=True),
    PrimaryKeyConstraint("organisation_id", "id"),
    reference("invitations", "invitation_id"),
    only("uq_invitation_links_token", "token_hash", where="token_hash <> ''"),
    lookup("ix_invitation_links_invitation", "organisation_id", "invitation_id"),
)
