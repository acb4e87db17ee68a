"""Chatbots of an organisation, as far as the caller sees them."""

from datetime import datetime
from uuid import UUID

from gateway.api.calls import Call
from gateway.api.endpoint import Endpoints, holds
from gateway.api.models import Answer, Body, Name, Page
from gateway.api.paging import Paging
from gateway.domain.errors import AlreadyExists
from gateway.services import chatbots, lists
from gateway.storage.unit_of_work import UnitOfWork

routes = Endpoints()
ALL = "/organisations/{organisation}/chatbots"
ONE = "/organisations/{organisation}/chatbots/{chatbot}"


class NewChatbot(Body):
    """A chatbot to make."""

    name: Name


class ChatbotChange(Body):
    """What may change about a chatbot."""

    name: Name


class Chatbot(Answer):
    """A chatbot."""

    id: UUID
    name: str
    owner_id: UUID | None
    created_at: datetime


@routes.endpoint(
    f"POST {ALL}", holds("chatbots.create"), status=201, tagged=True, errors=(AlreadyExists,)
)
def create(uow: UnitOfWork, body: NewChatbot) -> Chatbot:
    """Make a chatbot; the acting member owns it, else the owner of record."""
    return read(uow, chatbots.create(uow, body.name))


@routes.endpoint(f"GET {ALL}", holds("org.read"))
def listing(uow: UnitOfWork, call: Call, page: Paging) -> Page[Chatbot]:
    """List the chatbots that the caller sees."""
    only = call.principal.seen_chatbots
    rows = lists.chatbots(uow, page.after, page.fetch, only)
    return page.page(rows, Chatbot.model_validate)


@routes.endpoint(f"GET {ONE}", holds("chatbot.read"), tagged=True)
def read(uow: UnitOfWork, chatbot: UUID) -> Chatbot:
    """Read a chatbot."""
    return Chatbot.model_validate(chatbots.get(uow, chatbot))


@routes.endpoint(f"PATCH {ONE}", holds("chatbot.rename"), tagged=True, errors=(AlreadyExists,))
def change(uow: UnitOfWork, chatbot: UUID, body: ChatbotChange) -> Chatbot:
    """Rename a chatbot."""
    chatbots.rename(uow, chatbot, body.name)
    return read(uow, chatbot)


@routes.endpoint(f"DELETE {ONE}", holds("chatbot.delete"), status=204, tagged=True)
def delete(uow: UnitOfWork, chatbot: UUID) -> None:
    """Delete a chatbot; grants and rules that name it give nothing from then on."""
    chatbots.delete(uow, chatbot)
