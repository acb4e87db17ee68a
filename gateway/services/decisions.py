"""Decisions for platforms: may this member do this there, answered from the stored access."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import and_, bindparam, select

from gateway.domain.decisions import ALLOWED, FORMAT, Access, refusal
from gateway.domain.gates import Record, RecordKind
from gateway.domain.memberships import MemberState
from gateway.domain.permissions import ACTIONS, BOT_ATOMS, SECTION_ATOMS, require_action
from gateway.services import access, explaining
from gateway.storage import tables as t
from gateway.storage.unit_of_work import UnitOfWork

NOT_VISIBLE = "not_visible"
SEARCHED = 500
"""Rows that one page of a search looks at, whatever it finds."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One question: who, what, and where; None for the chatbot where none is concerned."""

    member_id: UUID | None
    action: str
    chatbot_id: UUID | None = None
    record: Record | None = None
    known: bool = True


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer, with the id by which it can be explained and what would change it."""

    allowed: bool
    code: str
    decision_id: str | None
    levers: tuple[str, ...] = ()


def judge(uow: UnitOfWork, asked: Asked) -> Verdict:
    """Answer one question by one statement.

    Unknown members, chatbots and records are `not_visible`, like those of others.

    :raises InvalidRequest: an unknown action, or one on chatbots without a chatbot.
    """
    require_action(asked.action)
    if asked.member_id is None or not asked.known:
        return Verdict(allowed=False, code=NOT_VISIBLE, decision_id=None)
    found = uow.all_made(
        _MEMBER,
        _standing,
        organisation=uow.organisation_id,
        member=asked.member_id,
        chatbot=asked.chatbot_id or asked.member_id,
    )
    if not found:
        return Verdict(allowed=False, code=NOT_VISIBLE, decision_id=None)
    held, chatbot_exists = found[0]
    if held is None or (held.valid_until is not None and held.valid_until <= uow.now):
        held = access.effective(uow, asked.member_id)
    return _verdict(uow, asked, held, chatbot_exists=chatbot_exists)


def _standing(row: Any) -> tuple[Access | None, bool]:
    """Return the stored access, None in an older format, and whether the chatbot exists."""
    document = row.access_document
    known = document.get("format") == FORMAT
    return Access.from_document(document) if known else None, row.chatbot is not None


def of_session(uow: UnitOfWork, session_id: UUID) -> UUID | None:
    """Return the member whom a live session of this organisation stands for."""
    s = t.sessions.c
    live = uow.own(t.sessions, s.member_id).where(
        s.id == session_id, s.revoked_at.is_(None), s.expires_at > uow.now
    )
    found: UUID | None = uow.scalar(live)
    return found


def conversation(uow: UnitOfWork, conversation_id: UUID) -> Any:
    """Return chatbot, assignee and team of a conversation that the gateway knows."""
    c = t.conversations.c
    wanted = (c.chatbot_id, c.assignee_id, c.team_id)
    return uow.one(uow.own(t.conversations, *wanted).where(c.id == conversation_id))


@dataclass(frozen=True, slots=True)
class Found:
    """Ids that a search found, and where it goes on (None: it looked at everything)."""

    ids: Sequence[UUID]
    after: UUID | None


def members_who_may(uow: UnitOfWork, asked: Asked, after: UUID | None, limit: int) -> Found:
    """Return the members who may do what is asked, in the order of joining."""
    require_action(asked.action)
    exists = asked.chatbot_id is None or _chatbot_exists(uow, asked.chatbot_id)
    m = t.members.c
    query = uow.own(t.members, m.id, m.access_document).where(m.state == MemberState.ACTIVE)
    if after is not None:
        query = query.where(m.id > after)
    ids: list[UUID] = []
    last = None
    for row in uow.all(query.order_by(m.id).limit(SEARCHED)):
        last = row.id
        held = _held(uow, row.id, row.access_document)
        question = replace(asked, member_id=row.id)
        if _verdict(uow, question, held, chatbot_exists=exists).allowed:
            ids.append(row.id)
        if len(ids) == limit:
            return Found(ids, last)
    return Found(ids, last if _more_members(uow, last) else None)


def chatbots_for(uow: UnitOfWork, asked: Asked, after: UUID | None, limit: int) -> Found:
    """Return the chatbots on which the member may do what is asked, the oldest first."""
    require_action(asked.action)
    if asked.member_id is None:
        return Found([], None)
    c = t.chatbots.c
    query = uow.own(t.chatbots, c.id).where(~c.deleted).order_by(c.id)
    rows = uow.all(query if after is None else query.where(c.id > after))
    member = uow.one(
        uow.own(t.members, t.members.c.access_document).where(t.members.c.id == asked.member_id)
    )
    if member is None:
        return Found([], None)
    held = _held(uow, asked.member_id, member.access_document)
    ids = [row.id for row in rows if held.allows(asked.action, row.id)]
    return Found(ids[:limit], ids[limit - 1] if len(ids) > limit else None)


def actions_on(uow: UnitOfWork, asked: Asked) -> Sequence[str]:
    """Return the actions that the member may take there, by name."""
    on_chatbot = BOT_ATOMS | frozenset(SECTION_ATOMS)
    wanted = ACTIONS if asked.chatbot_id is not None else ACTIONS - on_chatbot
    return [
        action for action in sorted(wanted) if judge(uow, replace(asked, action=action)).allowed
    ]


def _verdict(uow: UnitOfWork, asked: Asked, held: Access, *, chatbot_exists: bool) -> Verdict:
    decision = held.decide(asked.action, asked.chatbot_id, asked.record)
    code = decision.code
    if decision.allowed and asked.chatbot_id is not None and not chatbot_exists:
        code = NOT_VISIBLE
    allowed = code == ALLOWED
    member_id = asked.member_id or held.member_id
    question = explaining.Question(member_id, asked.action, asked.chatbot_id, uow.now)
    return Verdict(
        allowed,
        code,
        explaining.decision_id(question),
        () if allowed else refusal(held, code).levers,
    )


def _held(uow: UnitOfWork, member_id: UUID, document: Any) -> Access:
    until = document.get("valid_until")
    if document.get("format") == FORMAT and (
        until is None or datetime.fromisoformat(until) > uow.now
    ):
        return Access.from_document(document)
    return access.effective(uow, member_id)


def _chatbot_exists(uow: UnitOfWork, chatbot_id: UUID) -> bool:
    c = t.chatbots.c
    return uow.one(uow.own(t.chatbots, c.id).where(c.id == chatbot_id, ~c.deleted)) is not None


def _more_members(uow: UnitOfWork, after: UUID | None) -> bool:
    if after is None:
        return False
    m = t.members.c
    later = uow.own(t.members, m.id).where(m.state == MemberState.ACTIVE, m.id > after)
    return uow.one(later.limit(1)) is not None


_MEMBER = (
    select(t.members.c.access_document, t.chatbots.c.id.label("chatbot"))
    .join_from(
        t.members,
        t.chatbots,
        and_(
            t.chatbots.c.organisation_id == t.members.c.organisation_id,
            t.chatbots.c.id == bindparam("chatbot"),
            ~t.chatbots.c.deleted,
        ),
        isouter=True,
    )
    .where(
        t.members.c.organisation_id == bindparam("organisation"),
        t.members.c.id == bindparam("member"),
        t.members.c.state != MemberState.REMOVED,
    )
)

KINDS = {
    "conversation": RecordKind.CONVERSATION,
    "contact": RecordKind.CONTACT,
}
"""Resource types whose rows a role may be limited to."""
