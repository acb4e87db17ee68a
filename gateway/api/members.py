"""Members: who they are, what they may do and why, and what is done to their membership."""

from datetime import datetime
from typing import Any, Literal, cast
from uuid import UUID

from pydantic import Field

from gateway.api.calls import Call
from gateway.api.chatbot_wishes import ChatbotWish, chatbots_wanted
from gateway.api.endpoint import Endpoints, holds
from gateway.api.models import Answer, Body, Instant, Page, Query, Search, Word
from gateway.api.offboarding import GIVEN_ON, ConversationsDisposition, Disposition
from gateway.api.paging import Paging
from gateway.domain import errors
from gateway.domain.decisions import role_of
from gateway.domain.memberships import MemberState
from gateway.services import access, audit, explaining, leaving, members, narrowing, roster
from gateway.storage.unit_of_work import UnitOfWork

routes = Endpoints()
ALL = "/organisations/{organisation}/members"
ONE = "/organisations/{organisation}/members/{member}"
READ = holds("members.read")
UPDATE = holds("members.update")
REMOVE = holds("members.remove")
ON_OTHERS = (errors.RoleAboveOwn, errors.OwnAccess)
NEEDED = (errors.LastOwner, errors.SuccessorRequired)
"""Why somebody stays: an organisation keeps its owner, and whoever could succeed them."""


Sort = Literal["joined", "name", "email", "role", "state", "last_active"]
Downwards = Literal["-joined", "-name", "-email", "-role", "-state", "-last_active"]


class MemberFilter(Query):
    """Which members are wanted, in which order; removed ones only when asked for by their state."""

    state: Literal["active", "deactivated", "waitlisted", "removed"] | None = None
    role: UUID | None = None
    source: Literal["creator", "invitation", "direct", "scim", "jit"] | None = None
    connection: UUID | None = Field(default=None, description="Managed by this connection.")
    availability: Literal["live", "away", "offline"] | None = None
    chatbot: UUID | None = Field(default=None, description="Who sees this chatbot.")
    team: UUID | None = Field(default=None, description="Who has a seat in this team.")
    active_since: Instant | None = Field(default=None, description="Last active then or later.")
    active_before: Instant | None = Field(
        default=None, description="Last active before that, or never."
    )
    q: Search | None = Field(default=None, description="Part of a name or address.")
    sort: Literal[Sort, Downwards] = Field(
        default="joined",
        description="With a minus the other way round. Equals follow in the order of joining;"
        " roles go from the highest rank to the lowest, who lacks a value comes last.",
    )


class ExplainQuery(Query):
    """What is asked: may this member do this, there, then?"""

    action: Word
    chatbot: UUID | None = None
    at: Instant | None = Field(default=None, description="An instant in the past; default: now.")


class MemberChange(Body):
    """What may be changed of a membership by hand; what is left out stays."""

    role_id: UUID | None = None
    bot_scope: Literal["all", "selected"] | None = Field(
        default=None, description="Whether every chatbot of the role is seen, or those granted."
    )
    chatbots: list[ChatbotWish] | None = Field(
        default=None,
        max_length=500,
        description="Exactly these chatbots, in place of those granted before.",
    )


class Member(Answer):
    """A person in the organisation."""

    id: UUID
    display_name: str
    email: str | None
    state: str
    source: str
    role_id: UUID | None
    managed_by: UUID | None = Field(description="The connection whose identity provider decides.")
    owner_of_record: bool
    admin_hold: bool
    contained: bool
    availability: str
    bot_scope: str
    chatbots: dict[str, dict[str, str]] = Field(
        description="Sections and levels by chatbot, where the scope is not `all`."
    )
    created_at: datetime
    last_active_at: datetime | None


class MemberDetail(Member):
    """A member, with everything that they may do at the moment."""

    access_epoch: int
    access: dict[str, Any]


class DoneTo(Answer):
    """What something was done to."""

    type: str
    id: str
    name: str | None


class Deed(Answer):
    """Something that a member did."""

    id: UUID
    occurred_at: datetime
    action: str
    targets: list[DoneTo]
    outcome: str


class Explanation(Answer):
    """A decision with everything that it follows from."""

    decision: bool
    code: str
    decision_id: str
    member: UUID
    action: str
    chatbot: UUID | None
    at: Instant
    gates: list[dict[str, Any]]
    role: dict[str, Any] | None
    drift: dict[str, Any] | None
    ceiling: dict[str, Any]
    scope: dict[str, Any]
    grants: list[dict[str, Any]]
    counterfactuals: list[dict[str, Any]]
    levers: list[dict[str, Any]]


@routes.endpoint(f"GET {ALL}", READ)
def listing(uow: UnitOfWork, page: Paging, query: MemberFilter) -> Page[Member]:
    """List the members."""
    wanted = roster.Wanted(
        state=MemberState(query.state) if query.state else None,
        role_id=query.role,
        source=query.source,
        managed_by=query.connection,
        availability=query.availability,
        chatbot_id=query.chatbot,
        team_id=query.team,
        active_since=query.active_since,
        active_before=query.active_before,
        text=query.q,
        order=cast(Sort, query.sort.removeprefix("-")),
        descending=query.sort.startswith("-"),
    )
    steps = roster.listing(uow, wanted, page.key, page.fetch)
    return page.page(steps, lambda step: _shown(step.row), lambda step: step.mark)


@routes.endpoint(f"GET {ONE}", READ, tagged=True)
def read(uow: UnitOfWork, member: UUID) -> MemberDetail:
    """Read a member and what they may do."""
    row = members.get(uow, member)
    held = access.effective(uow, member).document()
    return MemberDetail(**_values(row), access_epoch=row.access_epoch, access=held)


@routes.endpoint(
    f"PATCH {ONE}",
    UPDATE,
    tagged=True,
    errors=(*ON_OTHERS, errors.ManagedByIdP, errors.LastOwner),
)
def change(uow: UnitOfWork, member: UUID, body: MemberChange) -> MemberDetail:
    """Give a member another role or other chatbots by hand, from this moment on."""
    if body.role_id is not None:
        members.set_role(uow, member, body.role_id)
    if body.bot_scope == "all":
        if body.chatbots is not None:
            raise errors.InvalidRequest("Every chatbot, or these: not both.", field="chatbots")
        narrowing.open_every_chatbot(uow, member)
    elif body.bot_scope is not None or body.chatbots is not None:
        narrowing.narrow(uow, member, chatbots_wanted(body.chatbots))
    return read(uow, member)


@routes.endpoint(f"GET {ONE}/explain", READ)
def explain(uow: UnitOfWork, call: Call, member: UUID, query: ExplainQuery) -> Explanation:
    """Say whether a member may do something, and everything that this follows from.

    Runs the enforcing code itself, on the facts of now or of the instant `at`.
    """
    question = explaining.Question(member, query.action, query.chatbot, query.at)
    with call.work.snapshot(uow.organisation_id) as snapshot:
        return Explanation.model_validate(explaining.answer(snapshot, question))


@routes.endpoint(f"POST {ONE}:deactivate", UPDATE, errors=(*ON_OTHERS, *NEEDED, *GIVEN_ON))
def deactivate(uow: UnitOfWork, member: UUID, query: ConversationsDisposition) -> MemberDetail:
    """End all access until somebody reactivates; sessions and keys die at once.

    Conversations return to the queue; giving them to a member or team takes the permission
    `conversations.assign`.
    """
    leaving.deactivate(uow, member, query.wanted())
    return read(uow, member)


@routes.endpoint(
    f"POST {ONE}:reactivate",
    UPDATE,
    errors=(*ON_OTHERS, errors.SeatLimitReached, errors.DeprovisionedByIdP),
)
def reactivate(uow: UnitOfWork, member: UUID) -> MemberDetail:
    """Bring a deactivated member back, if a seat is free."""
    members.reactivate(uow, member)
    return read(uow, member)


@routes.endpoint(f"POST {ONE}:hold", UPDATE, errors=(*ON_OTHERS, *NEEDED))
def hold(uow: UnitOfWork, member: UUID) -> MemberDetail:
    """Close all access until the hold is lifted, whatever the identity provider says."""
    members.hold(uow, member)
    return read(uow, member)


@routes.endpoint(f"POST {ONE}:lift-hold", UPDATE, errors=ON_OTHERS)
def lift_hold(uow: UnitOfWork, member: UUID) -> MemberDetail:
    """End a hold."""
    members.lift_hold(uow, member)
    return read(uow, member)


@routes.endpoint(
    f"POST {ONE}:remove",
    REMOVE,
    status=204,
    errors=(*ON_OTHERS, *NEEDED, *GIVEN_ON),
)
def remove(uow: UnitOfWork, member: UUID, query: Disposition) -> None:
    """End a membership for good.

    Owned chatbots go to an owner of record and conversations to the queue, unless others are
    named; giving conversations to a member or team takes the permission `conversations.assign`.
    """
    leaving.remove(uow, member, query.wanted(query.resources_to))


@routes.endpoint(
    f"POST {ONE}:leave",
    holds("members.leave"),
    status=204,
    errors=(*NEEDED, errors.ManagedByIdP, *GIVEN_ON),
)
def leave(uow: UnitOfWork, member: UUID, query: Disposition) -> None:
    """End one's own membership.

    Owned chatbots go to an owner of record and conversations to the queue, unless others are
    named; giving conversations to a member or team takes the permission `conversations.assign`.
    """
    leaving.leave(uow, member, query.wanted(query.resources_to))


@routes.endpoint(f"GET {ONE}/activity", holds("activity.read"))
def activity(uow: UnitOfWork, page: Paging, member: UUID) -> Page[Deed]:
    """List what a member did, the newest first."""
    members.get(uow, member)
    wanted = audit.Filters(actor_ids=audit.actors_of(uow, member))
    rows = audit.listing(uow, wanted, page.after_instant, page.fetch)
    return page.page(
        rows, Deed.model_validate, lambda event: (event.occurred_at.isoformat(), str(event.id))
    )


def _shown(row: Any) -> Member:
    return Member(**_values(row))


def _values(row: Any) -> dict[str, Any]:
    values = {name: getattr(row, name, None) for name in Member.model_fields}
    held = row.access_document
    return {
        **values,
        "role_id": role_of(held),
        "bot_scope": held["scope"],
        "chatbots": held["chatbots"],
    }
