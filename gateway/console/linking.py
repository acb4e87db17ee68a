"""Proving an account here, so that an account at a provider leads to it."""

from dataclasses import dataclass

from flask import Response, request

from gateway.browser import csrf, pages
from gateway.browser.endings import LINK_PAGE
from gateway.console.desk import Desk
from gateway.domain.errors import SignInFailed
from gateway.domain.identity import Actor, ActorType
from gateway.services import linking, sessions
from gateway.storage import person_work


@dataclass(frozen=True)
class Linking:
    """The page that a proposed link leads to."""

    desk: Desk

    def ask(self) -> Response:
        """Ask for a fresh proof of the account, then whether both are to be one."""
        desk = self.desk
        if desk.cookies.read(request, desk.cookies.link) is None:
            raise SignInFailed("attempt_unknown")
        session = desk.session()
        if session is None or not session.is_fresh(desk.work.clock()):
            return pages.page("login.html", return_to=LINK_PAGE)
        return pages.page("link.html", form_token=csrf.form_token(desk.session_token or ""))

    def accept(self) -> Response:
        """Link both, and sign in through the provider from now on."""
        desk = self.desk
        token = desk.cookies.read(request, desk.cookies.link) or ""
        desk.require_own_form(desk.session_token)
        with person_work.read(desk.work, desk.context) as here:
            session = sessions.require(here, desk.session_token)
            organisation_id = linking.organisation_of(here.connection, token)
        if organisation_id is None:
            raise SignInFailed("attempt_unknown")
        actor = Actor(ActorType.PERSON, str(session.person_id), "")
        way = desk.work.run(
            organisation_id,
            actor,
            lambda uow: linking.accept(uow, token, session),
            desk.context,
        )
        response = pages.redirect(way)
        desk.cookies.drop(response, desk.cookies.link)
        return response
