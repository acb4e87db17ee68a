"""HTTP-Redirect and HTTP-POST (bindings §3.4, §3.5): how messages travel through a browser."""

import base64
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, quote_plus, unquote_to_bytes

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from gateway.domain.judging import Unacceptable
from gateway.domain.signin import KeyPair
from gateway.saml import building, gate, signatures, xml
from gateway.saml.names import DSIG_MORE, SIGNATURES
from gateway.saml.xml import Element
from gateway.services import certificates

FIELDS = frozenset({"SAMLRequest", "SAMLResponse", "RelayState", "SigAlg", "Signature"})
FIELD_LIMIT = 12
"""Fields of one message; some providers add one or two of their own."""

RELAY_LIMIT = 512
OUR_ALGORITHM = f"{DSIG_MORE}rsa-sha256"


@dataclass(frozen=True, slots=True)
class Letter:
    """A message on its way to a provider: by an address to go to, or by a form to post."""

    address: str
    form: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Fields:
    """The fields of one message as they came; `raw` are the query's parts, still encoded."""

    values: Mapping[str, str]
    raw: Mapping[str, bytes]

    @property
    def name(self) -> str | None:
        """Which of both messages it is; none where there is neither, or both.

        :raises Unacceptable: both.
        """
        found = [name for name in ("SAMLRequest", "SAMLResponse") if name in self.values]
        if len(found) > 1:
            raise Unacceptable("malformed", "a request and a response at once")
        return found[0] if found else None

    @property
    def relay_state(self) -> str:
        """RelayState, empty where there is none or it is too long to be one of ours."""
        found = self.values.get("RelayState", "")
        return found if len(found) <= RELAY_LIMIT else ""


def from_form(body: bytes) -> Fields:
    """Return the fields of a posted form.

    :raises Unacceptable: too many, one of them twice, or not UTF-8.
    """
    return Fields(_once(body), {})


def from_query(query: bytes) -> Fields:
    """Return the fields of a query, together with how they were encoded: that is what is signed.

    :raises Unacceptable: too long, too many, one of them twice, or not UTF-8.
    """
    if len(query) > gate.BASE64_SIZE:
        raise Unacceptable("malformed", f"{len(query)} bytes")
    values = _once(query)
    parts = (part.partition(b"=") for part in query.split(b"&"))
    return Fields(
        values,
        {
            name: value
            for raw, _, value in parts
            if (name := unquote_to_bytes(raw).decode()) in FIELDS
        },
    )


def inflated(field: str) -> bytes:
    """Return a message that came by redirect; its expansion stops at the size limit.

    :raises Unacceptable: no base64, no DEFLATE, or more than the limit.
    """
    packed = gate.decoded(field)
    try:
        expander = zlib.decompressobj(-zlib.MAX_WBITS)
        document = expander.decompress(packed, xml.SIZE + 1)
    except zlib.error:
        raise Unacceptable("malformed", "not deflated") from None
    if len(document) > xml.SIZE or expander.unconsumed_tail:
        raise Unacceptable("malformed", f"expands to more than {xml.SIZE} bytes")
    if not expander.eof or expander.unused_data:
        raise Unacceptable("malformed", "cut off, or followed by something")
    return document


def query_signature(fields: Fields, name: str, pems: tuple[str, ...]) -> str:
    """Return the fingerprint of the certificate that the signature of a query fits.

    :raises Unacceptable: there is no signature, it is of a refused algorithm, or fits none.
    """
    if "Signature" not in fields.values or "SigAlg" not in fields.values:
        raise Unacceptable("signature_missing", "the query is not signed")
    algorithm = fields.values["SigAlg"]
    if algorithm not in SIGNATURES:
        raise Unacceptable("algorithm_refused", f"signature {algorithm[:100]}")
    names = (name, "RelayState", "SigAlg")
    signed = b"&".join(
        part.encode() + b"=" + fields.raw[part] for part in names if part in fields.raw
    )
    signature = gate.decoded(fields.values["Signature"], size=4_096)
    for pem in pems:
        if signatures.fits(pem, algorithm, signature, signed):
            return certificates.fingerprint(pem)
    raise Unacceptable("signature_invalid", "the signature of the query fits no certificate")


def by_redirect(
    address: str, name: str, root: Element, relay_state: str, key: KeyPair | None
) -> Letter:
    """Return an address that carries a message; with a key, the query is signed."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    packed = packer.compress(xml.serialised(root)) + packer.flush()
    fields = {name: base64.b64encode(packed).decode()}
    if relay_state:
        fields["RelayState"] = relay_state
    if key is not None:
        fields["SigAlg"] = OUR_ALGORITHM
    query = "&".join(f"{field}={quote_plus(value)}" for field, value in fields.items())
    if key is not None:
        query += f"&Signature={quote_plus(_signature(key, query.encode()))}"
    return Letter(f"{address}{'&' if '?' in address else '?'}{query}")


def by_post(
    address: str, name: str, root: Element, relay_state: str, key: KeyPair | None
) -> Letter:
    """Return a form that carries a message; with a key, the message itself is signed."""
    if key is not None:
        building.sign(root, key)
    form = {name: base64.b64encode(xml.serialised(root)).decode()}
    if relay_state:
        form["RelayState"] = relay_state
    return Letter(address, form)


SENDERS = {"redirect": by_redirect, "post": by_post}


# -- inside -----------------------------------------------------------------------


def _once(encoded: bytes) -> dict[str, str]:
    """Return fields by name; what is not ours is dropped, and what is ours comes once."""
    try:
        pairs = parse_qsl(
            encoded.decode("ascii"),
            keep_blank_values=True,
            encoding="utf-8",
            errors="strict",
            max_num_fields=FIELD_LIMIT,
        )
    except ValueError:
        raise Unacceptable("malformed", "the form cannot be read") from None
    own = [(name, value) for name, value in pairs if name in FIELDS]
    if len({name for name, _ in own}) != len(own):
        raise Unacceptable("malformed", "a field comes twice")
    return dict(own)


def _signature(key: KeyPair, signed: bytes) -> str:
    loaded = serialization.load_pem_private_key(
        key.private_key.encode(), None, unsafe_skip_rsa_key_validation=True
    )
    assert isinstance(loaded, rsa.RSAPrivateKey)  # noqa: S101 - ours are always RSA
    return base64.b64encode(loaded.sign(signed, padding.PKCS1v15(), hashes.SHA256())).decode()
