"""What may stand inside what, and how often: narrower than the schemas, and cheap to check."""

from collections.abc import Mapping
from types import MappingProxyType

from gateway.saml.names import (
    DS,
    DSIG11,
    ENCRYPTED_KEY,
    EXC_C14N,
    KEY_INFO,
    PROTECTED,
    SAML,
    SAMLP,
    SIGNATURE,
    XENC,
    XENC11,
    tag,
)
from gateway.saml.xml import ELEMENTS

Children = Mapping[str, tuple[int, int]]
MANY = ELEMENTS
NAME_ID = tag(SAML, "NameID")

_OPTIONAL, _ONE = (0, 1), (1, 1)


def _in(namespace: str, **names: tuple[int, int]) -> dict[str, tuple[int, int]]:
    return {tag(namespace, name): often for name, often in names.items()}


_MESSAGE = {**_in(SAML, Issuer=_OPTIONAL), **_in(DS, Signature=_OPTIONAL)}
_ENCRYPTED = {
    **_in(XENC, EncryptionMethod=_ONE, CipherData=_ONE),
    **_in(DS, KeyInfo=_OPTIONAL),
}

GRAMMAR: Mapping[str, Children] = MappingProxyType(
    {
        tag(SAMLP, "Response"): {
            **_MESSAGE,
            **_in(SAMLP, Status=_ONE),
            **_in(SAML, Assertion=_OPTIONAL, EncryptedAssertion=_OPTIONAL),
        },
        tag(SAMLP, "LogoutRequest"): {
            **_MESSAGE,
            **_in(SAML, NameID=_ONE),
            **_in(SAMLP, SessionIndex=(0, 50)),
        },
        tag(SAMLP, "LogoutResponse"): {**_MESSAGE, **_in(SAMLP, Status=_ONE)},
        tag(SAMLP, "Status"): _in(
            SAMLP, StatusCode=_ONE, StatusMessage=_OPTIONAL, StatusDetail=_OPTIONAL
        ),
        tag(SAMLP, "StatusCode"): _in(SAMLP, StatusCode=_OPTIONAL),
        tag(SAML, "Assertion"): {
            **_in(DS, Signature=_OPTIONAL),
            **_in(SAML, Issuer=_ONE, Subject=_OPTIONAL, Conditions=_OPTIONAL),
            **_in(SAML, AuthnStatement=(0, 10), AttributeStatement=(0, 10)),
        },
        tag(SAML, "Subject"): _in(SAML, NameID=_OPTIONAL, SubjectConfirmation=(0, 10)),
        tag(SAML, "SubjectConfirmation"): _in(
            SAML, NameID=_OPTIONAL, SubjectConfirmationData=_OPTIONAL
        ),
        tag(SAML, "Conditions"): _in(
            SAML, AudienceRestriction=(0, 10), OneTimeUse=_OPTIONAL, ProxyRestriction=_OPTIONAL
        ),
        tag(SAML, "AudienceRestriction"): _in(SAML, Audience=(1, 100)),
        tag(SAML, "ProxyRestriction"): _in(SAML, Audience=(0, 100)),
        tag(SAML, "AuthnStatement"): _in(SAML, SubjectLocality=_OPTIONAL, AuthnContext=_ONE),
        tag(SAML, "AuthnContext"): _in(
            SAML,
            AuthnContextClassRef=_OPTIONAL,
            AuthnContextDecl=_OPTIONAL,
            AuthnContextDeclRef=_OPTIONAL,
            AuthenticatingAuthority=(0, 10),
        ),
        tag(SAML, "AttributeStatement"): _in(SAML, Attribute=(0, MANY)),
        tag(SAML, "Attribute"): _in(SAML, AttributeValue=(0, MANY)),
        tag(SAML, "EncryptedAssertion"): _in(XENC, EncryptedData=_ONE, EncryptedKey=_OPTIONAL),
        tag(XENC, "EncryptedData"): _ENCRYPTED,
        ENCRYPTED_KEY: {
            **_ENCRYPTED,
            **_in(XENC, CarriedKeyName=_OPTIONAL, ReferenceList=_OPTIONAL),
        },
        tag(XENC, "ReferenceList"): _in(XENC, DataReference=_ONE),
        tag(XENC, "EncryptionMethod"): {
            **_in(XENC, KeySize=_OPTIONAL, OAEPparams=_OPTIONAL),
            **_in(DS, DigestMethod=_OPTIONAL),
            **_in(XENC11, MGF=_OPTIONAL),
        },
        tag(XENC, "CipherData"): _in(XENC, CipherValue=_ONE),
        SIGNATURE: _in(DS, SignedInfo=_ONE, SignatureValue=_ONE, KeyInfo=_OPTIONAL),
        tag(DS, "SignedInfo"): _in(
            DS, CanonicalizationMethod=_ONE, SignatureMethod=_ONE, Reference=_ONE
        ),
        tag(DS, "CanonicalizationMethod"): _in(EXC_C14N, InclusiveNamespaces=_OPTIONAL),
        tag(DS, "Reference"): _in(DS, Transforms=_ONE, DigestMethod=_ONE, DigestValue=_ONE),
        tag(DS, "Transforms"): _in(DS, Transform=(1, 2)),
        # The only child that any transform may have: which prefixes to keep.
        tag(DS, "Transform"): _in(EXC_C14N, InclusiveNamespaces=_OPTIONAL),
    }
)
"""Element → its children with their least and greatest number; others have none at all."""

_KEYS = (
    *("KeyName", "KeyValue", "RSAKeyValue", "Modulus", "Exponent"),
    *("X509Data", "X509Certificate", "X509SubjectName", "X509SKI", "X509CRL"),
    *("X509IssuerSerial", "X509IssuerName", "X509SerialNumber"),
)

OPEN: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        tag(SAML, "AttributeValue"): frozenset({NAME_ID}),
        tag(SAMLP, "StatusDetail"): frozenset(),
        tag(SAML, "AuthnContextDecl"): frozenset(),
        KEY_INFO: frozenset(tag(DS, name) for name in _KEYS)
        | frozenset(tag(DSIG11, name) for name in ("ECKeyValue", "NamedCurve", "PublicKey")),
    }
)
"""Element → what of SAML and XML Security may stand anywhere in it, beside foreign elements.

None of it is read, a NameID as an attribute's value excepted.
"""


def is_protected(name: str) -> bool:
    """Whether an element's name belongs to SAML or XML Security, or to no namespace."""
    namespace = name[1:].partition("}")[0] if name.startswith("{") else ""
    return not namespace or namespace in PROTECTED
