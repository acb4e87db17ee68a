"""What must hold of everything that is stored, looked at now and then."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from random import Random
from typing import Any
from uuid import UUID

from sqlalchemy import select

from gateway.domain.access import resolve
from gateway.domain.explain import Inquiry, explain
from gateway.domain.permissions import ACTIONS, BOT_ATOMS, SECTION_ATOMS
from gateway.services import access
from gateway.storage import tables as t
from tests.properties import oracle
from tests.properties.town import House, Town, View

VERSIONED = (
    t.member_versions,
    t.chatbot_versions,
    t.connection_versions,
    t.role_versions,
)
ACTED_ON = sorted(ACTIONS)


@dataclass
class Memory:
    """Everybody's access at some instants, to be asked for later."""

    kept: list[tuple[House, datetime, dict[UUID, Mapping[str, Any]]]] = field(default_factory=list)

    def keep(self, house: House, view: View) -> None:
        """Remember how things are now."""
        documents = {
            m.id: m.access_document for m in view.of(house).values() if m.state != "removed"
        }
        self.kept.append((house, view.instant(house), documents))

    def broken(self, town: Town) -> Iterator[str]:
        """Ask for each instant, and compare."""
        for house, at, documents in self.kept:
            with town.work.snapshot(house.organisation_id) as uow:
                facts = access.load(uow, sorted(documents), at)
            for member_id, document in documents.items():
                # When it would end was decided later, and is no right.
                then = {**resolve(facts[member_id]).document(), "valid_until": None}
                if then != {**document, "valid_until": None}:
                    yield f"{member_id} as of {at} is not as it was"


def broken(town: Town, house: House, view: View, rng: Random) -> Iterator[str]:
    """Say what does not fit together in one organisation."""
    members = view.of(house)
    with town.work.snapshot(house.organisation_id) as uow:
        now = access.load(uow, sorted(members))
        then = access.load(uow, sorted(members), view.instant(house))
        for member_id, member in members.items():
            if member.state == "removed":  # Nothing of it is decided by any more.
                continue
            for name, facts in (("rows", now), ("intervals", then)):
                rebuilt = resolve(facts[member_id]).document()
                if rebuilt != member.access_document:
                    how = differing(member.access_document, rebuilt)
                    yield f"{member_id} stored is not what the {name} say: {how}"
        yield from _explained(house, now, rng)
    yield from _derived_otherwise(town, house, members)
    yield from _live_credentials(town, house, members)
    yield from _keepers(town, house, members)
    yield from _counts(town, house)


def _explained(house: House, facts: Mapping[UUID, Any], rng: Random) -> Iterator[str]:
    """Explaining answers what enforcing does."""
    for _ in range(6):
        member_id = rng.choice(sorted(facts))
        action = rng.choice(ACTED_ON)
        chatbot = rng.choice([*house.chatbots, UUID(int=7)]) if _on_chatbot(action) else None
        yield from _answered_alike(member_id, facts[member_id], action, chatbot)


def misexplained(town: Town, house: House, view: View) -> Iterator[str]:
    """Say where explaining and enforcing part, for every member, action and chatbot."""
    with town.work.snapshot(house.organisation_id) as uow:
        facts = access.load(uow, sorted(view.of(house)))
    for member_id, known in facts.items():
        for action in ACTED_ON:
            places = [*house.chatbots, UUID(int=7)] if _on_chatbot(action) else [None]
            for chatbot in places:
                yield from _answered_alike(member_id, known, action, chatbot)


def _on_chatbot(action: str) -> bool:
    return action in BOT_ATOMS or action in SECTION_ATOMS


def _answered_alike(
    member_id: UUID, facts: Any, action: str, chatbot: UUID | None
) -> Iterator[str]:
    said = explain(facts, Inquiry(action, chatbot)).document()
    done = resolve(facts).decide(action, chatbot)
    if (said["decision"], said["code"]) != (done.allowed, done.code):
        yield f"{member_id} {action} {chatbot}: explained {said['code']}, decided {done.code}"


def _derived_otherwise(town: Town, house: House, members: Mapping[UUID, Any]) -> Iterator[str]:
    """Invariants 3 and 4: a second derivation, written apart, comes to the same."""
    here = oracle.books(town, house)
    for member in members.values():
        if member.state == "removed":
            continue
        wanted = oracle.expected(here, member)
        document = member.access_document
        role = document["role"]["id"] if document["role"] else None
        found = {**{name: document[name] for name in wanted}, "role": role}
        if found != wanted:
            yield f"{member.id} has, and should have: {differing(found, wanted)}"


def _live_credentials(town: Town, house: House, members: Mapping[UUID, Any]) -> Iterator[str]:
    """Invariant 6: no session and no key outlives the access."""
    for table in (t.api_keys, t.session_proofs):
        live = select(table.c.member_id).where(
            table.c.organisation_id == house.organisation_id,
            table.c.revoked_at.is_(None),
            table.c.member_id.is_not(None),
        )
        for row in town.rows(live):
            m = members[row.member_id]
            if m.state in ("deactivated", "removed") or m.admin_hold or m.contained:
                yield f"{m.id} has a live row in {table.name}"


def _keepers(town: Town, house: House, members: Mapping[UUID, Any]) -> Iterator[str]:
    """Break-glass owners are of record, and no provisioning has matched them."""
    b = t.break_glass_owners
    here = b.c.organisation_id == house.organisation_id
    for row in town.rows(select(b).where(here, b.c.valid_to.is_(None))):
        m = members[row.member_id]
        if not m.owner_of_record or m.managed_by is not None:
            yield f"{m.id} is a break-glass owner"


def _counts(town: Town, house: House) -> Iterator[str]:
    here = house.organisation_id
    counts = t.directory_counts
    open_seats, asserted = (
        town.rows(select(each).where(each.c.organisation_id == here, each.c.valid_to.is_(None)))
        for each in (t.directory_memberships, t.asserted_memberships)
    )
    groups, users = (
        town.rows(
            select(table).where(table.c.organisation_id == here, table.c.deleted_at.is_(None))
        )
        for table in (t.directory_groups, t.directory_users)
    )
    by_group = Counter(row.group_id for row in (*open_seats, *asserted))
    if {group.id: group.member_count for group in groups if group.member_count} != by_group:
        yield f"groups count otherwise than {by_group}"
    if {row.user_id for row in open_seats} - {user.id for user in users}:
        yield "a deleted user is in a group"
    counted = [Counter(row.connection_id for row in rows) for rows in (users, groups)]
    for row in town.rows(select(counts).where(counts.c.organisation_id == here)):
        if (row.users, row.groups) != tuple(each[row.connection_id] for each in counted):
            yield f"connection {row.connection_id} counts {row.users, row.groups}"


def differing(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parts in which two documents differ."""
    return {name: (found[name], wanted[name]) for name in wanted if found[name] != wanted[name]}


def broken_intervals(town: Town, house: House) -> Iterator[str]:
    """Intervals follow each other without overlap, and the open one equals the current row."""
    for versioned in VERSIONED:
        history, current = versioned.history, versioned.current
        rows = town.rows(
            select(history)
            .where(history.c.organisation_id == house.organisation_id)
            .order_by(history.c.id, history.c.valid_from)
        )
        now = {
            row.id: row
            for row in town.rows(
                select(current).where(current.c.organisation_id == house.organisation_id)
            )
        }
        by_id: dict[UUID, list[Any]] = defaultdict(list)
        for row in rows:
            by_id[row.id].append(row)
        if by_id.keys() != now.keys():
            yield f"{history.name} tells of others than {current.name}"
        for row_id, intervals in by_id.items():
            yield from _chained(history.name, row_id, intervals)
            last = {name: getattr(intervals[-1], name) for name in versioned.tracked}
            if last != {name: getattr(now[row_id], name) for name in versioned.tracked}:
                yield f"{history.name} {row_id} does not end as things are"
    yield from _spans(town, house)


def _chained(name: str, row_id: object, intervals: list[Any]) -> Iterator[str]:
    for first, second in pairwise(intervals):
        if first.valid_to != second.valid_from:
            yield f"{name} {row_id} is torn at {first.valid_to}"
    if intervals[-1].valid_to is not None:
        yield f"{name} {row_id} has no open interval"
    if any(row.valid_to is not None and row.valid_to <= row.valid_from for row in intervals):
        yield f"{name} {row_id} has an empty interval"


SPANS = (
    (t.directory_memberships, ("connection_id", "group_id", "user_id")),
    (t.asserted_memberships, ("connection_id", "group_id", "member_id")),
    (t.team_seats, ("team_id", "member_id")),
    (t.mapping_rules, ("id",)),
    (t.policies, ("name",)),
    (t.subscriptions, ()),
)


def _spans(town: Town, house: House) -> Iterator[str]:
    for table, key in SPANS:
        ends: dict[tuple[Any, ...], Any] = {}
        rows = town.rows(
            select(table)
            .where(table.c.organisation_id == house.organisation_id)
            .order_by(table.c.valid_from)
        )
        for row in rows:
            place = tuple(getattr(row, name) for name in key)
            if place in ends and (ends[place] is None or ends[place] > row.valid_from):
                yield f"{table.name} {place} overlaps at {row.valid_from}"
            ends[place] = row.valid_to
