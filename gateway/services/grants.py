"""Grants: access given by hand or as a one-off, from an instant on and until it ends."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, or_

from gateway.domain.access import RoleGrant
from gateway.domain.events import Fact, Target
from gateway.domain.sources import GrantSource
from gateway.storage import tables as t
from gateway.storage.unit_of_work import UnitOfWork


def of_role(
    uow: UnitOfWork, role_id: UUID, source: str, by: Mapping[str, Any] | None = None
) -> RoleGrant:
    """Return a grant of a role from now on, by the actor unless said; not written yet."""
    return RoleGrant(
        id=uow.new_id(),
        role_id=role_id,
        source=GrantSource(source),
        by=by or uow.actor.document(),
        valid_from=uow.now,
    )


def give_role(uow: UnitOfWork, member_id: UUID, role_id: UUID, source: str) -> None:
    """Give a role from now on; the caller recomputes."""
    write_role(uow, member_id, of_role(uow, role_id, source))


def write_role(uow: UnitOfWork, member_id: UUID, grant: RoleGrant) -> None:
    """Write a role grant down; the caller recomputes."""
    uow.insert(
        t.grants,
        id=grant.id,
        member_id=member_id,
        kind="role",
        role_id=grant.role_id,
        source=str(grant.source),
        granted_by=dict(grant.by),
        valid_from=uow.now,
    )
    uow.record(
        Fact(
            "grant.created",
            (Target("member", str(member_id)),),
            after={"role": str(grant.role_id), "source": str(grant.source)},
        )
    )


def give_section(
    uow: UnitOfWork, member_id: UUID, chatbot_id: UUID, section: str, level: str, source: str
) -> None:
    """Give a level of one section of a chatbot from now on; the caller recomputes."""
    uow.insert(
        t.grants,
        id=uow.new_id(),
        member_id=member_id,
        kind="chatbot",
        chatbot_id=chatbot_id,
        section=section,
        level=level,
        source=source,
        granted_by=uow.actor.document(),
        valid_from=uow.now,
    )
    uow.record(
        Fact(
            "grant.created",
            (Target("member", str(member_id)), Target("chatbot", str(chatbot_id))),
            after={"section": section, "level": level, "source": source},
        )
    )


def give_sections(
    uow: UnitOfWork,
    member_id: UUID,
    chatbot_id: UUID,
    levels: Mapping[str, str],
    by: Mapping[str, Any],
) -> None:
    """Give levels of a chatbot's sections as an invitation promised; the caller recomputes."""
    rows = [
        {
            "id": uow.new_id(),
            "member_id": member_id,
            "kind": "chatbot",
            "chatbot_id": chatbot_id,
            "section": section,
            "level": level,
            "source": "invitation",
            "granted_by": dict(by),
            "valid_from": uow.now,
        }
        for section, level in levels.items()
    ]
    uow.insert_all(t.grants, rows)
    uow.record(
        Fact(
            "grant.created",
            (Target("member", str(member_id)), Target("chatbot", str(chatbot_id))),
            after={"sections": dict(levels), "source": "invitation"},
        )
    )


def is_live(uow: UnitOfWork) -> ColumnElement[bool]:
    """Return the condition that a grant holds now."""
    g = t.grants.c
    return or_(g.valid_to.is_(None), g.valid_to > uow.now)


def live(uow: UnitOfWork, member_id: UUID, kind: str | None = None) -> Sequence[Row[Any]]:
    """Return the grants of a member that hold now, of one kind where given, by id."""
    g = t.grants.c
    mine = uow.own(t.grants).where(g.member_id == member_id, is_live(uow))
    return uow.all((mine if kind is None else mine.where(g.kind == kind)).order_by(g.id))


def live_roles(uow: UnitOfWork, member_id: UUID) -> frozenset[UUID]:
    """Return the roles that hands gave a member and that hold now."""
    return frozenset(row.role_id for row in live(uow, member_id, "role"))


def end(
    uow: UnitOfWork, member_id: UUID, *, kind: str | None = None, source: str | None = None
) -> None:
    """End a member's live grants, of one kind or source where given; the caller recomputes."""
    for grant in live(uow, member_id, kind):
        if source is None or grant.source == source:
            end_one(uow, grant)


def end_one(uow: UnitOfWork, grant: Row[Any]) -> None:
    """End a live grant, and tell what it gave as was told when it began; the caller recomputes."""
    uow.update(t.grants, {"id": grant.id}, valid_to=uow.now)
    targets, given = [Target("member", str(grant.member_id))], {"role": str(grant.role_id)}
    if grant.kind == "chatbot":
        targets.append(Target("chatbot", str(grant.chatbot_id)))
        given = {"section": grant.section, "level": grant.level}
    uow.record(Fact("grant.ended", tuple(targets), before={**given, "source": grant.source}))
