"""A request at a SAML connection's address."""

from dataclasses import dataclass
from functools import cached_property

from flask import Response

from gateway.browser import visits
from gateway.domain.signin import Attempt, SAMLAddresses, SAMLConnection
from gateway.saml import requests
from gateway.saml.reading import sent


@dataclass
class Visit(visits.Visit):
    """A request at an address of a SAML connection."""

    connection: SAMLConnection

    @cached_property
    def addresses(self) -> SAMLAddresses:
        """Our addresses of the connection, from the settings."""
        return SAMLAddresses.of(self.settings.origin, self.connection.slug)

    def sent_to_provider(self, attempt: Attempt) -> Response:
        """Return the AuthnRequest, by the binding that the connection says."""
        return sent(requests.authn_request(self.connection, self.addresses, attempt, self.now))
