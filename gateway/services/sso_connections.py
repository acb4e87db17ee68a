"""Sign-on connections as the protocol rooms and the sign-in verb read them."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Select, and_, bindparam, select

from gateway.domain import sso_settings
from gateway.domain.errors import NotFound, SignInFailed
from gateway.domain.identity import Actor, ActorType
from gateway.domain.signin import KeyPair, OIDCConnection, SAMLConnection, SSOConnection
from gateway.services import terms
from gateway.storage import tables as t
from gateway.storage.unit_of_work import UnitOfWork
from gateway.storage.vault import Vault

SIGNS_IN = frozenset({"active"})
TESTABLE = frozenset({"draft", "testing", "active"})
"""States in which a test sign-in may be made."""

CLIENT_SECRET, PRIVATE_KEY = "client_secret", "private_key"


@dataclass(frozen=True, slots=True)
class Rules:
    """What a connection decides about the people who come through it."""

    id: UUID
    name: str
    state: str
    protocol: str
    issuer: str
    jit: bool
    unmapped: str
    subject_claim: str | None
    subject_match: str
    directory_id: UUID | None
    enforced: bool
    trust_rank: int


def by_slug(database: Connection, vault: Vault, protocol: str, slug: str) -> SSOConnection | None:
    """Return the connection that an address names, disabled ones too; None where there is none.

    A draft that lacks what a sign-in needs is not there yet.
    """
    row = database.execute(_BY_SLUG, {"slug": slug, "protocol": protocol}).one_or_none()
    if row is None or sso_settings.missing(
        protocol, row.issuer, {**sso_settings.DEFAULTS[protocol], **row.settings}
    ):
        return None
    keys = _keys(database, vault, row)
    if protocol == "saml":
        return sso_settings.saml(row, row.name, row.state, _certificates(database, row), keys)
    secret = row.client_secret
    opened = vault.open(secret, row.organisation_id, row.id, CLIENT_SECRET) if secret else None
    return sso_settings.oidc(row, row.name, row.state, opened, keys)


def saml_by_slug(database: Connection, vault: Vault, slug: str) -> SAMLConnection | None:
    """Return the SAML connection of an address."""
    found = by_slug(database, vault, "saml", slug)
    return found if isinstance(found, SAMLConnection) else None


def oidc_by_slug(database: Connection, vault: Vault, slug: str) -> OIDCConnection | None:
    """Return the OpenID Connect connection of an address."""
    found = by_slug(database, vault, "oidc", slug)
    return found if isinstance(found, OIDCConnection) else None


def actor(connection: SSOConnection) -> Actor:
    """Return the connection as the audit names it."""
    return Actor(ActorType.SSO_CONNECTION, str(connection.id), connection.name)


def rules(uow: UnitOfWork, connection_id: UUID) -> Rules:
    """Return what a connection decides.

    :raises NotFound: absent, deleted, or no sign-on connection.
    """
    row = uow.one(_RULES, organisation=uow.organisation_id, connection=connection_id)
    if row is None or row.state == "deleted":
        raise NotFound("No such connection.")
    return Rules(**row._asdict())


def require_usable(uow: UnitOfWork, connection_id: UUID, *, test: bool) -> Rules:
    """Return what a connection decides, if people may sign in through it now.

    :raises SignInFailed: it is not active, or the plan does not include single sign-on.
    """
    try:
        found = rules(uow, connection_id)
    except NotFound:
        raise SignInFailed("connection_inactive") from None
    if found.state not in (TESTABLE if test else SIGNS_IN):
        raise SignInFailed("connection_inactive")
    if "sso" not in terms.current(uow).features:
        raise SignInFailed("plan_feature")
    return found


def _keys(database: Connection, vault: Vault, row: Any) -> tuple[KeyPair, ...]:
    found = database.execute(_KEYS, {"organisation": row.organisation_id, "connection": row.id})
    return tuple(
        KeyPair(
            str(key.id),
            key.certificate,
            vault.open(key.private_key, key.organisation_id, key.id, PRIVATE_KEY),
        )
        for key in found
    )


def _certificates(database: Connection, row: Any) -> tuple[str, ...]:
    here = {"organisation": row.organisation_id, "connection": row.id}
    return tuple(each.pem for each in database.execute(_CERTIFICATES, here))


def _by_slug() -> Select[Any]:
    s, c, o = t.sso_connections.c, t.connections.c, t.organisations.c
    return (
        select(*s, c.name, c.state)
        .join_from(
            t.sso_connections,
            t.connections,
            and_(c.organisation_id == s.organisation_id, c.id == s.id),
        )
        .join(t.organisations, o.id == s.organisation_id)
        .where(
            s.slug == bindparam("slug"),
            s.slug != "",
            s.protocol == bindparam("protocol"),
            c.state != "deleted",
            o.state == "live",
        )
    )


_BY_SLUG = _by_slug()

_KEYS = (
    select(t.sso_keys)
    .where(
        t.sso_keys.c.organisation_id == bindparam("organisation"),
        t.sso_keys.c.connection_id == bindparam("connection"),
        t.sso_keys.c.retired_at.is_(None),
    )
    .order_by(t.sso_keys.c.created_at.desc(), t.sso_keys.c.id.desc())
)

# The active ones first: they are tried first.
_CERTIFICATES = (
    select(t.sso_certificates.c.pem)
    .where(
        t.sso_certificates.c.organisation_id == bindparam("organisation"),
        t.sso_certificates.c.connection_id == bindparam("connection"),
        t.sso_certificates.c.state != "retired",
    )
    .order_by(t.sso_certificates.c.state, t.sso_certificates.c.created_at.desc())
)

_RULES = (
    select(
        t.sso_connections.c.id,
        t.connections.c.name,
        t.connections.c.state,
        t.sso_connections.c.protocol,
        t.sso_connections.c.issuer,
        t.sso_connections.c.jit,
        t.connections.c.unmapped,
        t.sso_connections.c.subject_claim,
        t.sso_connections.c.subject_match,
        t.sso_connections.c.directory_id,
        t.sso_connections.c.enforced,
        t.sso_connections.c.trust_rank,
    )
    .join_from(
        t.sso_connections,
        t.connections,
        and_(
            t.connections.c.organisation_id == t.sso_connections.c.organisation_id,
            t.connections.c.id == t.sso_connections.c.id,
        ),
    )
    .where(
        t.sso_connections.c.organisation_id == bindparam("organisation"),
        t.sso_connections.c.id == bindparam("connection"),
    )
)
