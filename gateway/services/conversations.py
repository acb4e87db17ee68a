"""Conversations: who answers them, and the queue they wait in."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, and_, bindparam, literal_column, or_, select

from gateway.domain.errors import InvalidRequest
from gateway.domain.events import Fact, Target
from gateway.domain.identity import SYSTEM
from gateway.services import chatbots, eligibility, situations
from gateway.storage import tables as t
from gateway.storage.among import among
from gateway.storage.unit_of_work import Record, UnitOfWork

OPEN_STATES = ("open", "snoozed")


def create(uow: UnitOfWork, chatbot_id: UUID, subject: str, team_id: UUID | None = None) -> UUID:
    """Put a new conversation into its chatbot's (and team's) queue."""
    chatbots.get(uow, chatbot_id)
    if team_id is not None:
        uow.load(t.teams, team_id)
    conversation_id = uow.new_id()
    uow.insert(
        t.conversations,
        id=conversation_id,
        chatbot_id=chatbot_id,
        team_id=team_id,
        subject=subject.strip()[:200],
        state="open",
        created_at=uow.now,
        waiting_since=uow.now,
        queued_at=uow.now,
    )
    uow.record(Fact("conversation.created", (_target(conversation_id),)))
    return conversation_id


def get(uow: UnitOfWork, conversation_id: UUID) -> Record:
    """Return a conversation.

    :raises NotFound: absent, or another organisation's.
    """
    return uow.load(t.conversations, conversation_id)


def assign(uow: UnitOfWork, conversation_id: UUID, member_id: UUID) -> None:
    """Give a conversation to a member who is eligible; to whoever has it, nothing changes.

    :raises InvalidRequest: it is closed. :raises NotEligible: says what the member lacks.
    """
    row = uow.load(t.conversations, conversation_id)
    if row.state not in OPEN_STATES:
        raise InvalidRequest("A closed conversation is not assigned.")
    if row.assignee_id == member_id:
        return
    eligibility.require(uow, member_id, row)
    uow.update(
        t.conversations,
        {"id": conversation_id},
        assignee_id=member_id,
        previous_assignee_id=row.assignee_id or row.previous_assignee_id,
        queued_at=None,
    )
    uow.record(
        Fact(
            "conversation.assigned",
            (_target(conversation_id), Target("member", str(member_id))),
            before={"assignee": _text(row.assignee_id)},
            after={"assignee": str(member_id)},
        )
    )


def candidates(uow: UnitOfWork, conversation_id: UUID) -> Sequence[Row[Any]]:
    """Return who is eligible for a conversation, whoever joined first."""
    return eligibility.candidates(uow, get(uow, conversation_id))


def move_to_team(uow: UnitOfWork, conversation_id: UUID, team_id: UUID) -> None:
    """Let a waiting conversation wait in a team's queue, as long as it did before."""
    row = uow.load(t.conversations, conversation_id)
    if row.team_id != team_id:
        _move(uow, conversation_id, row.team_id, team_id)


def leave_team(uow: UnitOfWork, team_id: UUID) -> None:
    """Let what waits in a team's queue wait in its chatbot's, as long as it did before."""
    c = t.conversations.c
    waiting = uow.own(t.conversations, c.id).where(c.team_id == team_id, c.state.in_(OPEN_STATES))
    for row in uow.all(waiting.order_by(c.id)):
        _move(uow, row.id, team_id, None)


def _move(uow: UnitOfWork, conversation_id: UUID, before: UUID | None, to: UUID | None) -> None:
    """Move a conversation between queues; the team that is told of is where it goes, or was."""
    uow.update(t.conversations, {"id": conversation_id}, team_id=to)
    uow.record(
        Fact(
            "conversation.moved",
            (_target(conversation_id), Target("team", str(to or before))),
            before={"team": _text(before)},
            after={"team": _text(to)},
        )
    )


def close(uow: UnitOfWork, conversation_id: UUID) -> None:
    """End a conversation; its assignee stays on record."""
    row = uow.load(t.conversations, conversation_id)
    if row.state == "closed":
        return
    uow.update(t.conversations, {"id": conversation_id}, state="closed", queued_at=None)
    uow.record(Fact("conversation.closed", (_target(conversation_id),)))


def return_to_queue(
    uow: UnitOfWork, member_id: UUID, cause: str, chatbots_lost: Sequence[UUID] | None = None
) -> int:
    """Unassign every open conversation of a member, or those of some chatbots; say how many.

    The original waiting time stays, and the previous assignee is on record.
    """
    rows = _assigned(uow, member_id)
    if chatbots_lost is not None:
        rows = [row for row in rows if row.chatbot_id in chatbots_lost]
    for row in rows:
        uow.update(
            t.conversations,
            {"id": row.id},
            assignee_id=None,
            previous_assignee_id=member_id,
            queued_at=uow.now,
        )
        uow.record(
            Fact(
                "conversation.returned",
                (_target(row.id), Target("member", str(member_id))),
                before={"assignee": str(member_id)},
                after={"assignee": None, "cause": cause},
                actor=SYSTEM,
            )
        )
    return len(rows)


_ASSIGNED = (
    select(t.conversations)
    .where(
        t.conversations.c.organisation_id == bindparam("organisation"),
        t.conversations.c.assignee_id == bindparam("member"),
        t.conversations.c.state != literal_column("'closed'"),
    )
    .order_by(t.conversations.c.id)
)


def assigned_chatbots(uow: UnitOfWork, members: Sequence[UUID]) -> dict[UUID, list[UUID]]:
    """Return, by member, the chatbots in which they have open conversations."""
    if not members or (len(members) == 1 and situations.has_none(uow, t.conversations, members[0])):
        return {}
    found: dict[UUID, list[UUID]] = {}
    for row in uow.all(_CHATBOTS, organisation=uow.organisation_id, members=members):
        found.setdefault(row.assignee_id, []).append(row.chatbot_id)
    return found


_C = t.conversations.c
_CHATBOTS = (
    select(_C.assignee_id, _C.chatbot_id)
    .where(
        _C.organisation_id == bindparam("organisation"),
        among(_C.assignee_id, "members"),
        _C.state != literal_column("'closed'"),
    )
    .distinct()
    .order_by(_C.assignee_id, _C.chatbot_id)
)


def open_of(uow: UnitOfWork, member_id: UUID) -> Sequence[Row[Any]]:
    """Return the open conversations that a member answers."""
    return _assigned(uow, member_id)


def _assigned(uow: UnitOfWork, member_id: UUID) -> Sequence[Row[Any]]:
    if situations.has_none(uow, t.conversations, member_id):
        return []
    return uow.all(_ASSIGNED, organisation=uow.organisation_id, member=member_id)


def listing(
    uow: UnitOfWork,
    *,
    queued: bool | None = None,
    after: tuple[datetime, UUID] | None = None,
    limit: int = 200,
) -> Sequence[Row[Any]]:
    """Return conversations that are not closed, the longest waiting first, at most `limit`.

    A page goes on `after` the instant and id of the last one of the page before.
    """
    c = t.conversations.c
    query = uow.own(t.conversations).where(c.state.in_(OPEN_STATES))
    if queued is not None:
        query = query.where(c.assignee_id.is_(None) if queued else c.assignee_id.is_not(None))
    if after is not None:
        since, last = after
        later = and_(c.waiting_since == since, c.id > last)
        query = query.where(or_(c.waiting_since > since, later))
    return uow.all(query.order_by(c.waiting_since, c.id).limit(limit))


def _target(conversation_id: UUID) -> Target:
    return Target("conversation", str(conversation_id))


def _text(value: UUID | None) -> str | None:
    return str(value) if value else None
