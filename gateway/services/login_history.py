"""The login history: who signed in, how and from where, and who could not; a read of the audit."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from gateway.services import audit
from gateway.storage.unit_of_work import UnitOfWork

FAMILY = "signin."
"""The actions of the audit that the history consists of."""


@dataclass(frozen=True, slots=True)
class SignIn:
    """One sign-in, or what became of an attempt."""

    id: UUID
    occurred_at: datetime
    member_id: UUID | None
    connection_id: UUID | None
    method: str
    result: str
    code: str | None
    ip: str | None
    user_agent: str | None


def listing(
    uow: UnitOfWork,
    filters: audit.Filters,
    after: tuple[datetime, UUID] | None = None,
    limit: int = 50,
) -> Sequence[SignIn]:
    """Return the sign-ins that fit, the newest first, as `audit.listing` pages them."""
    return [_shown(event) for event in audit.listing(uow, filters, after, limit)]


def _shown(event: audit.Event) -> SignIn:
    said: dict[str, Any] = event.after or {}
    targets = {target.type: UUID(target.id) for target in event.targets}
    return SignIn(
        id=event.id,
        occurred_at=event.occurred_at,
        member_id=targets.get("member"),
        connection_id=targets.get("connection"),
        method=str(said.get("method", "")),
        result=event.outcome,
        code=said.get("code"),
        ip=event.context.ip,
        user_agent=event.context.user_agent,
    )
