"""Offboarding: who gets what when a member goes, looked at before and proved afterwards."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import Field

from gateway.api.endpoint import Endpoints, holds
from gateway.api.models import Answer, Query
from gateway.domain import errors
from gateway.services import leaving
from gateway.storage.unit_of_work import UnitOfWork

routes = Endpoints()
PLACE = "/organisations/{organisation}/members/{member}/offboarding"
REMOVE = holds("members.remove")
GIVEN_ON = (errors.NotEligible, errors.SubscriptionExpired)
"""Why conversations do not go to whom they were meant for: an expired house assigns none."""


class ConversationsDisposition(Query):
    """Who gets the conversations that a member answers."""

    conversations: Literal["queue", "member", "team"] | None = Field(
        default=None,
        description="Back to the queue that they came from, to a member, or to a team's queue."
        " Default: the queue, or a member where one is named.",
    )
    conversations_to: UUID | None = Field(
        default=None, description="The member who gets them, or the team in whose queue they wait."
    )

    def wanted(self, resources_to: UUID | None = None) -> leaving.Disposition:
        """Return the disposition, with what is left out filled in."""
        usual = leaving.Taker.MEMBER if self.conversations_to else leaving.Taker.QUEUE
        taker = leaving.Taker(self.conversations) if self.conversations else usual
        return leaving.Disposition(resources_to, taker, self.conversations_to)


class Disposition(ConversationsDisposition):
    """Who gets what a member owned and answered."""

    resources_to: UUID | None = Field(
        default=None, description="The member who owns the chatbots. Default: an owner of record."
    )


class OwnedChatbot(Answer):
    """A chatbot that the member owns."""

    id: UUID
    name: str


class AnsweredConversation(Answer):
    """An open conversation of the member's."""

    id: UUID
    chatbot_id: UUID
    team_id: UUID | None
    waiting_since: datetime


class Nomination(Answer):
    """A live connection that names the member as successor of the owner."""

    connection_id: UUID
    connection_name: str


class Belongings(Answer):
    """Everything live that hangs on a membership."""

    member_id: UUID
    state: str
    removed_at: datetime | None
    owned_chatbots: list[OwnedChatbot]
    conversations: list[AnsweredConversation] = Field(description="At most 200 of them.")
    open_conversations: int
    sessions: int
    api_keys: int
    grants: int
    team_seats: int
    has_access: bool
    nominations: list[Nomination] = Field(
        description="Connections by which the member succeeds the owner; name another one there."
    )
    alone_succeeds: bool = Field(
        description="Whether nobody else could succeed: then the member is not taken away by hand"
        " (`successor_required`)."
    )


class GivenConversations(Answer):
    """How many conversations went to the queue, a member or a team."""

    to: str
    id: UUID | None
    count: int


class GivenChatbot(Answer):
    """A chatbot with its new owner."""

    id: UUID
    name: str
    owner_id: UUID | None


class HandedOver(Answer):
    """Who got what when the member went."""

    at: datetime
    conversations: list[GivenConversations]
    chatbots: list[GivenChatbot]


class OffboardingReport(Belongings):
    """What is left of a membership, and who got what."""

    handed_over: HandedOver | None = Field(
        description="Null for who never went, or longer ago than the audit reaches."
    )


@routes.endpoint(f"GET {PLACE}-preview", REMOVE, errors=GIVEN_ON)
def preview(uow: UnitOfWork, member: UUID, query: Disposition) -> Belongings:
    """Read what a removal would end or hand over; who could not take it is refused as then."""
    held = leaving.belongings(uow, member)
    leaving.require_fulfillable(uow, member, query.wanted(query.resources_to))
    return Belongings.model_validate(held)


@routes.endpoint(f"GET {PLACE}-report", REMOVE)
def report(uow: UnitOfWork, member: UUID) -> OffboardingReport:
    """Read what is left of a membership, of one that has ended nothing; and who got what."""
    left = Belongings.model_validate(leaving.belongings(uow, member))
    given = leaving.handed_over(uow, member)
    shown = None if given is None else HandedOver.model_validate(given)
    return OffboardingReport(**dict(left), handed_over=shown)
