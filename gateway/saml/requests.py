"""AuthnRequests (core §3.4.1): what we ask an identity provider for."""

from datetime import datetime

from gateway.domain.signin import Attempt, SAMLAddresses, SAMLConnection
from gateway.saml import bindings, building
from gateway.saml.bindings import Letter
from gateway.saml.names import BINDINGS, SAMLP


def authn_request(
    connection: SAMLConnection, addresses: SAMLAddresses, attempt: Attempt, now: datetime
) -> Letter:
    """Return the request that begins an attempt, by the connection's binding.

    No context class is asked for: that would keep a provider from passkeys or a second factor.
    """
    root = building.message(
        "AuthnRequest", attempt.request_id, now, connection.sso_url, addresses.entity_id
    )
    root.set("AssertionConsumerServiceURL", addresses.acs_url)
    root.set("ProtocolBinding", BINDINGS["post"])
    if attempt.force:
        root.set("ForceAuthn", "true")
    if connection.name_id_format is not None:
        policy = building.child(root, SAMLP, "NameIDPolicy")
        policy.set("Format", connection.name_id_format)
        policy.set("AllowCreate", "true")
    send = bindings.SENDERS[connection.sso_binding]
    key = connection.keys[0] if connection.sign_requests and connection.keys else None
    return send(connection.sso_url, "SAMLRequest", root, attempt.handle, key)
