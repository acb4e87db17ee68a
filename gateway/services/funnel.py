"""The funnel: whatever changed, the affected members' access is derived afresh, and told.

Every verb that can change access ends here, in its own transaction and under the
organisation's lock.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from types import SimpleNamespace
from typing import Any
from uuid import UUID

from sqlalchemy import String, bindparam, select, type_coerce

from gateway.domain.access import AccessFacts, RoleGrant, resolve
from gateway.domain.decisions import Access, widens
from gateway.domain.errors import OwnAccess
from gateway.domain.events import Fact, Target
from gateway.services import access, access_writes, conversations, membership_lists
from gateway.services.alike import EPOCH, MEMBER, PERSON, Alike, Turn, only_grant
from gateway.storage import tables as t
from gateway.storage.among import among
from gateway.storage.unit_of_work import UnitOfWork

CHUNK = 5_000
"""Members who are derived together: what is at hand meanwhile does not grow with a group."""

FEW = 8
"""Members who are alike, below which each is written on its own."""

Told = Callable[[Sequence[UUID], Mapping[str, Any], Mapping[str, Any]], None]
"""Hears which members' access turned, from which document to which; ids in them are one's."""

SUMMARY = ("standing", "role", "scope", "org_atoms", "ceiling", "bot_atoms", "chatbots", "teams")
"""What `access.changed` tells of an access document."""


def recompute(uow: UnitOfWork, member_ids: Iterable[UUID], told: Told | None = None) -> int:
    """Derive the access of these members again; say how many have another one now.

    For exactly those: the epoch is bumped, the stored document replaced, `access.changed`
    recorded, and conversations that they may no longer answer go back to the queue. `told` hears
    of members whose access turned alike.

    :raises OwnAccess: the author would have more than before.
    """
    ids = sorted(set(member_ids), key=attrgetter("int"))  # compared by C, not by UUID
    if len(ids) == 1:
        row = uow.load(t.members, ids[0])
        return _recompute_one(uow, row, access.of_rows(uow, [row])[row.id], told)
    alike = Alike()
    with uow.settled():
        return sum(
            _recompute_many(uow, ids[start : start + CHUNK], alike, told)
            for start in range(0, len(ids), CHUNK)
        )


def recompute_all(uow: UnitOfWork) -> int:
    """Derive the access of every member that is not removed again."""
    m = t.members.c
    rows = uow.all(uow.own(t.members, m.id).where(m.state != "removed"))
    return recompute(uow, [row.id for row in rows])


@dataclass(frozen=True, slots=True)
class FirstAccess:
    """What a newcomer starts with: columns of the member's row, and the fact that tells it."""

    columns: Mapping[str, Any]
    fact: Fact


def first_access(
    uow: UnitOfWork, row: Mapping[str, Any], role_grants: tuple[RoleGrant, ...]
) -> FirstAccess:
    """Derive the access of a member about to be inserted: nothing is read that is known."""
    newcomer = SimpleNamespace(**row)
    access_now = resolve(access.of_newcomer(uow, access.member_facts(newcomer), role_grants))
    document = access_now.document()
    return FirstAccess(
        {"access_document": document, "access_epoch": 1}, _changed(newcomer, 1, {}, document)
    )


def _recompute_one(uow: UnitOfWork, row: Any, facts: AccessFacts, told: Told | None) -> int:
    now, before = resolve(facts), row.access_document
    document = now.document()
    if document == before:
        return 0
    _require_no_own_gain(uow, [row.id], before, document)
    epoch = row.access_epoch + 1
    uow.update(t.members, {"id": row.id}, access_epoch=epoch, access_document=document)
    membership_lists.follow(uow, [row.id], before, document)
    uow.record(_changed(row, epoch, before, document))
    _return_lost(uow, [row.id], before, now)
    if told is not None:
        told([row.id], before, document)
    return 1


def _recompute_many(uow: UnitOfWork, ids: Sequence[UUID], alike: Alike, told: Told | None) -> int:
    """As of each one, but everybody is read at once, and those who are alike written at once."""
    rows = uow.all(_MANY, organisation=uow.organisation_id, ids=ids)
    facts = access.facts_of_many(uow, rows)
    turns: dict[Turn, list[UUID]] = {}
    for row in rows:
        turn = alike.turn(facts, row)
        if turn is not None:
            turns.setdefault(turn, []).append(row.id)
    for turn, members in turns.items():
        if len(members) < FEW:
            for member_id in members:
                row = uow.load(t.members, member_id)
                _recompute_one(uow, row, facts.of(row), told)
            continue
        _require_no_own_gain(uow, members, turn.before, turn.now.document)
        whose = [(member_id, only_grant(facts, member_id)) for member_id in members]
        fact = _changed(SOMEBODY, EPOCH, turn.before, turn.now.document)
        access_writes.write(uow, whose, turn.now.text, fact)
        membership_lists.follow(uow, members, turn.before, turn.now.document)
        _return_lost(uow, members, turn.before, turn.now.access)
        if told is not None:
            told(members, turn.before, turn.now.document)
    return sum(map(len, turns.values()))


def _require_no_own_gain(
    uow: UnitOfWork,
    members: Sequence[UUID],
    before: Mapping[str, Any],
    document: Mapping[str, Any],
) -> None:
    """Refuse whoever widens their own access by what they change, be it a rule of their group's.

    Owners of record have all that there is, whatever a preset or policy says that it is.
    """
    if uow.actor.member_id not in members or before["owner_of_record"]:
        return
    if widens(before, document):
        raise OwnAccess(
            "This would widen your own access.", levers=("Ask another member who may do it.",)
        )


SOMEBODY = SimpleNamespace(id=MEMBER, person_id=PERSON)
_M = t.members.c
_MANY = (
    select(
        *(column for column in _M if column.name in access.READ_OF_MEMBERS),
        type_coerce(_M.access_document, String).label("stored"),
    )
    .where(_M.organisation_id == bindparam("organisation"), among(_M.id, "ids"))
    .order_by(_M.id)
)


def _changed(
    who: Any, epoch: int | str, before: Mapping[str, Any], document: Mapping[str, Any]
) -> Fact:
    return Fact(
        "access.changed",
        (Target("member", str(who.id)),),
        before=summary(before),
        after=summary(document),
        data={
            "member": str(who.id),
            "person": str(who.person_id),
            "epoch": epoch,
            "access": summary(document),
        },
    )


def summary(document: Mapping[str, Any]) -> dict[str, Any]:
    return {name: document[name] for name in SUMMARY if name in document}


def _return_lost(
    uow: UnitOfWork, members: Sequence[UUID], before: Mapping[str, Any], now: Access
) -> None:
    """Return the conversations that members whose access turned alike may no longer answer."""
    if not before or _writing(before) == _writing(now.document()):
        return
    if now.suspended is not None and now.standing is None:
        return  # An expired subscription is renewed without anybody losing their conversations.
    if now.standing in _ENDED:
        return  # Whoever closed all of it has returned them already.
    for member_id, chatbots in conversations.assigned_chatbots(uow, members).items():
        lost = [each for each in chatbots if not now.allows("conversations.write", each)]
        if lost:
            conversations.return_to_queue(uow, member_id, "access_lost", lost)


_ENDED = frozenset({"member_inactive", "on_hold", "contained"})


def _writing(document: Mapping[str, Any]) -> tuple[object, ...]:
    """Return what decides where somebody may answer; equal values need no further look."""
    return (
        document["standing"],
        document["scope"],
        document["suspended"],
        document["ceiling"].get("conversations"),
        document["chatbots"],
    )
