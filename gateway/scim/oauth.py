"""The token endpoint of a connection: OAuth 2.0 client credentials (RFC 6749 §4.4)."""

import base64
import binascii
import json
from dataclasses import dataclass
from urllib.parse import unquote_plus
from uuid import UUID

from werkzeug.wrappers import Request

from gateway.domain.connections import Connection
from gateway.domain.errors import RateLimited, TokenInvalid, TryAgain
from gateway.domain.identity import Actor, ActorType, Context
from gateway.scim.allowance import Allowances
from gateway.scim.answers import Answer
from gateway.services import scim_clients
from gateway.services.scim_clients import TOKEN_LIFE, Client
from gateway.storage.unit_of_work import Work

PATH = "oauth/token"
"""The endpoint's place below the base URL of a connection."""

MEDIA_TYPE = "application/json"
FORM = "application/x-www-form-urlencoded"
MAX_BODY = 16 * 1024
STATUSES = {"invalid_client": 401, "temporarily_unavailable": 429}


class Refusal(Exception):
    """A refusal in the form of RFC 6749 §5.2."""

    def __init__(self, code: str, **headers: str) -> None:
        super().__init__(code)
        self.answer = Answer(
            STATUSES.get(code, 400), json.dumps({"error": code}), {"Pragma": "no-cache", **headers}
        )


@dataclass(frozen=True, slots=True)
class Counter:
    """Where clients exchange their credentials for an access token."""

    work: Work
    allowances: Allowances

    def answer(self, connection: str, request: Request, context: Context) -> Answer:
        """Return a token, or why there is none; whatever is wrong with the client looks alike."""
        try:
            return self._granted(connection, request, context)
        except Refusal as refusal:
            return refusal.answer
        except RateLimited as error:
            wait = str(error.details["retry_after"])
            return Refusal("temporarily_unavailable", **{"Retry-After": wait}).answer
        except TryAgain:
            return Refusal("temporarily_unavailable", **{"Retry-After": "1"}).answer

    def _granted(self, connection: str, request: Request, context: Context) -> Answer:
        fields = _fields(request)
        client = self._client(connection, _credentials(request, fields), context)
        self.allowances.take(client.connection.id)
        if fields.get("grant_type") != "client_credentials":
            asked = "grant_type" in fields
            raise Refusal("unsupported_grant_type" if asked else "invalid_request")
        scopes = client.scopes
        if fields.get("scope"):
            scopes = frozenset(fields["scope"].split())
            if not scopes <= client.scopes:
                raise Refusal("invalid_scope")
        token = self._token(client, scopes, context)
        said = {
            "access_token": token,
            "token_type": "Bearer",
            "expires_in": int(TOKEN_LIFE.total_seconds()),
            "scope": " ".join(sorted(scopes)),
        }
        return Answer(200, json.dumps(said), {"Pragma": "no-cache"})

    def _client(self, connection: str, credentials: tuple[str, str], context: Context) -> Client:
        try:
            connection_id, client_id = UUID(connection), UUID(credentials[0])
            with self.work.platform() as database:
                client = scim_clients.authenticate(
                    database, connection_id, client_id, credentials[1]
                )
        except (ValueError, TokenInvalid):
            raise _no_client() from None
        if not client.connection.admits(context.ip):
            raise _no_client()
        return client

    def _token(self, client: Client, scopes: frozenset[str], context: Context) -> str:
        own = client.connection
        try:
            return self.work.run(
                own.organisation_id,
                _actor(own),
                lambda uow: scim_clients.grant(uow, client, scopes),
                context,
            )
        except TokenInvalid:
            raise _no_client() from None


def _fields(request: Request) -> dict[str, str]:
    request.max_content_length = request.max_form_memory_size = MAX_BODY
    if request.method != "POST" or request.mimetype != FORM or request.args:
        raise Refusal("invalid_request")
    form = request.form
    if any(len(form.getlist(name)) > 1 for name in form):
        raise Refusal("invalid_request")
    return {name: form[name] for name in form}


def _credentials(request: Request, fields: dict[str, str]) -> tuple[str, str]:
    """Return id and secret, from the header (client_secret_basic) or the body (_post)."""
    header = request.headers.get("Authorization")
    if header is None:
        return fields.get("client_id", ""), fields.get("client_secret", "")
    if "client_secret" in fields:
        raise Refusal("invalid_request")
    scheme, _, encoded = header.partition(" ")
    try:
        text = base64.b64decode(encoded.strip(), validate=True).decode()
    except (binascii.Error, ValueError):
        raise _no_client() from None
    name, colon, secret = text.partition(":")
    if scheme.lower() != "basic" or not colon:
        raise _no_client()
    return unquote_plus(name), unquote_plus(secret)


def _no_client() -> Refusal:
    return Refusal("invalid_client", **{"WWW-Authenticate": 'Basic realm="SCIM"'})


def _actor(connection: Connection) -> Actor:
    return Actor(ActorType.SCIM_CONNECTION, str(connection.id), connection.name)
