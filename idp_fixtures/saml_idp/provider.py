"""The identity provider: what it knows of service providers, and what it sends them."""

import base64
import secrets
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from urllib.parse import parse_qs, quote_plus, urlsplit

from lxml import etree

from idp_fixtures.saml_idp import messages, security
from idp_fixtures.saml_idp.keys import Key, rsa_key
from idp_fixtures.saml_idp.messages import SAML, SAMLP, Element, Recipe, Values
from idp_fixtures.saml_idp.security import DS, Encryption, Style

MD = "urn:oasis:names:tc:SAML:2.0:metadata"
BINDING = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-"
REDIRECT, POST = f"{BINDING}Redirect", f"{BINDING}POST"


@dataclass(frozen=True, slots=True)
class ServiceProvider:
    """What a service provider's metadata says."""

    entity_id: str
    acs_url: str
    logout_url: str | None = None
    signing: tuple[str, ...] = ()
    encryption: tuple[str, ...] = ()

    @classmethod
    def of(cls, metadata: bytes) -> "ServiceProvider":
        """Return what metadata describes; certificates are PEM."""
        root = etree.fromstring(metadata)
        consumer = root.find(f".//{{{MD}}}AssertionConsumerService")
        logout = root.find(f".//{{{MD}}}SingleLogoutService")
        keys: dict[str, list[str]] = {"signing": [], "encryption": []}
        for descriptor in root.iter(f"{{{MD}}}KeyDescriptor"):
            text = descriptor.findtext(f".//{{{DS}}}X509Certificate")
            pem = f"-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n"
            for use in [descriptor.get("use")] if descriptor.get("use") else list(keys):
                keys[use].append(pem)
        return cls(
            root.get("entityID"),
            consumer.get("Location"),
            None if logout is None else logout.get("Location"),
            tuple(keys["signing"]),
            tuple(keys["encryption"]),
        )


@dataclass(frozen=True, slots=True)
class AuthnRequest:
    """A service provider's request, as far as it matters."""

    id: str
    issuer: str
    acs_url: str | None
    relay_state: str
    force: bool
    signed: bool


@dataclass(frozen=True, slots=True)
class Account:
    """Somebody who may sign in here."""

    name_id: str
    attributes: Values = field(default_factory=dict)
    name_id_format: str = messages.UNSPECIFIED


@dataclass(kw_only=True)
class SAMLProvider:
    """One identity provider. `signs` and `encryption` say what it does of its own accord."""

    entity_id: str
    base_url: str
    clock: Callable[[], datetime]
    keys: list[Key] = field(default_factory=lambda: [rsa_key()])
    signs: frozenset[str] = frozenset({"assertion"})
    style: Style = Style()  # noqa: RUF009 - frozen
    encryption: Encryption | None = None
    """How to encrypt, and for which certificate; without it, nothing is encrypted."""

    bindings: Sequence[str] = (REDIRECT, POST)

    @property
    def key(self) -> Key:
        """The key that signs."""
        return self.keys[0]

    @property
    def sso_url(self) -> str:
        """Where requests are sent."""
        return f"{self.base_url}/saml/sso"

    @property
    def slo_url(self) -> str:
        """Where logouts are sent."""
        return f"{self.base_url}/saml/slo"

    def roll_over(self, key: Key | None = None) -> Key:
        """Publish a new key beside the old one, and sign with it from now on."""
        new = key or rsa_key("idp-next")
        self.keys.insert(0, new)
        return new

    # -- what is published -----------------------------------------------------------

    def metadata(self, *, valid_until: datetime | None = None) -> bytes:
        """Return the provider's metadata, with all of its keys."""
        root = etree.Element(f"{{{MD}}}EntityDescriptor", nsmap={"md": MD, "ds": DS})
        root.set("entityID", self.entity_id)
        if valid_until is not None:
            root.set("validUntil", messages.written(valid_until))
        role = messages.child(root, MD, "IDPSSODescriptor")
        role.set("protocolSupportEnumeration", SAMLP)
        for key in self.keys:
            descriptor = messages.child(role, MD, "KeyDescriptor")
            descriptor.set("use", "signing")
            place = messages.child(messages.child(descriptor, DS, "KeyInfo"), DS, "X509Data")
            messages.child(place, DS, "X509Certificate", key.base64)
        for name, address in (
            ("SingleLogoutService", self.slo_url),
            ("SingleSignOnService", self.sso_url),
        ):
            for binding in self.bindings:
                service = messages.child(role, MD, name)
                service.set("Binding", binding)
                service.set("Location", address)
        return bytes(etree.tostring(root, encoding="utf-8", xml_declaration=True))

    # -- what comes in ---------------------------------------------------------------

    def read_request(self, field_: str, relay_state: str = "", *, posted: bool) -> AuthnRequest:
        """Return what a request asks for."""
        root = etree.fromstring(unpacked(field_, posted=posted))
        return AuthnRequest(
            root.get("ID"),
            root.findtext(f"{{{SAML}}}Issuer"),
            root.get("AssertionConsumerServiceURL"),
            relay_state,
            root.get("ForceAuthn") == "true",
            root.find(f"{{{DS}}}Signature") is not None,
        )

    def read_redirect(self, address: str) -> AuthnRequest:
        """Return what a request by redirect asks for."""
        query = parse_qs(urlsplit(address).query)
        relay_state = query.get("RelayState", [""])[0]
        return self.read_request(query["SAMLRequest"][0], relay_state, posted=False)

    # -- what goes out ---------------------------------------------------------------

    def recipe(
        self, service: ServiceProvider, account: Account, in_response_to: str | None = None
    ) -> Recipe:
        """Return what an honest Response to a service provider says."""
        return Recipe(
            now=self.clock(),
            issuer=self.entity_id,
            assertion_issuer=self.entity_id,
            destination=service.acs_url,
            recipient=service.acs_url,
            audiences=((service.entity_id,),),
            in_response_to=in_response_to,
            confirmed_in_response_to=in_response_to,
            name_id=account.name_id,
            name_id_format=account.name_id_format,
            attributes=account.attributes,
            response_id=f"_{secrets.token_hex(16)}",
            assertion_id=f"_{secrets.token_hex(16)}",
            session_index=f"_{secrets.token_hex(8)}",
        )

    def issue(self, recipe: Recipe) -> Element:
        """Return a Response, signed and encrypted as the provider does it."""
        root = messages.response(recipe)
        assertion = root.find(f"{{{SAML}}}Assertion")
        if "assertion" in self.signs and assertion is not None:
            security.sign(assertion, self.key, self.style)
        if self.encryption is not None and assertion is not None:
            security.encrypt(assertion, self.encryption)
        if "response" in self.signs:
            security.sign(root, self.key, self.style)
        return root

    def answer(
        self, service: ServiceProvider, account: Account, request: AuthnRequest | None = None
    ) -> dict[str, str]:
        """Return the fields of the form that signs somebody in; unsolicited without a request."""
        recipe = self.recipe(service, account, request.id if request else None)
        form = {"SAMLResponse": packed(self.issue(recipe))}
        if request is not None and request.relay_state:
            form["RelayState"] = request.relay_state
        return form

    def logout_request(
        self, service: ServiceProvider, name_id: str, *indexes: str, lives: int = 300
    ) -> Element:
        """Return an unsigned LogoutRequest about somebody."""
        root = self._message("LogoutRequest", service.logout_url or "")
        root.set("NotOnOrAfter", messages.written(self.clock() + timedelta(seconds=lives)))
        messages.child(root, SAML, "NameID", name_id)
        for index in indexes:
            messages.child(root, SAMLP, "SessionIndex", index)
        return root

    def logout_response(self, service: ServiceProvider, in_response_to: str) -> Element:
        """Return an unsigned LogoutResponse."""
        root = self._message("LogoutResponse", service.logout_url or "")
        root.set("InResponseTo", in_response_to)
        code = messages.child(messages.child(root, SAMLP, "Status"), SAMLP, "StatusCode")
        code.set("Value", f"{messages.STATUS}Success")
        return root

    def by_redirect(
        self,
        address: str,
        name: str,
        root: Element,
        relay_state: str = "",
        method: str | None = security.RSA_SHA256,
    ) -> str:
        """Return an address that carries a message; without a method the query is not signed."""
        packer = zlib.compressobj(9, zlib.DEFLATED, -15)
        body = packer.compress(etree.tostring(root)) + packer.flush()
        query = f"{name}={quote_plus(base64.b64encode(body))}"
        if relay_state:
            query += f"&RelayState={quote_plus(relay_state)}"
        if method is not None:
            query += f"&SigAlg={quote_plus(method)}"
            value = security.raw_signature(self.key, method, query.encode())
            query += f"&Signature={quote_plus(base64.b64encode(value))}"
        return f"{address}?{query}"

    def by_post(self, name: str, root: Element, relay_state: str = "") -> dict[str, str]:
        """Return a form that carries a message, signed."""
        security.sign(root, self.key, self.style)
        form = {name: packed(root)}
        return {**form, "RelayState": relay_state} if relay_state else form

    def _message(self, name: str, destination: str) -> Element:
        root = etree.Element(f"{{{SAMLP}}}{name}", nsmap={"samlp": SAMLP, "saml": SAML})
        root.set("ID", f"_{secrets.token_hex(16)}")
        root.set("Version", "2.0")
        root.set("IssueInstant", messages.written(self.clock()))
        root.set("Destination", destination)
        messages.child(root, SAML, "Issuer", self.entity_id)
        return root


def packed(root: Element) -> str:
    """Return a message as a form carries it."""
    return base64.b64encode(etree.tostring(root)).decode()


def unpacked(field_: str, *, posted: bool) -> bytes:
    """Return the message that a field carries."""
    body = base64.b64decode(field_)
    return body if posted else zlib.decompress(body, -15)


# -- how the providers of the market say who is in which group ---------------------------


def okta(name_id: str, email: str, name: str, groups: Sequence[str]) -> Account:
    """Return an account as Okta writes it: plain names, one value for each group."""
    given, _, family = name.partition(" ")
    said: dict[str, Sequence[str]] = {
        "email": [email],
        "firstName": [given],
        "lastName": [family],
        "displayName": [name],
    }
    if groups:
        said["groups"] = list(groups)
    return Account(name_id, said)


CLAIMS = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims"
ENTRA_GROUPS = "http://schemas.microsoft.com/ws/2008/06/identity/claims/groups"
ENTRA_LIMIT = 150


def entra(name_id: str, email: str, name: str, groups: Sequence[str]) -> Account:
    """Return an account as Entra ID writes it: claims by URI, a link beyond 150 groups."""
    said: dict[str, Sequence[str]] = {
        f"{CLAIMS}/emailaddress": [email],
        f"{CLAIMS}/name": [email],
        "http://schemas.microsoft.com/identity/claims/displayname": [name],
    }
    if len(groups) > ENTRA_LIMIT:
        link = "http://schemas.microsoft.com/claims/groups.link"
        said[link] = [f"https://graph.windows.net/t/users/{name_id}/getMemberObjects"]
    elif groups:
        said[ENTRA_GROUPS] = list(groups)
    return Account(name_id, said, messages.PERSISTENT)


def google(name_id: str, email: str, name: str, groups: Sequence[str]) -> Account:
    """Return an account as Google Workspace writes it: the e-mail as NameID, groups if mapped."""
    said: dict[str, Sequence[str]] = {"email": [email], "name": [name]}
    if groups:
        said["groups"] = list(groups)
    del name_id
    return Account(email, said, messages.EMAIL)


def in_one_string(account: Account, attribute: str, separator: str = "; ") -> Account:
    """Return an account whose groups come as one string."""
    joined = {**account.attributes, attribute: [separator.join(account.attributes[attribute])]}
    return replace(account, attributes=joined)
