"""Who may join by hand, and as what: the same questions for invitations and direct creation."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import or_

from gateway.domain import acting as rules
from gateway.domain.errors import (
    AlreadyInvited,
    AlreadyMember,
    DeprovisionedByIdP,
    InvalidRequest,
    InvitesManagedByIdP,
    MemberDeactivated,
    NotFound,
)
from gateway.domain.invitations import Chatbots, InvitationState, Reach, reach
from gateway.domain.mapping import Scope
from gateway.domain.memberships import DeactivatedBy, MemberState
from gateway.domain.permissions import Level, parse_sections
from gateway.domain.roles import RoleDefinition
from gateway.domain.text import fold
from gateway.services import access, acting, chatbots, domains, invited, people, terms
from gateway.storage import tables as t
from gateway.storage.unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True)
class Offer:
    """What somebody will be once they join."""

    role: RoleDefinition
    reach: Reach


def offer(uow: UnitOfWork, email: str, role_id: UUID | None, wanted: Chatbots | None) -> Offer:
    """Return what the author may give, and record the end of an older invitation's time.

    :raises InvalidRequest: no such role or chatbot. :raises RoleAboveOwn: more than one's own.
    :raises ChatbotsRequired: members see selected chatbots, and none are named.
    """
    invited.expire(uow, email)
    agreed = terms.current(uow).policies
    role = _role(uow, role_id, agreed)
    found = reach(role, Scope(agreed["bot_scope_default"]), wanted)
    require_may_open(uow, role, found)
    return Offer(role, found)


def role_named(uow: UnitOfWork, role_id: UUID | None, name: str | None) -> UUID | None:
    """Return the role that is wanted by its id, or by its key or name; none is the default one.

    :raises InvalidRequest: there is none of this name, or it is named both ways.
    """
    if name is None:
        return role_id
    if role_id is not None:
        raise InvalidRequest("Name the role once.", field="role")
    found = access.role_called(uow, name)
    if found is None:
        raise InvalidRequest(f"There is no role {name!r}.", field="role")
    return found


def require_may_open(uow: UnitOfWork, role: RoleDefinition, wanted: Reach) -> None:
    """Refuse to open what the author may not, to somebody of a role.

    :raises InvalidRequest: no such chatbot. :raises RoleAboveOwn: more than one's own.
    """
    if not role.narrowable:
        return
    author = acting.author(uow)
    rules.require_may_give_scope(author, wanted.scope)
    for chatbot_id, levels in wanted.chatbots.items():
        _require_chatbot(uow, chatbot_id)
        named: Mapping[str, Level] = parse_sections(levels)
        rules.require_may_grant(author, chatbot_id, named)


def require_open(uow: UnitOfWork, email: str) -> None:
    """Refuse whom the identity provider adds, who is here already, or was taken away by it.

    :raises InvitesManagedByIdP: provisioning decides. :raises AlreadyInvited: one is pending.
    :raises AlreadyMember: or `MemberDeactivated`, `DeprovisionedByIdP`: a membership exists.
    """
    _require_by_hand(uow, email)
    i = t.invitations.c
    pending = uow.own(t.invitations, i.id).where(
        i.email_key == fold(email), i.state == str(InvitationState.PENDING)
    )
    require_stranger(uow, email, people.find(uow, email))
    if (known := uow.scalar(pending)) is not None:
        raise AlreadyInvited(
            "This address has a pending invitation.",
            levers=("Resend it, or revoke it first.",),
            invitation=str(known),
        )


def require_stranger(uow: UnitOfWork, email: str, person_id: UUID | None) -> None:
    """Refuse somebody who has a membership that has not ended, by person or address."""
    m = t.members.c
    same = m.email_key == fold(email)
    if person_id is not None:
        same = or_(same, m.person_id == person_id)
    rows = uow.all(
        uow.own(t.members).where(same, m.state != MemberState.REMOVED).order_by(m.id).limit(1)
    )
    if not rows:
        return
    member = rows[0]
    if member.state != MemberState.DEACTIVATED:
        raise AlreadyMember("This person is a member of the organisation.", member=str(member.id))
    if member.deactivated_by == DeactivatedBy.IDP:
        raise DeprovisionedByIdP(
            "The identity provider took this person away; only it can bring them back.",
            levers=("Activate the person in the identity provider.",),
        )
    raise MemberDeactivated(
        "This person is a member who was deactivated.",
        levers=("Reactivate the member.",),
        member=str(member.id),
    )


def _role(uow: UnitOfWork, role_id: UUID | None, agreed: Mapping[str, Any]) -> RoleDefinition:
    if role_id is None:
        by_key = {role.key: role.id for role in access.roles_at(uow)}
        role_id = by_key.get(agreed["default_role"])
    if role_id is None:
        raise InvalidRequest("Say as what.", field="role_id")
    known = next((role for role in access.roles_at(uow) if role.id == role_id), None)
    if known is not None and not known.invitable:
        return known  # refused as such, whoever asks
    return acting.require_may_give(uow, None, role_id)


def _require_chatbot(uow: UnitOfWork, chatbot_id: UUID) -> None:
    try:
        chatbots.get(uow, chatbot_id)
    except NotFound:
        raise InvalidRequest("There is no such chatbot.", field="chatbots") from None


def _require_by_hand(uow: UnitOfWork, email: str) -> None:
    policy = terms.current(uow).policies["invites_when_scim"]
    c = t.connections.c
    live = uow.own(t.connections, c.id).where(c.kind == "scim", c.state == "active")
    if policy == "on" or uow.one(live.limit(1)) is None:
        return
    if policy == "guests_only" and not domains.is_proved(uow, email):
        return
    raise InvitesManagedByIdP(
        "The identity provider adds people to this organisation.",
        levers=(
            "Add the person in the identity provider.",
            "Change the policy invites_when_scim, for guests or for everybody.",
        ),
    )
