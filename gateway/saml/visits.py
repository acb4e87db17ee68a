"""A request at a SAML connection's address."""

from dataclasses import dataclass
from functools import cached_property

from flask import Response

from gateway.browser import visits
from gateway.domain.signin import SAMLAddresses, SAMLConnection
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

    def begin(
        self, *, test: str | None = None, return_to: str | None = None, again: bool = False
    ) -> Response:
        """Begin a sign-in and send the browser to the provider; `again` has it ask for proof.

        :raises SignInFailed: nobody signs in through the connection now.
        """
        attempt = self.open_attempt(test=test, return_to=return_to, again=again)
        letter = requests.authn_request(self.connection, self.addresses, attempt, self.now)
        return self.remembering(attempt, sent(letter))
