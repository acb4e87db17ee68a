"""By role, chatbot and team whose members they are: what the stored documents say, as rows.

Lists find by these rows instead of opening every document. The funnel alone writes them.
"""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Table, delete, exists, or_, union_all, update

from gateway.domain.decisions import role_of
from gateway.services.walks import Filter
from gateway.storage import tables as t
from gateway.storage.among import among_these
from gateway.storage.unit_of_work import UnitOfWork

Document = Mapping[str, Any]
LISTS = (
    (t.member_chatbots, "chatbot_id", "chatbots"),
    (t.member_teams, "team_id", "teams"),
)
"""Table, its column, and what of the document it repeats."""

M, R = t.members.c, t.member_roles.c


def begin(uow: UnitOfWork, member_id: UUID, document: Document) -> None:
    """Add the rows of a newcomer, whom nobody has put into a chatbot or team yet."""
    uow.insert(t.member_roles, member_id=member_id, **_listed(document))


def follow(uow: UnitOfWork, members: Sequence[UUID], before: Document, after: Document) -> None:
    """Let the rows of members whose documents are alike say what the new one says."""
    listed = _listed(after)
    if listed != _listed(before):
        _relist(uow, members, listed)
    for table, column, name in LISTS:
        was, now = (frozenset(map(UUID, document.get(name, ()))) for document in (before, after))
        uow.insert_all(
            table,
            [
                {column: each, "member_id": member_id}
                for each in sorted(now - was)
                for member_id in members
            ],
        )
        if was - now:
            uow.apply(_ended(uow, table, column, members, was - now))


def have_role(uow: UnitOfWork, roles: Sequence[UUID]) -> ColumnElement[bool]:
    """Return the condition that a member's effective role is one of these."""
    return M.id.in_(uow.own(t.member_roles, R.member_id).where(R.role_id.in_(roles)))


def by_role(uow: UnitOfWork, role: UUID) -> Filter:
    """Return the filter by the effective role."""
    held = uow.own(t.member_roles, R.member_id).where(R.role_id == role)
    return Filter(held, exists(held.where(R.member_id == M.id)))


def by_chatbot(uow: UnitOfWork, chatbot_id: UUID) -> Filter:
    """Return the filter by who sees a chatbot."""
    c = t.member_chatbots.c
    named = uow.own(t.member_chatbots, c.member_id).where(c.chatbot_id == chatbot_id)
    every = uow.own(t.member_roles, R.member_id).where(R.every_chatbot)
    # One value of one row: of an EXISTS beside another, PostgreSQL would gather everybody first.
    has_every = uow.own(t.member_roles, R.every_chatbot).where(R.member_id == M.id)
    return Filter(
        union_all(named, every),
        or_(has_every.scalar_subquery(), exists(named.where(c.member_id == M.id))),
    )


def by_team(uow: UnitOfWork, team_id: UUID) -> Filter:
    """Return the filter by who has a seat in a team, by hand or through a group."""
    c = t.member_teams.c
    seated = uow.own(t.member_teams, c.member_id).where(c.team_id == team_id)
    return Filter(seated, exists(seated.where(c.member_id == M.id)))


def _listed(document: Document) -> dict[str, Any]:
    """Return the role of a document, and whether it opens every chatbot, future ones too."""
    opens = document["scope"] == "all" and bool(document["ceiling"] or document["bot_atoms"])
    return {"role_id": role_of(document), "every_chatbot": opens}


def _relist(uow: UnitOfWork, members: Sequence[UUID], listed: Mapping[str, Any]) -> None:
    if len(members) == 1:
        uow.update(t.member_roles, {"member_id": members[0]}, **listed)
        return
    own = R.organisation_id == uow.organisation_id
    uow.apply(update(t.member_roles).where(own, among_these(R.member_id, members)).values(**listed))


def _ended(
    uow: UnitOfWork, table: Table, column: str, members: Sequence[UUID], gone: frozenset[UUID]
) -> Any:
    c = table.c
    return delete(table).where(
        c.organisation_id == uow.organisation_id,
        c[column].in_(sorted(gone)),
        among_these(c.member_id, members),
    )
