"""What is asked of a provider behind the browser's back: tokens for a code, and userinfo."""

import base64
import secrets
from datetime import datetime
from typing import Any
from urllib.parse import quote

from joserfc import jwt
from joserfc.jwk import RSAKey

from gateway.domain.judging import Unacceptable
from gateway.domain.signin import Attempt, OIDCConnection
from gateway.net.http import HTTPClient, Reply, Unreachable
from gateway.oidc.documents import parsed

ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ASSERTION_LIFE = 60
"""Seconds that our own assertion is good for."""


def tokens(
    client: HTTPClient,
    connection: OIDCConnection,
    attempt: Attempt,
    code: str,
    redirect_uri: str,
    now: datetime,
) -> dict[str, Any]:
    """Return the token response for a code (RFC 6749 §4.1.3, RFC 7636).

    :raises Unacceptable: the provider refuses, or cannot be asked.
    """
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": redirect_uri,
        "code_verifier": attempt.code_verifier,
    }
    headers = {"Accept": "application/json"}
    if connection.client_auth == "client_secret_basic":
        headers["Authorization"] = _basic(connection)
    elif connection.client_auth == "client_secret_post":
        form |= {"client_id": connection.client_id, "client_secret": connection.client_secret or ""}
    else:
        form |= {
            "client_id": connection.client_id,
            "client_assertion_type": ASSERTION,
            "client_assertion": assertion(connection, now),
        }
    try:
        reply = client.post(connection.token_endpoint, form, headers)
    except Unreachable as error:
        raise Unacceptable("provider_unreachable", f"token endpoint: {error}") from None
    return _read(reply)


def userinfo(client: HTTPClient, connection: OIDCConnection, access_token: str) -> Reply:
    """Return what the provider says at its userinfo endpoint.

    :raises Unacceptable: it cannot be asked, or says nothing.
    """
    address = connection.userinfo_endpoint
    if address is None:
        raise Unacceptable("provider_unreachable", "no userinfo endpoint")
    headers = {
        "Authorization": f"Bearer {access_token}",
        "Accept": "application/json, application/jwt",
    }
    try:
        reply = client.get(address, headers)
    except Unreachable as error:
        raise Unacceptable("provider_unreachable", f"userinfo: {error}") from None
    if reply.status != 200:
        raise Unacceptable("provider_unreachable", f"userinfo: status {reply.status}")
    return reply


def public_keys(connection: OIDCConnection) -> list[dict[str, Any]]:
    """Return our public keys of a connection as JWKs, the one that signs first."""
    return [
        {
            **RSAKey.import_key(pair.private_key).as_dict(private=False),
            "kid": pair.id,
            "use": "sig",
            "alg": "RS256",
        }
        for pair in connection.keys
    ]


def assertion(connection: OIDCConnection, now: datetime) -> str:
    """Return our own proof of being the client (RFC 7523 §3), by the key that is published.

    :raises Unacceptable: the connection has no key.
    """
    if not connection.keys:
        raise Unacceptable("provider_refused", "the connection has no key of ours")
    pair = connection.keys[0]
    issued = int(now.timestamp())
    claims = {
        "iss": connection.client_id,
        "sub": connection.client_id,
        "aud": connection.token_endpoint,
        "jti": secrets.token_urlsafe(24),
        "iat": issued,
        "exp": issued + ASSERTION_LIFE,
    }
    return jwt.encode({"alg": "RS256", "kid": pair.id}, claims, RSAKey.import_key(pair.private_key))


def _read(reply: Reply) -> dict[str, Any]:
    if reply.status != 200:
        raise Unacceptable("provider_refused", f"token endpoint: status {reply.status}")
    if reply.media_type != "application/json":
        raise Unacceptable("malformed", "the token response is no JSON")
    found = parsed(reply.body, "the token response")
    if "error" in found:
        raise Unacceptable("provider_refused", "token endpoint: tokens and an error at once")
    access = found.get("access_token")
    if access is not None:
        kind = found.get("token_type")
        proper = isinstance(access, str) and access.isascii() and access.isprintable()
        if not proper or not isinstance(kind, str) or kind.lower() != "bearer":
            raise Unacceptable("malformed", "the access token is of another type")
    return found


def _basic(connection: OIDCConnection) -> str:
    """RFC 6749 §2.3.1: both parts are form-encoded first."""
    pair = (
        f"{quote(connection.client_id, safe='')}:{quote(connection.client_secret or '', safe='')}"
    )
    return f"Basic {base64.b64encode(pair.encode()).decode()}"
