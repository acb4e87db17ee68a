"""Who asks: a bearer token that opens the connection its URL names, and what it may do."""

from datetime import datetime
from uuid import UUID

import sqlalchemy

from gateway.domain.errors import NotPermitted, TokenInvalid
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
    who = scim_tokens.authenticate(database, now, connection_id, credential(header))
    if not who.connection.token_without_bearer and not _says_bearer(header):
        raise TokenInvalid(scim_tokens.CLOSED)
    return who


def credential(header: str | None) -> str:
    """Return the token of an Authorization header (RFC 6750 §2.1), empty where there is none.

    A header of one word is taken for a token; only some connections accept it (`authenticate`).
    """
    words = (header or "").split()
    if len(words) == 2 and _says_bearer(header):
        return words[1]
    return words[0] if len(words) == 1 and not _says_bearer(header) else ""


def require_some_reading(scopes: frozenset[str]) -> None:
    """Refuse a token that may read neither users nor groups.

    :raises NotPermitted: no scope is left.
    """
    if not any(may(scopes, kind, write=False) for kind in SCOPES):
        raise NotPermitted("This token may not read.")


def require_network(who: Authenticated, address: str | None) -> None:
    """Refuse a request that comes from outside the networks its connection allows.

    :raises NotPermitted: says no more than that; the networks stay unnamed.
    """
    if not who.connection.admits(address):
        raise NotPermitted("This request is not permitted.")


def _says_bearer(header: str | None) -> bool:
    return (header or "").lstrip()[:7].rstrip().lower() == "bearer"


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
