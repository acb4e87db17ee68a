"""Persons: the global identities that sign in. No identity provider's word changes one."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError
from sqlalchemy import bindparam, select

from gateway.domain.errors import InvalidRequest
from gateway.domain.text import fold
from gateway.storage import tables as t
from gateway.storage.unit_of_work import UnitOfWork

PASSWORD_BOUNDS = range(12, 257)
"""Characters of a password; length is what resists guessing, so nothing else is asked."""

# 19 MiB, two passes: the strength that is advised for sign-in, at 23 ms instead of 137 ms.
_HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)


def hash_password(password: str) -> str:
    """Return the argon2id hash to store; call it before a unit opens, it takes some 25 ms.

    :raises InvalidRequest: shorter than 12 or longer than 256 characters.
    """
    if len(password) not in PASSWORD_BOUNDS:
        raise InvalidRequest(
            f"A password has {PASSWORD_BOUNDS.start} to {PASSWORD_BOUNDS.stop - 1} characters.",
            field="password",
        )
    return _HASHER.hash(password)


def password_matches(password_hash: str | None, password: str) -> bool:
    """Whether the password is the person's; costs the same when there is none to compare."""
    try:
        return _HASHER.verify(password_hash or _NOBODYS, password) and password_hash is not None
    except VerifyMismatchError:
        return False


_NOBODYS = _HASHER.hash("nobody's password, hashed at start so that absence takes as long")


def find(uow: UnitOfWork, email: str) -> UUID | None:
    """Return the person whose sign-in address this is; confined persons are not found."""
    key = fold(email)
    rows = uow.kept_rows(t.persons, email_key=key)
    if rows is None:
        rows = uow.all(BY_EMAIL, email_key=key)
    found: UUID | None = rows[0].id if rows else None
    return found


def keep(uow: UnitOfWork, email: str, rows: Sequence[Any]) -> None:
    """Take what another query has brought of `BY_EMAIL` as `find` would have read it."""
    uow.keep_rows((t.persons,), rows, email_key=fold(email))


BY_EMAIL = select(t.persons.c.id).where(
    t.persons.c.email_key == bindparam("email_key"), t.persons.c.confined_to.is_(None)
)


def create(
    uow: UnitOfWork,
    *,
    email: str | None,
    display_name: str,
    password_hash: str | None = None,
    confined: bool = False,
) -> UUID:
    """Make a person; a confined one can be proved by this organisation's connections only."""
    person_id = uow.new_id()
    uow.insert(
        t.persons,
        id=person_id,
        email=email,
        email_key=fold(email) if email else None,
        email_verified=False,
        display_name=display_name,
        password_hash=password_hash,
        confined_to=uow.organisation_id if confined else None,
        created_at=uow.now,
    )
    return person_id
