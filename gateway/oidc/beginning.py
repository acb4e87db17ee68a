"""Sign-ins that a third party begins (Core §4): a wish to begin one, which proves nobody."""

from dataclasses import dataclass

from flask import Response
from werkzeug.datastructures import MultiDict

from gateway.domain.judging import Unacceptable, step
from gateway.domain.signin import TEXT_LIMIT, way_back
from gateway.oidc import parameters, tokens
from gateway.oidc.visits import Visit

PARAMETERS = ("iss", "login_hint", "target_link_uri")
LARGEST_FORM = 16 * 1024


@dataclass(frozen=True)
class Beginning:
    """One request at `initiate_login_uri`."""

    visit: Visit

    def answer(self) -> Response:
        """Take the browser to the connection's own provider, if the connection lets others begin.

        What follows is a sign-in like any that begins here, with secrets of its own. Whoever sent
        the browser decides neither the provider nor, beyond our own paths, where it ends.

        :raises SignInFailed: the connection does not, or another issuer is named.
        """
        visit = self.visit
        connection = visit.connection
        with step(visit.trace, "form"):
            sent = parameters.single(self._values(), PARAMETERS)
        with step(visit.trace, "attempt") as said:
            if connection.idp_initiated == "off":
                raise Unacceptable("unsolicited", "begun by the provider")
            said.detail = "begun by the provider"
        with step(visit.trace, "issuer"):
            if sent.get("iss") != tokens.issuer_of(connection):
                raise Unacceptable("issuer_mismatch", f"issuer {sent.get('iss')!r}")
        visit.login_hint = _proper_hint(sent.get("login_hint"))
        return visit.begin(return_to=self._own_path(sent.get("target_link_uri", "")))

    def _values(self) -> MultiDict[str, str]:
        request = self.visit.request
        if request.method == "GET":
            return request.args
        return parameters.form(request, LARGEST_FORM)

    def _own_path(self, target: str) -> str:
        """Return the path of an address below our own origin, the first page for any other."""
        origin = self.visit.settings.origin
        return way_back(target.removeprefix(origin) if target.startswith(f"{origin}/") else None)


def _proper_hint(hint: str | None) -> str | None:
    """Return a hint that is one short line; it is the provider's own, and goes back to it alone."""
    proper = hint is not None and 0 < len(hint) <= TEXT_LIMIT and hint.isprintable()
    return hint if proper else None
