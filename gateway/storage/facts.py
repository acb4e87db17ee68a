"""Facts as rows: audit event, erasable details, targets, and the feed's outbox row."""

import hashlib
import secrets
from collections.abc import Iterator
from datetime import datetime
from typing import Any
from uuid import UUID

from gateway.domain.events import FEED_ONLY, Fact
from gateway.domain.identity import Actor, Context
from gateway.storage import tables as t
from gateway.storage.types import canonical, instant_text

Row = dict[str, Any]


def digest(text: str) -> str:
    """SHA-256 in hex."""
    return hashlib.sha256(text.encode()).hexdigest()


def content_hash(row: Row, details_digest: str) -> str:
    """Hash of what an audit event says; names and addresses enter as a salted digest."""
    said = {
        name: row[name]
        for name in ("action", "actor_type", "actor_id", "targets", "before", "after", "outcome")
    }
    said |= {
        "id": str(row["id"]),
        "organisation": str(row["organisation_id"]),
        "occurred_at": instant_text(row["occurred_at"]),
        "context": row["context"],
        "details": details_digest,
    }
    return digest(canonical(said))


def details_digest(salt: str, details: Row) -> str:
    """Digest of the erasable part; the salt, erased with it, keeps names from being guessed."""
    return digest(salt + canonical(details))


def feed_payload(fact: Fact) -> Row:
    """Return what the feed says of a fact."""
    return {
        "targets": [{"type": x.type, "id": x.id} for x in fact.targets],
        "data": fact.data or fact.after or {},
        "previous_attributes": fact.before,
    }


class Ledger:
    """Turns the facts of one unit of work into rows, in the order they happened."""

    def __init__(self, organisation_id: UUID, actor: Actor, context: Context) -> None:
        self._organisation_id = organisation_id
        self._actor = actor
        self._context = context

    def rows(
        self, facts: list[tuple[UUID, Fact]], now: datetime
    ) -> Iterator[tuple[Any, list[Row]]]:
        """Yield (table, rows) for every table that the facts touch."""
        events, details, targets, feed = [], [], [], []
        for position, (fact_id, fact) in enumerate(facts):
            feed.append(self._feed_row(fact_id, fact, now, position))
            if fact.action in FEED_ONLY:
                continue
            event, detail = self._event_rows(fact_id, fact, now, position)
            events.append(event)
            details.append(detail)
            targets += self._target_rows(fact_id, fact)
        yield t.audit_events, events
        yield t.audit_details, details
        yield t.audit_targets, targets
        yield t.outbox, feed

    def _event_rows(
        self, fact_id: UUID, fact: Fact, now: datetime, position: int
    ) -> tuple[Row, Row]:
        context, actor = self._context, fact.actor or self._actor
        event: Row = {
            "organisation_id": self._organisation_id,
            "id": fact_id,
            "occurred_at": now,
            "position": position,
            "action": fact.action,
            "actor_type": str(actor.type),
            "actor_id": actor.id,
            "targets": [{"type": x.type, "id": x.id} for x in fact.targets],
            "context": {
                "request_id": context.request_id,
                "connection": str(context.connection_id) if context.connection_id else None,
                "cause": context.cause,
            },
            "before": fact.before,
            "after": fact.after,
            "outcome": fact.outcome,
        }
        details = {
            "actor_name": actor.name,
            "target_names": [x.name for x in fact.targets],
            "ip": context.ip,
            "user_agent": context.user_agent,
        }
        salt = secrets.token_hex(16)
        event["content_hash"] = content_hash(event, details_digest(salt, details))
        detail = {
            "organisation_id": self._organisation_id,
            "event_id": fact_id,
            "salt": salt,
            "details": details,
        }
        return event, detail

    def _target_rows(self, fact_id: UUID, fact: Fact) -> list[Row]:
        wanted = {UUID(x.id) for x in fact.targets}
        return [
            {"organisation_id": self._organisation_id, "target_id": x, "event_id": fact_id}
            for x in sorted(wanted)
        ]

    def _feed_row(self, fact_id: UUID, fact: Fact, now: datetime, position: int) -> Row:
        return {
            "organisation_id": self._organisation_id,
            "id": fact_id,
            "channel": "feed",
            "type": fact.action,
            "payload": feed_payload(fact),
            "created_at": now,
            "position": position,
            "due_at": now,
        }
