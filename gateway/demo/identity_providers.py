"""The companies' identity providers, on one port beside the gateway: who works there signs in.

Each company has a provider of its own below its name, with its keys and its people: below
`/acme/saml` it speaks SAML, below `/acme/openid` OpenID Connect.
"""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from gateway.demo.stage import COMPANIES, Company
from idp_fixtures.directory import Directory
from idp_fixtures.openid_provider import accounts as openid
from idp_fixtures.openid_provider.provider import OpenIDProvider
from idp_fixtures.openid_provider.site import Site as OpenIDSite
from idp_fixtures.openid_provider.site import visit_of
from idp_fixtures.saml_idp import provider as saml
from idp_fixtures.saml_idp.keys import Key
from idp_fixtures.saml_idp.provider import SAMLProvider
from idp_fixtures.saml_idp.site import Site as SAMLSite

BODY_LIMIT = 2 * 1024 * 1024
OPENID = "/openid"
TENANT = "6b6f0f8e-3c0e-4c8e-9a53-0d9a4b1c7e10"
"""Entra ID's name for Globex."""

HEAD = """<!doctype html><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<style>body{font:16px/1.5 system-ui,sans-serif;max-width:30rem;margin:3rem auto;padding:0 1rem}
button{font:inherit;width:100%;text-align:left;padding:.5rem .75rem}p{margin:.35rem 0}</style>"""
"""What makes the bare pages of a provider easier on the eyes."""


@dataclass(frozen=True)
class CompanyProvider:
    """One company's provider, in both protocols."""

    company: Company
    saml: SAMLSite
    openid: OpenIDSite

    @classmethod
    def of(
        cls, company: Company, base_url: str, key: Key, clock: Callable[[], datetime]
    ) -> "CompanyProvider":
        """Return a provider in whose SAML issuer no port occurs: it outlives a restart."""
        issuer = f"https://idp.{company.domain}/saml"
        signs = SAMLProvider(entity_id=issuer, base_url=base_url, clock=clock, keys=[key])
        place = f"{base_url}{OPENID}"
        provider = OpenIDProvider(issuer=place, base_url=place, clock=clock)
        return cls(company, SAMLSite(signs), OpenIDSite(provider))

    def employ(self, user_name: str, name: str, groups: Sequence[str] = ()) -> None:
        """Let somebody sign in, by the address that is their user name too."""
        if self.company.idp == "Entra ID":
            self.saml.add(saml.entra(user_name, user_name, name, groups))
            self.openid.add(openid.entra(user_name, user_name, name, groups, tenant=TENANT))
        else:
            self.saml.add(saml.okta(user_name, user_name, name, groups))
            self.openid.add(openid.okta(user_name, user_name, name, groups))

    def employ_all(self, directory: Directory) -> None:
        """Let everybody of a directory sign in, with their groups."""
        for person in directory.people.values():
            groups = [x.display_name for x in directory.groups.values() if person.key in x.members]
            self.employ(person.user_name, person.display_name, groups)

    def answer(self, method: str, target: str, body: bytes, headers: Mapping[str, str]) -> Any:
        """Return the page at a path below the company's name."""
        if target.startswith(OPENID):
            visit = visit_of(method, target.removeprefix(OPENID), body, headers)
            return self.openid.answer(visit)
        return self.saml.answer(method, target, body)


class IdentityProviders:
    """All companies' providers. The port is taken at once; they answer while they are running."""

    def __init__(self, host: str, keys: Mapping[str, Key], clock: Callable[[], datetime]) -> None:
        self._server = ThreadingHTTPServer((host, 0), BaseHTTPRequestHandler)
        self._server.daemon_threads = True
        self._lock = threading.Lock()
        self.address = f"{host}:{self._server.server_address[1]}"
        self.by_slug = {
            company.slug: CompanyProvider.of(
                company, f"{self.url}/{company.slug}", keys[company.slug], clock
            )
            for company in COMPANIES
        }

    @property
    def url(self) -> str:
        """Where their common home page is."""
        return f"http://{self.address}"

    @contextmanager
    def running(self) -> Iterator[None]:
        """Answer requests meanwhile."""
        kept = type("KeptConversation", (Conversation,), {"providers": self})
        self._server.RequestHandlerClass = kept
        thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._server.shutdown()
            self._server.server_close()

    def answer(self, method: str, target: str, body: bytes, headers: Mapping[str, str]) -> Any:
        """Return the page of a request; None where there is none."""
        slug, slash, rest = target.removeprefix("/").partition("/")
        provider = self.by_slug.get(slug)
        if provider is None:
            return None
        with self._lock:
            return provider.answer(method, slash + rest, body, headers)

    def home(self) -> str:
        """Return the page that names every provider."""
        names = "".join(
            f'<p><a href="/{slug}/">{escape(each.company.idp)} of {escape(each.company.name)}</a>'
            for slug, each in self.by_slug.items()
        )
        return f"<!doctype html><title>Identity providers</title><h1>Identity providers</h1>{names}"


class Conversation(BaseHTTPRequestHandler):
    """One connection of a browser, or of the gateway."""

    protocol_version = "HTTP/1.1"
    timeout = 60
    providers: IdentityProviders

    def do_GET(self) -> None:
        """Answer without a body."""
        self._answer(b"")

    def do_POST(self) -> None:
        """Answer a posted body."""
        length = min(int(self.headers.get("Content-Length", "0")), BODY_LIMIT)
        self._answer(self.rfile.read(length))

    def log_message(self, *_: Any) -> None:
        """Say nothing: the demo's terminal is for the story."""

    def _answer(self, body: bytes) -> None:
        if self.path == "/":
            return self._send(200, "text/html; charset=utf-8", self.providers.home())
        page = self.providers.answer(self.command, self.path, body, dict(self.headers))
        if page is None:
            return self._send(404, "text/plain", "There is no such provider.")
        more = {"Location": page.location, "Set-Cookie": getattr(page, "cookie", None)}
        return self._send(page.status, page.media_type, page.body, more)

    def _send(
        self,
        status: int,
        media_type: str,
        body: str | bytes,
        more: Mapping[str, str | None] | None = None,
    ) -> None:
        if isinstance(body, str):
            body = body.replace("<!doctype html>", HEAD).encode()
        self.send_response(status)
        for name, value in (more or {}).items():
            if value is not None:
                self.send_header(name, value)
        self.send_header("Content-Type", media_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
