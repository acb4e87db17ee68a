"""By chatbot and by team whose members they are: what the stored documents say, as rows.

Lists filter by these rows instead of opening every document. The funnel alone writes them.
"""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Table, delete, exists, or_, union_all

from gateway.services.walks import Filter
from gateway.storage import tables as t
from gateway.storage.unit_of_work import UnitOfWork

Document = Mapping[str, Any]
LISTS = (
    (t.member_chatbots, "chatbot_id", "chatbots"),
    (t.member_teams, "team_id", "teams"),
)
"""Table, its column, and what of the document it repeats."""


def has_every_chatbot(document: Document) -> bool:
    """Whether a document opens every chatbot that there is, or will be."""
    return document["scope"] == "all" and bool(document["ceiling"] or document["bot_atoms"])


def follow(uow: UnitOfWork, members: Sequence[UUID], before: Document, after: Document) -> None:
    """Let the rows of members whose documents are alike say what the new one says."""
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


def by_chatbot(uow: UnitOfWork, chatbot_id: UUID) -> Filter:
    """Return the filter by who sees a chatbot."""
    m, c = t.members.c, t.member_chatbots.c
    named = uow.own(t.member_chatbots, c.member_id).where(c.chatbot_id == chatbot_id)
    every = uow.own(t.members, m.id).where(m.every_chatbot)
    return Filter(
        union_all(named, every),
        or_(m.every_chatbot, exists(named.where(c.member_id == m.id))),
    )


def by_team(uow: UnitOfWork, team_id: UUID) -> Filter:
    """Return the filter by who has a seat in a team, by hand or through a group."""
    m, c = t.members.c, t.member_teams.c
    seated = uow.own(t.member_teams, c.member_id).where(c.team_id == team_id)
    return Filter(seated, exists(seated.where(c.member_id == m.id)))


def _ended(
    uow: UnitOfWork, table: Table, column: str, members: Sequence[UUID], gone: frozenset[UUID]
) -> Any:
    c = table.c
    return delete(table).where(
        c.organisation_id == uow.organisation_id,
        c[column].in_(sorted(gone)),
        c.member_id.in_(members),
    )
