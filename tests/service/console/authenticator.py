"""An authenticator in software: makes passkeys and proves itself by them (WebAuthn Level 2)."""

import base64
import hashlib
import json
import secrets
import struct
from dataclasses import dataclass, field
from typing import Any

import cbor2
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

PRESENT, VERIFIED, ATTESTED = 0x01, 0x04, 0x40


def plain(value: bytes) -> str:
    """Base64 for URLs, without padding."""
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def unplain(value: str) -> bytes:
    """What `plain` encoded."""
    return base64.urlsafe_b64decode(value + "=" * (-len(value) % 4))


@dataclass
class Authenticator:
    """One key of one person, bound to one site; it counts how often it signed."""

    origin: str = "http://localhost"
    host: str = "localhost"
    flags: int = PRESENT | VERIFIED
    signed: int = 0
    user: bytes = b""
    key: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1())
    )
    id: bytes = field(default_factory=lambda: secrets.token_bytes(32))

    def make(self, options: dict[str, Any]) -> dict[str, Any]:
        """Answer `navigator.credentials.create`."""
        self.user = unplain(options["user"]["id"])
        public = self.key.public_key().public_numbers()
        x, y = public.x.to_bytes(32, "big"), public.y.to_bytes(32, "big")
        cose = cbor2.dumps({1: 2, 3: -7, -1: 1, -2: x, -3: y})
        attested = bytes(16) + struct.pack(">H", len(self.id)) + self.id + cose
        statement = {
            "fmt": "none",
            "attStmt": {},
            "authData": self._data(self.flags | ATTESTED) + attested,
        }
        return self._answer(
            {
                "clientDataJSON": plain(self._client("webauthn.create", options)),
                "attestationObject": plain(cbor2.dumps(statement)),
            }
        )

    def prove(self, options: dict[str, Any], **says: str) -> dict[str, Any]:
        """Answer `navigator.credentials.get`; a test may let it say something else."""
        self.signed += 1
        client = self._client("webauthn.get", options)
        data = self._data(self.flags)
        signature = self.key.sign(data + hashlib.sha256(client).digest(), ec.ECDSA(hashes.SHA256()))
        response = {
            "clientDataJSON": plain(client),
            "authenticatorData": plain(data),
            "signature": plain(signature),
            "userHandle": plain(self.user),
        }
        return self._answer({**response, **says})

    def _client(self, kind: str, options: dict[str, Any]) -> bytes:
        said = {"type": kind, "challenge": options["challenge"], "origin": self.origin}
        return json.dumps({**said, "crossOrigin": False}).encode()

    def _data(self, flags: int) -> bytes:
        host = hashlib.sha256(self.host.encode()).digest()
        return host + bytes([flags]) + struct.pack(">I", self.signed)

    def _answer(self, response: dict[str, str]) -> dict[str, Any]:
        named = plain(self.id)
        return {"id": named, "rawId": named, "type": "public-key", "response": response}
