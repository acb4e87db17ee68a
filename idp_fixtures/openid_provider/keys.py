"""Keys of a simulated OpenID provider, and signatures with them (RFC 7515, 7517, 7518, 8037)."""

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, TypeAlias

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils

PrivateKey: TypeAlias = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey

_HASHES: Mapping[str, Callable[[], hashes.HashAlgorithm]] = {
    "1": hashes.SHA1,
    "256": hashes.SHA256,
    "384": hashes.SHA384,
    "512": hashes.SHA512,
}
_CURVES: Mapping[str, tuple[str, Callable[[], ec.EllipticCurve], int]] = {
    "ES256": ("P-256", ec.SECP256R1, 32),
    "ES384": ("P-384", ec.SECP384R1, 48),
    "ES512": ("P-521", ec.SECP521R1, 66),
}


@dataclass(frozen=True, slots=True)
class Key:
    """A private key, its name in the key set, and the algorithm that it signs by."""

    kid: str
    algorithm: str
    private: PrivateKey = field(repr=False)

    @property
    def pem(self) -> str:
        """The public key, PEM."""
        form = serialization.PublicFormat.SubjectPublicKeyInfo
        public = self.private.public_key().public_bytes(serialization.Encoding.PEM, form)
        return public.decode()

    @property
    def private_pem(self) -> str:
        """The private key, PEM."""
        private = self.private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        return private.decode()

    @property
    def jwk(self) -> dict[str, Any]:
        """The public key as a key set carries it."""
        named = {"kid": self.kid, "use": "sig", "alg": self.algorithm}
        return {**_public(self.private), **named}

    @property
    def private_jwk(self) -> dict[str, Any]:
        """The key as nobody must ever publish it."""
        if isinstance(self.private, rsa.RSAPrivateKey):
            numbers = self.private.private_numbers()
            parts = {"d": numbers.d, "p": numbers.p, "q": numbers.q}
            parts |= {"dp": numbers.dmp1, "dq": numbers.dmq1, "qi": numbers.iqmp}
            return {**self.jwk, **{name: _number(value) for name, value in parts.items()}}
        if isinstance(self.private, ec.EllipticCurvePrivateKey):
            return {**self.jwk, "d": _number(self.private.private_numbers().private_value)}
        return {**self.jwk, "d": encoded(self.private.private_bytes_raw())}

    def sign(self, text: bytes, algorithm: str | None = None) -> bytes:
        """Return the signature of a text, by another algorithm if one is named."""
        chosen = algorithm or self.algorithm
        if isinstance(self.private, ed25519.Ed25519PrivateKey):
            return self.private.sign(text)
        digest = _HASHES[chosen[2:]]()
        if isinstance(self.private, ec.EllipticCurvePrivateKey):
            r, s = utils.decode_dss_signature(self.private.sign(text, ec.ECDSA(digest)))
            size = _CURVES[self.algorithm][2]
            return r.to_bytes(size, "big") + s.to_bytes(size, "big")
        if chosen.startswith("PS"):
            pad = padding.PSS(padding.MGF1(digest), padding.PSS.DIGEST_LENGTH)
            return self.private.sign(text, pad, digest)
        return self.private.sign(text, padding.PKCS1v15(), digest)


def new_key(algorithm: str = "RS256", kid: str | None = None, *, bits: int = 2048) -> Key:
    """Return a new key that signs by an algorithm."""
    made: PrivateKey
    if algorithm == "EdDSA":
        made = ed25519.Ed25519PrivateKey.generate()
    elif algorithm in _CURVES:
        made = ec.generate_private_key(_CURVES[algorithm][1]())
    else:
        made = rsa.generate_private_key(65537, bits)
    return Key(kid or secrets.token_urlsafe(8), algorithm, made)


@cache
def spare(algorithm: str = "RS256", bits: int = 2048, kid: str | None = None) -> Key:
    """Return a key that is always the same one: making them takes longest."""
    return new_key(algorithm, kid or f"spare-{algorithm}-{bits}", bits=bits)


# -- tokens -----------------------------------------------------------------------------------


def token(claims: Mapping[str, Any] | bytes, key: Key, **header: Any) -> str:
    """Return a signed token; a header of `None` is left out, `alg` and `kid` may be others."""
    said = {"alg": key.algorithm, "kid": key.kid, "typ": "JWT", **header}
    named = {name: value for name, value in said.items() if value is not None}
    return compact(json.dumps(named).encode(), _bytes(claims), key.sign)


def token_by_secret(
    claims: Mapping[str, Any] | bytes, secret: bytes, algorithm: str = "HS256", **header: Any
) -> str:
    """Return a token that whoever knows a secret, or a public key, can write."""
    digest = getattr(hashlib, f"sha{algorithm[2:]}")
    return compact(
        json.dumps({"alg": algorithm, "typ": "JWT", **header}).encode(),
        _bytes(claims),
        lambda text: hmac.new(secret, text, digest).digest(),
    )


def compact(header: bytes, payload: bytes, sign: Callable[[bytes], bytes]) -> str:
    """Return three parts, whatever they hold."""
    text = f"{encoded(header)}.{encoded(payload)}"
    return f"{text}.{encoded(sign(text.encode()))}"


def encoded(value: bytes) -> str:
    """Return base64url without padding."""
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def decoded(text: str) -> bytes:
    """Return what base64url holds."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def half_hash(text: str, algorithm: str = "RS256") -> str:
    """Return `at_hash`: the left half of the digest that belongs to an algorithm."""
    size = "512" if algorithm == "EdDSA" else algorithm[2:]
    digest: bytes = getattr(hashlib, f"sha{size}")(text.encode()).digest()
    return encoded(digest[: len(digest) // 2])


def _bytes(claims: Mapping[str, Any] | bytes) -> bytes:
    return claims if isinstance(claims, bytes) else json.dumps(claims).encode()


def _public(private: PrivateKey) -> dict[str, Any]:
    if isinstance(private, rsa.RSAPrivateKey):
        numbers = private.public_key().public_numbers()
        return {"kty": "RSA", "n": _number(numbers.n), "e": _number(numbers.e)}
    if isinstance(private, ed25519.Ed25519PrivateKey):
        raw = private.public_key().public_bytes_raw()
        return {"kty": "OKP", "crv": "Ed25519", "x": encoded(raw)}
    point = private.public_key().public_numbers()
    name, _, size = next(
        curve for curve in _CURVES.values() if curve[1]().name == private.curve.name
    )
    x, y = (encoded(value.to_bytes(size, "big")) for value in (point.x, point.y))
    return {"kty": "EC", "crv": name, "x": x, "y": y}


def _number(value: int) -> str:
    return encoded(value.to_bytes((value.bit_length() + 7) // 8, "big"))
