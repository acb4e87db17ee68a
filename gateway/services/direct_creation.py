"""Direct creation: an admin makes somebody a member at once, with a first password (S1-03).

Who has an account elsewhere is invited instead: nobody sets a foreign password. Both answers look
and take alike.
"""

from dataclasses import dataclass, field
from uuid import UUID

from gateway.domain.addresses import address
from gateway.domain.errors import InvalidRequest
from gateway.domain.invitations import Chatbots, require_invitable
from gateway.domain.plans import Cause
from gateway.services import (
    answering,
    gates_of_joining,
    invitations,
    mailed_links,
    members,
    outbox,
    people,
    seats,
    terms,
)
from gateway.services.gates_of_joining import Offer
from gateway.storage import tables as t
from gateway.storage.person_work import PersonWork
from gateway.storage.unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True, kw_only=True)
class Newcomer:
    """Whom to make a member, as what; the first password comes hashed."""

    email: str
    display_name: str
    password_hash: str = field(repr=False)
    role_id: UUID | None = None
    chatbots: Chatbots | None = None
    must_change_password: bool = True


def create(uow: UnitOfWork, new: Newcomer, origin: str) -> UUID:
    """Make somebody an active member with a first password, and mail a welcome without it.

    :raises InvalidRequest: no name, or the organisation invites instead.
    :raises SeatLimitReached: no seat; or another refusal of an invitation.
    """
    _require_allowed(uow)
    name = mailed_links.require_name(new.display_name, field="display_name")
    email = address(new.email)
    offer = gates_of_joining.offer(uow, email, new.role_id, new.chatbots)
    require_invitable(offer.role)
    gates_of_joining.require_open(uow, email)
    if people.find(uow, email) is not None:
        invitations.count_asking(uow)
        return invitations.issue(uow, email, offer, origin, mailed=True).id
    return _join(uow, new, name, email, offer, origin)


def _join(uow: UnitOfWork, new: Newcomer, name: str, email: str, offer: Offer, origin: str) -> UUID:
    seats.ask(uow, Cause.DIRECT_CREATE)
    person_id = people.create(uow, email=email, display_name=name, password_hash=new.password_hash)
    PersonWork.beside(uow).change(
        t.persons,
        person_id,
        must_change_password=new.must_change_password,
        founded_by=uow.organisation_id,
    )
    member_id = members.join(
        uow,
        members.Joining(
            person_id=person_id,
            email=email,
            display_name=name,
            source="direct",
            role_id=offer.role.id,
            bot_scope=offer.reach.scope,
        ),
    )
    by = uow.actor.document()
    answering.give_chatbots(uow, member_id, offer.reach.document(), by)
    if terms.current(uow).policies["welcome_email"]:
        link = f"{origin}/login"
        outbox.post(uow, "member.welcome", email, link=link, name=name, role=offer.role.name)
    return member_id


def _require_allowed(uow: UnitOfWork) -> None:
    if not terms.current(uow).policies["direct_create"]:
        raise InvalidRequest(
            "People are invited here; nobody is made a member without being asked.",
            levers=("Invite the person.", "Change the policy direct_create."),
        )
