"""The login history: every sign-in with its outcome, newest first."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from gateway.api.calls import Call
from gateway.api.endpoint import Endpoints, holds
from gateway.api.models import Answer, Instant, Page, Query
from gateway.api.paging import Paging
from gateway.domain.exports import Format
from gateway.services import audit, exports, login_history
from gateway.services.exports import Download, Kind, Wanted
from gateway.storage.unit_of_work import UnitOfWork

routes = Endpoints()
PLACE = "/organisations/{organisation}/login-history"


class HistoryFilter(Query):
    """Which sign-ins are wanted."""

    member: UUID | None = None
    connection: UUID | None = None
    result: Literal["success", "refused"] | None = None
    since: Instant | None = None
    until: Instant | None = None


class HistoryExport(HistoryFilter):
    """Which sign-ins are exported, and how."""

    format: Literal["csv", "jsonl"] = "jsonl"


class SignIn(Answer):
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


@routes.endpoint(f"GET {PLACE}", holds("audit.read"))
def listing(uow: UnitOfWork, page: Paging, query: HistoryFilter) -> Page[SignIn]:
    """List sign-ins with every outcome, the newest first."""
    rows = login_history.listing(uow, _filters(query), page.after_instant, page.fetch)
    return page.page(
        rows, SignIn.model_validate, lambda row: (row.occurred_at.isoformat(), str(row.id))
    )


@routes.endpoint(f"POST {PLACE}:export", holds("audit.export"))
def export(uow: UnitOfWork, call: Call, query: HistoryExport) -> Download:
    """Download the sign-ins as CSV or JSON lines, the newest first; that is an event itself."""
    return exports.begin(
        uow, call.work, Wanted(Kind.LOGIN_HISTORY, Format(query.format), _filters(query))
    )


def _filters(query: HistoryFilter) -> audit.Filters:
    return audit.Filters(
        action=login_history.FAMILY,
        target_ids=[each for each in (query.member, query.connection) if each is not None],
        outcome=query.result,
        since=query.since,
        until=query.until,
    )
