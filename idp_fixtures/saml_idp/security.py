"""Signing and encrypting XML, by whatever algorithm somebody asks for, forbidden ones included."""

import base64
import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass

import xmlsec
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives import padding as block_padding
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from lxml import etree

from idp_fixtures.saml_idp.keys import Key
from idp_fixtures.saml_idp.messages import SAML, Element, child

DS = "http://www.w3.org/2000/09/xmldsig#"
MORE = "http://www.w3.org/2001/04/xmldsig-more#"
XENC = "http://www.w3.org/2001/04/xmlenc#"
XENC11 = "http://www.w3.org/2009/xmlenc11#"
EXC_C14N = "http://www.w3.org/2001/10/xml-exc-c14n#"
ENVELOPED = f"{DS}enveloped-signature"
RSA_SHA256 = f"{MORE}rsa-sha256"
ECDSA_SHA256 = f"{MORE}ecdsa-sha256"
SHA256 = f"{XENC}sha256"
OAEP = f"{XENC}rsa-oaep-mgf1p"
OAEP11 = f"{XENC11}rsa-oaep"
RSA15 = f"{XENC}rsa-1_5"
GCM256 = f"{XENC11}aes256-gcm"
CBC256 = f"{XENC}aes256-cbc"

_HASHES: dict[str, Callable[[], hashes.HashAlgorithm]] = {
    "md5": hashes.MD5,
    "sha1": hashes.SHA1,
    "sha256": hashes.SHA256,
    "sha384": hashes.SHA384,
    "sha512": hashes.SHA512,
}


@dataclass(frozen=True, slots=True)
class Style:
    """How a signature is made."""

    method: str = RSA_SHA256
    digest: str = SHA256
    canonicalisation: str = EXC_C14N
    transforms: tuple[str, ...] = (ENVELOPED, EXC_C14N)
    prefixes: str | None = None
    certificate: bool = True


def sign(node: Element, key: Key, style: Style = Style()) -> Element:
    """Put an enveloped signature into an element, after its issuer; return the signature."""
    signature = template(node, key, style)
    issuer = node.find(f"{{{SAML}}}Issuer")
    node.insert(0 if issuer is None else list(node).index(issuer) + 1, signature)
    complete(signature, key)
    return signature


def template(node: Element, key: Key, style: Style) -> Element:
    """Return a signature about an element, without its values."""
    signature = etree.Element(f"{{{DS}}}Signature", nsmap={"ds": DS})
    info = child(signature, DS, "SignedInfo")
    child(info, DS, "CanonicalizationMethod").set("Algorithm", style.canonicalisation)
    child(info, DS, "SignatureMethod").set("Algorithm", style.method)
    reference = child(info, DS, "Reference")
    reference.set("URI", f"#{node.get('ID')}")
    transforms = child(reference, DS, "Transforms")
    for algorithm in style.transforms:
        transform = child(transforms, DS, "Transform")
        transform.set("Algorithm", algorithm)
        if algorithm == EXC_C14N and style.prefixes is not None:
            place = etree.SubElement(
                transform, f"{{{EXC_C14N}}}InclusiveNamespaces", nsmap={"ec": EXC_C14N}
            )
            place.set("PrefixList", style.prefixes)
    child(reference, DS, "DigestMethod").set("Algorithm", style.digest)
    child(reference, DS, "DigestValue")
    child(signature, DS, "SignatureValue")
    if style.certificate:
        certificates = child(child(signature, DS, "KeyInfo"), DS, "X509Data")
        child(certificates, DS, "X509Certificate", key.base64)
    return signature


def complete(signature: Element, key: Key) -> None:
    """Fill in the digests and the value of a signature that stands where it belongs."""
    xmlsec.tree.add_ids(signature.getroottree().getroot(), ["ID"])
    context = xmlsec.SignatureContext()
    context.key = xmlsec.Key.from_memory(
        key.private_key.encode(), xmlsec.constants.KeyDataFormatPem
    )
    context.key.load_cert_from_memory(
        key.certificate.encode(), xmlsec.constants.KeyDataFormatCertPem
    )
    context.sign(signature)


def complete_by_hand(signature: Element, key: Key) -> None:
    """As `complete`, for exclusive canonicalisation alone but by any algorithm at all."""
    parent = signature.getparent()
    parent.remove(signature)
    digest = signature.find(f".//{{{DS}}}DigestMethod").get("Algorithm").rpartition("#")[2]
    digest = digest.rpartition("-")[2]
    value = hashlib.new(digest, etree.tostring(parent, method="c14n", exclusive=True)).digest()
    parent.insert(1, signature)
    signature.find(f".//{{{DS}}}DigestValue").text = base64.b64encode(value).decode()
    resign(signature, key)


def resign(signature: Element, key: Key) -> None:
    """Make the value of a signature anew, over whatever its SignedInfo says now."""
    info = signature.find(f"{{{DS}}}SignedInfo")
    method = info.find(f"{{{DS}}}SignatureMethod").get("Algorithm")
    signed = etree.tostring(info, method="c14n", exclusive=True, with_tail=False)
    value = base64.b64encode(raw_signature(key, method, signed)).decode()
    signature.find(f"{{{DS}}}SignatureValue").text = value


def raw_signature(key: Key, method: str, signed: bytes) -> bytes:
    """Return a signature by the algorithm that a URI names."""
    name = method.rpartition("-")[2]
    digest = _HASHES[name if name in _HASHES else "sha1"]()
    loaded = load_pem_private_key(key.private_key.encode(), None)
    if isinstance(loaded, rsa.RSAPrivateKey):
        return loaded.sign(signed, padding.PKCS1v15(), digest)
    assert isinstance(loaded, ec.EllipticCurvePrivateKey)  # noqa: S101 - there are two kinds
    size = (loaded.key_size + 7) // 8
    r, s = decode_dss_signature(loaded.sign(signed, ec.ECDSA(digest)))
    return r.to_bytes(size) + s.to_bytes(size)


@dataclass(frozen=True, slots=True)
class Encryption:
    """How an assertion is encrypted, and for whom: a certificate in PEM."""

    certificate: str
    content: str = GCM256
    transport: str = OAEP
    digest: str | None = None
    mask: str | None = None
    beside: bool = False
    """Whether the key stands beside the data instead of inside."""


def encrypt(assertion: Element, how: Encryption, plaintext: bytes | None = None) -> Element:
    """Put an EncryptedAssertion in an assertion's place and return it."""
    secret = os.urandom(
        int("".join(x for x in how.content.rpartition("aes")[2] if x.isdigit())) // 8
    )
    body = plaintext if plaintext is not None else etree.tostring(assertion, with_tail=False)
    node = etree.Element(f"{{{SAML}}}EncryptedAssertion", nsmap={"saml": SAML})
    content = etree.SubElement(node, f"{{{XENC}}}EncryptedData", nsmap={"xenc": XENC, "ds": DS})
    content.set("Type", f"{XENC}Element")
    child(content, XENC, "EncryptionMethod").set("Algorithm", how.content)
    info = child(content, DS, "KeyInfo")
    wrapped = child(node if how.beside else info, XENC, "EncryptedKey")
    method = child(wrapped, XENC, "EncryptionMethod")
    method.set("Algorithm", how.transport)
    if how.digest is not None:
        child(method, DS, "DigestMethod").set("Algorithm", how.digest)
    if how.mask is not None:
        child(method, XENC11, "MGF").set("Algorithm", f"{XENC11}mgf1{how.mask}")
    _cipher(wrapped, _wrap(secret, how))
    _cipher(content, _encrypted(secret, body, how.content))
    parent = assertion.getparent()
    if parent is not None:
        parent.replace(assertion, node)
    return node


def _wrap(secret: bytes, how: Encryption) -> bytes:
    public = x509.load_pem_x509_certificate(how.certificate.encode()).public_key()
    assert isinstance(public, rsa.RSAPublicKey)  # noqa: S101 - key transport is RSA's
    if how.transport == RSA15:
        return public.encrypt(secret, padding.PKCS1v15())
    digest = _HASHES[(how.digest or "sha1").rpartition("#")[2]]()
    mask = _HASHES[how.mask or "sha1"]()
    return public.encrypt(
        secret, padding.OAEP(mgf=padding.MGF1(mask), algorithm=digest, label=None)
    )


def _encrypted(secret: bytes, body: bytes, algorithm: str) -> bytes:
    if algorithm.endswith("gcm"):
        nonce = os.urandom(12)
        return nonce + AESGCM(secret).encrypt(nonce, body, None)
    start = os.urandom(16)
    padder = block_padding.ANSIX923(128).padder()
    padded = padder.update(body) + padder.finalize()
    cipher = Cipher(algorithms.AES(secret), modes.CBC(start)).encryptor()
    return start + cipher.update(padded) + cipher.finalize()


def _cipher(node: Element, value: bytes) -> None:
    place = child(child(node, XENC, "CipherData"), XENC, "CipherValue")
    place.text = base64.b64encode(value).decode()


def verified(root: Element, certificate: str) -> bool:
    """Whether the signature of a message of a service provider fits its certificate."""
    signature = root.find(f"{{{DS}}}Signature")
    if signature is None:
        return False
    xmlsec.tree.add_ids(root, ["ID"])
    context = xmlsec.SignatureContext()
    context.key = xmlsec.Key.from_memory(
        certificate.encode(), xmlsec.constants.KeyDataFormatCertPem
    )
    try:
        context.verify(signature)
    except xmlsec.Error:
        return False
    return True
