"""Keys and certificates of a simulated identity provider."""

import base64
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

BORN = datetime(2025, 1, 1, tzinfo=UTC)
LIFE = timedelta(days=3650)


@dataclass(frozen=True, slots=True)
class Key:
    """A private key with its self-signed certificate, both PEM."""

    private_key: str = field(repr=False)
    certificate: str

    @property
    def base64(self) -> str:
        """The certificate as metadata carries it."""
        found = x509.load_pem_x509_certificate(self.certificate.encode())
        return base64.b64encode(found.public_bytes(serialization.Encoding.DER)).decode()


def rsa_key(name: str = "idp", *, bits: int = 2048, ends: datetime = BORN + LIFE) -> Key:
    """Return a new RSA key."""
    return _certified(rsa.generate_private_key(65537, bits), name, ends)


def ec_key(name: str = "idp", *, curve: Callable[[], ec.EllipticCurve] = ec.SECP256R1) -> Key:
    """Return a new key on an elliptic curve."""
    return _certified(ec.generate_private_key(curve()), name, BORN + LIFE)


def _certified(
    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, name: str, ends: datetime
) -> Key:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(min(BORN, ends - timedelta(days=1)))
        .not_valid_after(ends)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return Key(private.decode(), certificate.public_bytes(serialization.Encoding.PEM).decode())
