"""Certificates of identity providers and key pairs of ours: staged, proved, rotated, retired.

A provider's certificate is a key that we pin: it is trusted until it is retired, and its end is
announced rather than enforced, so that nobody is locked out on a day.
"""

import base64
import binascii
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID
from sqlalchemy import Row

from gateway.domain.errors import InvalidRequest, NotFound
from gateway.domain.events import Fact, Target
from gateway.services.sso_connections import PRIVATE_KEY
from gateway.storage import tables as t
from gateway.storage.unit_of_work import UnitOfWork

LIVE_LIMIT = 8
"""Certificates of one connection that may be live at a time."""

KEY_LIFETIME = timedelta(days=3 * 365)
KEYS_KEPT = 2
"""Key pairs of ours that are published: the newest signs, both decrypt."""

LARGEST = 20_000
WARNINGS = (60, 30, 7, 1)
"""Days before its end at which a certificate is announced."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate that was understood."""

    pem: str
    fingerprint: str
    not_before: datetime
    not_after: datetime


def understood(text: str) -> Certificate:
    """Return the certificate in PEM, or in base64 as metadata carries it.

    :raises InvalidRequest: garbage, or a key too weak to pin: RSA below 2048 bits, or a curve
        other than P-256, P-384 and P-521.
    """
    try:
        found = x509.load_der_x509_certificate(_der(text))
        key = found.public_key()
        not_before, not_after = found.not_valid_before_utc, found.not_valid_after_utc
    except Exception:
        raise _garbage() from None
    strong = isinstance(key, rsa.RSAPublicKey) and 2048 <= key.key_size <= 8192
    if not strong and not (
        isinstance(key, ec.EllipticCurvePublicKey)
        and key.curve.name.startswith("secp")
        and key.key_size in (256, 384, 521)
    ):
        raise InvalidRequest("The certificate's key is too weak or unusual.", field="certificate")
    return Certificate(
        found.public_bytes(serialization.Encoding.PEM).decode(),
        found.fingerprint(hashes.SHA256()).hex(),
        not_before,
        not_after,
    )


def fingerprint(pem: str) -> str:
    """Return the SHA-256 fingerprint of a certificate, as `AssertedIdentity.signed_by` names it."""
    return understood(pem).fingerprint


def add(uow: UnitOfWork, connection_id: UUID, text: str, source: str = "manual") -> UUID:
    """Trust one more certificate of the provider: the first is active, a later one staged.

    One that is known keeps its id and state.

    :raises InvalidRequest: garbage, ended, or one too many.
    """
    certificate = understood(text)
    if certificate.not_after <= uow.now:
        raise InvalidRequest("The certificate has ended.", field="certificate")
    live = live_of(uow, connection_id)
    for known in live:
        if known.fingerprint == certificate.fingerprint:
            known_id: UUID = known.id
            return known_id
    if len(live) >= LIVE_LIMIT:
        raise InvalidRequest(
            f"A connection has at most {LIVE_LIMIT} certificates; retire one.", field="certificate"
        )
    certificate_id = uow.new_id()
    state = "staged" if live else "active"
    uow.insert(
        t.sso_certificates,
        id=certificate_id,
        connection_id=connection_id,
        fingerprint=certificate.fingerprint,
        pem=certificate.pem,
        state=state,
        source=source,
        not_before=certificate.not_before,
        not_after=certificate.not_after,
        created_at=uow.now,
        proved_at=None,
        retired_at=None,
    )
    _record(uow, "sso.certificate_added", connection_id, certificate_id, {"state": state})
    return certificate_id


def prove(uow: UnitOfWork, connection_id: UUID, signed_by: str) -> None:
    """Note that a certificate's key signed a good sign-in: a staged one is active from now on."""
    for row in live_of(uow, connection_id):
        if row.fingerprint != signed_by:
            continue
        if row.proved_at is None or row.state == "staged":
            uow.update(t.sso_certificates, {"id": row.id}, state="active", proved_at=uow.now)
        if row.state == "staged":
            _record(uow, "sso.certificate_proved", connection_id, row.id, {"state": "active"})


def retire(uow: UnitOfWork, connection_id: UUID, certificate_id: UUID) -> None:
    """Trust a certificate no longer.

    :raises NotFound: no live one with this id. :raises InvalidRequest: it is the last.
    """
    live = live_of(uow, connection_id)
    if certificate_id not in {row.id for row in live}:
        raise NotFound("No such certificate.")
    if not any(row.state == "active" for row in live if row.id != certificate_id):
        raise InvalidRequest("A connection keeps one active certificate; add the next one first.")
    uow.update(t.sso_certificates, {"id": certificate_id}, state="retired", retired_at=uow.now)
    _record(uow, "sso.certificate_retired", connection_id, certificate_id, {"state": "retired"})


def follow_metadata(uow: UnitOfWork, connection_id: UUID, published: Sequence[str]) -> None:
    """Stage what the provider's metadata publishes anew; retire what it dropped, with overlap.

    A dropped certificate goes once another one has signed a good sign-in, and never one that an
    admin added by hand.
    """
    wanted = {understood(text).fingerprint for text in published}
    for text in published:
        add(uow, connection_id, text, source="metadata")
    live = live_of(uow, connection_id)
    proved = [x for x in live if x.state == "active" and x.fingerprint in wanted and x.proved_at]
    for row in live:
        dropped = row.source == "metadata" and row.fingerprint not in wanted
        if dropped and proved:
            retire(uow, connection_id, row.id)


def live_of(uow: UnitOfWork, connection_id: UUID) -> Sequence[Row[Any]]:
    """Return the certificates that are trusted, the active ones first."""
    c = t.sso_certificates.c
    return uow.all(
        uow.own(t.sso_certificates)
        .where(c.connection_id == connection_id, c.state != "retired")
        .order_by(c.state, c.created_at, c.id)
    )


# -- our own ------------------------------------------------------------------------


def add_key(uow: UnitOfWork, connection_id: UUID) -> UUID:
    """Make a key pair of ours that signs from now on; the one before still decrypts.

    :raises InvalidRequest: the installation has no encryption key to keep it sealed.
    """
    if not uow.vault.is_open:
        raise InvalidRequest("This installation has no encryption key; set one to keep secrets.")
    key_id = uow.new_id()
    private_key, certificate, ends = _new_pair(uow.now)
    uow.insert(
        t.sso_keys,
        id=key_id,
        connection_id=connection_id,
        certificate=certificate,
        private_key=uow.vault.seal(private_key, uow.organisation_id, key_id, PRIVATE_KEY),
        created_at=uow.now,
        not_after=ends,
        retired_at=None,
    )
    _record(uow, "sso.key_rotated", connection_id, key_id, {"not_after": ends.isoformat()})
    for row in keys_of(uow, connection_id)[KEYS_KEPT:]:
        uow.update(t.sso_keys, {"id": row.id}, retired_at=uow.now)
    return key_id


def keys_of(uow: UnitOfWork, connection_id: UUID) -> Sequence[Row[Any]]:
    """Return our key pairs that are in use, the newest first; never a private key in clear."""
    k = t.sso_keys.c
    return uow.all(
        uow.own(t.sso_keys, k.id, k.certificate, k.created_at, k.not_after)
        .where(k.connection_id == connection_id, k.retired_at.is_(None))
        .order_by(k.created_at.desc(), k.id.desc())
    )


def _new_pair(now: datetime) -> tuple[str, str, datetime]:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Gateway single sign-on")])
    ends = now + KEY_LIFETIME
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(ends)
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return pem.decode(), certificate.public_bytes(serialization.Encoding.PEM).decode(), ends


# -- inside -------------------------------------------------------------------------


def _der(text: str) -> bytes:
    if len(text) > LARGEST or not text.isascii():
        raise _garbage()
    body = re.sub(r"-----(BEGIN|END) CERTIFICATE-----", "", text)
    if "-----" in body or text.count("BEGIN CERTIFICATE") > 1:
        raise _garbage()
    try:
        return base64.b64decode("".join(body.split()), validate=True)
    except binascii.Error:
        raise _garbage() from None


def _garbage() -> InvalidRequest:
    return InvalidRequest("That is no X.509 certificate.", field="certificate")


def _record(
    uow: UnitOfWork, action: str, connection_id: UUID, row_id: UUID, after: dict[str, Any]
) -> None:
    targets = (Target("connection", str(connection_id)), Target("certificate", str(row_id)))
    uow.record(Fact(action, targets, after=after))
