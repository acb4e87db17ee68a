"""Who asks: a bearer token that opens the connection its URL names, and what it may do."""

from datetime import datetime
from uuid import UUID

import sqlalchemy

from gateway.domain.errors import NotPermitted
from gateway.services import scim_tokens
from gateway.services.scim_tokens import Authenticated

SCOPES = {"User": "users", "Group": "groups"}


def authenticate(
    database: sqlalchemy.Connection, now: datetime, connection: str, header: str | None
) -> Authenticated:
    """Return whose request this is.

    :raises TokenInvalid: no token, or one that does not open this connection; all alike.
    """
    try:
        connection_id = UUID(connection)
    except ValueError:
        connection_id = None
    return scim_tokens.authenticate(database, now, connection_id, bearer(header))


def bearer(header: str | None) -> str:
    """Return the token of an Authorization header (RFC 6750 §2.1), empty where there is none."""
    scheme, _, token = (header or "").strip().partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def may(scopes: frozenset[str], kind: str, *, write: bool) -> bool:
    """Whether a token's scopes cover a resource type."""
    return SCOPES[kind] in scopes or (not write and "read" in scopes)


def require(scopes: frozenset[str], kind: str, *, write: bool) -> None:
    """Refuse what the token's scopes do not cover.

    :raises NotPermitted: the scope is lacking.
    """
    if not may(scopes, kind, write=write):
        verb = "change" if write else "read"
        raise NotPermitted(f"This token may not {verb} {kind.lower()}s.")
