"""What goes with a member: looked at before, and proved gone afterwards."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import func

from gateway.domain.errors import InvalidRequest
from gateway.domain.memberships import MemberState
from gateway.services import access, acting, chatbots, conversations, members
from gateway.storage import tables as t
from gateway.storage.unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True)
class Chatbot:
    """A chatbot that a member owns."""

    id: UUID
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Belongings:
    """Everything live that hangs on a membership."""

    member_id: UUID
    state: str
    removed_at: datetime | None
    owned_chatbots: list[Chatbot]
    open_conversations: int
    sessions: int
    api_keys: int
    grants: int
    team_seats: int
    has_access: bool


def belongings(uow: UnitOfWork, member_id: UUID) -> Belongings:
    """Return what ends with the membership; for one that has ended, nothing is left.

    :raises NotFound: no such member.
    """
    member = members.get(uow, member_id)
    c = t.chatbots.c
    owned = uow.all(
        uow.own(t.chatbots, c.id, c.name).where(c.owner_id == member_id, ~c.deleted).order_by(c.id)
    )
    open_ones = t.conversations.c.state.in_(conversations.OPEN_STATES)
    counts = {
        "open_conversations": uow.own(t.conversations, func.count()).where(
            t.conversations.c.assignee_id == member_id, open_ones
        ),
        "sessions": uow.own(t.session_proofs, func.count()).where(
            t.session_proofs.c.member_id == member_id, t.session_proofs.c.revoked_at.is_(None)
        ),
        "api_keys": uow.own(t.api_keys, func.count()).where(
            t.api_keys.c.member_id == member_id, t.api_keys.c.revoked_at.is_(None)
        ),
        "grants": uow.own(t.grants, func.count()).where(
            t.grants.c.member_id == member_id, t.grants.c.valid_to.is_(None)
        ),
        "team_seats": uow.own(t.team_seats, func.count()).where(
            t.team_seats.c.member_id == member_id, t.team_seats.c.valid_to.is_(None)
        ),
    }
    return Belongings(
        member_id=member_id,
        state=member.state,
        removed_at=member.removed_at,
        owned_chatbots=[Chatbot(row.id, row.name) for row in owned],
        has_access=access.effective(uow, member_id).standing is None,
        **{name: int(uow.scalar(query)) for name, query in counts.items()},
    )


def remove(uow: UnitOfWork, member_id: UUID, disposition: Mapping[str, UUID | None]) -> None:
    """Remove a member, and give what they own and answer to others where these are named.

    `resources_to` gets the chatbots instead of the owner of record, and `conversations_to` the
    open conversations instead of the queue.

    :raises InvalidRequest: one of them is not another active member, or may not answer.
    """
    for field in ("resources_to", "conversations_to"):
        _require_heir(uow, member_id, disposition.get(field), field)
    acting.require_may_change(uow, members.get_present(uow, member_id))
    resources_to = disposition.get("resources_to")
    if resources_to is not None:
        chatbots.hand_over(uow, member_id, resources_to)
    answered = conversations.open_of(uow, member_id)
    members.remove(uow, member_id)
    answers = disposition.get("conversations_to")
    for conversation_id in answered if answers else ():
        if answers is not None:
            conversations.assign(uow, conversation_id, answers)


def _require_heir(uow: UnitOfWork, member_id: UUID, heir_id: UUID | None, field: str) -> None:
    if heir_id is None:
        return
    heir = uow.find(t.members, id=heir_id)
    if heir is None or heir_id == member_id or heir.state != MemberState.ACTIVE:
        raise InvalidRequest("Name another active member.", field=field)
