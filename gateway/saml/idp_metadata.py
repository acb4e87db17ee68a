"""Metadata of an identity provider, read with suspicion: it says whom an organisation trusts."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from gateway.domain import sso_settings
from gateway.domain.errors import InvalidRequest
from gateway.domain.judging import Unacceptable
from gateway.saml import instants, xml
from gateway.saml.names import BINDINGS, DS, MD, SAMLP, tag
from gateway.saml.xml import Element
from gateway.services import certificates

BOUNDS = xml.Bounds(size=1024 * 1024, elements=20_000, bare=False)
CERTIFICATE_LIMIT = certificates.LIVE_LIMIT
ENTITY_ID_LIMIT = 1024
DESCRIPTOR = tag(MD, "EntityDescriptor")
IDP = tag(MD, "IDPSSODescriptor")

Binding = Literal["redirect", "post"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderMetadata:
    """What a provider says of itself; certificates are PEM, those that have ended left out."""

    entity_id: str
    sso_url: str
    sso_binding: Binding
    slo_url: str | None
    slo_binding: Binding
    slo_response_url: str | None
    certificates: tuple[str, ...]
    wants_signed_requests: bool
    name_id_formats: tuple[str, ...]
    valid_until: datetime | None


def parse(document: bytes, now: datetime, entity_id: str | None = None) -> ProviderMetadata:
    """Return the one identity provider that a document describes; several need the name of one.

    :raises InvalidRequest: not metadata, expired, ambiguous, without usable key or address.
    """
    try:
        root = xml.parse(document, BOUNDS)
        descriptor = _descriptor(root, entity_id)
        role = _role(descriptor)
        ends = [instants.of(node, "validUntil") for node in (root, descriptor, role)]
    except Unacceptable as refusal:
        raise _refused(f"This is no SAML metadata: {refusal.detail}.") from None
    valid_until = min((end for end in ends if end is not None), default=None)
    if valid_until is not None and valid_until <= now:
        raise _refused(f"The metadata expired at {instants.written(valid_until)}.")
    sso_binding, sso_url, _ = _service(role, "SingleSignOnService")
    if sso_url is None:
        raise _refused("The metadata has no single sign-on address for HTTP-Redirect or HTTP-POST.")
    slo_binding, slo_url, slo_response_url = _service(role, "SingleLogoutService")
    return ProviderMetadata(
        entity_id=_entity_id(descriptor),
        sso_url=sso_url,
        sso_binding=sso_binding,
        slo_url=slo_url,
        slo_binding=slo_binding,
        slo_response_url=slo_response_url,
        certificates=_certificates(role, now),
        wants_signed_requests=role.get("WantAuthnRequestsSigned") in ("true", "1"),
        name_id_formats=tuple(
            xml.text(node).strip()[:255] for node in role.findall(tag(MD, "NameIDFormat"))[:20]
        ),
        valid_until=valid_until,
    )


def _descriptor(root: Element, entity_id: str | None) -> Element:
    if root.tag == DESCRIPTOR:
        found = [root]
    elif root.tag == tag(MD, "EntitiesDescriptor"):
        found = list(root.iter(DESCRIPTOR))
    else:
        raise Unacceptable("malformed", f"the root is {root.tag}")
    providers = [
        node
        for node in found
        if node.find(IDP) is not None and entity_id in (None, node.get("entityID"))
    ]
    if len(providers) != 1:
        raise Unacceptable("malformed", f"it describes {len(providers)} such identity providers")
    return providers[0]


def _role(descriptor: Element) -> Element:
    roles = [
        role
        for role in descriptor.findall(IDP)
        if SAMLP in role.get("protocolSupportEnumeration", "").split()
    ]
    if len(roles) != 1:
        raise Unacceptable("malformed", f"it has {len(roles)} roles of a SAML 2.0 provider")
    return roles[0]


def _entity_id(descriptor: Element) -> str:
    found = str(descriptor.get("entityID", ""))
    if not 0 < len(found) <= ENTITY_ID_LIMIT or not found.isprintable() or found != found.strip():
        raise _refused("The metadata's entityID is empty, too long or not printable.")
    return found


def _service(role: Element, name: str) -> tuple[Binding, str | None, str | None]:
    """Return where a service is reached, by redirect where it can be; a second place is refused."""
    found: dict[str, Element] = {}
    for node in role.findall(tag(MD, name)):
        binding = node.get("Binding", "")
        if binding in found and _places(found[binding]) != _places(node):
            raise _refused(f"The metadata has two different {name} for one binding.")
        found[binding] = node
    chosen: tuple[Binding, Binding] = ("redirect", "post")
    for binding in chosen:
        node = found.get(BINDINGS[binding])
        if node is not None:
            location, response = _places(node)
            _require_web_address(name, location)
            if response is not None:
                _require_web_address(name, response)
            return binding, location, response
    return "redirect", None, None


def _places(service: Element) -> tuple[str | None, str | None]:
    return service.get("Location"), service.get("ResponseLocation")


def _require_web_address(name: str, address: str | None) -> None:
    try:
        sso_settings.require_web_address(name, address)
    except InvalidRequest:
        raise _refused(f"The metadata's {name} is not an https address.") from None


def _certificates(role: Element, now: datetime) -> tuple[str, ...]:
    """Return the signing certificates, each once; one that is garbage spoils the document."""
    found: dict[str, str] = {}
    for descriptor in role.findall(tag(MD, "KeyDescriptor")):
        if descriptor.get("use", "signing") != "signing":
            continue
        for node in descriptor.iter(tag(DS, "X509Certificate")):
            certificate = certificates.understood(xml.text(node))
            if certificate.not_after > now and certificate.not_before <= now + timedelta(days=365):
                found[certificate.fingerprint] = certificate.pem
    if not 0 < len(found) <= CERTIFICATE_LIMIT:
        raise _refused(
            f"The metadata has {len(found)} signing certificates that have not ended; "
            f"1 to {CERTIFICATE_LIMIT} are needed."
        )
    return tuple(found.values())


def _refused(message: str) -> InvalidRequest:
    return InvalidRequest(message, field="metadata")
