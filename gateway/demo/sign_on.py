"""An administrator connects a company's identity provider: draws it up, has it tested, opens it."""

import secrets
from dataclasses import dataclass, field
from typing import Any

from gateway.demo.admin import Admin
from gateway.demo.identity_providers import CompanyProvider
from gateway.demo.options import DemoFailed
from gateway.demo.stage import Furnished
from gateway.demo.visitor import Visitor
from idp_fixtures.openid_provider.provider import Client

JSON = dict[str, Any]
PRESETS = {"Okta": "okta", "Entra ID": "entra"}
CLIENT = "gateway"
CLIENT_SECRET_BYTES = 24


@dataclass
class SignOn:
    """One organisation's ways in, and what `gateway demo --json` tells of them."""

    organisation: Furnished
    provider: CompanyProvider
    base_url: str
    told: JSON = field(default_factory=dict)

    def connect(self) -> None:
        """Connect the provider by both protocols; an earlier demo's connections are found again.

        :raises DemoFailed: a step was refused.
        """
        admin = Admin(self.base_url, self.organisation.id, self.organisation.api_key)
        try:
            for member in admin.everything("/members"):
                self.provider.employ(member["email"], member["display_name"])
            self._connect_saml(admin)
            self._connect_openid(admin)
        finally:
            admin.close()

    def _connect_saml(self, admin: Admin) -> None:
        site = self.provider.saml
        wish: JSON = {
            "name": self.organisation.idp,
            "metadata": site.provider.metadata().decode(),
        }
        found, is_new = self._found(admin, "saml", wish)
        site.register(Visitor(self.base_url).get(found["sp_metadata_url"]).content)
        if is_new:
            self._activate(admin, f"/saml-connections/{found['id']}")
        self.told["saml"] = {
            "connection": found["id"],
            "entity_id": found["entity_id"],
            "acs_url": found["acs_url"],
            "metadata_url": found["sp_metadata_url"],
            "login_url": found["login_url"],
        }

    def _connect_openid(self, admin: Admin) -> None:
        site, secret = self.provider.openid, secrets.token_urlsafe(CLIENT_SECRET_BYTES)
        wish: JSON = {
            "name": f"{self.organisation.idp} OpenID",
            "issuer": site.provider.issuer,
            "client_id": CLIENT,
            "client_secret": secret,
        }
        found, is_new = self._found(admin, "oidc", wish)
        site.register(
            Client(
                id=CLIENT,
                redirect_uris=(found["redirect_uri"],),
                secret=secret,
                post_logout_redirect_uris=(f"{self.base_url}/login",),
                backchannel_logout_uri=found["backchannel_logout_url"],
            )
        )
        if is_new:
            self._activate(admin, f"/oidc-connections/{found['id']}")
        self.told["oidc"] = {
            "connection": found["id"],
            "redirect_uri": found["redirect_uri"],
            "login_url": found["login_url"],
        }

    def _found(self, admin: Admin, protocol: str, wish: JSON) -> tuple[JSON, bool]:
        """Return the connection of that name, made where there is none, and whether it was made."""
        path = f"/{protocol}-connections"
        known = [x for x in admin.everything(path) if x["name"] == wish["name"]]
        if known:
            return admin.patch(f"{path}/{known[0]['id']}", wish), False
        return admin.post(path, {**wish, "preset": PRESETS[self.organisation.idp]}), True

    def _activate(self, admin: Admin, path: str) -> None:
        """Let the owner make the test sign-in that every connection needs, then open it."""
        ticket = admin.post(f"{path}:test")
        page = Visitor(self.base_url).sign_in(ticket["url"], self.organisation.owner_email)
        if page.status_code != 200:
            code = page.headers.get("X-Sign-In-Failure", page.status_code)
            raise DemoFailed(f"The test sign-in of {path} was refused: {code}")
        admin.post(f"{path}:activate")
