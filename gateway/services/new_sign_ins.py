"""Telling people of sign-ins from where they have not been before.

Known are the browsers and networks of a person's earlier sessions, compared as families and
prefixes. Nothing else is kept for it: what forgets the sessions forgets this.
"""

from collections.abc import Iterable
from contextlib import suppress
from datetime import timedelta
from uuid import UUID

from sqlalchemy import bindparam, select

from gateway.domain import whereabouts
from gateway.domain.errors import BadEmail
from gateway.domain.invitations import masked
from gateway.domain.sessions import Factor
from gateway.services import letters, throttle
from gateway.services.messages.writing import Fact, Verbatim
from gateway.storage import tables as t
from gateway.storage.person_work import PersonWork

TOLD = throttle.Limit("told of a new sign-in", 3, timedelta(days=1))
"""A burst of new places is told as often; whoever reads the first mail has seen it all."""


def tell(
    here: PersonWork,
    person_id: UUID,
    factors: Iterable[Factor],
    *,
    replaces: UUID | None,
) -> None:
    """Write to a person whose session is about to open, if they never signed in from here before.

    The very first sign-in tells nobody, nor does a browser that still had a session of theirs.
    Without factors of their own an identity provider proved them.
    """
    s = t.sessions.c
    if here.one(_LIVE, session=replaces, person=person_id, now=here.now) if replaces else None:
        return
    earlier = here.all(select(s.ip, s.user_agent).where(s.person_id == person_id).distinct())
    now = whereabouts.of(here.context.ip, here.context.user_agent)
    known = {whereabouts.of(row.ip, row.user_agent) for row in earlier}
    if not known or now in known or not throttle.try_once(here, TOLD, person_id):
        return
    p = t.persons.c
    email: str | None = here.all(select(p.email).where(p.id == person_id))[0].email
    if email is None:
        return
    facts: dict[str, Fact] = {
        "account": Verbatim(masked(email)),
        "how": _how(frozenset(factors)),
        "when": here.now,
        "agent": now.agent,
        "place": Verbatim(now.place),
    }
    with suppress(BadEmail):  # an identity provider may call anything an address
        letters.send(here, "new_sign_in", email, link=None, **facts)


def _how(factors: frozenset[Factor]) -> str:
    if not factors:
        return "through your organisation's identity provider"
    if Factor.PASSKEY in factors:
        return "with a passkey"
    return "with your password" if len(factors) == 1 else "with your password and a code"


_S = t.sessions.c
_LIVE = select(_S.id).where(
    _S.id == bindparam("session"),
    _S.person_id == bindparam("person"),
    _S.revoked_at.is_(None),
    _S.expires_at > bindparam("now", type_=_S.expires_at.type),
)
