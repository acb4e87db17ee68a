"""A request at an OpenID Connect connection's address."""

import base64
import hashlib
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import urlencode

from flask import Response

from gateway.browser import pages, visits
from gateway.domain.signin import Attempt, OIDCAddresses, OIDCConnection


@dataclass
class Visit(visits.Visit):
    """A request at an address of an OpenID Connect connection."""

    connection: OIDCConnection
    login_hint: str | None = None
    """Whom the provider shall expect, where somebody said so."""

    @cached_property
    def addresses(self) -> OIDCAddresses:
        """Our addresses of the connection, from the settings."""
        return OIDCAddresses.of(self.settings.origin, self.connection.slug)

    def sent_to_provider(self, attempt: Attempt) -> Response:
        """Return the authorization request (Core §3.1.2.1, RFC 7636)."""
        connection = self.connection
        digest = hashlib.sha256(attempt.code_verifier.encode()).digest()
        asked = {
            "response_type": "code",
            "client_id": connection.client_id,
            "redirect_uri": self.addresses.redirect_uri,
            "scope": " ".join(connection.scopes),
            "state": attempt.handle,
            "nonce": attempt.nonce,
            "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
        }
        if self.login_hint is not None:
            asked["login_hint"] = self.login_hint
        if attempt.force:
            asked |= {"prompt": "login", "max_age": "0"}
        elif connection.max_age is not None:
            asked["max_age"] = str(connection.max_age)
        joint = "&" if "?" in connection.authorization_endpoint else "?"
        return pages.redirect(f"{connection.authorization_endpoint}{joint}{urlencode(asked)}")
