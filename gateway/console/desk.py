"""What every page needs: units of work, the browser's cookies, and the answers to refusals."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, TypeVar

from flask import Response, request

from gateway.browser import csrf, pages
from gateway.browser.cookies import Cookies
from gateway.domain.errors import (
    GatewayError,
    NotPermitted,
    RateLimited,
    SignInFailed,
)
from gateway.domain.identity import Context
from gateway.domain.sessions import Session
from gateway.logs import logger
from gateway.services import sessions
from gateway.services.passkeys import Party
from gateway.services.session_openings import Opened
from gateway.settings import Settings
from gateway.storage import person_work
from gateway.storage.person_work import PersonWork
from gateway.storage.unit_of_work import Work
from gateway.wsgi import REQUEST_ID

T = TypeVar("T")
LONGEST_FORM = 20_000
_log = logger("console")


@dataclass(frozen=True)
class Desk:
    """Where the pages' requests arrive."""

    work: Work
    settings: Settings
    cookies: Cookies

    @property
    def context(self) -> Context:
        """Where the request comes from."""
        return Context(
            request_id=self.request_id,
            ip=request.remote_addr,
            user_agent=request.user_agent.string or None,
        )

    @property
    def request_id(self) -> str:
        """The request's id."""
        return str(request.environ.get(REQUEST_ID, ""))

    @property
    def party(self) -> Party:
        """Ourselves as authenticators know us."""
        return Party(self.settings.host, self.settings.origin)

    @property
    def session_token(self) -> str | None:
        """What the browser says its session is."""
        return self.cookies.read(request, self.cookies.session)

    def person(self, verb: Callable[[PersonWork], T]) -> T:
        """Run a verb about a person."""
        return person_work.run(self.work, verb, self.context)

    def session(self) -> Session | None:
        """Return the browser's live session."""
        with person_work.read(self.work, self.context) as here:
            return sessions.find(here, self.session_token)

    def require_own_page(self) -> None:
        """Refuse a form that another site's page sent.

        :raises NotPermitted: the browser says so.
        """
        if not csrf.is_ours(request, self.settings.origin):
            raise NotPermitted("This form was sent by another site.")

    def require_own_form(self, secret: str | None) -> None:
        """Refuse a form without the token that our page gave it.

        :raises NotPermitted: another site's, or an old page's.
        """
        self.require_own_page()
        if not secret or not csrf.repeats(request, secret):
            raise NotPermitted("This form is out of date; open the page again.")

    def signed_in(self, opened: Opened, return_to: str) -> Response:
        """Let the browser keep a new session, and go on."""
        response = pages.redirect(return_to)
        self.cookies.keep(response, self.cookies.session, opened.token, opened.expires_at)
        return response

    def guarded(self, view: Callable[..., Response]) -> Callable[..., Response]:
        """Answer a page's refusals by a page, and a defect by one that tells nothing."""

        @wraps(view)
        def answer(**ids: Any) -> Response:
            request.max_content_length = LONGEST_FORM
            try:
                return view(**ids)
            except SignInFailed as refused:
                return pages.failure(request, refused.reason, self.request_id)
            except RateLimited as refused:
                return self._slow_down(refused)
            except GatewayError as refused:
                _log.info("refused", code=refused.code)
                return pages.page(
                    "told.html", status=403, title="That did not work", text=refused.message
                )

        return answer

    def _slow_down(self, refused: RateLimited) -> Response:
        response = pages.page(
            "told.html", status=429, title="Too many attempts", text=refused.message
        )
        response.headers["Retry-After"] = str(refused.details.get("retry_after", 60))
        response.headers["X-Sign-In-Failure"] = "throttled"
        return response


def field(name: str, limit: int = 400) -> str:
    """Return a field of the form, empty where it is missing, absurdly long or not to be stored."""
    value = request.form.get(name, "")
    return value if len(value) <= limit and "\0" not in value else ""
