"""The keys that providers publish: fetched when needed, kept for minutes, asked for anew rarely."""

import base64
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey

from gateway.domain.judging import Unacceptable
from gateway.net.http import HTTPClient, Unreachable
from gateway.oidc.documents import parsed

LIFE = timedelta(minutes=2)
"""How long published keys are believed without looking again: a withdrawn one dies within."""

AGAIN = timedelta(seconds=30)
"""How soon a second unknown key id makes us look again: not faster, however often one is named."""

MOST = 100
LEAST_RSA_BITS = 2048
MOST_RSA_BITS = 8192
MOST_KEPT = 2_000

KEY_TYPES: Mapping[str, tuple[str, str | None]] = {
    "RS256": ("RSA", None), "RS384": ("RSA", None), "RS512": ("RSA", None),
    "PS256": ("RSA", None), "PS384": ("RSA", None), "PS512": ("RSA", None),
    "ES256": ("EC", "P-256"), "ES384": ("EC", "P-384"), "ES512": ("EC", "P-521"),
    "EdDSA": ("OKP", "Ed25519"),
}  # fmt: skip
"""Algorithm → type and curve of its keys."""

_NUMBER = re.compile(r"(?:[A-Za-z0-9_-]{4})*(?:[A-Za-z0-9_-]{2,3})?")
SECRET_PARTS = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
_CLASSES: Mapping[str, Any] = {"RSA": RSAKey, "EC": ECKey, "OKP": OKPKey}

PublicKey = RSAKey | ECKey | OKPKey


@dataclass(frozen=True, slots=True)
class _Kept:
    """Keys as they were published; `sought_at` is when an unknown key id last made us look."""

    fetched_at: datetime
    keys: tuple[Mapping[str, Any], ...]
    sought_at: datetime | None = None


@dataclass
class Keys:
    """What this process knows of providers' keys, by the address that publishes them."""

    client: HTTPClient
    clock: Callable[[], datetime]
    _known: dict[str, _Kept] = field(default_factory=dict)
    _guard: threading.Lock = field(default_factory=threading.Lock)

    def find(self, address: str, key_id: str | None, algorithm: str) -> PublicKey:
        """Return the published key that a token names.

        :raises Unacceptable: there is none, or several, or it does not fit the algorithm.
        """
        kept = self._published(address)
        chosen = _fitting(kept.keys, key_id, algorithm)
        if not chosen and (kept.sought_at is None or self.clock() - kept.sought_at >= AGAIN):
            # A provider that has just changed its keys names one that we have not seen.
            kept = self._fetch(address, sought_at=self.clock())
            chosen = _fitting(kept.keys, key_id, algorithm)
        if len(chosen) != 1:
            raise Unacceptable("key_unknown", f"{len(chosen)} keys fit {key_id!r} and {algorithm}")
        return _imported(chosen[0])

    def _published(self, address: str) -> _Kept:
        with self._guard:
            kept = self._known.get(address)
        if kept is not None and self.clock() - kept.fetched_at < LIFE:
            return kept
        return self._fetch(address, kept.sought_at if kept else None)

    def _fetch(self, address: str, sought_at: datetime | None) -> _Kept:
        kept = _Kept(self.clock(), _fetched(self.client, address), sought_at)
        with self._guard:
            if len(self._known) >= MOST_KEPT:
                self._known.clear()
            self._known[address] = kept
        return kept


def _fetched(client: HTTPClient, address: str) -> tuple[Mapping[str, Any], ...]:
    try:
        reply = client.get(address, {"Accept": "application/jwk-set+json, application/json"})
    except Unreachable as error:
        raise Unacceptable("provider_unreachable", f"keys: {error}") from None
    if reply.status != 200:
        raise Unacceptable("provider_unreachable", f"keys: status {reply.status}")
    keys = parsed(reply.body, "the key set").get("keys")
    if not isinstance(keys, list) or len(keys) > MOST:
        raise Unacceptable("malformed", "the key set lists no keys, or too many")
    return tuple(key for key in keys if isinstance(key, dict))


def _fitting(
    keys: tuple[Mapping[str, Any], ...], key_id: str | None, algorithm: str
) -> list[Mapping[str, Any]]:
    """Return the keys that may have signed; without a key id the algorithm alone decides."""
    kind, curve = KEY_TYPES[algorithm]
    return [
        key
        for key in keys
        if (key_id is None or key.get("kid") == key_id)
        and key.get("kty") == kind
        and (curve is None or key.get("crv") == curve)
        and key.get("use", "sig") == "sig"
        and key.get("alg", algorithm) == algorithm
        and _verifies(key.get("key_ops"))
        and not SECRET_PARTS & key.keys()
    ]


def _verifies(uses: Any) -> bool:
    return uses is None or (isinstance(uses, list) and "verify" in uses)


def _imported(key: Mapping[str, Any]) -> PublicKey:
    kept = {name: key[name] for name in ("kty", "n", "e", "crv", "x", "y") if name in key}
    if key["kty"] == "RSA" and not LEAST_RSA_BITS <= _bits(key.get("n")) <= MOST_RSA_BITS:
        raise Unacceptable("key_unknown", f"the published key has {_bits(key.get('n'))} bits")
    try:
        made: PublicKey = _CLASSES[key["kty"]].import_key(kept)
    except (JoseError, ValueError, TypeError, AttributeError, KeyError):
        raise Unacceptable("key_unknown", "the published key cannot be read") from None
    return made


def _bits(modulus: Any) -> int:
    """Return the length of a number in base64url, 0 where it is none."""
    if not isinstance(modulus, str) or not _NUMBER.fullmatch(modulus):
        return 0
    number = base64.urlsafe_b64decode(modulus + "=" * (-len(modulus) % 4))
    return int.from_bytes(number, "big").bit_length()
