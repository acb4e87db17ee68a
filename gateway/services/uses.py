"""Last use of tokens and keys: collected in memory, written once a second, never on a read.

Losing a second of it in a crash loses nothing that a decision rests on.
"""

import threading
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from sqlalchemy import Table, Update, bindparam, update

from gateway.storage.unit_of_work import Work


@dataclass
class Uses:
    """A buffer of the newest use of each credential."""

    _seen: dict[tuple[Table, UUID, UUID], datetime] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, table: Table, organisation_id: UUID, row_id: UUID, at: datetime) -> None:
        """Remember that the credential was used; takes no time worth measuring."""
        with self._lock:
            self._seen[table, organisation_id, row_id] = at

    def flush(self, work: Work) -> None:
        """Write what was seen since the last flush."""
        with self._lock:
            seen, self._seen = self._seen, {}
        by_table: dict[Table, list[dict[str, object]]] = {}
        # In key order, so that two processes never wait for each other in a circle.
        for (table, organisation_id, row_id), at in sorted(
            seen.items(), key=lambda item: (item[0][0].name, item[0][1], item[0][2])
        ):
            row = {"organisation": organisation_id, "row": row_id, "at": at}
            by_table.setdefault(table, []).append(row)
        for table, rows in by_table.items():
            statement = (
                update(table)
                .where(
                    table.c.organisation_id == bindparam("organisation"),
                    table.c.id == bindparam("row"),
                )
                .values(last_used_at=bindparam("at"))
            )
            _write(work, statement, rows)


def _write(work: Work, statement: Update, rows: list[dict[str, object]]) -> None:
    work.run_platform(lambda connection, _: connection.execute(statement, rows))
