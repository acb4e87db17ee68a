"""The outbox: mail that a change asked for, leased to one worker at a time until it is gone.

Rows are written in the commit of their change (`post`); a worker claims what is due, sends it
with no transaction open, and says what became of it. Delivery is at least once: a worker that
dies between sending and saying so leaves a row that is sent again, under the same Message-ID.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, and_, bindparam, select, update

from gateway.domain.errors import BadEmail
from gateway.domain.invitations import Delivery
from gateway.services import leases, messages, presets
from gateway.services.messages.writing import Fact, one_line, plain_name
from gateway.storage import tables as t
from gateway.storage.unit_of_work import UnitOfWork
from gateway.storage.vault import Vault

LEASE = timedelta(minutes=2)
"""How long a worker has to send what it claimed, before another may."""

PAUSES = tuple(
    timedelta(seconds=seconds) for seconds in (5, 60, 300, 1800, 7200, 18_000, 36_000, 36_000)
)
"""Waits after the first, second, … failed attempt; after the last one a message is given up."""

SEALED_AS = "letter"
"""What a sealed letter is bound to, beside its place."""

INVITING = frozenset({"invitation.created", "invitation.resent"})
"""Mails whose fate their invitation shows."""

__all__ = ["Message", "one_line", "plain_name", "post"]


@dataclass(frozen=True, slots=True)
class Message:
    """One mail that this worker alone may send until its lease ends; a letter is no house's."""

    organisation_id: UUID | None
    id: UUID
    type: str
    payload: dict[str, Any]
    created_at: datetime
    attempts: int
    leased_until: datetime
    sealed: str | None = None


def post(uow: UnitOfWork, type: str, to: str, *, link: str | None = None, **facts: Fact) -> UUID:
    """Put a message of the catalogue into the outbox, in the organisation's voice; return its id.

    A link is a secret: what the mail says is sealed, and dropped once it has left or is given up.

    :raises BadEmail: the address is not one line with one recipient.
    """
    require_recipient(to)
    letter = _written(uow, type, facts, link)
    if link is None:
        return uow.send("mail", type, payload(to, letter))
    message_id = uow.new_id()
    said = sealed(uow.vault, to, letter, uow.organisation_id, message_id)
    return uow.send("mail", type, message_id=message_id, **said)


def post_to_all(uow: UnitOfWork, type: str, recipients: Iterable[str], **facts: Fact) -> None:
    """Put the same message for each of them into the outbox; it is written once.

    Who has no proper address gets none: an identity provider may call anything an address.
    """
    proper = [to for to in recipients if _is_recipient(to)]
    if not proper:
        return
    letter = _written(uow, type, facts, None)
    for to in proper:
        uow.send("mail", type, payload(to, letter))


def payload(to: str, letter: messages.Letter) -> dict[str, object]:
    """Return a letter as a row keeps it."""
    return {"to": to, "subject": letter.subject, "text": letter.text, "html": letter.html}


def sealed(vault: Vault, to: str, letter: messages.Letter, *place: object) -> dict[str, Any]:
    """Return the columns of a letter with a link, which only its worker can open at its place.

    An installation without an encryption key keeps it in clear until it has left.
    """
    if not vault.is_open:
        return {"payload": {**payload(to, letter), "secret": True}}
    said = json.dumps({"text": letter.text, "html": letter.html})
    return {
        "payload": {"to": to, "subject": letter.subject, "secret": True},
        "sealed": vault.seal(said, *place, SEALED_AS),
    }


def opened(vault: Vault, message: "Message") -> "Message":
    """Return a message with what it says.

    :raises VaultError: the key that sealed it is gone.
    """
    if message.sealed is None:
        return message
    here = () if message.organisation_id is None else (message.organisation_id,)
    said = json.loads(vault.open(message.sealed, *here, message.id, SEALED_AS))
    return replace(message, payload={**message.payload, **said})


def kept(message: "Message") -> dict[str, object]:
    """Return what may stay of a message that has left, or never will: no link in any column."""
    if not message.payload.get("secret"):
        return {"payload": message.payload}
    said = {"to": message.payload["to"], "subject": message.payload["subject"], "text": ""}
    return {"payload": said, "sealed": None}


def require_recipient(to: str) -> None:
    """Refuse what is not one line with one recipient.

    :raises BadEmail: names the address.
    """
    if not _is_recipient(to):
        raise BadEmail("Not an address that mail can go to.", email=to)


def claim(connection: Connection, now: datetime, limit: int = 20) -> Sequence[Message]:
    """Lease due mail to the caller, the oldest first, and count the attempt.

    The attempt is counted before it is made: a message that kills its worker must not be tried
    for ever. On PostgreSQL two workers never wait for each other; SQLite has one writer.
    """
    due = _DUE_SKIPPING if connection.dialect.name == "postgresql" else _DUE
    lease = now + LEASE
    rows = connection.execute(due, {"now": now, "lease": lease, "limit": limit}).all()
    return [
        Message(
            x.organisation_id, x.id, x.type, x.payload, x.created_at, x.attempts, lease, x.sealed
        )
        for x in sorted(rows, key=lambda row: (row.created_at, row.position, row.id))
    ]


def is_due(connection: Connection, now: datetime) -> bool:
    """Whether there is anything to claim; takes no lock."""
    return connection.execute(_ANY_DUE, {"now": now}).first() is not None


def finish(connection: Connection, now: datetime, message: Message) -> bool:
    """Mark a message as sent; False if the lease had passed to another worker."""
    if message.type in INVITING:
        i = t.invitations
        mine = (i.c.organisation_id == message.organisation_id, i.c.mail_id == message.id)
        connection.execute(update(i).where(*mine).values(delivery=Delivery.SENT))
    return leases.settle(
        connection, t.outbox, message, delivered_at=now, last_error=None, **kept(message)
    )


def retry(connection: Connection, now: datetime, message: Message, reason: str) -> bool:
    """Make a message due again after a pause that grows, or give it up after the last one."""
    if is_last(message):
        return give_up(connection, now, message, f"{message.attempts} attempts: {reason}")
    due_at = now + PAUSES[message.attempts - 1]
    return leases.settle(connection, t.outbox, message, due_at=due_at, last_error=one_line(reason))


def is_last(message: Message) -> bool:
    """Whether this attempt is the last one that a message gets."""
    return message.attempts > len(PAUSES)


def give_up(connection: Connection, now: datetime, message: Message, reason: str) -> bool:
    """Never try a message again, and say why."""
    return leases.settle(
        connection,
        t.outbox,
        message,
        given_up_at=now,
        last_error=one_line(reason),
        **kept(message),
    )


def release(connection: Connection, _: datetime, message: Message) -> bool:
    """Hand back a message that was claimed and not tried, as when a worker stops."""
    return leases.settle(connection, t.outbox, message, attempts=message.attempts - 1)


def _is_recipient(to: str) -> bool:
    return to.isprintable() and to.count("@") == 1 and not any(x in to for x in ' ,;<>"()')


def _written(
    uow: UnitOfWork, type: str, facts: Mapping[str, Fact], link: str | None
) -> messages.Letter:
    voice = uow.remembered("voice", lambda: _voice_of(uow))
    return messages.write(type, facts, link=link, voice=voice)


def _voice_of(uow: UnitOfWork) -> dict[str, str]:
    o = t.organisations.c
    row = uow.all(select(o.name, o.preset).where(o.id == uow.organisation_id))[0]
    labels = presets.packaged().preset(row.preset).labels
    return {
        "organisation": row.name,
        "organisation_word": labels["organisation"],
        "chatbot_word": labels["chatbot"],
    }


_NOW = bindparam("now", type_=t.outbox.c.due_at.type)

_IS_DUE = and_(t.outbox.c.channel == "mail", leases.is_due(t.outbox, _NOW))

_ANY_DUE = select(t.outbox.c.id).where(_IS_DUE).limit(1)

_OLDEST = (
    select(t.outbox.c.organisation_id, t.outbox.c.id)
    .where(_IS_DUE)
    .order_by(t.outbox.c.due_at)
    .limit(bindparam("limit"))
)


def _claiming(oldest: Any) -> Any:
    rows = t.outbox.c
    picked = and_(rows.organisation_id == oldest.c.organisation_id, rows.id == oldest.c.id)
    return (
        update(t.outbox)
        .where(picked)
        .values(
            leased_until=bindparam("lease", type_=rows.leased_until.type),
            attempts=rows.attempts + 1,
        )
        .returning(
            rows.organisation_id,
            rows.id,
            rows.type,
            rows.payload,
            rows.sealed,
            rows.created_at,
            rows.position,
            rows.attempts,
        )
    )


_DUE = _claiming(_OLDEST.cte("oldest"))

# Materialised, or the planner may run the locking query once a row and claim too many.
_DUE_SKIPPING = _claiming(
    _OLDEST.with_for_update(skip_locked=True).cte("oldest").prefix_with("MATERIALIZED")
)
