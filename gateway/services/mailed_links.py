"""Links that we mail: each proves the mailbox, once; what it then sets up is the person's own.

Asking for one is answered alike for every address: what is different is in the mailbox.
"""

import secrets
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row, and_, delete, select, update

from gateway.domain.addresses import address
from gateway.domain.errors import InvalidRequest, SignInFailed
from gateway.domain.text import fold
from gateway.services import credentials, letters, throttle
from gateway.services.secrets import digest_secret
from gateway.storage import tables as t
from gateway.storage.person_work import PersonWork

LIFETIME = timedelta(hours=1)
SIGN_UP, SET_PASSWORD = "sign_up", "set_password"
CHANGE_PASSWORD = "change_password"  # noqa: S105 - what a link is for
"""A link that no mail carries: a first password, once proved, leads to it and nowhere else."""

NAME_LIMIT = 100


def ask(here: PersonWork, email: str, origin: str) -> None:
    """Mail a link with which the reader sets a password, whether or not there is an account.

    Who has an account gets one to set its password, anybody else one to create it. A mailbox that
    had its mails lately, or a browser that asked for many, gets none, and the same answer.

    :raises BadEmail: not an address of a form that we mail to.
    """
    to = address(email)
    person = credentials.find(here, to)
    may = throttle.try_once(here, throttle.MAIL_SOURCE, here.context.ip)
    if not throttle.try_once(here, throttle.MAIL_ACCOUNT, fold(to)) or not may:
        return
    purpose = SET_PASSWORD if person is not None else SIGN_UP
    token = _keep(here, purpose, to, person.id if person is not None else None)
    link = f"{origin}/login/{'set-password' if person is not None else 'sign-up'}?token={token}"
    letters.send(here, purpose, to, link=link)


def due(here: PersonWork, person_id: UUID) -> str:
    """Return the token with which somebody sets a password of their own, having proved the first.

    It proves no mailbox.
    """
    email: str = credentials.load(here, person_id).email
    return _keep(here, CHANGE_PASSWORD, email, person_id)


def peek(here: PersonWork, token: str | None) -> Row[Any]:
    """Return a link that still works; looking does not use it.

    :raises SignInFailed: unknown, used, or older than an hour.
    """
    m = t.mailed_links.c
    row = here.one(select(t.mailed_links).where(m.token_hash == digest_secret(token or "")))
    if row is None or row.used_at is not None or row.expires_at <= here.now:
        raise SignInFailed("attempt_unknown")
    return row


def set_password(here: PersonWork, token: str, password_hash: str) -> UUID:
    """Set the password of a link's person, whose mailbox this proves; every session of theirs ends.

    Second factors stay: the mailbox alone does not stand for them.

    :raises SignInFailed: the link does not work, or is one for signing up.
    """
    row = _use(here, token, SET_PASSWORD, CHANGE_PASSWORD)
    person_id: UUID = row.person_id
    person = credentials.load(here, person_id)
    credentials.set_password(here, person_id, password_hash)
    if row.purpose == SET_PASSWORD and fold(person.email or "") == row.email_key:
        if person.founded_by is not None and not person.email_verified:
            _forget_factors(here, person_id)
        here.change(t.persons, person_id, email_verified=True)
    return person_id


def sign_up(here: PersonWork, token: str, name: str, password_hash: str) -> UUID:
    """Create the account of a link's mailbox, and return the person.

    :raises SignInFailed: the link does not work, or somebody has created the account meanwhile.
    """
    name = require_name(name)
    row = _use(here, token, SIGN_UP)
    if credentials.find(here, row.email) is not None:
        raise SignInFailed("attempt_used")
    return create_account(here, row.email, name, password_hash)


def require_name(name: str, field: str = "name") -> str:
    """Return a person's name in one line; `field` is what the caller calls it.

    :raises InvalidRequest: empty, too long, or with control characters.
    """
    name = " ".join(name.split())
    if not 0 < len(name) <= NAME_LIMIT or not name.isprintable():
        raise InvalidRequest(f"A name has 1 to {NAME_LIMIT} characters.", field=field)
    return name


def create_account(here: PersonWork, email: str, name: str, password_hash: str) -> UUID:
    """Create the account of a mailbox that has been proved, and return the person."""
    person_id = here.new_id()
    here.insert(
        t.persons,
        id=person_id,
        email=email,
        email_key=fold(email),
        email_verified=True,
        display_name=name,
        password_hash=password_hash,
        confined_to=None,
        created_at=here.now,
    )
    return person_id


def _keep(here: PersonWork, purpose: str, email: str, person_id: UUID | None) -> str:
    token = secrets.token_urlsafe(32)
    here.insert(
        t.mailed_links,
        id=here.new_id(),
        token_hash=digest_secret(token),
        purpose=purpose,
        person_id=person_id,
        email=email,
        email_key=fold(email),
        created_at=here.now,
        expires_at=here.now + LIFETIME,
        used_at=None,
    )
    return token


def _forget_factors(here: PersonWork, person_id: UUID) -> None:
    """Forget what somebody who knew the first password may have added before the owner came."""
    for table in (t.passkeys, t.totp_secrets, t.recovery_codes):
        here.execute(delete(table).where(table.c.person_id == person_id))


def _use(here: PersonWork, token: str, *purposes: str) -> Row[Any]:
    row = peek(here, token)
    m = t.mailed_links
    unused = and_(m.c.id == row.id, m.c.used_at.is_(None), m.c.purpose.in_(purposes))
    if not here.execute(update(m).where(unused).values(used_at=here.now)).rowcount:
        raise SignInFailed("attempt_used")
    return row
