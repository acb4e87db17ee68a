"""The provider's web site: sign-in page, logout, metadata, and a door for tests.

`POST /services` registers a service provider by its metadata, `POST /accounts` an account as
JSON, `POST /misbehave` the attack that the next Response shall be.
"""

import base64
import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from html import escape
from urllib.parse import parse_qs, urlencode, urlsplit

from lxml import etree

from idp_fixtures.saml_idp import messages, security
from idp_fixtures.saml_idp.hostile import ATTACKS, Scene
from idp_fixtures.saml_idp.keys import Key, rsa_key
from idp_fixtures.saml_idp.messages import SAML, Element
from idp_fixtures.saml_idp.provider import (
    Account,
    AuthnRequest,
    SAMLProvider,
    ServiceProvider,
    packed,
    unpacked,
)

Fields = dict[str, str]


@dataclass(frozen=True, slots=True)
class Page:
    """An answer of the site."""

    body: str | bytes = ""
    status: int = 200
    media_type: str = "text/html; charset=utf-8"
    location: str | None = None


@dataclass
class Site:
    """One provider's site; accounts are known by their NameID.

    `always` signs that account in without asking. Whoever is signed in, and by which index, is
    kept for the logouts that begin here.
    """

    provider: SAMLProvider
    accounts: dict[str, Account] = field(default_factory=dict)
    services: dict[str, ServiceProvider] = field(default_factory=dict)
    always: str | None = None
    attack: str | None = None
    attacker: Key = field(default_factory=lambda: rsa_key("attacker"))
    _pending: dict[str, AuthnRequest] = field(default_factory=dict)
    sessions: list[tuple[str, str, str]] = field(default_factory=list)
    """(entity id, NameID, index) of every session that was opened through here."""

    def register(self, metadata: bytes) -> ServiceProvider:
        """Know a service provider by its metadata."""
        service = ServiceProvider.of(metadata)
        self.services[service.entity_id] = service
        return service

    def add(self, *accounts: Account) -> None:
        """Let people sign in here."""
        self.accounts.update({account.name_id: account for account in accounts})

    def answer(self, method: str, target: str, body: bytes) -> Page:
        """Return the page of a request."""
        parts = urlsplit(target)
        fields = _fields(parts.query)
        if method == "POST" and not parts.path.startswith(("/services", "/accounts")):
            fields |= _fields(body.decode())
        serve = ROUTES.get((method, parts.path)) or ROUTES.get(("*", parts.path))
        if serve is None:
            return Page("no such page", 404)
        try:
            return serve(self, fields, body if method == "POST" else b"")
        except (KeyError, ValueError, etree.XMLSyntaxError) as error:
            return Page(f"refused: {escape(repr(error))}", 400)

    # -- sign-in -----------------------------------------------------------------------

    def sso(self, fields: Fields, body: bytes) -> Page:
        """Take a request and show who may sign in, or sign in whom the request names."""
        request = self.provider.read_request(
            fields["SAMLRequest"], fields.get("RelayState", ""), posted=bool(body)
        )
        service = self.services[request.issuer]
        if request.acs_url not in (None, service.acs_url):
            return Page("that is no address of the service", 400)
        who = fields.get("user") or self.always
        if who is not None:
            return self._signed_in(service, self.accounts[who], request)
        ticket = secrets.token_urlsafe(16)
        self._pending[ticket] = request
        return _page("Who are you?", self._choices("choose", ticket=ticket))

    def choose(self, fields: Fields, body: bytes) -> Page:
        """Sign in who was chosen."""
        del body
        request = self._pending.pop(fields["ticket"])
        return self._signed_in(
            self.services[request.issuer], self.accounts[fields["user"]], request
        )

    def start(self, fields: Fields, body: bytes) -> Page:
        """Begin a sign-in here, without a request."""
        del body
        service = self._service(fields)
        if "user" not in fields:
            return _page("Who are you?", self._choices("start", service=service.entity_id))
        return self._signed_in(service, self.accounts[fields["user"]], None)

    def _signed_in(
        self, service: ServiceProvider, account: Account, request: AuthnRequest | None
    ) -> Page:
        recipe = self.provider.recipe(service, account, request.id if request else None)
        form = {"SAMLResponse": packed(self.provider.issue(recipe))}
        if self.attack is not None:
            how = security.Encryption((service.encryption or (self.attacker.certificate,))[0])
            scene = Scene(self.provider, recipe, self.attacker, how)
            form["SAMLResponse"] = base64.b64encode(ATTACKS[self.attack](scene)).decode()
            self.attack = None
        if request is not None and request.relay_state:
            form["RelayState"] = request.relay_state
        known = (service.entity_id, account.name_id, recipe.session_index or "")
        self.sessions.append(known)
        return _form(service.acs_url, form)

    def _choices(self, action: str, **hidden: str) -> str:
        kept = "".join(_hidden(name, value) for name, value in hidden.items())
        buttons = "".join(
            f'<p><button name="user" value="{escape(name)}">{escape(name)}</button></p>'
            for name in self.accounts
        )
        return f'<form method="post" action="{action}">{kept}{buttons}</form>'

    # -- logout ------------------------------------------------------------------------

    def slo(self, fields: Fields, body: bytes) -> Page:
        """Take a service's logout request or answer."""
        if "SAMLResponse" in fields:
            return _page("You are signed out", "")
        root = etree.fromstring(unpacked(fields["SAMLRequest"], posted=bool(body)))
        service = self.services[root.findtext(f"{{{SAML}}}Issuer")]
        name_id = root.findtext(f"{{{SAML}}}NameID")
        self.sessions = [x for x in self.sessions if x[:2] != (service.entity_id, name_id)]
        reply = self.provider.logout_response(service, root.get("ID"))
        return self._sent(service, "SAMLResponse", reply, fields.get("RelayState", ""))

    def logout(self, fields: Fields, body: bytes) -> Page:
        """Begin a logout here: of everything that an account has at a service."""
        del body
        service = self._service(fields)
        indexes = [x[2] for x in self.sessions if x[:2] == (service.entity_id, fields["user"])]
        root = self.provider.logout_request(service, fields["user"], *indexes)
        return self._sent(service, "SAMLRequest", root, "")

    def _sent(self, service: ServiceProvider, name: str, root: Element, relay: str) -> Page:
        address = service.logout_url or ""
        return Page(status=302, location=self.provider.by_redirect(address, name, root, relay))

    # -- for tests ---------------------------------------------------------------------

    def metadata(self, fields: Fields, body: bytes) -> Page:
        """Publish the provider's metadata."""
        del fields, body
        return Page(self.provider.metadata(), media_type="application/samlmetadata+xml")

    def take_service(self, fields: Fields, body: bytes) -> Page:
        """Register a service provider."""
        del fields
        return Page(json.dumps({"entity_id": self.register(body).entity_id}))

    def take_account(self, fields: Fields, body: bytes) -> Page:
        """Register an account: name_id, attributes, name_id_format."""
        del fields
        said = json.loads(body)
        form = said.get("name_id_format", messages.UNSPECIFIED)
        self.add(Account(said["name_id"], said.get("attributes", {}), form))
        return Page("{}")

    def misbehave(self, fields: Fields, body: bytes) -> Page:
        """Make the next Response an attack."""
        del body
        if fields["attack"] not in ATTACKS:
            return Page(json.dumps(sorted(ATTACKS)), 400)
        self.attack = fields["attack"]
        return Page("{}")

    def roll_over(self, fields: Fields, body: bytes) -> Page:
        """Publish a new key and sign with it."""
        del fields, body
        self.provider.roll_over()
        return Page("{}")

    def home(self, fields: Fields, body: bytes) -> Page:
        """Say what is here."""
        del fields, body
        links = "".join(
            f'<p><a href="saml/start?{urlencode({"service": name})}">{escape(name)}</a></p>'
            for name in self.services
        )
        return _page("Identity provider", links)

    def _service(self, fields: Fields) -> ServiceProvider:
        return self.services[fields.get("service") or next(iter(self.services))]


ROUTES: dict[tuple[str, str], Callable[[Site, Fields, bytes], Page]] = {
    ("GET", "/"): Site.home,
    ("GET", "/metadata"): Site.metadata,
    ("*", "/saml/sso"): Site.sso,
    ("POST", "/saml/choose"): Site.choose,
    ("*", "/saml/start"): Site.start,
    ("*", "/saml/slo"): Site.slo,
    ("GET", "/saml/logout"): Site.logout,
    ("POST", "/services"): Site.take_service,
    ("POST", "/accounts"): Site.take_account,
    ("POST", "/misbehave"): Site.misbehave,
    ("POST", "/roll-over"): Site.roll_over,
}


def _fields(encoded: str) -> Fields:
    return {name: values[0] for name, values in parse_qs(encoded, keep_blank_values=True).items()}


def _page(title: str, body: str) -> Page:
    return Page(f"<!doctype html><title>{title}</title><h1>{title}</h1>{body}")


def _hidden(name: str, value: str) -> str:
    return f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">'


def _form(action: str, fields: Fields) -> Page:
    inputs = "".join(_hidden(name, value) for name, value in fields.items())
    return _page(
        "Back to the service",
        f'<form method="post" action="{escape(action)}">{inputs}<button>Continue</button></form>'
        "<script>document.forms[0].submit()</script>",
    )
