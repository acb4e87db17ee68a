"""Links by mail: creating an account, setting a password. A link is looked at freely, used once."""

from dataclasses import dataclass

from flask import Response, request

from gateway.browser import pages
from gateway.console.desk import Desk, field
from gateway.domain.errors import BadEmail, InvalidRequest
from gateway.domain.sessions import Factor
from gateway.services import mailed_links, people, session_openings
from gateway.storage import person_work


@dataclass(frozen=True)
class Mailed:
    """The pages around mailed links."""

    desk: Desk

    def ask(self) -> Response:
        """Ask where the link should go."""
        return pages.page("forgot.html")

    def send(self) -> Response:
        """Mail a link, and say the same to everybody."""
        self.desk.require_own_page()
        email = field("email")
        try:
            self.desk.person(lambda here: mailed_links.ask(here, email, self.desk.settings.origin))
        except BadEmail as refused:
            return pages.page("told.html", status=422, title="Try again", text=refused.message)
        return pages.page(
            "told.html",
            title="Look into your mailbox",
            text="If we can write to this address, a link is on its way. It works for an hour.",
        )

    def ask_password(self) -> Response:
        """Ask for the new password."""
        return self._asked(mailed_links.SET_PASSWORD)

    def ask_account(self) -> Response:
        """Ask for name and password of the new account."""
        return self._asked(mailed_links.SIGN_UP)

    def set_password(self) -> Response:
        """Set the password; signing in with it is the next step."""
        self.desk.require_own_page()
        token = field("token")
        try:
            password_hash = people.hash_password(field("password"))
        except InvalidRequest as refused:
            return self._asked(mailed_links.SET_PASSWORD, refused.message)
        self.desk.person(lambda here: mailed_links.set_password(here, token, password_hash))
        response = pages.redirect("/login/password")
        self.desk.cookies.drop(response, self.desk.cookies.session)
        return response

    def sign_up(self) -> Response:
        """Create the account and sign it in: the link and the new password prove it."""
        desk = self.desk
        desk.require_own_page()
        token, name = field("token"), field("name")
        try:
            password_hash = people.hash_password(field("password"))
            person_id = desk.person(
                lambda here: mailed_links.sign_up(here, token, name, password_hash)
            )
        except InvalidRequest as refused:
            return self._asked(mailed_links.SIGN_UP, refused.message)
        opened = desk.person(
            lambda here: session_openings.open_by_own(here, person_id, frozenset({Factor.PASSWORD}))
        )
        return desk.signed_in(opened, "/")

    def _asked(self, purpose: str, problem: str | None = None) -> Response:
        token = request.args.get("token") or field("token")
        with person_work.read(self.desk.work, self.desk.context) as here:
            link = mailed_links.peek(here, token)
        page = "sign-up.html" if purpose == mailed_links.SIGN_UP else "set-password.html"
        return pages.page(
            page,
            status=422 if problem else 200,
            token=token,
            email=link.email,
            problem=problem,
            least=people.PASSWORD_BOUNDS.start,
        )
