"""Last use of tokens, keys and memberships: collected in memory, written once a second.

Losing a second of it in a crash loses nothing that a decision rests on.
"""

import threading
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Column, Update, bindparam, update

from gateway.storage.unit_of_work import Work


@dataclass
class Uses:
    """A buffer of the newest use of each row, by the column that keeps it."""

    _seen: dict[tuple[Column[Any], UUID, UUID], datetime] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, kept: Column[Any], organisation_id: UUID, row_id: UUID, at: datetime) -> None:
        """Remember that the row was used; takes no time worth measuring."""
        with self._lock:
            self._seen[kept, organisation_id, row_id] = at

    def flush(self, work: Work) -> None:
        """Write what was seen since the last flush."""
        with self._lock:
            seen, self._seen = self._seen, {}
        by_column: dict[Column[Any], list[dict[str, object]]] = {}
        # In key order, so that two processes never wait for each other in a circle.
        for (kept, organisation_id, row_id), at in sorted(
            seen.items(), key=lambda item: (item[0][0].table.name, item[0][1], item[0][2])
        ):
            row = {"organisation": organisation_id, "row": row_id, "at": at}
            by_column.setdefault(kept, []).append(row)
        for kept, rows in by_column.items():
            c = kept.table.c
            statement = (
                update(kept.table)
                .where(
                    c.organisation_id == bindparam("organisation"),
                    c.id == bindparam("row"),
                )
                .values({kept.name: bindparam("at")})
            )
            _write(work, statement, rows)


def _write(work: Work, statement: Update, rows: list[dict[str, object]]) -> None:
    work.run_platform(lambda connection, _: connection.execute(statement, rows))
