"""The names that SAML, XML Signature and XML Encryption give to things, and those we accept."""

from types import MappingProxyType

SAMLP = "urn:oasis:names:tc:SAML:2.0:protocol"
SAML = "urn:oasis:names:tc:SAML:2.0:assertion"
MD = "urn:oasis:names:tc:SAML:2.0:metadata"
DS = "http://www.w3.org/2000/09/xmldsig#"
DSIG11 = "http://www.w3.org/2009/xmldsig11#"
DSIG_MORE = "http://www.w3.org/2001/04/xmldsig-more#"
XENC = "http://www.w3.org/2001/04/xmlenc#"
XENC11 = "http://www.w3.org/2009/xmlenc11#"
EXC_C14N = "http://www.w3.org/2001/10/xml-exc-c14n#"

PROTECTED = frozenset({SAMLP, SAML, DS, DSIG11, XENC, XENC11, EXC_C14N})
"""Namespaces whose elements stand only where their schemas and the gate allow."""

BINDINGS = MappingProxyType(
    {
        "redirect": "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect",
        "post": "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST",
    }
)
SUCCESS = "urn:oasis:names:tc:SAML:2.0:status:Success"
BEARER = "urn:oasis:names:tc:SAML:2.0:cm:bearer"
ENTITY = "urn:oasis:names:tc:SAML:2.0:nameid-format:entity"
TRANSIENT = "urn:oasis:names:tc:SAML:2.0:nameid-format:transient"

ENVELOPED = f"{DS}enveloped-signature"
CANONICALISATIONS = frozenset(
    {
        EXC_C14N,
        f"{EXC_C14N}WithComments",
        "http://www.w3.org/TR/2001/REC-xml-c14n-20010315",
        "http://www.w3.org/2006/12/xml-c14n11",
    }
)
SIGNATURES = MappingProxyType(
    {
        f"{DSIG_MORE}rsa-sha256": ("RSA", "SHA256"),
        f"{DSIG_MORE}rsa-sha384": ("RSA", "SHA384"),
        f"{DSIG_MORE}rsa-sha512": ("RSA", "SHA512"),
        f"{DSIG_MORE}ecdsa-sha256": ("EC", "SHA256"),
        f"{DSIG_MORE}ecdsa-sha384": ("EC", "SHA384"),
        f"{DSIG_MORE}ecdsa-sha512": ("EC", "SHA512"),
    }
)
"""Signature algorithm → key and digest; nothing with SHA-1, MD5, DSA or a shared secret."""

DIGESTS = frozenset({f"{XENC}sha256", f"{DSIG_MORE}sha384", f"{XENC}sha512"})

GCM = MappingProxyType({f"{XENC11}aes{bits}-gcm": bits // 8 for bits in (128, 192, 256)})
CBC = MappingProxyType({f"{XENC}aes{bits}-cbc": bits // 8 for bits in (128, 192, 256)})
"""Content encryption → bytes of its key; CBC can be changed unseen, so connections opt in."""

OAEP_MGF1P = f"{XENC}rsa-oaep-mgf1p"
OAEP = f"{XENC11}rsa-oaep"
OAEP_DIGESTS = MappingProxyType(
    {
        f"{DS}sha1": "SHA1",
        f"{DSIG_MORE}sha224": "SHA224",
        f"{XENC}sha256": "SHA256",
        f"{DSIG_MORE}sha384": "SHA384",
        f"{XENC}sha512": "SHA512",
    }
)
"""Digests inside OAEP, where SHA-1's collisions do not matter (RFC 8017 §7.1)."""

OAEP_MASKS = MappingProxyType(
    {f"{XENC11}mgf1{name.lower()}": name for name in OAEP_DIGESTS.values()}
)


def tag(namespace: str, name: str) -> str:
    """Return an element's name as the parser spells it."""
    return f"{{{namespace}}}{name}"


ASSERTION = tag(SAML, "Assertion")
ENCRYPTED_ASSERTION = tag(SAML, "EncryptedAssertion")
SIGNATURE = tag(DS, "Signature")
KEY_INFO = tag(DS, "KeyInfo")
ENCRYPTED_KEY = tag(XENC, "EncryptedKey")
INCLUSIVE_NAMESPACES = tag(EXC_C14N, "InclusiveNamespaces")
