"""Letters: mail to persons outside of every organisation, leased like the outbox's mail.

Their links are secrets, so the text is sealed, and dropped once a letter has left or is given up.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, select, update

from gateway.services import leases, messages, outbox
from gateway.services.messages.writing import Fact, one_line
from gateway.services.outbox import LEASE, PAUSES, Message
from gateway.storage import tables as t
from gateway.storage.person_work import PersonWork

L = t.letters


def send(here: PersonWork, type: str, to: str, *, link: str | None = None, **facts: Fact) -> None:
    """Put a message of the catalogue into the box, in the commit of the change it tells of.

    :raises BadEmail: the address is not one line with one recipient.
    """
    outbox.require_recipient(to)
    letter, letter_id = messages.write(type, facts, link=link, voice={}), here.new_id()
    here.insert(
        L,
        id=letter_id,
        type=type,
        **outbox.sealed(here.vault, to, letter, letter_id),
        created_at=here.now,
        due_at=here.now,
        attempts=0,
    )


def claim(connection: Connection, now: datetime, limit: int = 20) -> Sequence[Message]:
    """Lease due letters to the caller, the oldest first, and count the attempt."""
    wanted = select(L.c.id).where(leases.is_due(L, now)).order_by(L.c.due_at).limit(limit)
    if connection.dialect.name == "postgresql":
        wanted = wanted.with_for_update(skip_locked=True)
    ids = connection.execute(wanted).scalars().all()
    if not ids:
        return []
    lease = now + LEASE
    rows = connection.execute(
        update(L)
        .where(L.c.id.in_(ids))
        .values(leased_until=lease, attempts=L.c.attempts + 1)
        .returning(L.c.id, L.c.type, L.c.payload, L.c.sealed, L.c.created_at, L.c.attempts)
    ).all()
    return [
        Message(
            None, row.id, row.type, row.payload, row.created_at, row.attempts, lease, row.sealed
        )
        for row in sorted(rows, key=lambda row: (row.created_at, row.id))
    ]


def is_due(connection: Connection, now: datetime) -> bool:
    """Whether there is anything to claim; takes no lock."""
    return (
        connection.execute(select(L.c.id).where(leases.is_due(L, now)).limit(1)).first() is not None
    )


def finish(connection: Connection, now: datetime, message: Message) -> bool:
    """Mark a letter as sent; False if the lease had passed to another worker."""
    return leases.settle(
        connection, L, message, delivered_at=now, last_error=None, **outbox.kept(message)
    )


def retry(connection: Connection, now: datetime, message: Message, reason: str) -> bool:
    """Make a letter due again after a pause that grows, or give it up after the last one."""
    if outbox.is_last(message):
        return give_up(connection, now, message, f"{message.attempts} attempts: {reason}")
    due_at = now + PAUSES[message.attempts - 1]
    return leases.settle(connection, L, message, due_at=due_at, last_error=one_line(reason))


def give_up(connection: Connection, now: datetime, message: Message, reason: str) -> bool:
    """Never try a letter again, and say why."""
    return leases.settle(
        connection,
        L,
        message,
        given_up_at=now,
        last_error=one_line(reason),
        **outbox.kept(message),
    )


def release(connection: Connection, _: datetime, message: Message) -> bool:
    """Hand back a letter that was claimed and not tried."""
    return leases.settle(connection, L, message, attempts=message.attempts - 1)
