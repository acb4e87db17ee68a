"""Nothing half done: what must agree in the rows of an organisation after whatever happened."""

from collections import Counter
from typing import Any
from uuid import UUID

from sqlalchemy import Table, and_, func, select

from gateway.domain.access import resolve
from gateway.domain.memberships import MemberState
from gateway.services import access
from gateway.storage import tables as t
from gateway.storage.unit_of_work import UnitOfWork

VERSIONED = (t.member_versions, t.chatbot_versions, t.role_versions, t.connection_versions)


def require_whole(uow: UnitOfWork) -> None:
    """Check everything that one transaction writes in several places, and what a worker made."""
    require_agreement(uow)
    _require_facts_whole(uow)


def require_agreement(uow: UnitOfWork) -> None:
    """Check everything that one transaction writes in several places."""
    _require_access_as_derived(uow)
    _require_members_as_the_directory_says(uow)
    _require_counts(uow)
    _require_history_ends_in_the_present(uow)


def _require_access_as_derived(uow: UnitOfWork) -> None:
    rows = uow.all(uow.own(t.members).where(t.members.c.state != MemberState.REMOVED))
    facts = access.load(uow, [row.id for row in rows])
    stored = {row.id: row.access_document for row in rows}
    assert stored == {row.id: resolve(facts[row.id]).document() for row in rows}


def _require_members_as_the_directory_says(uow: UnitOfWork) -> None:
    u, m = t.directory_users.c, t.members.c
    same = and_(m.organisation_id == u.organisation_id, m.id == u.member_id)
    rows = uow.all(
        select(u.user_name, u.active, u.deleted_at, m.state)
        .join_from(t.directory_users, t.members, same, isouter=True)
        .where(u.organisation_id == uow.organisation_id)
    )
    wrong = [row for row in rows if row.state != _expected(row)]
    assert wrong == []


def _expected(row: Any) -> str:
    if row.deleted_at is not None:
        return MemberState.REMOVED.value
    return (MemberState.ACTIVE if row.active else MemberState.DEACTIVATED).value


def _require_counts(uow: UnitOfWork) -> None:
    g, ms = t.directory_groups.c, t.directory_memberships
    open_ones = uow.all(
        uow.own(ms, ms.c.group_id, func.count().label("size"))
        .where(ms.c.valid_to.is_(None))
        .group_by(ms.c.group_id)
    )
    counted: dict[UUID, int] = {row.group_id: row.size for row in open_ones}
    groups = uow.all(uow.own(t.directory_groups).where(g.deleted_at.is_(None)))
    assert {x.id: x.member_count for x in groups} == {x.id: counted.get(x.id, 0) for x in groups}
    for row in uow.all(uow.own(t.directory_counts)):
        assert row.users == _live(uow, t.directory_users, row.connection_id)
        assert row.groups == _live(uow, t.directory_groups, row.connection_id)
    states = Counter(row.state for row in uow.all(uow.own(t.members, t.members.c.state)))
    o = t.organisations.c
    active = uow.scalar(select(o.active_members).where(o.id == uow.organisation_id))
    assert active == states[MemberState.ACTIVE]


def _live(uow: UnitOfWork, table: Table, connection_id: UUID) -> int:
    live = and_(table.c.connection_id == connection_id, table.c.deleted_at.is_(None))
    return int(uow.scalar(uow.own(table, func.count()).where(live)) or 0)


def _require_history_ends_in_the_present(uow: UnitOfWork) -> None:
    for each in VERSIONED:
        current = {row.id: row for row in uow.all(uow.own(each.current))}
        history = each.history
        open_ones = uow.all(uow.own(history).where(history.c.valid_to.is_(None)))
        assert {row.id for row in open_ones} == set(current)
        for row in open_ones:
            now = {name: getattr(current[row.id], name) for name in each.tracked}
            assert {name: getattr(row, name) for name in each.tracked} == now


def _require_facts_whole(uow: UnitOfWork) -> None:
    """Every event has its details and its place in the feed, and the feed has no gap."""
    events = {row.id for row in uow.all(uow.own(t.audit_events, t.audit_events.c.id))}
    details = uow.all(uow.own(t.audit_details, t.audit_details.c.event_id))
    assert {row.event_id for row in details} == events
    feed = uow.all(uow.own(t.outbox).where(t.outbox.c.channel == "feed"))
    told = {row.id for row in feed if row.type != "access.changed"}
    assert told == events
    assert all(row.delivered_at is not None for row in feed)
    assert sorted(row.sequence for row in feed) == list(range(1, len(feed) + 1))
