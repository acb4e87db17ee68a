"""Our own decryption of an assertion: short, and without an answer that tells why it failed."""

import base64
import binascii
import re
from collections.abc import Iterable
from copy import deepcopy
from xml.sax.saxutils import quoteattr

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from gateway.domain.judging import Unacceptable
from gateway.domain.signin import KeyPair
from gateway.saml import xml
from gateway.saml.names import (
    CBC,
    DS,
    ENCRYPTED_KEY,
    GCM,
    OAEP_DIGESTS,
    OAEP_MASKS,
    SAMLP,
    XENC,
    XENC11,
    tag,
)
from gateway.saml.xml import Element

_DECLARATION = re.compile(rb"^\s*<\?xml\s[^<>]{0,100}?\?>")
_BLOCK = 16
_TAG = 16
_NONCE = 12
_PATH = "/".join(tag(XENC, name) for name in ("CipherData", "CipherValue"))


def is_malleable(encrypted: Element) -> bool:
    """Whether the ciphertext can be changed unseen, so that no answer may tell what it became."""
    method = encrypted.find(f"{tag(XENC, 'EncryptedData')}/{tag(XENC, 'EncryptionMethod')}")
    return method is None or method.get("Algorithm") not in GCM


def plain_response(root: Element, encrypted: Element, keys: Iterable[KeyPair]) -> bytes:
    """Return the whole Response with the assertion in place of what was encrypted.

    The gate has let the message in. Any of our keys may be the one.

    :raises Unacceptable: `decryption_failed`, whatever the cause.
    """
    try:
        assertion = _parsed(_decrypted(encrypted, keys), encrypted)
        copy = deepcopy(root)
        place = copy.find(str(encrypted.tag))
        if place is None or copy.tag != tag(SAMLP, "Response"):
            raise ValueError("no place")
        assertion.tail = place.tail
        copy.replace(place, assertion)
        return xml.serialised(copy)
    except (ValueError, TypeError, InvalidTag, binascii.Error, Unacceptable):
        raise Unacceptable("decryption_failed") from None


def _decrypted(encrypted: Element, keys: Iterable[KeyPair]) -> bytes:
    content = next(encrypted.iterchildren(tag(XENC, "EncryptedData")))
    wrapped = next(encrypted.iter(ENCRYPTED_KEY))
    algorithm = _method(content).get("Algorithm", "")
    length = {**GCM, **CBC}[algorithm]
    secret = _unwrapped(wrapped, keys, length)
    ciphertext = _cipher_value(content)
    if algorithm in GCM:
        if len(ciphertext) < _NONCE + _TAG:
            raise ValueError("too short")
        return AESGCM(secret).decrypt(ciphertext[:_NONCE], ciphertext[_NONCE:], None)
    return _from_cbc(secret, ciphertext)


def _unwrapped(wrapped: Element, keys: Iterable[KeyPair], length: int) -> bytes:
    ciphertext, scheme = _cipher_value(wrapped), _padding(wrapped)
    for pair in keys:
        # Checking the arithmetic of our own key again would cost 0.1 s for each message.
        key = load_pem_private_key(
            pair.private_key.encode(), None, unsafe_skip_rsa_key_validation=True
        )
        if not isinstance(key, rsa.RSAPrivateKey) or len(ciphertext) != (key.key_size + 7) // 8:
            continue
        try:
            secret = key.decrypt(ciphertext, scheme)
        except ValueError:
            continue
        if len(secret) == length:
            return secret
    raise ValueError("no key fits")


def _padding(wrapped: Element) -> padding.OAEP:
    method = _method(wrapped)
    digest = method.find(tag(DS, "DigestMethod"))
    mask = method.find(tag(XENC11, "MGF"))
    label = method.find(tag(XENC, "OAEPparams"))
    digest_name = "SHA1" if digest is None else OAEP_DIGESTS[digest.get("Algorithm", "")]
    mask_name = "SHA1" if mask is None else OAEP_MASKS[mask.get("Algorithm", "")]
    return padding.OAEP(
        mgf=padding.MGF1(getattr(hashes, mask_name)()),
        algorithm=getattr(hashes, digest_name)(),
        label=None if label is None else base64.b64decode(xml.text(label)),
    )


def _from_cbc(secret: bytes, ciphertext: bytes) -> bytes:
    """XML Encryption §5.2: the last byte alone says how much is padding."""
    if len(ciphertext) < 2 * _BLOCK or len(ciphertext) % _BLOCK:
        raise ValueError("no whole blocks")
    cipher = Cipher(algorithms.AES(secret), modes.CBC(ciphertext[:_BLOCK])).decryptor()
    padded = cipher.update(ciphertext[_BLOCK:]) + cipher.finalize()
    if not 1 <= padded[-1] <= _BLOCK:
        raise ValueError("no padding")
    return padded[: -padded[-1]]


def _parsed(plaintext: bytes, encrypted: Element) -> Element:
    """Parse what was encrypted where it stood: the prefixes declared around it hold in it."""
    declared = " ".join(
        f"xmlns{':' + prefix if prefix else ''}={quoteattr(uri)}"
        for prefix, uri in encrypted.nsmap.items()
    )
    body = _DECLARATION.sub(b"", plaintext)
    around = xml.parse(f"<here {declared}>".encode() + body + b"</here>")
    if len(around) != 1 or xml.stray_text(around):
        raise ValueError("not one element")
    return around[0]


def _method(node: Element) -> Element:
    return next(node.iterchildren(tag(XENC, "EncryptionMethod")))


def _cipher_value(node: Element) -> bytes:
    found = xml.text(node.find(_PATH))
    return base64.b64decode("".join(found.split()), validate=True)
