"""Answering an invitation: looking at it, accepting, declining, asking for its newest link.

Looking never uses a link up, because mail scanners look too.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, select

from gateway.domain.decisions import role_of
from gateway.domain.errors import (
    AlreadyExists,
    EmailMismatch,
    GatewayError,
    InvalidRequest,
    NotFound,
    RateLimited,
    RoleAboveOwn,
    StepUpRequired,
)
from gateway.domain.invitations import (
    InvitationState,
    LinkKind,
    masked,
    refuse_link,
    runs_the_house,
)
from gateway.domain.memberships import MemberState
from gateway.domain.plans import Cause
from gateway.domain.roles import RoleDefinition
from gateway.domain.sessions import Session
from gateway.domain.text import fold
from gateway.services import (
    credentials,
    funnel,
    gates_of_joining,
    grants,
    invitations,
    invited,
    mailed_links,
    members,
    moves,
    ownership,
    seats,
    session_openings,
)
from gateway.services.secrets import digest_secret
from gateway.storage import tables as t
from gateway.storage.person_work import PersonWork
from gateway.storage.unit_of_work import UnitOfWork

TABLE, LINKS = t.invitations, t.invitation_links


@dataclass(frozen=True, slots=True)
class Found:
    """An invitation as one link shows it."""

    organisation_name: str
    inviter_name: str
    role_name: str
    email: str
    masked_email: str
    expires_at: datetime
    proves_mailbox: bool


def organisation_of(database: Connection, token: str) -> UUID:
    """Return whose invitation a link leads to, alive or not.

    :raises NotFound: nobody's.
    """
    by_hash = LINKS.c.token_hash == digest_secret(token)
    found: UUID | None = database.execute(select(LINKS.c.organisation_id).where(by_hash)).scalar()
    if found is None:
        raise NotFound("No such invitation.")
    return found


def look(uow: UnitOfWork, token: str) -> Found:
    """Return what a link invites to.

    :raises InvitationRevoked: or another reason why it leads nowhere any more.
    """
    link, row = _open(uow, token)
    organisation = uow.all(
        select(t.organisations.c.name).where(t.organisations.c.id == uow.organisation_id)
    )[0]
    return Found(
        organisation_name=organisation.name,
        inviter_name=row.inviter_name,
        role_name=uow.load(t.roles, row.role_id).name,
        email=row.email,
        masked_email=masked(row.email),
        expires_at=row.expires_at,
        proves_mailbox=link.kind == LinkKind.MAILED,
    )


def accept(uow: UnitOfWork, token: str, session: Session) -> UUID:
    """Make the signed-in person a member as the invitation says, and return the member's id.

    The session opens the organisation from now on.

    :raises EmailMismatch: the invited address is not one that this person has proved.
    :raises SeatLimitReached: the limit was cut meanwhile.
    """
    link, row = _open(uow, token)
    person = _require_invited(uow, session, link, row)
    role = _still_given(uow, row)
    gates_of_joining.require_stranger(uow, row.email, person.id)
    invited.end(uow, row, InvitationState.ACCEPTED)
    seats.ask(uow, Cause.ACCEPTANCE)
    member_id = members.join(
        uow,
        members.Joining(
            person_id=person.id,
            email=row.email,
            display_name=person.display_name,
            source="invitation",
            role_id=role.id,
            grant_source="invitation",
            granted_by=row.invited_by,
            bot_scope=row.bot_scope,
        ),
    )
    give_chatbots(uow, member_id, row.chatbots, row.invited_by)
    if role.is_owner_role:
        ownership.make_owner(uow, uow.load(t.members, member_id), "invitation")
    here = PersonWork.beside(uow)
    session_openings.enter(here, session, uow.organisation_id)
    here.finish()
    # Now that the member's row is written: writes to one row of a batch are sent as one, early.
    uow.update(TABLE, {"id": row.id}, member_id=member_id)
    return member_id


def sign_up(uow: UnitOfWork, token: str, name: str, password_hash: str) -> UUID:
    """Create the account of the invited address, which a mailed link proves; nobody joins yet.

    :raises InvalidRequest: no name, or a link that was copied, which proves no mailbox.
    :raises AlreadyExists: the address has an account.
    """
    name = mailed_links.require_name(name)
    link, row = _open(uow, token)
    if link.kind != LinkKind.MAILED:
        raise InvalidRequest("Let the link be mailed to the invited address first.")
    here = PersonWork.beside(uow)
    if credentials.find(here, row.email) is not None:
        raise AlreadyExists("You have an account with this address. Sign in with it.")
    return mailed_links.create_account(here, row.email, name, password_hash)


def give_chatbots(
    uow: UnitOfWork,
    member_id: UUID,
    chatbots: Mapping[str, Mapping[str, str]],
    by: Mapping[str, Any],
) -> None:
    """Grant a newcomer what was promised; chatbots that are gone meanwhile give nothing."""
    if not chatbots:
        return
    c = t.chatbots.c
    wanted = [UUID(chatbot) for chatbot in chatbots]
    rows = uow.all(uow.own(t.chatbots, c.id).where(c.id.in_(wanted), ~c.deleted).order_by(c.id))
    for chatbot_id in (row.id for row in rows):
        grants.give_sections(uow, member_id, chatbot_id, chatbots[str(chatbot_id)], by)
    funnel.recompute(uow, [member_id])


def decline(uow: UnitOfWork, token: str) -> None:
    """End an invitation by the word of whoever has the link; its seat is free."""
    _, row = _open(uow, token)
    invited.end(uow, row, InvitationState.DECLINED)
    moves.promote_waiting(uow)


def mail_newest(uow: UnitOfWork, token: str, origin: str) -> None:
    """Mail a new link to the invited address, never to another; nothing tells whether it was.

    The seven days go on as they were: only the inviter begins them again.
    """
    with suppress(RateLimited):
        _, row = _find(uow, token)
        if invitations.state_of(uow, row) is InvitationState.PENDING:
            invitations.mail_again(uow, row, origin)


# -- inside -------------------------------------------------------------------------


def _find(uow: UnitOfWork, token: str) -> tuple[Row[Any], Row[Any]]:
    link = uow.one(uow.own(LINKS).where(LINKS.c.token_hash == digest_secret(token)))
    if link is None:
        raise NotFound("No such invitation.")
    return link, uow.load(TABLE, link.invitation_id)


def _open(uow: UnitOfWork, token: str) -> tuple[Row[Any], Row[Any]]:
    link, row = _find(uow, token)
    state = invitations.state_of(uow, row)
    if state is not InvitationState.PENDING or link.rotated_at is not None:
        refuse_link(state)
    return link, row


def _require_invited(uow: UnitOfWork, session: Session, link: Row[Any], row: Row[Any]) -> Row[Any]:
    """Return the session's person, if it is who was invited and has proved it of their own.

    A provider's word opens its own organisation only. A link that was mailed proves the mailbox,
    except of an account that another organisation made: whoever made it may know its password.
    """
    if not session.is_own:
        raise StepUpRequired("Sign in with your own password or passkey.")
    here = PersonWork.beside(uow)
    person = credentials.load(here, session.person_id)
    if person.email_key != fold(row.email):
        raise _mismatch(row, "Switch to the account of the invited address.")
    if person.email_verified:
        return person
    if link.kind != LinkKind.MAILED or person.founded_by is not None:
        raise _mismatch(row, "Set your password by the link that the sign-in page mails you.")
    here.change(t.persons, person.id, email_verified=True)
    return person


def _mismatch(row: Row[Any], lever: str) -> GatewayError:
    return EmailMismatch(
        f"This invitation is for {masked(row.email)}, which you have not proved to be yours.",
        levers=(lever,),
    )


def _still_given(uow: UnitOfWork, row: Row[Any]) -> RoleDefinition:
    """Return the role, if whoever invited could still give it; who has left had given it.

    :raises RoleAboveOwn: the inviter has a lower role by now, or no access.
    """
    role = uow.load(t.roles, row.role_id)
    if role.deleted:
        refuse_link(InvitationState.REVOKED)
    wanted = RoleDefinition.of(role.id, role.definition)
    if row.inviter_id is None:
        return wanted
    inviter = uow.load(t.members, row.inviter_id)
    if inviter.state == MemberState.REMOVED:
        return wanted
    rank = 0
    held = role_of(inviter.access_document)
    if held is not None:
        rank = uow.load(t.roles, held).rank
    able = inviter.state == MemberState.ACTIVE and not inviter.admin_hold
    owns = inviter.owner_of_record or not wanted.is_owner_role
    if rank < wanted.rank or not owns or (runs_the_house(wanted) and not able):
        raise RoleAboveOwn(
            f"Whoever invited you may no longer give {wanted.name}.",
            levers=("Ask for a fresh invitation.",),
        )
    return wanted
