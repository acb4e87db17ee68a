"""The funnel: whatever changed, the affected members' access is derived afresh, and told.

Every verb that can change access ends here, in its own transaction and under the
organisation's lock.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any
from uuid import UUID

from gateway.domain.access import RoleGrant, resolve
from gateway.domain.decisions import Access
from gateway.domain.events import Fact, Target
from gateway.services import access, conversations, membership_lists
from gateway.storage import tables as t
from gateway.storage.unit_of_work import UnitOfWork

SUMMARY = ("standing", "role", "scope", "org_atoms", "ceiling", "bot_atoms", "chatbots", "teams")
"""What `access.changed` tells of an access document."""


def recompute(uow: UnitOfWork, member_ids: Iterable[UUID]) -> int:
    """Derive the access of these members again; say how many have another one now.

    For exactly those: the epoch is bumped, the stored document replaced, `access.changed`
    recorded, and conversations that they may no longer answer go back to the queue.
    """
    ids = sorted(set(member_ids))
    changed = 0
    for start in range(0, len(ids), access.CHUNK):
        changed += _recompute_chunk(uow, ids[start : start + access.CHUNK])
    return changed


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
    newcomer = SimpleNamespace(**row, access_epoch=0, access_document={})
    access_now = resolve(access.of_newcomer(uow, access.member_facts(newcomer), role_grants))
    document = access_now.document()
    return FirstAccess(
        {**_columns(access_now, document), "access_epoch": 1}, _changed(newcomer, document)
    )


def _recompute_chunk(uow: UnitOfWork, ids: Sequence[UUID]) -> int:
    if len(ids) == 1:
        rows: Sequence[Any] = [uow.load(t.members, ids[0])]
    else:
        rows = uow.all(uow.own(t.members).where(t.members.c.id.in_(ids)))
    facts = access.of_rows(uow, rows)
    changed = 0
    for row in rows:
        now = resolve(facts[row.id])
        document = now.document()
        if document == row.access_document:
            continue
        changed += 1
        uow.update(
            t.members,
            {"id": row.id},
            access_epoch=row.access_epoch + 1,
            **_columns(now, document),
        )
        membership_lists.follow(uow, row.id, row.access_document, document)
        uow.record(_changed(row, document))
        _return_lost_conversations(uow, row, now)
    return changed


def _columns(now: Access, document: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a member's row keeps of access."""
    return {
        "access_document": document,
        "effective_role_id": now.role.id if now.role else None,
        "every_chatbot": membership_lists.has_every_chatbot(document),
    }


def _changed(row: Any, document: Mapping[str, Any]) -> Fact:
    return Fact(
        "access.changed",
        (Target("member", str(row.id), row.display_name),),
        before=_summary(row.access_document),
        after=_summary(document),
        data={
            "member": str(row.id),
            "person": str(row.person_id),
            "epoch": row.access_epoch + 1,
            "access": _summary(document),
        },
    )


def _summary(document: Mapping[str, Any]) -> dict[str, Any]:
    return {name: document[name] for name in SUMMARY if name in document}


def _return_lost_conversations(uow: UnitOfWork, row: Any, now: Access) -> None:
    before = row.access_document
    if not before or _writing(before) == _writing(now.document()):
        return
    if now.suspended is not None and now.standing is None:
        return  # An expired subscription is renewed without anybody losing their conversations.
    if now.standing in _ENDED:
        return  # Whoever closed all of it has returned them already.
    lost = [
        chatbot_id
        for chatbot_id in conversations.assigned_chatbots(uow, row.id)
        if not now.allows("conversations.write", chatbot_id)
    ]
    if lost:
        conversations.return_to_queue(uow, row.id, "access_lost", lost)


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
