"""Our cookies: their names, what browsers may do with them, and how long they live.

Over https each is `__Host-`: bound to this host, never set by a neighbour, never sent in clear.
On plain-http loopback, where a demo runs, browsers refuse that, and the cookies lose both.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime

from flask import Request, Response

from gateway.settings import Settings

ATTEMPT = "attempt-"
MOST_ATTEMPTS = 10
"""Attempts under way in one browser; one more lets it forget the oldest."""


@dataclass(frozen=True, slots=True)
class Cookies:
    """Sets and reads the cookies of one installation."""

    secure: bool

    @classmethod
    def of(cls, settings: Settings) -> "Cookies":
        """Return the cookies that the installation's settings allow."""
        return cls(secure=not settings.plain_http_cookies)

    @property
    def session(self) -> str:
        """Name of the session's cookie."""
        return self._name("session")

    @property
    def link(self) -> str:
        """Name of the cookie of a proposed link."""
        return self._name("link")

    def step(self, purpose: str) -> str:
        """Name of the cookie of one step of a sign-in by own factors."""
        return self._name(f"step-{purpose}")

    def attempt(self, handle: str) -> str:
        """Name of the cookie of one attempt: several may be under way in one browser."""
        return self._name(f"{ATTEMPT}{hashlib.sha256(handle.encode()).hexdigest()[:20]}")

    def keep_attempt(
        self, request: Request, response: Response, handle: str, secret: str, until: datetime
    ) -> None:
        """Let the browser keep an attempt's secret, and of those before it no more than a few.

        Any page may lead a browser here over and over: the session's cookie, and the room that
        headers have, are not to be used up by that. Browsers send the oldest first (RFC 6265 §5.4).
        """
        before = [name for name in request.cookies if name.startswith(self._name(ATTEMPT))]
        for name in before[: max(0, len(before) + 1 - MOST_ATTEMPTS)]:
            self.drop(response, name, cross_site=True)
        self.keep(response, self.attempt(handle), secret, until, cross_site=True)

    def read(self, request: Request, name: str) -> str | None:
        """Return what the browser kept under a name."""
        value = request.cookies.get(name)
        return value if value and len(value) <= 200 else None

    def keep(
        self,
        response: Response,
        name: str,
        value: str,
        until: datetime,
        *,
        cross_site: bool = False,
    ) -> None:
        """Let the browser keep a value.

        `cross_site` lets it come back with a form that an identity provider's page posts; in the
        clear on loopback every port is the same site, and no more is needed.
        """
        response.set_cookie(
            name,
            value,
            expires=until,
            path="/",
            secure=self.secure,
            httponly=True,
            samesite="None" if cross_site and self.secure else "Lax",
        )

    def drop(self, response: Response, name: str, *, cross_site: bool = False) -> None:
        """Let the browser forget a value."""
        response.delete_cookie(
            name,
            path="/",
            secure=self.secure,
            httponly=True,
            samesite="None" if cross_site and self.secure else "Lax",
        )

    def _name(self, name: str) -> str:
        return f"__Host-gateway-{name}" if self.secure else f"gateway-{name}"
