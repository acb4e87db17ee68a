"""The OpenID provider: what it knows of clients, what it publishes, and the tokens it signs."""

import base64
import hashlib
import json
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import unquote_plus

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_public_key,
)
from cryptography.x509 import load_pem_x509_certificate
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey

from idp_fixtures.openid_provider.accounts import TENANT, Account
from idp_fixtures.openid_provider.keys import Key, decoded, half_hash, new_key, token

LOGOUT_EVENT = "http://schemas.openid.net/event/backchannel-logout"
ALGORITHMS = ("RS256", "PS256", "ES256", "EdDSA")
WELL_KNOWN = "/.well-known/openid-configuration"
ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
SCOPES = ("openid", "profile", "email", "groups")


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """A client as its admin registered it.

    `key` is the PEM of its public key or certificate for `private_key_jwt`. `algorithm` signs its
    ID tokens; with `signed_userinfo` its userinfo too.
    """

    id: str
    redirect_uris: tuple[str, ...]
    secret: str | None = field(default=None, repr=False)
    auth: str = "client_secret_basic"
    key: str | None = None
    post_logout_redirect_uris: tuple[str, ...] = ()
    backchannel_logout_uri: str | None = None
    algorithm: str = "RS256"
    signed_userinfo: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorizationRequest:
    """What a client asks for, as far as it matters."""

    client_id: str
    redirect_uri: str
    state: str | None = None
    nonce: str | None = None
    scopes: tuple[str, ...] = SCOPES
    challenge: str | None = None
    max_age: int | None = None
    prompt: str | None = None

    @classmethod
    def of(cls, fields: Mapping[str, str]) -> "AuthorizationRequest":
        """Return what a query asks for.

        :raises ValueError: anything but a code with a PKCE challenge by S256.
        """
        if fields.get("response_type") != "code":
            raise ValueError("unsupported_response_type")
        if fields.get("code_challenge_method") != "S256" or not fields.get("code_challenge"):
            raise ValueError("PKCE by S256 is required")
        return cls(
            client_id=fields["client_id"],
            redirect_uri=fields["redirect_uri"],
            state=fields.get("state"),
            nonce=fields.get("nonce"),
            scopes=tuple(fields.get("scope", "").split()),
            challenge=fields["code_challenge"],
            max_age=int(fields["max_age"]) if "max_age" in fields else None,
            prompt=fields.get("prompt"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What a code stands for: who signed in, when, for which request."""

    request: AuthorizationRequest
    account: Account
    sid: str
    authenticated_at: int


@dataclass(kw_only=True)
class OpenIDProvider:
    """One provider. `keys` are published; for each algorithm the first one signs.

    An issuer with `{tenantid}` is that of many tenants, of which `tenant` is one.
    """

    issuer: str
    base_url: str
    clock: Callable[[], datetime]
    keys: list[Key] = field(default_factory=lambda: [new_key()])
    clients: dict[str, Client] = field(default_factory=dict)
    tenant: str | None = None
    says_iss: bool = True
    """Whether the way back names the issuer (RFC 9207), and the discovery document says so."""

    lives: int = 300
    """Seconds that a token is good for."""

    @property
    def iss(self) -> str:
        """The issuer as tokens say it."""
        return self.issuer.replace(TENANT, self.tenant or TENANT)

    @property
    def now(self) -> int:
        """The present, in seconds."""
        return int(self.clock().timestamp())

    def key(self, algorithm: str = "RS256") -> Key:
        """Return the key that signs by an algorithm, made when it is first needed."""
        for key in self.keys:
            if key.algorithm == algorithm:
                return key
        self.keys.append(new_key(algorithm))
        return self.keys[-1]

    def roll_over(self, algorithm: str = "RS256", key: Key | None = None) -> Key:
        """Publish a new key beside the old one, and sign with it from now on."""
        new = key or new_key(algorithm)
        self.keys.insert(0, new)
        return new

    def withdraw(self) -> None:
        """Publish the newest key of each algorithm alone."""
        newest = {key.algorithm: key for key in reversed(self.keys)}
        self.keys = [key for key in self.keys if newest[key.algorithm] is key]

    # -- what is published -----------------------------------------------------------

    def discovery(self, issuer: str | None = None) -> dict[str, Any]:
        """Return the discovery document."""
        base = self.base_url
        document: dict[str, Any] = {
            "issuer": issuer or self.issuer,
            "authorization_endpoint": f"{base}/authorize",
            "token_endpoint": f"{base}/token",
            "userinfo_endpoint": f"{base}/userinfo",
            "jwks_uri": f"{base}/jwks",
            "end_session_endpoint": f"{base}/end-session",
            "scopes_supported": list(SCOPES),
            "response_types_supported": ["code"],
            "response_modes_supported": ["query"],
            "grant_types_supported": ["authorization_code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": list(ALGORITHMS),
            "userinfo_signing_alg_values_supported": list(ALGORITHMS),
            "token_endpoint_auth_methods_supported": [
                "client_secret_basic",
                "client_secret_post",
                "private_key_jwt",
            ],
            "token_endpoint_auth_signing_alg_values_supported": ["RS256", "ES256", "PS256"],
            "claims_supported": ["sub", "email", "email_verified", "name", "groups"],
            "code_challenge_methods_supported": ["S256"],
            "backchannel_logout_supported": True,
            "backchannel_logout_session_supported": True,
        }
        if self.says_iss:
            document["authorization_response_iss_parameter_supported"] = True
        return document

    def jwks(self) -> dict[str, Any]:
        """Return the key set."""
        return {"keys": [key.jwk for key in self.keys]}

    # -- what it signs ---------------------------------------------------------------

    def claims(self, grant: Grant, access_token: str | None = None, **says: Any) -> dict[str, Any]:
        """Return what an honest ID token says; `None` leaves a claim out."""
        client = self.clients[grant.request.client_id]
        said: dict[str, Any] = {
            "iss": self.iss,
            "sub": grant.account.sub,
            "aud": client.id,
            "exp": self.now + self.lives,
            "iat": self.now,
            "nonce": grant.request.nonce,
            "auth_time": grant.authenticated_at,
            "sid": grant.sid,
            **grant.account.claims,
        }
        if access_token is not None:
            said["at_hash"] = half_hash(access_token, client.algorithm)
        said |= says
        return {name: value for name, value in said.items() if value is not None}

    def id_token(self, grant: Grant, access_token: str | None = None, **says: Any) -> str:
        """Return an ID token with what a test says otherwise."""
        client = self.clients[grant.request.client_id]
        return token(self.claims(grant, access_token, **says), self.key(client.algorithm))

    def userinfo(self, client: Client, account: Account, **says: Any) -> dict[str, Any] | str:
        """Return what userinfo says: an object, or a signed token where the client wants it."""
        known = {name: value for name, value in account.claims.items() if value is not None}
        said = {"sub": account.sub, **known, **says}
        if not client.signed_userinfo:
            return said
        said |= {"iss": self.iss, "aud": client.id}
        return token(said, self.key(client.algorithm))

    def logout_claims(self, client: Client, **says: Any) -> dict[str, Any]:
        """Return what an honest logout token says; the test names `sub`, `sid` or both."""
        said = {
            "iss": self.iss,
            "aud": client.id,
            "iat": self.now,
            "exp": self.now + 120,
            "jti": secrets.token_urlsafe(16),
            "events": {LOGOUT_EVENT: {}},
            **says,
        }
        return {name: value for name, value in said.items() if value is not None}

    def logout_token(self, client: Client, **says: Any) -> str:
        """Return a signed logout token (OpenID Connect Back-Channel Logout 1.0 §2.4)."""
        claims = self.logout_claims(client, **says)
        return token(claims, self.key(client.algorithm), typ="logout+jwt")

    # -- who may ask -----------------------------------------------------------------

    def client_of(self, fields: Mapping[str, str], authorization: str | None) -> Client | None:
        """Return the client that a token request proves to be, by its registered way alone."""
        client, proof = self._claimed(fields, authorization)
        if client is None or proof is None:
            return None
        if client.auth == "private_key_jwt":
            return client if self._is_assertion(client, proof) else None
        fits = client.secret is not None and secrets.compare_digest(
            proof.encode(), client.secret.encode()
        )
        return client if fits else None

    def _claimed(
        self, fields: Mapping[str, str], authorization: str | None
    ) -> tuple[Client | None, str | None]:
        if authorization is not None and authorization.startswith("Basic "):
            name, _, secret = base64.b64decode(authorization[6:]).decode().partition(":")
            return self._registered(unquote_plus(name), "client_secret_basic"), unquote_plus(secret)
        if fields.get("client_assertion_type") == ASSERTION:
            assertion = fields.get("client_assertion", "")
            name = str(json.loads(decoded(assertion.split(".")[1])).get("sub"))
            return self._registered(name, "private_key_jwt"), assertion
        client = self._registered(fields.get("client_id", ""), "client_secret_post")
        return client, fields.get("client_secret")

    def _registered(self, name: str, auth: str) -> Client | None:
        client = self.clients.get(name)
        return client if client is not None and client.auth == auth else None

    def _is_assertion(self, client: Client, assertion: str) -> bool:
        """Whether a client's assertion is its own, meant for us and good now (RFC 7523 §3)."""
        try:
            key = public_key(client.key or "")
            claims = jwt.decode(assertion, key, algorithms=["RS256", "PS256", "ES256"]).claims
        except (ValueError, JoseError):
            return False
        meant = claims.get("aud")
        places = {self.iss, f"{self.base_url}/token"}
        ours = bool(places & set(meant if isinstance(meant, list) else [meant]))
        own = claims.get("iss") == client.id == claims.get("sub")
        return ours and own and bool(claims.get("jti")) and int(claims["exp"]) > self.now


def fits(challenge: str | None, verifier: str) -> bool:
    """Whether a verifier belongs to a challenge by S256 (RFC 7636 §4.6)."""
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode() == challenge


def public_key(pem: str) -> ECKey | RSAKey:
    """Return a public key, PEM; of a certificate, the one in it."""
    if "CERTIFICATE" in pem:
        found: object = load_pem_x509_certificate(pem.encode()).public_key()
    else:
        found = load_pem_public_key(pem.encode())
    if not isinstance(found, EllipticCurvePublicKey | RSAPublicKey):
        raise ValueError("no key that a client may use")
    public = found.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    if isinstance(found, EllipticCurvePublicKey):
        return ECKey.import_key(public)
    return RSAKey.import_key(public)


def client_of(said: Mapping[str, Any]) -> Client:
    """Return a client that a JSON object describes."""
    lists: Sequence[str] = ("redirect_uris", "post_logout_redirect_uris")
    values: dict[str, Any] = {
        name: tuple(value) if name in lists else value for name, value in said.items()
    }
    return Client(**values)
