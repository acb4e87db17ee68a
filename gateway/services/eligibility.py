"""Who may get a conversation: active, live, in its team, and allowed to answer it."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row, and_, select

from gateway.domain.errors import NotEligible
from gateway.domain.memberships import MemberState
from gateway.services import access
from gateway.storage import tables as t
from gateway.storage.unit_of_work import UnitOfWork

LOOKED_AT = 200
"""Most live members among whom candidates are looked for."""


def require(uow: UnitOfWork, member_id: UUID, conversation: Any) -> None:
    """Refuse a member who may not get a conversation; one who is foreign looks like nobody.

    :raises NotEligible: names what is lacking of `active`, `live`, `team` and `permission`.
    """
    member = uow.find(t.members, id=member_id)
    lacks = ["active"] if member is None else _lacking(uow, member, conversation)
    if lacks:
        raise NotEligible(
            "This member cannot get the conversation.",
            levers=("Name one of the conversation's candidates.",),
            lacking=lacks,
        )


def candidates(uow: UnitOfWork, conversation: Any) -> Sequence[Row[Any]]:
    """Return who may get a conversation, whoever joined first; 200 live members are looked at."""
    m = t.members.c
    live = uow.own(t.members).where(m.state == MemberState.ACTIVE, m.availability == "live")
    found = uow.all(live.order_by(m.id).limit(LOOKED_AT))
    return [member for member in found if not _lacking(uow, member, conversation)]


def require_team(uow: UnitOfWork, team_id: UUID, but: UUID) -> None:
    """Refuse a team that is foreign, gone, or without an active member beside the one who goes.

    :raises NotEligible: names what is lacking of `team` and `members`.
    """
    team = uow.find(t.teams, id=team_id)
    if team is None or team.deleted:
        raise NotEligible("There is no such team.", lacking=["team"])
    m, s = t.members.c, t.member_teams.c
    here = and_(m.organisation_id == s.organisation_id, m.id == s.member_id)
    seated = (
        select(m.id)
        .join_from(t.member_teams, t.members, here)
        .where(
            s.organisation_id == uow.organisation_id,
            s.team_id == team_id,
            s.member_id != but,
            m.state == MemberState.ACTIVE,
        )
    )
    if uow.one(seated.limit(1)) is None:
        raise NotEligible(
            "Nobody active would be left in this team.",
            levers=("Add a member to the team, or name another.",),
            lacking=["members"],
        )


def _lacking(uow: UnitOfWork, member: Any, conversation: Any) -> list[str]:
    if member.state != MemberState.ACTIVE:
        return ["active"]
    held = access.effective(uow, member.id)
    chatbot_id, team_id = conversation.chatbot_id, conversation.team_id
    met = {
        "live": member.availability == "live",
        "team": team_id is None or str(team_id) in held.teams,
        "permission": not uow.load(t.chatbots, chatbot_id).deleted
        and held.allows("conversations.write", chatbot_id),
    }
    return [name for name, is_met in met.items() if not is_met]
