"""Signing in by a person's own factors: password, second factor, in steps that each count once.

Nothing in an answer, nor in the time that it takes, tells whether an address has an account.
"""

import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row, and_, delete, select, update

from gateway.domain.errors import SignInFailed
from gateway.domain.events import Fact, Target
from gateway.domain.identity import Actor, ActorType, Context
from gateway.domain.sessions import Factor
from gateway.domain.signin import way_back
from gateway.domain.text import fold
from gateway.services import credentials, houses, mailed_links, session_openings, throttle
from gateway.services.secrets import digest_secret
from gateway.services.session_openings import Opened
from gateway.storage import tables as t
from gateway.storage.person_work import PersonWork

STEP_LIFETIME = timedelta(minutes=5)
"""How long somebody may take between password and code."""


@dataclass(frozen=True, slots=True)
class CodeNeeded:
    """The password was right, and a code has to follow; `token` is this browser's alone."""

    token: str = field(repr=False)
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class PasswordDue:
    """The first password was right, and one of the person's own has to follow; nothing is open."""

    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Known:
    """What there is to compare a password with; an unknown address has it too, empty."""

    person_id: UUID | None
    password_hash: str | None = field(repr=False)


def known(here: PersonWork, email: str) -> Known:
    """Count one try and return what to compare the password with.

    Compare with no transaction open, and say how it went by `right` or `wrong`.

    :raises RateLimited: too many tries, for an address without an account too.
    """
    key = fold(email.strip())
    throttle.spend(here, throttle.PASSWORD_HERE, key, here.context.ip)
    throttle.spend(here, throttle.PASSWORD_SOURCE, here.context.ip)
    throttle.spend(here, throttle.PASSWORD_ACCOUNT, key)
    person = credentials.find(here, email)
    if person is None or person.password_hash is None:
        return Known(None, None)
    return Known(person.id, person.password_hash)


def throttled(here: PersonWork, email: str) -> None:
    """Record, once in a while, that no more passwords are taken for an address."""
    if throttle.try_once(here, throttle.THROTTLED_TOLD, fold(email.strip())):
        wrong(here, email, "throttled")


def wrong(here: PersonWork, email: str, code: str = "credentials_wrong") -> None:
    """Record a wrong password; at the same cost whether or not there is an account."""
    context = here.context
    here.insert(
        t.failed_proofs,
        id=here.new_id(),
        email_key=fold(email.strip())[:320],
        method="password",
        code=code,
        context={
            "ip": context.ip,
            "user_agent": context.user_agent,
            "request_id": context.request_id,
        },
        occurred_at=here.now,
    )


def tell_failures(here: PersonWork, limit: int = 100) -> int:
    """Tell the organisations of wrong passwords of their members; say how many there were."""
    f = t.failed_proofs
    rows = here.all(select(f).order_by(f.c.id).limit(limit))
    for row in rows:
        person = credentials.find(here, row.email_key)
        if person is not None:
            context = Context(**row.context)
            record_failure(here, person.id, row.method, row.code, context)
    here.execute(delete(f).where(f.c.id.in_([row.id for row in rows])))
    return len(rows)


def right(
    here: PersonWork, found: Known, *, replaces: UUID | None, return_to: str | None
) -> Opened | CodeNeeded | PasswordDue:
    """Open a session by a password that was compared, or ask for what has to follow.

    :raises SignInFailed: the password has changed meanwhile.
    """
    if found.person_id is None:
        raise SignInFailed("credentials_wrong")
    person = credentials.load(here, found.person_id)
    if person.password_hash != found.password_hash:
        raise SignInFailed("credentials_wrong")
    if credentials.second_factors(here, found.person_id):
        token = begin_step(here, "second_factor", found.person_id, return_to=return_to)
        return CodeNeeded(token, here.now + STEP_LIFETIME)
    if person.must_change_password:
        return PasswordDue(mailed_links.due(here, found.person_id))
    return session_openings.open_by_own(
        here, found.person_id, frozenset({Factor.PASSWORD}), replaces=replaces
    )


def person_of_step(here: PersonWork, token: str) -> UUID:
    """Return whose code has to follow, and count one try.

    :raises SignInFailed: no such step, or too late. :raises RateLimited: too many tries.
    """
    step = _step(here, "second_factor", token)
    person_id: UUID = step.person_id
    credentials.spend_code_tries(here, person_id)
    return person_id


def with_code(
    here: PersonWork, token: str, code: str, *, replaces: UUID | None
) -> tuple[Opened, str]:
    """Open a session by password and code, and return it with the way back.

    :raises SignInFailed: the code is wrong, or the step is over.
    """
    step = _step(here, "second_factor", token)
    factor = credentials.take_second_factor(here, step.person_id, code)
    finish_step(here, step)
    opened = session_openings.open_by_own(
        here, step.person_id, frozenset({Factor.PASSWORD, factor}), replaces=replaces
    )
    return opened, step.return_to


def record_failure(
    here: PersonWork, person_id: UUID, method: str, code: str, context: Context | None = None
) -> None:
    """Record a failure with each organisation that the person's own factors could open."""
    for house in houses.of_person(here, person_id):
        actor = Actor(ActorType.PERSON, str(person_id), house.member_name)
        target = Target("member", str(house.member_id), house.member_name)
        here.within(house.organisation_id, actor, context).record(
            Fact(
                "signin.failed",
                (target,),
                after={"method": method, "code": code},
                outcome="refused",
            )
        )


# -- steps --------------------------------------------------------------------------


def begin_step(
    here: PersonWork,
    purpose: str,
    person_id: UUID | None,
    *,
    challenge: str = "",
    return_to: str | None = None,
) -> str:
    """Keep a step that this browser has to finish within five minutes; return its secret."""
    token = secrets.token_urlsafe(32)
    here.insert(
        t.challenges,
        id=here.new_id(),
        token_hash=digest_secret(token),
        purpose=purpose,
        person_id=person_id,
        challenge=challenge,
        return_to=way_back(return_to),
        created_at=here.now,
        expires_at=here.now + STEP_LIFETIME,
        used_at=None,
    )
    return token


def take_step(here: PersonWork, purpose: str, token: str | None) -> Row[Any]:
    """Return a step and let nobody finish it again.

    :raises SignInFailed: no such step, too late, or finished before.
    """
    step = _step(here, purpose, token or "")
    finish_step(here, step)
    return step


def finish_step(here: PersonWork, step: Row[Any]) -> None:
    """Let nobody finish a step again.

    :raises SignInFailed: somebody was quicker.
    """
    c = t.challenges
    unused = and_(c.c.id == step.id, c.c.used_at.is_(None))
    if not here.execute(update(c).where(unused).values(used_at=here.now)).rowcount:
        raise SignInFailed("attempt_used")


def _step(here: PersonWork, purpose: str, token: str) -> Row[Any]:
    c = t.challenges.c
    row = here.one(
        select(t.challenges).where(c.token_hash == digest_secret(token), c.purpose == purpose)
    )
    if row is None or row.used_at is not None or row.expires_at <= here.now:
        raise SignInFailed("attempt_unknown")
    return row
