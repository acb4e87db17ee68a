"""Invitations: sent, sent again, handed out as links, taken back.

What gives access is judged when it is offered, and again when it is accepted.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

from gateway.domain.addresses import address
from gateway.domain.errors import AccountRequired, GatewayError, RateLimited, Refused
from gateway.domain.events import Fact
from gateway.domain.invitations import (
    LINKS_LIMIT,
    Chatbots,
    InvitationState,
    LinkKind,
    require_invitable,
    require_pending,
    require_within_limits,
    state_at,
)
from gateway.domain.plans import Cause
from gateway.domain.text import fold
from gateway.services import (
    acting,
    gates_of_joining,
    invited,
    moves,
    outbox,
    people,
    seats,
    terms,
    throttle,
)
from gateway.services.gates_of_joining import Offer
from gateway.services.secrets import digest_secret
from gateway.storage import tables as t
from gateway.storage.person_work import PersonWork
from gateway.storage.unit_of_work import Record, UnitOfWork

RESENT_HOURLY = throttle.Limit("mails of one invitation", 3, timedelta(hours=1))
RESENT_DAILY = throttle.Limit("mails of one invitation in a day", 10, timedelta(days=1))
ACCOUNTS_ASKED = throttle.Limit("accounts asked for", 20, timedelta(days=1))
"""How often an organisation may learn whether an address has an account."""

TABLE, LINKS = t.invitations, t.invitation_links


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """Whom to invite, as what; without a role as the default one, `chatbots` narrow (S0-07).

    A role is named by its id, or by its key or name.
    """

    email: str
    role_id: UUID | None = None
    role: str | None = None
    chatbots: Chatbots | None = None
    mailed: bool = True


@dataclass(frozen=True, slots=True)
class Issued:
    """A new invitation, with the link to pass on in clear for the only time."""

    id: UUID
    link: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one of several wishes."""

    email: str
    issued: Issued | None
    refusal: GatewayError | None


def create(uow: UnitOfWork, wish: Wish, origin: str) -> Issued | Refused:
    """Invite somebody, keep a seat for them, mail the link, and return one to pass on.

    :raises BadEmail: or another reason of `gates_of_joining`, of `seats.ask`, or of the limits.
    """
    email = address(wish.email)
    role_id = gates_of_joining.role_named(uow, wish.role_id, wish.role)
    offer = gates_of_joining.offer(uow, email, role_id, wish.chatbots)
    require_invitable(offer.role)
    gates_of_joining.require_open(uow, email)
    missing = _require_account(uow, email)
    if missing is not None:
        return missing
    return issue(uow, email, offer, origin, mailed=wish.mailed)


def issue(uow: UnitOfWork, email: str, offer: Offer, origin: str, *, mailed: bool) -> Issued:
    """Write the invitation that was judged; the limits and the seat come last.

    :raises RateLimited: too many. :raises SeatLimitReached: no seat.
    """
    require_within_limits(invited.sent(uow), _size(uow), uow.now)
    seats.ask(uow, Cause.INVITATION)
    invitation_id = invited.begin(
        uow,
        email=email,
        email_key=fold(email),
        role_id=offer.role.id,
        bot_scope=offer.reach.scope,
        chatbots=offer.reach.document(),
        invited_by=uow.actor.document(),
        inviter_id=uow.actor.member_id,
        inviter_name=_inviter_name(uow),
        expires_at=uow.now + _lifetime(uow),
    )
    row = uow.load(TABLE, invitation_id)
    uow.record(
        Fact(
            "invitation.created",
            (invited.target(row),),
            after={
                "role": str(row.role_id),
                "scope": row.bot_scope,
                "chatbots": row.chatbots,
                "expires_at": row.expires_at.isoformat(),
            },
        )
    )
    if mailed:
        _mail(uow, row, "invitation.created", origin)
    return Issued(invitation_id, _new_link(uow, invitation_id, LinkKind.COPIED, origin))


def create_all(uow: UnitOfWork, wishes: Sequence[Wish], origin: str) -> list[Outcome]:
    """Invite each on its own: what is refused to one changes nothing for the others."""
    outcomes = []
    for wish in wishes:
        try:
            with uow.savepoint():
                made = create(uow, wish, origin)
        except GatewayError as refusal:
            outcomes.append(Outcome(wish.email, None, refusal))
            continue
        if isinstance(made, Refused):
            outcomes.append(Outcome(wish.email, None, made.error))
        else:
            outcomes.append(Outcome(wish.email, made, None))
    return outcomes


def resend(uow: UnitOfWork, invitation_id: UUID, origin: str) -> None:
    """Mail a new link, let those of earlier mails die, and begin the seven days again.

    :raises InvalidTransition: it is not pending. :raises RateLimited: mailed too often.
    """
    row = _load_pending(uow, invitation_id)
    uow.update(TABLE, {"id": row.id}, expires_at=uow.now + _lifetime(uow))
    mail_again(uow, uow.load(TABLE, invitation_id), origin)


def mail_again(uow: UnitOfWork, row: Record, origin: str) -> None:
    """Mail a new link to the invited address; links of earlier mails die.

    :raises RateLimited: mailed too often.
    """
    here = PersonWork.beside(uow)
    for limit in (RESENT_HOURLY, RESENT_DAILY):
        throttle.spend(here, limit, row.organisation_id, row.id)
    mails = {"invitation_id": row.id, "kind": str(LinkKind.MAILED), "rotated_at": None}
    uow.update(LINKS, mails, rotated_at=uow.now)
    _mail(uow, row, "invitation.resent", origin)
    uow.record(
        Fact(
            "invitation.resent",
            (invited.target(row),),
            after={"expires_at": row.expires_at.isoformat()},
        )
    )


def copy_link(uow: UnitOfWork, invitation_id: UUID, origin: str) -> str:
    """Return one more link to pass on; every other one stays good.

    :raises InvalidTransition: it is not pending. :raises RateLimited: five are out already.
    """
    row = _load_pending(uow, invitation_id)
    copies = uow.own(LINKS, LINKS.c.id).where(
        LINKS.c.invitation_id == row.id, LINKS.c.kind == str(LinkKind.COPIED)
    )
    if len(uow.all(copies)) >= LINKS_LIMIT:
        raise RateLimited(
            f"An invitation has at most {LINKS_LIMIT} copied links.",
            levers=("Use one of them, or revoke the invitation and invite afresh.",),
            retry_after=int((row.expires_at - uow.now).total_seconds()),
        )
    link = _new_link(uow, row.id, LinkKind.COPIED, origin)
    uow.record(Fact("invitation.link_copied", (invited.target(row),)))
    return link


def revoke(uow: UnitOfWork, invitation_id: UUID) -> None:
    """Take an invitation back: every link of it is dead, and its seat is free.

    :raises InvalidTransition: it is not pending.
    """
    row = _load_pending(uow, invitation_id)
    invited.end(uow, row, InvitationState.REVOKED)
    moves.promote_waiting(uow)


def get(uow: UnitOfWork, invitation_id: UUID) -> Record:
    """Return an invitation.

    :raises NotFound: absent, or another organisation's.
    """
    return uow.load(TABLE, invitation_id)


def state_of(uow: UnitOfWork, row: Any) -> InvitationState:
    """Return the state of an invitation as it is now."""
    return state_at(InvitationState(row.state), row.expires_at, uow.now)


# -- inside -------------------------------------------------------------------------


def _load_pending(uow: UnitOfWork, invitation_id: UUID) -> Record:
    """Return a pending invitation whose role is within the author's."""
    row = get(uow, invitation_id)
    acting.require_may_give(uow, None, row.role_id)
    require_pending(state_of(uow, row))
    return row


def _require_account(uow: UnitOfWork, email: str) -> Refused | None:
    """Refuse whom nobody knows where that is asked; being told is counted and recorded."""
    if not terms.current(uow).policies["invite_requires_account"]:
        return None
    if people.find(uow, email) is not None:
        return None
    count_asking(uow)
    return Refused(
        AccountRequired(
            "Nobody with this address has an account.",
            levers=("Ask the person to create one first.",),
        )
    )


def count_asking(uow: UnitOfWork) -> None:
    """Count and record that an organisation learnt whether an address has an account.

    :raises RateLimited: 20 times a day.
    """
    throttle.spend(PersonWork.beside(uow), ACCOUNTS_ASKED, uow.organisation_id)
    uow.record(Fact("invitation.account_asked", (terms.organisation(uow),), outcome="refused"))


def _mail(uow: UnitOfWork, row: Record, type: str, origin: str) -> None:
    mail_id = outbox.post(
        uow,
        type,
        row.email,
        link=_new_link(uow, row.id, LinkKind.MAILED, origin),
        inviter=row.inviter_name,
        role=uow.load(t.roles, row.role_id).name,
        until=row.expires_at,
    )
    uow.update(TABLE, {"id": row.id}, mail_id=mail_id, delivery="queued", bounce_reason=None)


def _new_link(uow: UnitOfWork, invitation_id: UUID, kind: LinkKind, origin: str) -> str:
    token = secrets.token_urlsafe(32)
    uow.insert(
        LINKS,
        id=uow.new_id(),
        invitation_id=invitation_id,
        kind=str(kind),
        token_hash=digest_secret(token),
        created_at=uow.now,
        rotated_at=None,
    )
    return f"{origin}/invitations/{token}"


def _lifetime(uow: UnitOfWork) -> timedelta:
    return timedelta(days=terms.current(uow).policies["invite_ttl_days"])


def _size(uow: UnitOfWork) -> int:
    limit = terms.current(uow).seat_limit
    return limit if limit is not None else uow.count("active_members")


def _inviter_name(uow: UnitOfWork) -> str:
    if uow.actor.member_id is not None:
        name: str = uow.load(t.members, uow.actor.member_id).display_name
        return name
    organisation: str = uow.scalar(
        t.organisations.select()
        .with_only_columns(t.organisations.c.name)
        .where(t.organisations.c.id == uow.organisation_id)
    )
    return organisation
