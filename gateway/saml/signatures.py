"""Whether a signature fits a certificate: one cheap operation, before anything is digested."""

import base64

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.x509 import load_pem_x509_certificate
from lxml import etree

from gateway.saml import xml
from gateway.saml.names import DS, EXC_C14N, INCLUSIVE_NAMESPACES, SIGNATURES, tag
from gateway.saml.xml import Element

LARGEST = 4_096
"""Characters of a signature value; 8192 bits need half of them."""


def fits(pem: str, algorithm: str, signature: bytes, signed: bytes) -> bool:
    """Return whether a signature over some bytes was made with the key of a certificate."""
    family, digest_name = SIGNATURES[algorithm]
    digest = getattr(hashes, digest_name)()
    key = load_pem_x509_certificate(pem.encode()).public_key()
    try:
        if family == "RSA" and isinstance(key, rsa.RSAPublicKey):
            key.verify(signature, signed, padding.PKCS1v15(), digest)
            return True
        if family == "EC" and isinstance(key, ec.EllipticCurvePublicKey):
            half = len(signature) // 2
            pair = int.from_bytes(signature[:half]), int.from_bytes(signature[half:])
            key.verify(encode_dss_signature(*pair), signed, ec.ECDSA(digest))
            return True
    except (InvalidSignature, ValueError):
        pass
    return False


def fits_signed_part(pem: str, signature: Element) -> bool:
    """Return whether the value of a gated Signature fits its SignedInfo and a certificate.

    What the SignedInfo refers to has not been looked at.
    """
    info = signature.find(tag(DS, "SignedInfo"))
    algorithm = info.find(tag(DS, "SignatureMethod")).get("Algorithm")
    text = "".join(xml.text(signature.find(tag(DS, "SignatureValue"))).split())
    try:
        value = base64.b64decode(text[:LARGEST], validate=True)
        canonical = _canonical(info)
    except (ValueError, etree.LxmlError):
        # No base64, or namespaces that cannot be canonicalised.
        return False
    return fits(pem, algorithm, value, canonical)


def _canonical(info: Element) -> bytes:
    method = info.find(tag(DS, "CanonicalizationMethod"))
    kept = method.find(INCLUSIVE_NAMESPACES)
    prefixes = [] if kept is None else kept.get("PrefixList", "").split()
    exclusive = method.get("Algorithm").startswith(EXC_C14N)
    return bytes(
        etree.tostring(
            info,
            method="c14n",
            exclusive=exclusive,
            with_comments=False,
            inclusive_ns_prefixes=prefixes or None if exclusive else None,
        )
    )
