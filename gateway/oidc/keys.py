"""The keys that providers publish: fetched when needed, kept for minutes, asked for anew rarely."""

import base64
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey

from gateway.domain.judging import Unacceptable
from gateway.net.http import HTTPClient, Unreachable
from gateway.oidc.documents import parsed

LIFE = timedelta(minutes=2)
"""How long published keys are believed without looking again: a withdrawn one dies within."""

AGAIN = timedelta(seconds=30)
"""How soon a second unknown key id makes us look again: not faster, however often one is named."""

AFTER_FAILURE = timedelta(seconds=10)
"""How long nobody is asked who has just failed to answer."""

DEADLINE = 3.0
"""Seconds that a provider has for its keys: whoever holds them back holds a thread of ours."""

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
class Seeker:
    """On whose behalf keys are looked for: what one seeks takes no turn from another.

    `asked` is false for a token that came by itself: it waits for nobody.
    """

    connection_id: UUID
    asked: bool


@dataclass
class _Place:
    """An address that publishes keys: what was there last, and whether somebody is asking."""

    keys: tuple[Mapping[str, Any], ...] = ()
    fetched_at: datetime | None = None
    failed_at: datetime | None = None
    asking: threading.Lock = field(default_factory=threading.Lock)


@dataclass
class Keys:
    """What this process knows of providers' keys, by the address that publishes them."""

    client: HTTPClient
    clock: Callable[[], datetime]
    _places: dict[str, _Place] = field(default_factory=dict)
    _sought: dict[Seeker, datetime] = field(default_factory=dict)
    _guard: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        """Ask for keys more briefly than for anything else."""
        self.client = replace(self.client, deadline=min(DEADLINE, self.client.deadline))

    def find(self, address: str, key_id: str | None, algorithm: str, seeker: Seeker) -> PublicKey:
        """Return the published key that a token names.

        :raises Unacceptable: there is none, or several, or it does not fit the algorithm.
        """
        place = self._place(address)
        if place.fetched_at is None or self.clock() - place.fetched_at >= LIFE:
            self._ask(address, place, seeker)
        chosen = _fitting(place.keys, key_id, algorithm)
        if not chosen and self._takes_turn(seeker):
            # A provider that has just changed its keys names one that we have not seen.
            self._ask(address, place, seeker)
            chosen = _fitting(place.keys, key_id, algorithm)
        if len(chosen) != 1:
            raise Unacceptable("key_unknown", f"{len(chosen)} keys fit {key_id!r} and {algorithm}")
        return _imported(chosen[0])

    def _place(self, address: str) -> _Place:
        with self._guard:
            if len(self._places) >= MOST_KEPT:
                self._places.clear()
            return self._places.setdefault(address, _Place())

    def _takes_turn(self, seeker: Seeker) -> bool:
        """Whether somebody may look again now, who then has to wait for the next time."""
        with self._guard:
            last, now = self._sought.get(seeker), self.clock()
            if last is not None and now - last < AGAIN:
                return False
            if len(self._sought) >= MOST_KEPT:
                self._sought.clear()
            self._sought[seeker] = now
            return True

    def _ask(self, address: str, place: _Place, seeker: Seeker) -> None:
        """Fetch an address's keys, one at a time; whoever waited takes what the other brought."""
        known = place.keys
        if not place.asking.acquire(blocking=seeker.asked):
            raise Unacceptable("provider_unreachable", "keys: they are being asked for")
        try:
            if place.keys is not known:
                return
            if place.failed_at is not None and self.clock() - place.failed_at < AFTER_FAILURE:
                raise Unacceptable("provider_unreachable", "keys: they could not be had just now")
            place.failed_at = self.clock()
            place.keys = _fetched(self.client, address)
            place.fetched_at, place.failed_at = self.clock(), None
        finally:
            place.asking.release()


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
