"""An invitation's pages: see it, create an account, accept, decline, ask for the newest link."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import urlencode
from uuid import UUID

from flask import Response

from gateway.browser import csrf, pages
from gateway.console.desk import Desk, field
from gateway.domain.errors import (
    AlreadyExists,
    GatewayError,
    InvalidRequest,
    InvitationExpired,
    InvitationRevoked,
    InvitationRotated,
    InvitationUsed,
    NotFound,
    RateLimited,
    SignInFailed,
)
from gateway.domain.identity import INVITED, Actor, ActorType
from gateway.domain.sessions import Factor
from gateway.domain.text import fold
from gateway.services import answering, credentials, people, session_openings, sessions
from gateway.services.answering import Found
from gateway.storage import person_work
from gateway.storage.person_work import PersonWork
from gateway.storage.unit_of_work import UnitOfWork

T = TypeVar("T")
OVER = (InvitationRevoked, InvitationExpired, InvitationRotated, InvitationUsed)


@dataclass(frozen=True)
class InvitationPages:
    """The pages that an invitation's link leads to."""

    desk: Desk

    def see(self, link: str) -> Response:
        """Show what the link invites to; mail scanners look too, so looking changes nothing."""
        return self._answered(link, lambda: self._shown(link))

    def accept(self, link: str) -> Response:
        """Join, as the person who is signed in."""
        desk = self.desk
        desk.require_own_form(desk.session_token)

        def join(uow: UnitOfWork) -> UUID:
            session = sessions.require(PersonWork.beside(uow), desk.session_token)
            return answering.accept(uow, link, session)

        def joined() -> Response:
            with person_work.read(desk.work, desk.context) as here:
                session = sessions.require(here, desk.session_token)
            try:
                self._within(link, join, Actor(ActorType.PERSON, str(session.person_id), ""))
            except (*OVER, NotFound, RateLimited, SignInFailed):
                raise
            except GatewayError as refused:
                return self._shown(link, refused.message)
            return pages.redirect("/")

        return self._answered(link, joined)

    def decline(self, link: str) -> Response:
        """Decline; whoever has the link may."""
        self.desk.require_own_page()

        def declined() -> Response:
            self._within(link, lambda uow: answering.decline(uow, link))
            return pages.page(
                "told.html", title="Declined", text="You have declined. Nothing else happens."
            )

        return self._answered(link, declined)

    def mail_newest(self, link: str) -> Response:
        """Mail the newest link to the invited address, and say the same to everybody."""
        desk = self.desk
        desk.require_own_page()
        with suppress(NotFound):
            self._within(link, lambda uow: answering.mail_newest(uow, link, desk.settings.origin))
        return pages.page(
            "told.html",
            title="Look into your mailbox",
            text="If the invitation is still open, its newest link is on its way to the address"
            " that was invited.",
        )

    def ask_account(self, link: str) -> Response:
        """Ask for name and password of the new account."""
        return self._answered(link, lambda: self._account_asked(link))

    def create_account(self, link: str) -> Response:
        """Create the account that the mailed link proves, sign it in, and lead back."""
        desk = self.desk
        desk.require_own_page()

        def created() -> Response:
            try:
                password_hash = people.hash_password(field("password"))
                person_id = self._within(
                    link, lambda uow: answering.sign_up(uow, link, field("name"), password_hash)
                )
            except (InvalidRequest, AlreadyExists) as refused:
                return self._account_asked(link, refused.message)
            opened = desk.person(
                lambda here: session_openings.open_by_own(
                    here, person_id, frozenset({Factor.PASSWORD})
                )
            )
            return desk.signed_in(opened, _path(link))

        return self._answered(link, created)

    # -- inside -----------------------------------------------------------------------

    def _answered(self, link: str, view: Callable[[], Response]) -> Response:
        """Answer a link that leads nowhere by the reason, and whether a newer one exists."""
        try:
            return view()
        except OVER as over:
            newer = isinstance(over, InvitationRotated)
            return self._over(link, over.message, over.code, newer=newer)
        except NotFound:
            return pages.page(
                "told.html",
                status=404,
                title="There is no such invitation",
                text="Open the link once more as you were given it.",
            )

    def _over(self, link: str, text: str, code: str, *, newer: bool) -> Response:
        status = 409 if code == InvitationUsed.code else 410
        return pages.page(
            "invitation-over.html",
            status=status,
            text=text,
            code=code,
            newer=newer,
            path=_path(link),
        )

    def _shown(self, link: str, problem: str | None = None) -> Response:
        desk = self.desk
        found = self._look(link)
        email = self._signed_in_as()
        return pages.page(
            "invitation.html",
            status=pages.FAILURE if problem else 200,
            found=found,
            path=_path(link),
            login=f"/login?{urlencode({'return_to': _path(link)})}",
            signed_in=email,
            mine=email is not None and fold(email) == fold(found.email),
            form_token=csrf.form_token(desk.session_token or ""),
            problem=problem,
        )

    def _account_asked(self, link: str, problem: str | None = None) -> Response:
        found = self._look(link)
        if not found.proves_mailbox:
            return pages.redirect(_path(link))
        return pages.page(
            "invited-account.html",
            status=422 if problem else 200,
            found=found,
            path=_path(link),
            problem=problem,
            least=people.PASSWORD_BOUNDS.start,
        )

    def _signed_in_as(self) -> str | None:
        """Return the address of whoever is signed in by own factors."""
        desk = self.desk
        with person_work.read(desk.work, desk.context) as here:
            session = sessions.find(here, desk.session_token)
            if session is None or not session.is_own:
                return None
            email: str | None = credentials.load(here, session.person_id).email
        return email

    def _look(self, link: str) -> Found:
        with self.desk.work.platform() as database:
            organisation_id = answering.organisation_of(database, link)
        with self.desk.work.read(organisation_id, INVITED, self.desk.context) as uow:
            return answering.look(uow, link)

    def _within(self, link: str, verb: Callable[[UnitOfWork], T], actor: Actor = INVITED) -> T:
        work = self.desk.work
        with work.platform() as database:
            organisation_id = answering.organisation_of(database, link)
        return work.run(organisation_id, actor, verb, self.desk.context)


def _path(link: str) -> str:
    return f"/invitations/{link}"
