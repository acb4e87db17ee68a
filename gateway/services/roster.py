"""Who is in an organisation: lists of members, with what they may do, in any order."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from sqlalchemy import or_

from gateway.domain.memberships import MemberState
from gateway.domain.text import fold
from gateway.services import access, chatbots, membership_lists, teams, walks
from gateway.services.walks import Filter, Mark, Step, Stretch, Walk
from gateway.storage import tables as t
from gateway.storage.holding import holds
from gateway.storage.unindexed import unindexed
from gateway.storage.unit_of_work import UnitOfWork

Order = Literal["joined", "name", "email", "role", "state", "last_active"]
M, R = t.members.c, t.member_roles.c


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which members a list shows; None leaves a filter out, removed ones only on request.

    `text` is looked for in names and addresses, whatever the case. Who was never active was
    last active before any instant.
    """

    state: MemberState | None = None
    role_id: UUID | None = None
    source: str | None = None
    managed_by: UUID | None = None
    availability: str | None = None
    chatbot_id: UUID | None = None
    team_id: UUID | None = None
    active_since: datetime | None = None
    active_before: datetime | None = None
    text: str | None = None
    order: Order = "joined"
    descending: bool = False


def listing(
    uow: UnitOfWork, wanted: Wanted, after: Mark | None = None, limit: int = 50
) -> Sequence[Step]:
    """Return members in an order, at most `limit` after a mark; equals in the order of joining.

    :raises NotFound: no such chatbot or team.
    """
    walk = Walk(
        table=t.members,
        stretches=_stretches(uow, wanted),
        where=M.state != MemberState.REMOVED if wanted.state is None else None,
        filters=list(_filters(uow, wanted)),
        descending=wanted.descending,
    )
    return walks.page(uow, walk, after, limit)


def _stretches(uow: UnitOfWork, wanted: Wanted) -> Sequence[Stretch]:
    match wanted.order:
        case "joined":
            return [Stretch("joined")]  # ids grow with time
        case "name":
            return walks.by_column(M.name_key)
        case "email":
            return walks.by_column(M.email_key)
        case "last_active":
            return walks.by_column(M.last_active_at)
        case "state":
            return walks.each_value(M.state, list(MemberState))
    roles = sorted(access.roles_at(uow), key=lambda role: (-role.rank, fold(role.name), role.id))
    held = walks.each_value(R.role_id, [role.id for role in roles], R.member_id)
    return [*held, Stretch("none", R.role_id.is_(None), ids=R.member_id)]


def _filters(uow: UnitOfWork, wanted: Wanted) -> Iterator[Filter]:
    values = {
        M.state: wanted.state,
        M.source: wanted.source,
        M.managed_by: wanted.managed_by,
        M.availability: wanted.availability,
    }
    yield from (walks.equals(uow, column, value) for column, value in values.items() if value)
    if wanted.role_id:
        yield membership_lists.by_role(uow, wanted.role_id)
    if wanted.chatbot_id:
        chatbots.get(uow, wanted.chatbot_id)
        yield membership_lists.by_chatbot(uow, wanted.chatbot_id)
    if wanted.team_id:
        teams.get(uow, wanted.team_id)
        yield membership_lists.by_team(uow, wanted.team_id)
    mine = uow.own(t.members, M.id)
    active = unindexed(M.last_active_at)
    if wanted.active_since:
        since = wanted.active_since
        yield Filter(mine.where(M.last_active_at >= since), active >= since)
    if wanted.active_before:
        before = wanted.active_before
        yield Filter(
            mine.where(or_(M.last_active_at < before, M.last_active_at.is_(None))),
            or_(active < before, active.is_(None)),
        )
    if wanted.text:
        needle = fold(wanted.text.strip())
        named = or_(holds(M.name_key, needle), holds(M.email_key, needle))
        yield Filter(mine.where(named), named)
