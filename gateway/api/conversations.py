"""Conversations and the queue they wait in."""

from datetime import datetime
from uuid import UUID

from gateway.api.endpoint import Endpoints, holds
from gateway.api.models import Answer, Body, Name, Page, Query
from gateway.api.paging import Paging
from gateway.domain import errors
from gateway.services import conversations
from gateway.storage.unit_of_work import UnitOfWork

routes = Endpoints()
ALL = "/organisations/{organisation}/conversations"
ONE = "/organisations/{organisation}/conversations/{conversation}"
ASSIGN = holds("conversations.assign")


class NewConversation(Body):
    """A conversation to put into a queue."""

    chatbot_id: UUID
    subject: Name
    team_id: UUID | None = None


class Assignment(Body):
    """Who answers a conversation."""

    member_id: UUID


class ConversationFilter(Query):
    """Which conversations are wanted."""

    queued: bool | None = None


class Conversation(Answer):
    """A conversation; waiting time counts from `waiting_since`, whoever had it meanwhile."""

    id: UUID
    chatbot_id: UUID
    team_id: UUID | None
    subject: str
    state: str
    assignee_id: UUID | None
    previous_assignee_id: UUID | None
    created_at: datetime
    waiting_since: datetime
    queued_at: datetime | None


class Candidate(Answer):
    """A member who could get a conversation."""

    id: UUID
    display_name: str
    availability: str


class Candidates(Answer):
    """Whoever joined first comes first; at most 200 members are looked at."""

    items: list[Candidate]


@routes.endpoint(f"POST {ALL}", ASSIGN, status=201)
def create(uow: UnitOfWork, body: NewConversation) -> Conversation:
    """Put a new conversation into its chatbot's, and team's, queue."""
    return read(uow, conversations.create(uow, body.chatbot_id, body.subject, body.team_id))


@routes.endpoint(f"GET {ALL}", ASSIGN)
def listing(uow: UnitOfWork, page: Paging, query: ConversationFilter) -> Page[Conversation]:
    """List conversations that are not closed, the longest waiting first."""
    rows = conversations.listing(
        uow, queued=query.queued, after=page.after_instant, limit=page.fetch
    )
    return page.page(
        rows,
        Conversation.model_validate,
        lambda row: (row.waiting_since.isoformat(), str(row.id)),
    )


@routes.endpoint(f"GET {ONE}", ASSIGN)
def read(uow: UnitOfWork, conversation: UUID) -> Conversation:
    """Read a conversation."""
    return Conversation.model_validate(conversations.get(uow, conversation))


@routes.endpoint(f"POST {ONE}:assign", ASSIGN, errors=(errors.NotEligible,))
def assign(uow: UnitOfWork, conversation: UUID, body: Assignment) -> Conversation:
    """Give a conversation to a member who is active, live, in its team, and may answer it."""
    conversations.assign(uow, conversation, body.member_id)
    return read(uow, conversation)


@routes.endpoint(f"GET {ONE}/candidates", ASSIGN)
def candidates(uow: UnitOfWork, conversation: UUID) -> Candidates:
    """List who could get it without being named: live, in its team, and may answer it."""
    found = conversations.candidates(uow, conversation)
    return Candidates(items=[Candidate.model_validate(each) for each in found])
