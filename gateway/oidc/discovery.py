"""A provider's own description (OpenID Connect Discovery §4): read, mistrusted, followed."""

from typing import Any

from gateway.domain.errors import InvalidRequest
from gateway.domain.judging import Unacceptable
from gateway.domain.sso_settings import ALGORITHMS, require_web_address
from gateway.net import following
from gateway.net.http import HTTPClient, Unreachable
from gateway.oidc import tokens
from gateway.oidc.documents import parsed
from gateway.storage.unit_of_work import Work

PATH = "/.well-known/openid-configuration"
NEEDED = ("authorization_endpoint", "token_endpoint", "jwks_uri")
OPTIONAL = ("userinfo_endpoint", "end_session_endpoint")
CLIENT_PROOFS = ("client_secret_basic", "client_secret_post", "private_key_jwt")


def discovered(client: HTTPClient, issuer: str, tenant: str | None = None) -> dict[str, Any]:
    """Return the settings that an issuer describes, and where it does; wants nothing open.

    Entra describes a tenant at the tenant's own address, under either form of its name.

    :raises InvalidRequest: it cannot be read, describes another issuer, or lacks something.
    """
    place = tokens.expanded(issuer, tenant)
    address = place.rstrip("/") + PATH
    try:
        reply = client.get(address, {"Accept": "application/json"})
    except Unreachable as error:
        raise _unfit(f"The provider's description cannot be read. {error}") from None
    if reply.status != 200:
        raise _unfit(f"The provider's description cannot be read: status {reply.status}.")
    if reply.media_type != "application/json":
        raise _unfit("The provider's description is no JSON object.")
    try:
        found = parsed(reply.body, "the description")
    except Unacceptable:
        raise _unfit("The provider's description is no JSON object.") from None
    if found.get("issuer") not in (issuer, place):
        raise _unfit("The provider describes another issuer than this one, to the letter.")
    return {"issuer": issuer, "metadata_url": address, **_settings(found)}


def refresh_due(work: Work, client: HTTPClient) -> int:
    """Read again what is due, and let settings follow; say how many connections there were."""

    def read(row: Any) -> dict[str, Any]:
        return discovered(client, row.issuer, row.settings.get("tenant"))

    return following.follow_due(work, "oidc", read)


def _settings(found: dict[str, Any]) -> dict[str, Any]:
    settings: dict[str, Any] = {}
    for name in (*NEEDED, *OPTIONAL):
        address = found.get(name)
        if address is None and name in OPTIONAL:
            settings[name] = None
            continue
        require_web_address(name, address)
        settings[name] = address
    offered = found.get("id_token_signing_alg_values_supported", ["RS256"])
    usable = [each for each in ALGORITHMS if isinstance(offered, list) and each in offered]
    if not usable:
        raise _unfit("The provider signs by no algorithm that is taken here.")
    settings["algorithms"] = usable
    settings["client_auth"] = _client_proof(found.get("token_endpoint_auth_methods_supported"))
    announced = found.get("authorization_response_iss_parameter_supported")
    settings["iss_parameter_supported"] = announced is True
    return settings


def _client_proof(offered: object) -> str:
    """Return how we prove to be the client; a provider that names no way takes the first."""
    if offered is None:
        return CLIENT_PROOFS[0]
    ways = [way for way in CLIENT_PROOFS if isinstance(offered, list) and way in offered]
    if not ways:
        raise _unfit("The provider offers no way to prove a client that is known here.")
    return ways[0]


def _unfit(message: str) -> InvalidRequest:
    return InvalidRequest(message, field="issuer")
