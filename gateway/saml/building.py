"""Messages of ours as trees, and the enveloped signature over one."""

from datetime import datetime

import xmlsec
from lxml import etree

from gateway.domain.signin import KeyPair
from gateway.saml import instants
from gateway.saml.names import MD, SAML, SAMLP, tag
from gateway.saml.xml import Element

PREFIXES = {"samlp": SAMLP, "saml": SAML}


def message(name: str, message_id: str, now: datetime, destination: str, issuer: str) -> Element:
    """Return a protocol message with what each has, its issuer as the first child."""
    root = etree.Element(tag(SAMLP, name), nsmap=PREFIXES)
    root.set("ID", message_id)
    root.set("Version", "2.0")
    root.set("IssueInstant", instants.written(now))
    root.set("Destination", destination)
    child(root, SAML, "Issuer", issuer)
    return root


def child(parent: Element, namespace: str, name: str, text: str | None = None) -> Element:
    """Append an element, with text if there is any."""
    node = etree.SubElement(parent, tag(namespace, name))
    node.text = text
    return node


def sign(root: Element, key: KeyPair) -> None:
    """Put an enveloped signature into a message, after its issuer, or first into metadata."""
    template = xmlsec.template
    signature = template.create(
        root, xmlsec.constants.TransformExclC14N, xmlsec.constants.TransformRsaSha256, ns="ds"
    )
    root.insert(0 if root.tag.startswith(tag(MD, "")) else 1, signature)
    reference = template.add_reference(
        signature, xmlsec.constants.TransformSha256, uri=f"#{root.get('ID')}"
    )
    template.add_transform(reference, xmlsec.constants.TransformEnveloped)
    template.add_transform(reference, xmlsec.constants.TransformExclC14N)
    template.add_x509_data(template.ensure_key_info(signature))
    xmlsec.tree.add_ids(root, ["ID"])
    context = xmlsec.SignatureContext()
    context.key = xmlsec.Key.from_memory(
        key.private_key.encode(), xmlsec.constants.KeyDataFormatPem
    )
    context.key.load_cert_from_memory(key.certificate.encode(), xmlsec.constants.KeyDataFormatPem)
    context.sign(signature)
