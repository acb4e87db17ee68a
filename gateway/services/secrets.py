"""Bearer secrets: made at random, shown once, kept as a digest."""

import hashlib
import secrets
from dataclasses import dataclass, field
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Issued:
    """A new secret, in clear for the only time."""

    id: UUID
    secret: str = field(repr=False)


def new_secret(prefix: str) -> str:
    """Return `<prefix>_` and 256 random bits, URL-safe."""
    return f"{prefix}_{secrets.token_urlsafe(32)}"


def digest_secret(secret: str) -> str:
    """Return what is stored and looked up: SHA-256 suffices for 256 random bits."""
    return hashlib.sha256(secret.encode()).hexdigest()
