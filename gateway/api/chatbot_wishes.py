"""Which chatbots somebody is to see, as invitations and changes of a member say it."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, StringConstraints

from gateway.api.models import Body
from gateway.domain.errors import InvalidRequest
from gateway.domain.invitations import Chatbots

Section = Annotated[str, StringConstraints(min_length=1, max_length=40)]


class ChatbotWish(Body):
    """A chatbot that somebody will see, and how far."""

    chatbot_id: UUID
    sections: dict[Section, Literal["none", "read", "write"]] | None = Field(
        default=None, description="Levels by section; left out: everything that the role allows."
    )


def chatbots_wanted(wanted: list[ChatbotWish] | None) -> Chatbots | None:
    """Return chatbot → sections.

    :raises InvalidRequest: a chatbot is named twice.
    """
    if wanted is None:
        return None
    named = {each.chatbot_id: each.sections for each in wanted}
    if len(named) < len(wanted):
        raise InvalidRequest("A chatbot is named twice.", field="chatbots")
    return named
