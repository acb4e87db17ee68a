"""Signatures: the only place where the SAML library is asked, and only about a gated tree.

The library is asked whether its own rules on signed elements hold and whether each signature fits
a certificate of the connection. It is not asked about times and addresses: it reads the machine's
clock and compares addresses by their beginnings. `checks` answers these exactly.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lxml import etree
from onelogin.saml2.errors import OneLogin_Saml2_Error, OneLogin_Saml2_ValidationError
from onelogin.saml2.response import OneLogin_Saml2_Response
from onelogin.saml2.utils import OneLogin_Saml2_Utils

from gateway.domain.judging import Unacceptable
from gateway.saml import signatures
from gateway.saml.names import ASSERTION, SAMLP, SIGNATURE, tag
from gateway.saml.xml import Element
from gateway.services import certificates

TRIES = 10
"""Certificates of a connection that are tried."""

_PATHS = {
    "Response": OneLogin_Saml2_Utils.RESPONSE_SIGNATURE_XPATH,
    "Assertion": OneLogin_Saml2_Utils.ASSERTION_SIGNATURE_XPATH,
    "LogoutRequest": "/samlp:LogoutRequest/ds:Signature",
    "LogoutResponse": "/samlp:LogoutResponse/ds:Signature",
}


@dataclass(frozen=True, slots=True)
class Signed:
    """Fingerprints of the certificates that the signatures fit, None where there is none."""

    response: str | None
    assertion: str | None

    @property
    def by(self) -> str:
        """The certificate that the innermost signature fits."""
        return self.assertion or self.response or ""


def response_signature(root: Element, pems: Sequence[str]) -> str | None:
    """Return whose signature covers the whole Response as it was received.

    :raises Unacceptable: there is one, and it fits no certificate.
    """
    signature = root.find(SIGNATURE)
    return None if signature is None else _fitting(root, signature, pems)


def assertion_signature(root: Element, pems: Sequence[str]) -> str | None:
    """Return whose signature covers the assertion of a plain Response.

    :raises Unacceptable: there is one, and it fits no certificate.
    """
    signature = root.find(f"{ASSERTION}/{SIGNATURE}")
    return None if signature is None else _fitting(root, signature, pems)


def require_library_rules(root: Element) -> None:
    """Refuse what the library finds wrong about the number and place of signed elements.

    :raises Unacceptable: it does.
    """
    try:
        signed = _Gated(root).process_signed_elements()
    except OneLogin_Saml2_Error as error:
        raise Unacceptable("signature_invalid", type(error).__name__) from None
    except OneLogin_Saml2_ValidationError as error:
        raise Unacceptable("signature_invalid", str(error)) from None
    if not set(signed) <= {tag(SAMLP, "Response"), ASSERTION}:
        raise Unacceptable("signature_invalid", "something else is signed")


def message_signature(root: Element, pems: Sequence[str]) -> str:
    """Return whose signature covers a LogoutRequest or LogoutResponse sent by POST.

    :raises Unacceptable: there is none, or it fits no certificate.
    """
    signature = root.find(SIGNATURE)
    if signature is None:
        raise Unacceptable("signature_missing", "the message is not signed")
    return _fitting(root, signature, pems)


class _Settings:
    """The one answer that the library's rules on signed elements ask for."""

    def get_security_data(self) -> Mapping[str, Any]:
        return {"rejectDeprecatedAlgorithm": True}


class _Gated(OneLogin_Saml2_Response):  # type: ignore[misc]
    """The library's Response around a tree that is parsed, gated and decrypted already."""

    def __init__(self, root: Element) -> None:
        self._settings = _Settings()
        self._error = None
        self.document = root
        self.decrypted_document = None
        self.encrypted = None


def _fitting(root: Element, signature: Element, pems: Sequence[str]) -> str:
    """Return the fingerprint of the first certificate that a signature fits; KeyInfo is not read.

    The library digests what is signed only for a certificate whose key made the signature: a
    stranger's message costs no more with many certificates than with one.

    :raises Unacceptable: none does.
    """
    parent = etree.QName(signature.getparent()).localname
    for pem in pems[:TRIES]:
        if not signatures.fits_signed_part(pem, signature):
            continue
        if OneLogin_Saml2_Utils.validate_sign(root, cert=pem, xpath=_PATHS[parent]):
            return certificates.fingerprint(pem)
        raise Unacceptable("signature_invalid", f"the {parent} is not what was signed")
    raise Unacceptable("signature_invalid", f"the signature of the {parent} fits no certificate")
