"""Members whom a connection manages: what becomes of them when it stops deciding."""

from uuid import UUID

from gateway.domain.access import conversion
from gateway.domain.events import Fact, Target
from gateway.domain.memberships import MemberState
from gateway.services import access, funnel, grants, members, narrowing, ownership, teams
from gateway.storage import tables as t
from gateway.storage.unit_of_work import UnitOfWork


def of(uow: UnitOfWork, connection_id: UUID) -> list[UUID]:
    """Return the members that the connection manages, removed ones left out."""
    m = t.members.c
    rows = uow.all(
        uow.own(t.members, m.id)
        .where(m.managed_by == connection_id, m.state != MemberState.REMOVED)
        .order_by(m.id)
    )
    return [row.id for row in rows]


def recompute(uow: UnitOfWork, connection_id: UUID) -> None:
    """Derive the access of every member that the connection manages again."""
    funnel.recompute(uow, of(uow, connection_id))


def convert(uow: UnitOfWork, connection_id: UUID) -> None:
    """Write down as grants what the connection gives now, so that nothing changes without it.

    Manual grants from before end: they were ignored and would add up with the new ones.
    """
    ids = of(uow, connection_id)
    facts = access.load(uow, ids)
    for member_id in ids:
        wanted = conversion(facts[member_id])
        grants.end(uow, member_id)
        if wanted.role_id is not None:
            grants.give_role(uow, member_id, wanted.role_id, "converted")
        for chatbot_id, section, level in wanted.chatbots:
            grants.give_section(uow, member_id, chatbot_id, section, level.word, "converted")
        for team_id in sorted(wanted.teams):
            teams.take_seat(uow, team_id, member_id, "converted")
        narrowing.set_scope(uow, uow.load(t.members, member_id), wanted.scope)


def end_conversions(uow: UnitOfWork, connection_id: UUID) -> None:
    """End what was written down while the connection did not decide."""
    for member_id in of(uow, connection_id):
        grants.end(uow, member_id, source="converted")
        teams.close_seats(uow, member_id, source="converted")


def release(uow: UnitOfWork, connection_id: UUID, *, deactivate: bool) -> None:
    """Let go of everybody: they stay as manual members, or are deactivated (the owner stays)."""
    row = uow.load(t.connections, connection_id)
    if row.state == "active":
        convert(uow, connection_id)
    ids = of(uow, connection_id)
    for member_id in ids:
        member = uow.load(t.members, member_id)
        uow.change(t.member_versions, member, managed_by=None)
        target = Target("member", str(member_id), member.display_name)
        before, after = {"managed_by": str(connection_id)}, {"managed_by": None}
        uow.record(Fact("member.released", (target,), before, after))
        member = uow.load(t.members, member_id)
        if deactivate and not ownership.is_last(uow, member):
            members.deactivate(uow, member_id)
    funnel.recompute(uow, ids)
