"""Column encryption: secrets that we must be able to read again are kept sealed.

AES-256-GCM, bound to the place where the value lies, so that a sealed value moved to another row
or organisation does not open. The newest key seals, every key opens.
"""

import base64
import binascii
import hashlib
import secrets
from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES = 32
_NONCE_BYTES = 12
_FORM = "v1"


class VaultError(Exception):
    """A value cannot be sealed or opened with the keys that the installation has."""


class Vault:
    """Seals and opens with the installation's keys, the newest first; without one it is closed."""

    def __init__(self, keys: Sequence[bytes] = ()) -> None:
        if any(len(key) != KEY_BYTES for key in keys):
            raise VaultError("An encryption key has 32 bytes.")
        self._newest = _name(keys[0]) if keys else ""
        self._ciphers = {_name(key): AESGCM(key) for key in keys}

    @classmethod
    def of(cls, keys: str) -> "Vault":
        """Return the vault of keys in base64, separated by commas, the newest first.

        :raises VaultError: something else; the keys are not repeated in the message.
        """
        try:
            found = [
                base64.urlsafe_b64decode(key.strip()) for key in keys.split(",") if key.strip()
            ]
        except (binascii.Error, ValueError):
            raise VaultError("An encryption key is 32 bytes in base64.") from None
        return cls(found)

    @property
    def is_open(self) -> bool:
        """Whether there is a key."""
        return bool(self._ciphers)

    def seal(self, text: str, *place: object) -> str:
        """Return the sealed form of a text that only opens at the same place.

        :raises VaultError: the installation has no key.
        """
        if not self._newest:
            raise VaultError("This installation has no encryption key.")
        nonce = secrets.token_bytes(_NONCE_BYTES)
        sealed = self._ciphers[self._newest].encrypt(nonce, text.encode(), _bound(place))
        return f"{_FORM}.{self._newest}.{base64.urlsafe_b64encode(nonce + sealed).decode()}"

    def open(self, sealed: str, *place: object) -> str:
        """Return the text of a sealed value.

        :raises VaultError: it was sealed elsewhere, with a key that is gone, or is damaged.
        """
        form, _, rest = sealed.partition(".")
        name, _, body = rest.partition(".")
        cipher = self._ciphers.get(name)
        if form != _FORM or cipher is None:
            raise VaultError("No key of this installation opens this value.")
        try:
            raw = base64.urlsafe_b64decode(body)
            return cipher.decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], _bound(place)).decode()
        except (InvalidTag, binascii.Error, ValueError):
            raise VaultError("A sealed value does not open at its place.") from None

    def is_newest(self, sealed: str) -> bool:
        """Whether a value is sealed with the newest key."""
        return sealed.startswith(f"{_FORM}.{self._newest}.")


def new_key() -> str:
    """Return a fresh key in base64."""
    return base64.urlsafe_b64encode(secrets.token_bytes(KEY_BYTES)).decode()


def _name(key: bytes) -> str:
    return hashlib.sha256(b"gateway vault key" + key).hexdigest()[:8]


def _bound(place: tuple[object, ...]) -> bytes:
    return "\x1f".join(map(str, place)).encode()
