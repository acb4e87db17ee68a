"""What a connection's admin should look at: tolerated, unclear or refused, counted by subject."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Table
from sqlalchemy.dialects import postgresql, sqlite

from gateway.storage import tables as t
from gateway.storage.unit_of_work import UnitOfWork

SUBJECT_LIMIT = 200


def note(
    uow: UnitOfWork, connection_id: UUID, kind: str, subject: str, details: dict[str, Any]
) -> None:
    """Count one more occurrence of `kind` about `subject`; the newest details stay."""
    table: Table = t.attention_items
    make = postgresql.insert if uow.connection.dialect.name == "postgresql" else sqlite.insert
    uow.execute(
        make(table)
        .values(
            organisation_id=uow.organisation_id,
            connection_id=connection_id,
            kind=kind,
            subject=subject[:SUBJECT_LIMIT],
            details=details,
            count=1,
            first_seen=uow.now,
            last_seen=uow.now,
        )
        .on_conflict_do_update(
            index_elements=["organisation_id", "connection_id", "kind", "subject"],
            set_={"count": table.c.count + 1, "last_seen": uow.now, "details": details},
        )
    )


def listing(uow: UnitOfWork, connection_id: UUID) -> Sequence[Row[Any]]:
    """Return the items of a connection, the newest first, at most 500."""
    items = t.attention_items
    return uow.all(
        uow.own(items)
        .where(items.c.connection_id == connection_id)
        .order_by(items.c.last_seen.desc(), items.c.kind, items.c.subject)
        .limit(500)
    )
