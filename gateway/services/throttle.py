"""Throttles: how often something may be tried, counted in rows, so that every process agrees."""

import hashlib
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import Table, case, delete, literal
from sqlalchemy.dialects import postgresql, sqlite

from gateway.domain.errors import RateLimited
from gateway.storage import tables as t
from gateway.storage.person_work import PersonWork


@dataclass(frozen=True, slots=True)
class Limit:
    """So many tries in so long."""

    name: str
    tries: int
    window: timedelta


QUARTER = timedelta(minutes=15)
PASSWORD_HERE = Limit("password from one address", 10, QUARTER)
PASSWORD_ACCOUNT = Limit("password of one account", 50, timedelta(hours=1))
PASSWORD_SOURCE = Limit("passwords from one address", 100, QUARTER)
PASSKEY_SOURCE = Limit("passkeys from one address", 100, QUARTER)
THROTTLED_TOLD = Limit("told that an account is throttled", 1, QUARTER)
CODE_ACCOUNT = Limit("code of one account", 10, QUARTER)
MAIL_ACCOUNT = Limit("mail to one address", 3, timedelta(hours=1))
MAIL_SOURCE = Limit("mails from one address", 30, timedelta(hours=1))


def spend(here: PersonWork, limit: Limit, *what: object) -> None:
    """Count one try of this by whom or what is named.

    :raises RateLimited: all tries are spent; details say when the next one is.
    """
    if try_once(here, limit, *what):
        return
    raise RateLimited(
        "Too many attempts. Try again later.", retry_after=int(limit.window.total_seconds())
    )


def try_once(here: PersonWork, limit: Limit, *what: object) -> bool:
    """Count one try; False where all are spent. Nobody's name is kept, only a digest."""
    key = "\x1f".join([limit.name, *map(str, what)])
    ends = here.now + limit.window
    table: Table = t.throttles
    make = postgresql.insert if here.connection.dialect.name == "postgresql" else sqlite.insert
    over = table.c.window_ends <= here.now
    statement = (
        make(table)
        .values(key_hash=hashlib.sha256(key.encode()).hexdigest(), used=1, window_ends=ends)
        .on_conflict_do_update(
            index_elements=["key_hash"],
            set_={
                "used": case((over, 1), else_=table.c.used + 1),
                # Typed: a bare instant is written in another form, which compares as long past.
                "window_ends": case(
                    (over, literal(ends, table.c.window_ends.type)), else_=table.c.window_ends
                ),
            },
        )
        .returning(table.c.used)
    )
    used: int = here.connection.execute(statement).scalar_one()
    return used <= limit.tries


def forget_old(here: PersonWork) -> int:
    """Delete throttles whose window is over; say how many."""
    return here.execute(delete(t.throttles).where(t.throttles.c.window_ends <= here.now)).rowcount
