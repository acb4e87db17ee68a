"""One request as the connection's admin will see it: received, understood, changed, answered."""

import time
from dataclasses import dataclass, field
from datetime import datetime

from gateway.domain.connections import Connection
from gateway.domain.identity import Context
from gateway.scim.answers import Turn
from gateway.scim.redaction import LONGEST, masked, redacted
from gateway.services.request_log import Entry

LONGEST_DETAIL = 300


@dataclass
class Seen:
    """What is known of a request so far; without `connection` nobody has proved who they are."""

    method: str
    path: str
    connection: Connection | None = None
    turn: Turn | None = None
    detail: str | None = None
    began: float = field(default_factory=time.perf_counter)

    def entry(self, now: datetime, status: int, sender: Context) -> Entry | None:
        """Return what is kept of the request, None where its sender is unknown."""
        own, turn = self.connection, self.turn
        if own is None:
            return None
        asked = turn.asked if turn else None
        return Entry(
            organisation_id=own.organisation_id,
            connection_id=own.id,
            received_at=now,
            method=self.method,
            path=masked(f"/{self.path}".replace("\x00", "")),
            operation=asked.target.operation.value if asked else None,
            dialect=turn.reading.dialect.name if turn else None,
            received=redacted(asked.query, asked.body) if asked else {},
            deviations=dict(turn.reading.deviations) if turn else {},
            changed=dict(turn.changed) if turn and status < 500 else {},
            status=status,
            detail=self.detail[:LONGEST_DETAIL] if self.detail else None,
            milliseconds=round((time.perf_counter() - self.began) * 1000, 2),
            request_id=sender.request_id,
            ip=sender.ip,
            user_agent=sender.user_agent[: LONGEST * 2] if sender.user_agent else None,
        )
