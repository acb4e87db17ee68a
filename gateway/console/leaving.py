"""The first page after signing in, and signing out."""

from dataclasses import dataclass

from flask import Response

from gateway.browser import csrf, pages
from gateway.console.desk import Desk
from gateway.services import credentials, session_ends, sessions
from gateway.storage import person_work


@dataclass(frozen=True)
class Leaving:
    """What a session opens, and its end."""

    desk: Desk

    def home(self) -> Response:
        """Show whom the session is of and what it opens; strangers are asked to sign in."""
        desk = self.desk
        with person_work.read(desk.work, desk.context) as here:
            session = sessions.find(here, desk.session_token)
            if session is None:
                return pages.redirect("/login")
            person = credentials.load(here, session.person_id)
            opened = sessions.opened(here, session)
        return pages.page(
            "home.html",
            name=person.display_name,
            organisations=[row.organisation_name for row in opened],
            form_token=csrf.form_token(desk.session_token or ""),
        )

    def ask(self) -> Response:
        """Ask whether to sign out: a link alone signs nobody out."""
        session = self.desk.session()
        if session is None:
            return pages.redirect("/login")
        token = csrf.form_token(self.desk.session_token or "")
        return pages.page("sign-out.html", form_token=token)

    def sign_out(self) -> Response:
        """End the session, with everything that it opens."""
        desk = self.desk
        # Another site's form brings no cookie, and the answer would take it away all the same.
        desk.require_own_page()
        session = desk.session()
        if session is not None:
            desk.require_own_form(desk.session_token)
            session_id = session.id
            desk.person(lambda here: session_ends.sign_out(here, session_id))
        response = pages.page(
            "told.html",
            title="Signed out",
            text="Your session here has ended. Your identity provider may still know you.",
        )
        desk.cookies.drop(response, desk.cookies.session)
        return response
