"""Persons (global identities), how they prove who they are, and their sessions."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    Uuid,
    text,
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

persons = Table(
    "persons",
    metadata,
    Column("id", Uuid, primary_key=True),
    text_column("email", nullable=True),
    Column("email_key", Key, nullable=True),
    Column("email_verified", Boolean, nullable=False, server_default=text("false")),
    text_column("display_name"),
    text_column("password_hash", nullable=True),
    Column("must_change_password", Boolean, nullable=False, server_default=text("false")),
    # The organisation that made the account: until the mailbox is proved it opens no other.
    Column(
        "founded_by",
        Uuid,
        ForeignKey("organisations.id", name="fk_persons_founded_by"),
        nullable=True,
    ),
    # A confined person can be proved by this organisation's connections only.
    Column("confined_to", Uuid, ForeignKey("organisations.id"), nullable=True),
    instant("created_at"),
    only(
        "uq_persons_email",
        "email_key",
        where="confined_to IS NULL AND email_key IS NOT NULL",
    ),
)

totp_secrets = Table(
    "totp_secrets",
    metadata,
    Column("person_id", Uuid, ForeignKey("persons.id"), primary_key=True),
    text_column("secret"),  # sealed
    instant("created_at"),
    instant("confirmed_at", nullable=True),
    # The time step of the last code that was taken: none is taken twice.
    Column("last_step", BigInteger, nullable=False, server_default=text("0")),
)

recovery_codes = Table(
    "recovery_codes",
    metadata,
    Column("person_id", Uuid, ForeignKey("persons.id"), nullable=False),
    Column("code_hash", Key, nullable=False),
    instant("created_at"),
    instant("used_at", nullable=True),
    PrimaryKeyConstraint("person_id", "code_hash"),
)

passkeys = Table(
    "passkeys",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("person_id", Uuid, ForeignKey("persons.id"), nullable=False),
    Column("credential_id", Key, nullable=False, unique=True),
    Column("public_key", LargeBinary, nullable=False),
    Column("sign_count", BigInteger, nullable=False),
    text_column("name"),
    instant("created_at"),
    instant("last_used_at", nullable=True),
    lookup("ix_passkeys_person", "person_id"),
)

# Challenges of passkeys and steps of a sign-in between password and code; each is used once.
challenges = Table(
    "challenges",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("token_hash", Key, nullable=False, unique=True),
    text_column("purpose"),  # passkey_sign_in | passkey_add | second_factor
    Column("person_id", Uuid, ForeignKey("persons.id"), nullable=True),
    text_column("challenge"),
    text_column("return_to"),
    instant("created_at"),
    instant("expires_at"),
    instant("used_at", nullable=True),
    lookup("ix_challenges_expiry", "expires_at"),
)

# Links that are mailed: each proves the mailbox, once.
mailed_links = Table(
    "mailed_links",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("token_hash", Key, nullable=False, unique=True),
    text_column("purpose"),  # sign_up | set_password
    Column("person_id", Uuid, ForeignKey("persons.id"), nullable=True),
    text_column("email"),
    Column("email_key", Key, nullable=False),
    instant("created_at"),
    instant("expires_at"),
    instant("used_at", nullable=True),
    lookup("ix_mailed_links_email", "email_key", "purpose"),
)

# Mail to persons outside of every organisation; the text of a delivered letter is dropped.
letters = Table(
    "letters",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("type", Key, nullable=False),
    Column("payload", JSONText, nullable=False),
    text_column("sealed", nullable=True),
    instant("created_at"),
    instant("due_at"),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    instant("leased_until", nullable=True),
    instant("delivered_at", nullable=True),
    instant("given_up_at", nullable=True),
    text_column("last_error", nullable=True),
    lookup("ix_letters_due", "due_at", where="delivered_at IS NULL AND given_up_at IS NULL"),
)

# Wrong passwords, whether or not the address has an account: writing one takes the same time. A
# worker tells the organisations concerned.
failed_proofs = Table(
    "failed_proofs",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("email_key", Key, nullable=False),
    text_column("method"),
    text_column("code"),
    Column("context", JSONText, nullable=False),
    instant("occurred_at"),
)

# Erasures under way: whose steps are done in part would be found by nothing else any more.
erasures = Table(
    "erasures",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("persons", JSONText, nullable=False),
    Column("addresses", JSONText, nullable=False),
    instant("begun_at"),
)

throttles = Table(
    "throttles",
    metadata,
    Column("key_hash", Key, primary_key=True),
    number("used"),
    instant("window_ends"),
    lookup("ix_throttles_window", "window_ends"),
)

sessions = Table(
    "sessions",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("person_id", Uuid, ForeignKey("persons.id"), nullable=False),
    text_column("token_hash"),
    # The person's own factors that proved it: password, totp, recovery_code, passkey; or none.
    Column("factors", JSONText, nullable=False),
    instant("proved_at", nullable=True),
    instant("created_at"),
    instant("last_seen_at"),
    instant("expires_at"),
    instant("revoked_at", nullable=True),
    text_column("revoked_because", nullable=True),
    text_column("ip", nullable=True),
    text_column("user_agent", nullable=True),
    only("uq_sessions_token", "token_hash", where="token_hash <> ''"),
    lookup("ix_sessions_person", "person_id"),
)

# By what a session opens an organisation; without a row it opens nothing there.
session_proofs = Table(
    "session_proofs",
    metadata,
    organisation_id(),
    Column("session_id", Uuid, ForeignKey("sessions.id"), nullable=False),
    Column("member_id", Uuid, nullable=False),
    text_column("method"),  # own | sso
    Column("break_glass", Boolean, nullable=False),
    Column("connection_id", Uuid, nullable=True),
    Column("identity_id", Uuid, nullable=True),
    # What a logout of the identity provider names.
    Column("name_id", Key, nullable=True),
    Column("session_index", Key, nullable=True),
    text_column("id_token", nullable=True),  # sealed
    number("access_epoch"),
    # When the person proved it, if the provider said when, and when we took it.
    instant("proved_at", nullable=True),
    instant("recorded_at"),
    instant("expires_at"),
    instant("revoked_at", nullable=True),
    text_column("revoked_because", nullable=True),
    PrimaryKeyConstraint("organisation_id", "session_id"),
    owned(),
    reference("members", "member_id"),
    reference("connections", "connection_id"),
    lookup("ix_session_proofs_live", "organisation_id", "member_id", where="revoked_at IS NULL"),
    lookup("ix_session_proofs_session", "session_id"),
    lookup("ix_session_proofs_id_token", "organisation_id", where="id_token IS NOT NULL"),
    lookup(
        "ix_session_proofs_identity",
        "organisation_id",
        "identity_id",
        where="revoked_at IS NULL AND identity_id IS NOT NULL",
    ),
)
