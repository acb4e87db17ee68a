"""Signing in: which way is somebody's, then password and code."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from flask import Response, request

from gateway.browser import pages
from gateway.console.desk import Desk, field
from gateway.domain.errors import RateLimited, SignInFailed
from gateway.domain.signin import OIDCAddresses, SAMLAddresses, way_back
from gateway.services import home_realm, own_signin, people
from gateway.services.home_realm import Realm
from gateway.services.own_signin import CodeNeeded, PasswordDue

STEP = "code"


@dataclass(frozen=True)
class Entering:
    """The pages between a stranger and a session."""

    desk: Desk

    def ask(self) -> Response:
        """Ask for the e-mail address."""
        return pages.page("login.html", return_to=way_back(request.args.get("return_to")))

    def ask_own(self) -> Response:
        """Ask for address and password: also of those whose domain leads to a provider."""
        return self._ask_password("", way_back(request.args.get("return_to")))

    def find_home(self) -> Response:
        """Send people of a domain to their provider; ask anybody else for the password."""
        self.desk.require_own_page()
        if field("password"):
            return self.password()
        email, return_to = field("email"), way_back(field("return_to", 1_000))
        with self.desk.work.platform() as database:
            realms = home_realm.find(database, email)
        if len(realms) == 1 and realms[0].enforced:
            return pages.redirect(self._way(realms[0], return_to))
        if realms:
            ways = [(realm, self._way(realm, return_to)) for realm in realms]
            return pages.page(
                "ways.html",
                email=email,
                return_to=return_to,
                ways=ways,
                enforced=any(realm.enforced for realm in realms),
            )
        return self._ask_password(email, return_to)

    def password(self) -> Response:
        """Compare the password, and open a session or ask for the code."""
        desk = self.desk
        desk.require_own_page()
        email, return_to = field("email"), way_back(field("return_to", 1_000))
        if not field("password"):
            return self._ask_password(email, return_to)
        try:
            found = desk.person(lambda here: own_signin.known(here, email))
        except RateLimited:
            desk.person(lambda here: own_signin.throttled(here, email))
            raise
        # Some 20 ms, with no transaction open; as long for an address without an account.
        if not people.password_matches(found.password_hash, field("password")):
            desk.person(lambda here: own_signin.wrong(here, email))
            return self._ask_password(email, return_to, "credentials_wrong")
        session = desk.session()
        replaces = session.id if session else None
        proved = desk.person(
            lambda here: own_signin.right(here, found, replaces=replaces, return_to=return_to)
        )
        if isinstance(proved, CodeNeeded):
            response = pages.redirect("/login/code")
            name = desk.cookies.step(STEP)
            desk.cookies.keep(response, name, proved.token, proved.expires_at)
            return response
        if isinstance(proved, PasswordDue):
            return pages.redirect(f"/login/set-password?{urlencode({'token': proved.token})}")
        return desk.signed_in(proved, return_to)

    def ask_code(self) -> Response:
        """Ask for the code of the authenticator, or one for recovery."""
        return pages.page("code.html", problem=None)

    def code(self) -> Response:
        """Take the code, and open a session."""
        desk = self.desk
        desk.require_own_page()
        name = desk.cookies.step(STEP)
        token = desk.cookies.read(request, name) or ""
        person_id = desk.person(lambda here: own_signin.person_of_step(here, token))
        session = desk.session()
        replaces = session.id if session else None
        code = field("code", 40)
        try:
            opened, return_to = desk.person(
                lambda here: own_signin.with_code(here, token, code, replaces=replaces)
            )
        except SignInFailed as refused:
            reason = refused.reason
            desk.person(lambda here: own_signin.record_failure(here, person_id, "code", reason))
            return self._again("code.html", refused.reason)
        response = desk.signed_in(opened, return_to)
        desk.cookies.drop(response, name)
        return response

    def _ask_password(self, email: str, return_to: str, problem: str | None = None) -> Response:
        if problem is not None:
            return self._again("password.html", problem, email=email, return_to=return_to)
        return pages.page("password.html", email=email, return_to=return_to, problem=None)

    def _again(self, name: str, reason: str, **values: Any) -> Response:
        """Show a page once more, with the one sentence for every wrong proof."""
        response = pages.page(name, status=pages.FAILURE, problem=reason, **values)
        response.headers["X-Sign-In-Failure"] = reason
        return response

    def _way(self, realm: Realm, return_to: str) -> str:
        origin = self.desk.settings.origin
        addresses = (
            SAMLAddresses.of(origin, realm.slug)
            if realm.protocol == "saml"
            else OIDCAddresses.of(origin, realm.slug)
        )
        return f"{addresses.login_url}?{urlencode({'return_to': return_to})}"
