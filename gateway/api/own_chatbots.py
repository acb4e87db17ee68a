"""The chatbots of whoever asks, from every organisation that the session opens."""

from uuid import UUID

from gateway.api.calls import Call
from gateway.api.endpoint import PERSON, Endpoints
from gateway.api.models import Answer
from gateway.api.sessions import own_session
from gateway.services import access, lists, sessions
from gateway.storage import person_work

routes = Endpoints()
MOST = 200
"""Chatbots that are shown of one organisation."""


class OrganisationName(Answer):
    """Whose chatbot it is."""

    id: UUID
    name: str


class OwnChatbot(Answer):
    """A chatbot that the person sees, with its organisation."""

    id: UUID
    name: str
    organisation: OrganisationName


class OwnChatbots(Answer):
    """The chatbots by organisation, at most 200 of each."""

    items: list[OwnChatbot]


@routes.endpoint("GET /me/chatbots", PERSON)
def listing(call: Call) -> OwnChatbots:
    """List the chatbots that one sees, from every organisation that the session opens."""
    with person_work.read(call.work) as here:
        houses = sessions.opened(here, own_session(call))
    found: list[OwnChatbot] = []
    for house in houses:
        whose = OrganisationName(id=house.organisation_id, name=house.organisation_name)
        with call.work.read(house.organisation_id) as uow:
            held = access.effective(uow, house.member_id)
            only = None if held.sees_every_chatbot() else held.visible_chatbots()
            rows = lists.chatbots(uow, None, MOST, only)
        found += [OwnChatbot(id=row.id, name=row.name, organisation=whose) for row in rows]
    return OwnChatbots(items=found)
