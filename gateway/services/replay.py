"""Messages that were used: each is taken once, however many processes receive it."""

import hashlib
from datetime import datetime
from uuid import UUID

from sqlalchemy import Table, delete
from sqlalchemy.dialects import postgresql, sqlite

from gateway.storage import tables as t
from gateway.storage.unit_of_work import UnitOfWork


def remember(uow: UnitOfWork, connection_id: UUID, key: str, until: datetime) -> bool:
    """Note that a message was used; False if it was before.

    `until` is when the message would no longer be taken anyway. Two uses at once wait for each
    other in the database, and one of them gets False.
    """
    table: Table = t.replay_keys
    make = postgresql.insert if uow.connection.dialect.name == "postgresql" else sqlite.insert
    statement = (
        make(table)
        .values(
            organisation_id=uow.organisation_id,
            connection_id=connection_id,
            key_hash=hashlib.sha256(key.encode()).hexdigest(),
            expires_at=until,
        )
        .on_conflict_do_nothing(index_elements=["organisation_id", "connection_id", "key_hash"])
        .returning(table.c.key_hash)
    )
    return uow.execute(statement).first() is not None


def forget_old(uow: UnitOfWork) -> int:
    """Delete what no longer needs remembering; say how much it was."""
    r = t.replay_keys.c
    gone = delete(t.replay_keys).where(
        r.organisation_id == uow.organisation_id, r.expires_at < uow.now
    )
    return uow.execute(gone).rowcount
