"""Signed tokens taken apart: form, algorithm, type, key and signature, then issuer and audience.

The header of a token never says where its key comes from, nor what must be understood besides.
"""

import base64
import binascii
import hashlib
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from joserfc import jws
from joserfc.errors import JoseError, UnsupportedAlgorithmError

from gateway.domain.domain_names import a_labels
from gateway.domain.judging import Unacceptable
from gateway.domain.signin import MAX_AGE, OIDCConnection
from gateway.oidc.documents import parsed
from gateway.oidc.keys import KEY_TYPES, Keys, Seeker

LARGEST = 64 * 1024
LONGEST_LIFE = timedelta(hours=24)
"""A token that would live longer than this has no end that anybody meant."""

GOOGLE = frozenset({"https://accounts.google.com", "accounts.google.com"})
"""Names of the issuer that speaks for every Google Workspace, and for whoever is in none."""

Claims = Mapping[str, Any]
_COMPACT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
_FOREIGN = frozenset({"jwk", "jku", "x5c", "x5u", "crit", "b64", "zip", "enc"})
_DIGESTS = {"256": hashlib.sha256, "384": hashlib.sha384, "512": hashlib.sha512}


class _Pinned(jws.JWSRegistry):
    """One algorithm; what else a header may name has been judged before."""

    max_header_length = 4_096

    def __init__(self, algorithm: str) -> None:
        super().__init__(algorithms=[algorithm], strict_check_header=False)

    def get_alg(self, name: str) -> Any:
        """Return the algorithm, which the connection names: the library's advice on it is late."""
        if name not in (self.allowed or ()):
            raise UnsupportedAlgorithmError(name)
        return self.algorithms[name]


@dataclass(frozen=True, slots=True)
class Token:
    """A token whose signature is good; `algorithm` is its header's."""

    text: str
    algorithm: str
    claims: Claims


def opened(
    text: object,
    connection: OIDCConnection,
    keys: Keys,
    types: frozenset[str | None],
    *,
    asked: bool = True,
) -> Token:
    """Return the token with its claims, after its form, algorithm, type, key and signature.

    One that nobody `asked` for waits for no keys that are being fetched.

    :raises Unacceptable: any of them is not as it should be.
    """
    text = _compact(text)
    header = parsed(_decoded(text.split(".")[0]), "the token's header")
    algorithm = header.get("alg")
    if algorithm not in connection.algorithms or algorithm not in KEY_TYPES:
        raise Unacceptable("algorithm_refused", f"algorithm {algorithm!r}")
    kind = header.get("typ")
    if not isinstance(kind, str | None) or (kind.lower() if kind else kind) not in types:
        raise Unacceptable("token_invalid", f"type {kind!r}")
    if _FOREIGN & header.keys():
        raise Unacceptable("token_invalid", f"header names {sorted(_FOREIGN & header.keys())}")
    key_id = header.get("kid")
    if key_id is not None and not isinstance(key_id, str):
        raise Unacceptable("key_unknown", "the key id is no text")
    key = keys.find(connection.jwks_uri, key_id, algorithm, Seeker(connection.id, asked))
    try:
        payload = jws.deserialize_compact(text, key, registry=_Pinned(algorithm)).payload
    except (JoseError, ValueError, TypeError):
        raise Unacceptable("signature_invalid", "the signature does not fit") from None
    return Token(text, algorithm, parsed(payload, "the token"))


def unproved(text: object) -> Claims:
    """Return what a token says of itself, before anybody looked who signed it.

    :raises Unacceptable: it is no token.
    """
    return parsed(_decoded(_compact(text).split(".")[1]), "the token")


def require_issuer(claims: Claims, connection: OIDCConnection) -> None:
    """Refuse a token of another issuer or tenant.

    :raises Unacceptable: it is another's.
    """
    if claims.get("iss") != issuer_of(connection):
        raise Unacceptable("issuer_mismatch", f"issuer {claims.get('iss')!r}")
    if connection.tenant is not None and claims.get("tid") != connection.tenant:
        raise Unacceptable("tenant_mismatch", f"tenant {claims.get('tid')!r}")


def issuer_of(connection: OIDCConnection) -> str:
    """Return the issuer that tokens name."""
    return expanded(connection.issuer, connection.tenant)


def expanded(issuer: str, tenant: str | None) -> str:
    """Return an issuer with the pinned tenant in the place that Entra's template leaves for it."""
    return issuer if tenant is None else issuer.replace("{tenantid}", tenant)


def hosted_domain(claims: Claims, connection: OIDCConnection) -> str | None:
    """Return the domain whose Google Workspace the account belongs to; None at other issuers.

    An address does not say it: anybody may have an account of their own under a company's address.

    :raises Unacceptable: the account belongs to no Workspace.
    """
    if issuer_of(connection) not in GOOGLE:
        return None
    said = claims.get("hd")
    domain = a_labels(said) if isinstance(said, str) else None
    if domain is None:
        raise Unacceptable("hosted_domain_unproved", f"hd {said!r}")
    return domain


def require_audience(claims: Claims, connection: OIDCConnection) -> None:
    """Refuse a token that was made for somebody else; several audiences need a named party.

    :raises Unacceptable: it was.
    """
    said = claims.get("aud")
    audience = [said] if isinstance(said, str) else said
    if not isinstance(audience, list) or not all(isinstance(each, str) for each in audience):
        raise Unacceptable("audience_mismatch", "no audience")
    if connection.client_id not in audience:
        raise Unacceptable("audience_mismatch", f"{len(audience)} audiences without us")
    needs_party = "azp" in claims or len(set(audience)) > 1
    if needs_party and claims.get("azp") != connection.client_id:
        raise Unacceptable("audience_mismatch", "another party is meant")


def require_lively(claims: Claims, connection: OIDCConnection, now: datetime) -> datetime:
    """Refuse a token that is too old or not good yet; return when it ends.

    :raises Unacceptable: it is, or does not say when it was made and when it ends.
    """
    issued, ends = instant(claims, "iat"), instant(claims, "exp")
    if issued is None or ends is None:
        raise Unacceptable("token_invalid", "no iat or exp")
    require_not_ended(claims, connection, now)
    if issued < now - connection.clock_skew - MAX_AGE:
        raise Unacceptable("expired", f"made at {issued.isoformat()}")
    if ends - issued > LONGEST_LIFE:
        raise Unacceptable("token_invalid", "it would live for days")
    return ends


def require_not_ended(claims: Claims, connection: OIDCConnection, now: datetime) -> None:
    """Refuse what says that it has ended or has not begun; it need not say anything.

    :raises Unacceptable: it does.
    """
    skew = connection.clock_skew
    ends = instant(claims, "exp")
    if ends is not None and ends <= now - skew:
        raise Unacceptable("expired", f"ended at {ends.isoformat()}")
    for name in ("iat", "nbf"):
        begins = instant(claims, name)
        if begins is not None and begins > now + skew:
            raise Unacceptable("not_yet_valid", f"{name} is {begins.isoformat()}")


def instant(claims: Claims, name: str) -> datetime | None:
    """Return the instant of a claim in seconds, None where it is absent.

    :raises Unacceptable: it is no number of seconds that a calendar holds.
    """
    value = claims.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Unacceptable("token_invalid", f"{name} is no number")
    try:
        return datetime.fromtimestamp(value, UTC)
    except (OverflowError, ValueError, OSError):
        raise Unacceptable("token_invalid", f"{name} is no instant") from None


def require_half_hash(token: Token, name: str, whole: str | None) -> None:
    """Refuse a token whose digest of another value (at_hash, c_hash) is not that value's.

    :raises Unacceptable: it is not.
    """
    said = token.claims.get(name)
    if said is None:
        return
    size = "512" if token.algorithm == "EdDSA" else token.algorithm[-3:]
    digest = _DIGESTS[size]((whole or "").encode()).digest()
    expected = base64.urlsafe_b64encode(digest[: len(digest) // 2]).rstrip(b"=").decode()
    if not isinstance(said, str) or not same(said, expected):
        raise Unacceptable("token_invalid", f"{name} does not fit")


def same(said: object, expected: str) -> bool:
    """Whether a text is the expected one, in a time that tells nothing."""
    return isinstance(said, str) and secrets.compare_digest(said.encode(), expected.encode())


def _compact(text: object) -> str:
    if not isinstance(text, str) or len(text) > LARGEST or not _COMPACT.fullmatch(text):
        raise Unacceptable("malformed", "no signed token in compact form")
    return text


def _decoded(part: str) -> bytes:
    try:
        return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except (binascii.Error, ValueError):
        raise Unacceptable("malformed", "no base64") from None
