"""Metadata of providers by its address: fetched, read with suspicion, followed."""

from typing import Any

from gateway.domain.errors import InvalidRequest
from gateway.net import following
from gateway.net.http import HTTPClient, Unreachable
from gateway.saml import idp_metadata
from gateway.storage.unit_of_work import Work

ACCEPT = {"Accept": "application/samlmetadata+xml, application/xml;q=0.9, text/xml;q=0.8"}


def fetch(client: HTTPClient, address: str) -> bytes:
    """Return the document at an address; wants nothing open.

    :raises InvalidRequest: it cannot be had.
    """
    try:
        reply = client.get(address, ACCEPT)
    except Unreachable as refusal:
        raise InvalidRequest(str(refusal), field="metadata_url") from None
    if reply.status != 200:
        raise InvalidRequest(
            f"The metadata's address answers with status {reply.status}.", field="metadata_url"
        )
    return reply.body


def described(found: idp_metadata.ProviderMetadata) -> dict[str, Any]:
    """Return the settings that a provider's metadata describes."""
    return {
        "issuer": found.entity_id,
        "sso_url": found.sso_url,
        "sso_binding": found.sso_binding,
        "slo_url": found.slo_url,
        "slo_binding": found.slo_binding,
        "slo_response_url": found.slo_response_url,
        "certificates": list(found.certificates),
        **({"sign_requests": True} if found.wants_signed_requests else {}),
    }


def refresh_due(work: Work, client: HTTPClient) -> int:
    """Read again what is due, and let settings follow; say how many connections there were."""

    def read(row: Any) -> dict[str, Any]:
        document = fetch(client, row.metadata_url)
        return described(idp_metadata.parse(document, work.clock(), row.issuer or None))

    return following.follow_due(work, "saml", read)
