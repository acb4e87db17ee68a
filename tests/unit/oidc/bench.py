"""One connection, keys that are published somewhere, and tokens that we sign ourselves."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

from gateway.domain.errors import SignInFailed
from gateway.domain.judging import Unacceptable, step
from gateway.domain.signin import AttributeMapping, OIDCConnection, Trace
from gateway.net.http import HTTPClient, Reply, Unreachable
from gateway.oidc import claims as said_by
from gateway.oidc import tokens
from gateway.oidc.keys import Keys
from gateway.oidc.signing_in import ID_TOKEN_TYPES
from gateway.oidc.tokens import Token
from idp_fixtures.openid_provider.keys import Key, spare, token
from tests.clock import NOON, Clock

ISSUER = "https://idp.example"
JWKS = "https://idp.example/keys"
NOW = int(NOON.timestamp())
OURS = spare("RS256", kid="ours")


def connection(**settings: Any) -> OIDCConnection:
    """The connection that trusts the issuer."""
    defaults: dict[str, Any] = {
        "id": UUID(int=7),
        "organisation_id": UUID(int=1),
        "name": "Okta",
        "slug": "c4r7s9x2m1q8",
        "state": "active",
        "issuer": ISSUER,
        "client_id": "us",
        "client_auth": "client_secret_basic",
        "client_secret": "s",
        "keys": (),
        "authorization_endpoint": f"{ISSUER}/authorize",
        "token_endpoint": f"{ISSUER}/token",
        "jwks_uri": JWKS,
        "userinfo_endpoint": None,
        "end_session_endpoint": None,
        "iss_parameter_supported": True,
        "algorithms": ("RS256",),
        "scopes": ("openid",),
        "attributes": AttributeMapping(email="email", display_name="name", groups="groups"),
        "tenant": None,
        "use_userinfo": False,
        "max_age": None,
        "idp_initiated": "off",
        "clock_skew": timedelta(seconds=60),
        "enforced": False,
    }
    return OIDCConnection(**{**defaults, **settings})


def claims(**says: Any) -> dict[str, Any]:
    """What an honest ID token says; `None` leaves a claim out."""
    honest = {
        "iss": ISSUER,
        "aud": "us",
        "sub": "mia",
        "iat": NOW,
        "exp": NOW + 300,
        "nonce": "now",
        "email": "mia@acme.test",
        "groups": ["Support"],
    }
    return {name: value for name, value in {**honest, **says}.items() if value is not None}


def signed(says: Mapping[str, Any] | bytes | None = None, key: Key = OURS, **header: Any) -> str:
    """A token of the issuer."""
    return token(claims() if says is None else says, key, **header)


@dataclass(frozen=True)
class Shelf(HTTPClient):
    """Stands at the network's edge: documents by address, and who asked for them."""

    documents: dict[str, bytes] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def get(self, url: str, headers: Mapping[str, str] | None = None) -> Reply:
        """Return the document of an address."""
        del headers
        self.asked.append(url)
        if url not in self.documents:
            raise Unreachable("Nobody is there.")
        return Reply(200, {"content-type": "application/json"}, self.documents[url])


def publishing(*keys: Mapping[str, Any]) -> Shelf:
    """A shelf with a key set."""
    return Shelf(documents={JWKS: json.dumps({"keys": list(keys)}).encode()})


def keys_of(shelf: Shelf | None = None, clock: Clock | None = None) -> Keys:
    """What a process knows of keys: nothing yet."""
    return Keys(shelf or publishing(OURS.jwk), clock or Clock())


@dataclass
class Verdict:
    """What became of a token: it, or the code of its refusal, and the checks that were made."""

    token: Token | None
    code: str | None
    checks: list[str]


def verdict(text: object, keys: Keys | None = None, **settings: Any) -> Verdict:
    """Judge an ID token as a sign-in does, step by step."""
    trace, agreed = Trace(), connection(**settings)
    try:
        with step(trace, "signature"):
            found = tokens.opened(text, agreed, keys or keys_of(), ID_TOKEN_TYPES)
        with step(trace, "issuer"):
            tokens.require_issuer(found.claims, agreed)
            tokens.hosted_domain(found.claims, agreed)
        with step(trace, "audience"):
            tokens.require_audience(found.claims, agreed)
        with step(trace, "time"):
            tokens.require_lively(found.claims, agreed, NOON)
        with step(trace, "nonce"):
            if not tokens.same(found.claims.get("nonce"), "now"):
                raise Unacceptable("nonce_mismatch")
        with step(trace, "at_hash"):
            tokens.require_half_hash(found, "at_hash", "access")
        with step(trace, "subject"):
            said_by.subject(found.claims)
    except SignInFailed as refused:
        return Verdict(None, refused.reason, [check.name for check in trace.checks])
    return Verdict(found, None, [check.name for check in trace.checks])
