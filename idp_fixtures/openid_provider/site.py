"""The provider's web site: sign-in page, tokens, userinfo, logout, and a door for tests.

`POST /clients` registers a client as JSON, `POST /accounts` an account, `POST /misbehave` what the
next sign-in shall do wrong, `POST /roll-over` publishes a new key, `POST /leave` ends somebody's
sessions at every client by the back channel.
"""

import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from html import escape
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import requests

from idp_fixtures.openid_provider.accounts import Account
from idp_fixtures.openid_provider.hostile import ATTACKS, Attack, Scene
from idp_fixtures.openid_provider.hostile.scenes import Point
from idp_fixtures.openid_provider.keys import Key, spare
from idp_fixtures.openid_provider.pages import Page, as_json, error, hidden, leaf
from idp_fixtures.openid_provider.provider import (
    WELL_KNOWN,
    AuthorizationRequest,
    Client,
    Grant,
    OpenIDProvider,
    client_of,
    fits,
)

Fields = dict[str, str]
COOKIE = "openid-provider"
PATIENCE = 10.0


@dataclass(frozen=True, slots=True)
class Visit:
    """One request."""

    method: str
    path: str
    fields: Fields
    body: bytes = b""
    authorization: str | None = None
    cookie: str | None = None


@dataclass
class Site:
    """One provider's site; accounts are known by their `sub`.

    `always` signs that account in without asking. `attack` is what the provider does wrong from
    now on. Grants stay known after their code is used, for whoever asks what happened.
    """

    provider: OpenIDProvider
    accounts: dict[str, Account] = field(default_factory=dict)
    always: str | None = None
    attack: Attack | None = None
    attacker: Key = field(default_factory=lambda: spare("RS256", kid="attacker"))
    elsewhere: str = "http://127.0.0.1:1"
    """Where nobody but a victim would go."""

    codes: dict[str, Grant] = field(default_factory=dict)
    tokens: dict[str, Grant] = field(default_factory=dict)
    grants: list[Grant] = field(default_factory=list)
    spent: list[Fields] = field(default_factory=list)
    """The ways back of finished sign-ins, the newest last."""

    visited: list[str] = field(default_factory=list)
    _pending: dict[str, AuthorizationRequest] = field(default_factory=dict)
    _cookies: dict[str, Grant] = field(default_factory=dict)

    def add(self, *accounts: Account) -> None:
        """Let people sign in here."""
        self.accounts.update({account.sub: account for account in accounts})

    def register(self, client: Client) -> Client:
        """Know a client, and publish the key that its tokens are signed by."""
        self.provider.clients[client.id] = client
        self.provider.key(client.algorithm)
        return client

    def answer(self, visit: Visit) -> Page:
        """Return the page of a request."""
        self.visited.append(visit.path)
        serve = ROUTES.get((visit.method, visit.path)) or ROUTES.get(("*", visit.path))
        if serve is None and visit.path.endswith(WELL_KNOWN):
            serve = Site.discovery
        if serve is None:
            return Page("no such page", 404)
        try:
            return serve(self, visit)
        except (KeyError, ValueError, IndexError) as found:
            return error("invalid_request", repr(found))

    def twisted(self, point: Point, honest: Any, grant: Grant | None = None) -> Any:
        """Return what the provider says at one point, the wrong thing where it misbehaves."""
        change = self.attack.at.get(point) if self.attack else None
        return honest if change is None else change(Scene(self, grant), honest)

    # -- what is published -------------------------------------------------------------

    def discovery(self, visit: Visit) -> Page:
        """Publish the discovery document, a tenant's under the tenant's own address."""
        place = self.provider.base_url + visit.path.removesuffix(WELL_KNOWN)
        named = self.provider.iss if place == self.provider.iss else None
        return _page(self.twisted("discovery", as_json(self.provider.discovery(named))))

    def jwks(self, visit: Visit) -> Page:
        """Publish the key set."""
        del visit
        return _page(self.twisted("jwks", as_json(self.provider.jwks())))

    # -- sign-in -----------------------------------------------------------------------

    def authorize(self, visit: Visit) -> Page:
        """Take a request and show who may sign in, or sign in whom the request names."""
        request = AuthorizationRequest.of(visit.fields)
        client = self.provider.clients[request.client_id]
        if request.redirect_uri not in client.redirect_uris:
            return Page("that is no address of the client", 400)
        who = visit.fields.get("user") or self.always
        if who is not None:
            return self._signed_in(request, self.accounts[who])
        known = self._cookies.get(visit.cookie or "")
        if request.prompt == "none":
            if known is None:
                return self._back(request, {"error": "login_required"})
            return self._signed_in(request, known.account, known)
        ticket = secrets.token_urlsafe(16)
        self._pending[ticket] = request
        return leaf("Who are you?", self._choices(ticket))

    def choose(self, visit: Visit) -> Page:
        """Sign in who was chosen, or go back without anybody."""
        request = self._pending.pop(visit.fields["ticket"])
        if "cancel" in visit.fields:
            return self._back(request, {"error": "access_denied"})
        return self._signed_in(request, self.accounts[visit.fields["user"]])

    def _signed_in(
        self, request: AuthorizationRequest, account: Account, known: Grant | None = None
    ) -> Page:
        grant = Grant(
            request=request,
            account=account,
            sid=known.sid if known else secrets.token_urlsafe(16),
            authenticated_at=known.authenticated_at if known else self.provider.now,
        )
        code = secrets.token_urlsafe(32)
        self.codes[code] = grant
        self.grants.append(grant)
        cookie = secrets.token_urlsafe(16)
        self._cookies[cookie] = grant
        page = self._back(request, {"code": code}, grant)
        return replace(page, cookie=f"{COOKIE}={cookie}; Path=/; HttpOnly; SameSite=Lax")

    def _back(
        self, request: AuthorizationRequest, said: Fields, grant: Grant | None = None
    ) -> Page:
        fields: Mapping[str, str | None] = {
            **said,
            "state": request.state,
            "iss": self.provider.iss if self.provider.says_iss else None,
        }
        fields = self.twisted("callback", fields, grant)
        query = {name: value for name, value in fields.items() if value is not None}
        self.spent.append(query)
        return Page(status=302, location=f"{request.redirect_uri}?{urlencode(query, doseq=True)}")

    def _choices(self, ticket: str) -> str:
        buttons = "".join(
            f'<p><button name="user" value="{escape(account.sub)}">{escape(account.label)}</button>'
            for account in self.accounts.values()
        )
        cancel = '<p><button name="cancel" value="1">Nobody</button>'
        fields = hidden("ticket", ticket) + buttons + cancel
        return f'<form method="post" action="{self.provider.base_url}/choose">{fields}</form>'

    # -- tokens ------------------------------------------------------------------------

    def token(self, visit: Visit) -> Page:
        """Exchange a code, once, for whom it was issued to."""
        client = self.provider.client_of(visit.fields, visit.authorization)
        if client is None:
            return error("invalid_client", status=401)
        grant = self.codes.pop(visit.fields.get("code", ""), None)
        if visit.fields.get("grant_type") != "authorization_code" or grant is None:
            return error("invalid_grant")
        request = grant.request
        asked = (request.client_id, request.redirect_uri)
        proved = fits(request.challenge, visit.fields.get("code_verifier", ""))
        if asked != (client.id, visit.fields.get("redirect_uri")) or not proved:
            return error("invalid_grant")
        access_token = secrets.token_urlsafe(24)
        self.tokens[access_token] = grant
        id_token = self.provider.id_token(grant, access_token)
        said = {
            "access_token": access_token,
            "token_type": "Bearer",
            "expires_in": self.provider.lives,
            "id_token": self.twisted("id_token", id_token, grant),
        }
        answer = as_json({name: value for name, value in said.items() if value is not None})
        return _page(self.twisted("token", answer, grant))

    def userinfo(self, visit: Visit) -> Page:
        """Say who holds an access token."""
        grant = self.tokens.get((visit.authorization or "").removeprefix("Bearer "))
        if grant is None:
            return error("invalid_token", status=401)
        client = self.provider.clients[grant.request.client_id]
        said = self.provider.userinfo(client, grant.account)
        page = Page(said, media_type="application/jwt") if isinstance(said, str) else as_json(said)
        return _page(self.twisted("userinfo", page, grant))

    # -- logout ------------------------------------------------------------------------

    def end_session(self, visit: Visit) -> Page:
        """End the session here, and go back where the client registered it."""
        known = self._cookies.pop(visit.cookie or "", None)
        client = self.provider.clients.get(visit.fields.get("client_id", ""))
        if client is None and known is not None:
            client = self.provider.clients[known.request.client_id]
        back = visit.fields.get("post_logout_redirect_uri")
        if client is None or back not in client.post_logout_redirect_uris:
            return leaf("You are signed out", "")
        state = visit.fields.get("state")
        query = f"?{urlencode({'state': state})}" if state is not None else ""
        return Page(status=302, location=f"{back}{query}")

    def leave(self, visit: Visit) -> Page:
        """End all sessions of somebody, here and at every client; say what they answered."""
        return as_json({"answers": self.send_logouts(visit.fields["user"])})

    def send_logouts(self, sub: str, **says: Any) -> list[int]:
        """Post a logout token of somebody to every client that wants one; return the statuses."""
        self._cookies = {x: y for x, y in self._cookies.items() if y.account.sub != sub}
        return [
            self.send_logout(client, self.provider.logout_token(client, sub=sub, **says))
            for client in self.provider.clients.values()
            if client.backchannel_logout_uri
        ]

    def send_logout(self, client: Client, logout_token: str) -> int:
        """Post one logout token; return the status."""
        address = client.backchannel_logout_uri or ""
        form = {"logout_token": logout_token}
        return requests.post(address, data=form, timeout=PATIENCE).status_code

    # -- for tests ---------------------------------------------------------------------

    def take_client(self, visit: Visit) -> Page:
        """Register a client."""
        client = self.register(client_of(json.loads(visit.body)))
        return as_json({"client_id": client.id})

    def take_account(self, visit: Visit) -> Page:
        """Register an account: sub and claims."""
        said = json.loads(visit.body)
        self.add(Account(said["sub"], said.get("claims", {})))
        return as_json({})

    def misbehave(self, visit: Visit) -> Page:
        """Do something wrong from now on; nothing named: behave again."""
        name = visit.fields.get("attack", "")
        if name and name not in ATTACKS:
            return as_json(sorted(ATTACKS), 400)
        self.attack = ATTACKS[name] if name else None
        return as_json({})

    def roll_over(self, visit: Visit) -> Page:
        """Publish a new key and sign with it; `withdraw` drops the old ones."""
        key = self.provider.roll_over(visit.fields.get("algorithm", "RS256"))
        if "withdraw" in visit.fields:
            self.provider.withdraw()
        return as_json({"kid": key.kid})

    def hostile_keys(self, visit: Visit) -> Page:
        """Publish the attacker's key, where a careless client would look for it."""
        del visit
        return as_json({"keys": [self.attacker.jwk]})

    def home(self, visit: Visit) -> Page:
        """Say what is here."""
        del visit
        names = "".join(f"<p>{escape(account.label)}" for account in self.accounts.values())
        return leaf("OpenID provider", names)


ROUTES: dict[tuple[str, str], Callable[[Site, Visit], Page]] = {
    ("GET", "/"): Site.home,
    ("GET", "/jwks"): Site.jwks,
    ("*", "/authorize"): Site.authorize,
    ("POST", "/choose"): Site.choose,
    ("POST", "/token"): Site.token,
    ("*", "/userinfo"): Site.userinfo,
    ("*", "/end-session"): Site.end_session,
    ("POST", "/leave"): Site.leave,
    ("POST", "/clients"): Site.take_client,
    ("POST", "/accounts"): Site.take_account,
    ("POST", "/misbehave"): Site.misbehave,
    ("POST", "/roll-over"): Site.roll_over,
    ("GET", "/evil/jwks"): Site.hostile_keys,
}


def visit_of(method: str, target: str, body: bytes, headers: Mapping[str, str]) -> Visit:
    """Return what a request says; a posted form counts like a query."""
    parts = urlsplit(target)
    fields = _fields(parts.query)
    if method == "POST" and headers.get("Content-Type", "").startswith("application/x-www-form"):
        fields |= _fields(body.decode())
    cookie = SimpleCookie(headers.get("Cookie", "")).get(COOKIE)
    return Visit(
        method,
        parts.path,
        fields,
        body,
        headers.get("Authorization"),
        cookie.value if cookie else None,
    )


def _fields(encoded: str) -> Fields:
    return {name: values[0] for name, values in parse_qs(encoded, keep_blank_values=True).items()}


def _page(found: Any) -> Page:
    assert isinstance(found, Page)  # noqa: S101 - what an attack makes of a page is a page
    return found
