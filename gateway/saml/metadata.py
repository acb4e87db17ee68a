"""Our own metadata (metadata §2.4.4): what an admin uploads at the identity provider."""

import base64
import hashlib

from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import load_pem_x509_certificate
from lxml import etree

from gateway.domain.signin import SAMLAddresses, SAMLConnection
from gateway.saml import building
from gateway.saml.names import BINDINGS, DS, GCM, MD, OAEP_MGF1P, SAMLP, tag
from gateway.saml.xml import Element

MEDIA_TYPE = "application/samlmetadata+xml"
CACHE_DURATION = "PT1H"


def service_provider(connection: SAMLConnection, addresses: SAMLAddresses) -> bytes:
    """Return the metadata of a connection, with every key of ours; signed where requests are."""
    root = etree.Element(tag(MD, "EntityDescriptor"), nsmap={"md": MD, "ds": DS})
    root.set("ID", f"_{hashlib.sha256(addresses.entity_id.encode()).hexdigest()[:40]}")
    root.set("entityID", addresses.entity_id)
    root.set("cacheDuration", CACHE_DURATION)
    signs = connection.sign_requests and bool(connection.keys)
    role = building.child(root, MD, "SPSSODescriptor")
    role.set("AuthnRequestsSigned", "true" if signs else "false")
    role.set("WantAssertionsSigned", "true" if connection.want_assertions_signed else "false")
    role.set("protocolSupportEnumeration", SAMLP)
    _add_keys(role, connection)
    for binding in ("redirect", "post"):
        _add_service(role, "SingleLogoutService", binding, addresses.logout_url)
    if connection.name_id_format is not None:
        building.child(role, MD, "NameIDFormat", connection.name_id_format)
    consumer = _add_service(role, "AssertionConsumerService", "post", addresses.acs_url)
    consumer.set("index", "0")
    consumer.set("isDefault", "true")
    if signs:
        building.sign(root, connection.keys[0])
    return bytes(etree.tostring(root, encoding="utf-8", xml_declaration=True))


def _add_keys(role: Element, connection: SAMLConnection) -> None:
    uses = ("signing", "encryption") if connection.allow_encrypted else ("signing",)
    for use in uses:
        for key in connection.keys:
            descriptor = building.child(role, MD, "KeyDescriptor")
            descriptor.set("use", use)
            info = building.child(descriptor, DS, "KeyInfo")
            der = load_pem_x509_certificate(key.certificate.encode()).public_bytes(Encoding.DER)
            data = building.child(info, DS, "X509Data")
            building.child(data, DS, "X509Certificate", base64.b64encode(der).decode())
            if use == "encryption":
                for algorithm in (*GCM, OAEP_MGF1P):
                    building.child(descriptor, MD, "EncryptionMethod").set("Algorithm", algorithm)


def _add_service(role: Element, name: str, binding: str, address: str) -> Element:
    service = building.child(role, MD, name)
    service.set("Binding", BINDINGS[binding])
    service.set("Location", address)
    return service
