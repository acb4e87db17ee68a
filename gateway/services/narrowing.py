"""Narrowing by hand: which chatbots a member sees, and how far."""

from collections.abc import Mapping
from uuid import UUID

from gateway.domain.errors import InvalidRequest
from gateway.domain.events import Fact
from gateway.domain.invitations import Chatbots, Reach, reach
from gateway.domain.mapping import Scope
from gateway.domain.permissions import Level, parse_sections
from gateway.domain.roles import RoleDefinition
from gateway.services import acting, funnel, gates_of_joining, grants, members, moves
from gateway.storage import tables as t
from gateway.storage.unit_of_work import Record, UnitOfWork


def open_every_chatbot(uow: UnitOfWork, member_id: UUID) -> None:
    """Let a member see whatever their role allows; what was granted them one by one rests.

    :raises ManagedByIdP: or another refusal of `narrow`.
    """
    member, role = _changeable(uow, member_id)
    gates_of_joining.require_may_open(uow, role, Reach(Scope.ALL, {}))
    set_scope(uow, member, Scope.ALL)
    funnel.recompute(uow, [member_id])


def narrow(uow: UnitOfWork, member_id: UUID, wanted: Chatbots | None) -> None:
    """Let a member see these chatbots with these sections, and no other; the same changes nothing.

    None leaves what was granted one by one as it is, and lets nothing else be seen.

    :raises ManagedByIdP: a live connection decides. :raises InvalidRequest: no such chatbot or
        section, or a role that cannot be narrowed. :raises RoleAboveOwn: more than one's own.
    """
    member, role = _changeable(uow, member_id)
    if not role.narrowable:
        raise InvalidRequest(f"No chatbot can be kept from {role.name}.", field="chatbots")
    if wanted is not None:
        found = reach(role, Scope.SELECTED, wanted)
        gates_of_joining.require_may_open(uow, role, found)
        _replace(uow, member_id, found.chatbots)
    set_scope(uow, member, Scope.SELECTED)
    funnel.recompute(uow, [member_id])


def set_scope(uow: UnitOfWork, member: Record, scope: Scope) -> None:
    """Let a member see every chatbot or selected ones, and tell it; the caller recomputes."""
    if uow.change(t.member_versions, member, bot_scope=str(scope)):
        uow.record(
            Fact(
                "member.scope_changed",
                (moves.target(member),),
                before={"scope": member.bot_scope},
                after={"scope": str(scope)},
            )
        )


def _changeable(uow: UnitOfWork, member_id: UUID) -> tuple[Record, RoleDefinition]:
    """Return a member whose access the author may change by hand, and the role they hold."""
    member = members.get_present(uow, member_id)
    acting.require_may_change(uow, member)
    acting.require_unmanaged(uow, member)
    held = grants.live_roles(uow, member_id)
    if not held:
        raise InvalidRequest("Give the member a role first.", field="role_id")
    return member, acting.require_may_give(uow, member, min(held))


def _replace(uow: UnitOfWork, member_id: UUID, wanted: Mapping[UUID, Mapping[str, str]]) -> None:
    """End the grants that are no longer wanted, and give those that are missing."""
    missing = {
        (chatbot_id, section): level
        for chatbot_id, levels in wanted.items()
        for section, level in parse_sections(levels).items()
        if level > Level.NONE
    }
    for grant in grants.live(uow, member_id, "chatbot"):
        place = grant.chatbot_id, grant.section
        if place in missing and missing[place].word == grant.level:
            del missing[place]
        else:
            grants.end_one(uow, grant)
    for (chatbot_id, section), level in missing.items():
        grants.give_section(uow, member_id, chatbot_id, section, level.word, "manual")
