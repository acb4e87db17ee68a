"""What time alone ended: every read sees it at once; here it is recorded and told soon after."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection, String, and_, cast, select

from gateway.services import funnel, invited, moves
from gateway.storage import tables as t
from gateway.storage.unit_of_work import UnitOfWork


def overdue(
    connection: Connection, now: datetime, since: datetime | None
) -> dict[UUID, list[UUID]]:
    """Return, by organisation, the members whose access ended or shrank by time alone.

    Looks at grants that ended after `since`; without it at every member whose stored access
    has an end, which a worker does once, when it starts.
    """
    m = t.members.c
    query = select(m.organisation_id, m.id, m.access_document).where(m.state != "removed")
    if since is None:
        # The document is canonical JSON, so that a set end has exactly this form.
        document = cast(m.access_document, String)
        query = query.where(document.contains('"valid_until":"', autoescape=True))
    else:
        g = t.grants.c
        ended = and_(
            g.organisation_id == m.organisation_id,
            g.member_id == m.id,
            g.valid_to > since,
            g.valid_to <= now,
        )
        query = query.join(t.grants, ended).order_by(m.organisation_id, m.id)
    found: dict[UUID, list[UUID]] = defaultdict(list)
    for row in connection.execute(query):
        until = row.access_document.get("valid_until")
        if until is not None and datetime.fromisoformat(until) <= now:
            found[row.organisation_id].append(row.id)
    return dict(found)


def settle(uow: UnitOfWork, member_ids: Sequence[UUID]) -> int:
    """Derive these members' access afresh; say how many have another one now."""
    return funnel.recompute(uow, member_ids)


def end_invitations(uow: UnitOfWork) -> None:
    """Record that invitations ended; their seats go to those who wait."""
    invited.expire(uow)
    moves.promote_waiting(uow)
