"""Invitations: sent, listed, sent again, taken back; and what whoever has a link may do."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal, cast
from uuid import UUID

from pydantic import Field, StringConstraints

from gateway.api.calls import Call
from gateway.api.chatbot_wishes import ChatbotWish, chatbots_wanted
from gateway.api.endpoint import LINK, LINK_AND_SESSION, OPERATOR, Endpoints, holds
from gateway.api.models import PRINTABLE, SHOWN_ONCE, Answer, Body, Name, Page, Query, Search
from gateway.api.paging import Paging
from gateway.domain import errors
from gateway.domain.csv_rows import CSV_LIMIT, parse
from gateway.domain.invitations import BULK_LIMIT, InvitationState
from gateway.services import (
    answering,
    direct_creation,
    gates_of_joining,
    invitation_lists,
    invitations,
    invited,
    people,
)
from gateway.services.direct_creation import Newcomer
from gateway.services.invitations import Wish
from gateway.storage.unit_of_work import UnitOfWork

routes = Endpoints()
ALL = "/organisations/{organisation}/invitations"
ONE = f"{ALL}/{{invitation}}"
BY_LINK = "/invitations/{link}"
INVITE = holds("members.invite")
Email = Annotated[str, StringConstraints(max_length=320, pattern=PRINTABLE)]
Password = Annotated[str, StringConstraints(min_length=1, max_length=256)]
GATES = (
    errors.BadEmail,
    errors.ChatbotsRequired,
    errors.RoleAboveOwn,
    errors.AlreadyMember,
    errors.AlreadyInvited,
    errors.MemberDeactivated,
    errors.DeprovisionedByIdP,
    errors.InvitesManagedByIdP,
    errors.SeatLimitReached,
    errors.SubscriptionExpired,
    errors.RateLimited,
)
ENDED = (errors.InvitationRevoked, errors.InvitationExpired, errors.InvitationRotated)
ON_ONE = (errors.InvalidTransition, errors.RoleAboveOwn, errors.RateLimited)


class NewInvitation(Body):
    """Whom to invite, and what they will be."""

    email: Email
    role_id: UUID | None = Field(default=None, description="Left out: `role`, or the default one.")
    role: Annotated[str, StringConstraints(min_length=1, max_length=64)] | None = Field(
        default=None, description="The role by its key or name."
    )
    chatbots: list[ChatbotWish] | None = Field(
        default=None,
        max_length=500,
        description="Only these; left out: what the preset gives without a choice.",
    )
    send_mail: bool = Field(default=True, description="Whether the link is mailed as well.")


class Invitations(Body):
    """Up to 50 invitations, as rows or as CSV with the columns email, role and chatbots."""

    invitations: list[NewInvitation] = Field(default_factory=list, max_length=BULK_LIMIT)
    csv: Annotated[str, StringConstraints(max_length=CSV_LIMIT)] | None = None


class NewMember(Body):
    """Somebody to be made a member at once, where the preset allows it."""

    email: Email
    display_name: Name
    password: Password = Field(description="The first password; it is never mailed.")
    must_change_password: bool = True
    role_id: UUID | None = None
    role: Annotated[str, StringConstraints(min_length=1, max_length=64)] | None = None
    chatbots: list[ChatbotWish] | None = Field(default=None, max_length=500)


class Created(Answer):
    """What direct creation tells, whether or not the person has an account elsewhere."""

    id: UUID
    email: str
    display_name: str


Sort = Literal["created", "expires", "email"]
Downwards = Literal["-created", "-expires", "-email"]


class InvitationFilter(Query):
    """Which invitations are wanted, in which order."""

    state: Literal["pending", "accepted", "declined", "revoked", "expired", "superseded"] | None = (
        None
    )
    role: UUID | None = None
    delivery: Literal["queued", "sent", "bounced"] | None = None
    q: Search | None = Field(default=None, description="Part of an address.")
    sort: Literal[Sort, Downwards] = Field(
        default="created", description="With a minus the other way round."
    )


class Invitation(Answer):
    """An invitation; its links are not kept."""

    id: UUID
    email: str
    role_id: UUID
    bot_scope: str
    chatbots: dict[str, dict[str, str]]
    state: str
    delivery: Literal["queued", "sent", "bounced"]
    bounce_reason: str | None = Field(description="What the mail server said.")
    inviter_id: UUID | None
    inviter_name: str
    created_at: datetime
    expires_at: datetime
    ended_at: datetime | None
    member_id: UUID | None = Field(description="The membership that came of it.")


class NewlyInvited(Invitation):
    """A new invitation, and a link to pass on, shown this once."""

    link: str | None = Field(json_schema_extra=SHOWN_ONCE)


class CopiedLink(Answer):
    """One more link, shown this once."""

    link: str | None = Field(json_schema_extra=SHOWN_ONCE)


class InvitedRow(Answer):
    """What became of one row."""

    email: str
    id: UUID | None
    code: str = Field(description="`invited`, or the code of the refusal.")
    detail: str | None


class InvitedRows(Answer):
    """What became of each row, in their order."""

    rows: list[InvitedRow]


class LinkedInvitation(Answer):
    """An invitation as whoever has a link sees it."""

    organisation_name: str
    inviter_name: str
    role_name: str
    email: str = Field(description="Masked.")
    expires_at: datetime


class Joined(Answer):
    """The membership that an acceptance made."""

    organisation_id: UUID
    member_id: UUID


class Bounce(Body):
    """A mail that came back, by the part of its Message-ID before the @."""

    message_id: UUID
    reason: Annotated[str, StringConstraints(max_length=1000)] = "reported"


@routes.endpoint(f"POST {ALL}", INVITE, status=201, errors=(*GATES, errors.AccountRequired))
def create(uow: UnitOfWork, call: Call, body: NewInvitation) -> NewlyInvited:
    """Invite somebody: mail the link, and return one to pass on."""
    made = invitations.create(uow, _wish(body), call.settings.origin)
    if isinstance(made, errors.Refused):
        return made  # type: ignore[return-value]  # the dispatcher commits its trace
    row = invitations.get(uow, made.id)
    return NewlyInvited(**_values(uow, row), link=made.link)


@routes.endpoint(f"POST {ALL}:bulk", INVITE)
def create_all(uow: UnitOfWork, call: Call, body: Invitations) -> InvitedRows:
    """Invite up to 50 people; each row stands and falls alone."""
    if body.csv is not None and body.invitations:
        raise errors.InvalidRequest("Send rows or CSV, not both.", field="csv")
    wishes = [_wish(each) for each in body.invitations]
    if body.csv is not None:
        wishes = [
            Wish(email=row.email, role=row.role, chatbots=row.chatbots) for row in parse(body.csv)
        ]
    outcomes = invitations.create_all(uow, wishes, call.settings.origin)
    return InvitedRows(rows=[_outcome(each) for each in outcomes])


@routes.endpoint(f"GET {ALL}", holds("members.invite"))
def listing(uow: UnitOfWork, page: Paging, query: InvitationFilter) -> Page[Invitation]:
    """List invitations."""
    wanted = invitation_lists.Wanted(
        state=InvitationState(query.state) if query.state else None,
        role_id=query.role,
        delivery=query.delivery,
        text=query.q,
        order=cast(Sort, query.sort.removeprefix("-")),
        descending=query.sort.startswith("-"),
    )
    steps = invitation_lists.listing(uow, wanted, page.key, page.fetch)
    return page.page(
        steps, lambda step: Invitation(**_values(uow, step.row)), lambda step: step.mark
    )


@routes.endpoint(f"GET {ONE}", INVITE, tagged=True)
def read(uow: UnitOfWork, invitation: UUID) -> Invitation:
    """Read an invitation."""
    return Invitation(**_values(uow, invitations.get(uow, invitation)))


@routes.endpoint(f"POST {ONE}:resend", INVITE, errors=ON_ONE)
def resend(uow: UnitOfWork, call: Call, invitation: UUID) -> Invitation:
    """Mail a new link and begin the seven days again; links of earlier mails die."""
    invitations.resend(uow, invitation, call.settings.origin)
    return read(uow, invitation)


@routes.endpoint(f"POST {ONE}:copy-link", INVITE, errors=ON_ONE)
def copy_link(uow: UnitOfWork, call: Call, invitation: UUID) -> CopiedLink:
    """Return one more link to pass on; every other one stays good."""
    return CopiedLink(link=invitations.copy_link(uow, invitation, call.settings.origin))


@routes.endpoint(f"POST {ONE}:revoke", INVITE, errors=ON_ONE)
def revoke(uow: UnitOfWork, invitation: UUID) -> Invitation:
    """Take an invitation back: every link of it is dead, and its seat is free."""
    invitations.revoke(uow, invitation)
    return read(uow, invitation)


def _hashed(_call: Call, body: NewMember, _ids: Mapping[str, UUID]) -> str:
    """Hash with no transaction open, whether or not the hash will be needed."""
    return people.hash_password(body.password)


@routes.endpoint(
    "POST /organisations/{organisation}/members",
    INVITE,
    status=201,
    errors=GATES,
    prepare=_hashed,
)
def create_member(uow: UnitOfWork, call: Call, body: NewMember, prepared: str) -> Created:
    """Make somebody a member at once, with a first password, where the preset allows it.

    Who has an account elsewhere is invited instead; the answer does not tell.
    """
    new = Newcomer(
        email=body.email,
        display_name=body.display_name,
        password_hash=prepared,
        role_id=gates_of_joining.role_named(uow, body.role_id, body.role),
        chatbots=chatbots_wanted(body.chatbots),
        must_change_password=body.must_change_password,
    )
    made = direct_creation.create(uow, new, call.settings.origin)
    return Created(id=made, email=body.email, display_name=body.display_name)


@routes.endpoint("POST /organisations/{organisation}/mail-bounces", OPERATOR, status=204, errors=())
def bounce(uow: UnitOfWork, body: Bounce) -> None:
    """Say that a mail of this organisation came back; its invitation shows it."""
    if not invited.note_bounce(uow, body.message_id, body.reason):
        raise errors.NotFound("No such mail.")


# -- by link ------------------------------------------------------------------------


@routes.endpoint(f"GET {BY_LINK}", LINK, errors=(*ENDED, errors.InvitationUsed))
def look(uow: UnitOfWork, link: str) -> LinkedInvitation:
    """Show what a link invites to; looking never uses it up."""
    found = answering.look(uow, link)
    return LinkedInvitation(
        organisation_name=found.organisation_name,
        inviter_name=found.inviter_name,
        role_name=found.role_name,
        email=found.masked_email,
        expires_at=found.expires_at,
    )


@routes.endpoint(
    f"POST {BY_LINK}:accept",
    LINK_AND_SESSION,
    errors=(
        *ENDED,
        errors.InvitationUsed,
        errors.EmailMismatch,
        errors.StepUpRequired,
        errors.RoleAboveOwn,
        errors.AlreadyMember,
        errors.MemberDeactivated,
        errors.DeprovisionedByIdP,
        errors.SeatLimitReached,
        errors.SubscriptionExpired,
    ),
)
def accept(uow: UnitOfWork, call: Call, link: str) -> Joined:
    """Join the organisation, as the person who is signed in."""
    session = call.principal.session
    if session is None:
        raise errors.NotPermitted("Only people do this, in a session of their own.")
    member_id = answering.accept(uow, link, session)
    return Joined(organisation_id=uow.organisation_id, member_id=member_id)


@routes.endpoint(
    f"POST {BY_LINK}:decline", LINK, status=204, errors=(*ENDED, errors.InvitationUsed)
)
def decline(uow: UnitOfWork, link: str) -> None:
    """Decline an invitation; its seat is free."""
    answering.decline(uow, link)


@routes.endpoint(f"POST {BY_LINK}:mail-newest", LINK, status=204)
def mail_newest(uow: UnitOfWork, call: Call, link: str) -> None:
    """Mail a new link to the invited address, if the invitation is still pending."""
    answering.mail_newest(uow, link, call.settings.origin)


# -- inside -------------------------------------------------------------------------


def _wish(body: NewInvitation) -> Wish:
    return Wish(
        email=body.email,
        role_id=body.role_id,
        role=body.role,
        chatbots=chatbots_wanted(body.chatbots),
        mailed=body.send_mail,
    )


def _values(uow: UnitOfWork, row: Any) -> dict[str, Any]:
    values = {name: getattr(row, name) for name in Invitation.model_fields}
    return {**values, "state": str(invitations.state_of(uow, row))}


def _outcome(outcome: invitations.Outcome) -> InvitedRow:
    refusal = outcome.refusal
    return InvitedRow(
        email=outcome.email,
        id=outcome.issued.id if outcome.issued else None,
        code=refusal.code if refusal else "invited",
        detail=refusal.message if refusal else None,
    )
