"""The funnel: whatever changed, the affected members' access is derived afresh, and told.

Every verb that can change access ends here, in its own transaction and under the
organisation's lock.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from gateway.domain.access import resolve
from gateway.domain.decisions import Access
from gateway.domain.events import Fact, Target
from gateway.services import access, conversations
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


def _recompute_chunk(uow: UnitOfWork, ids: Sequence[UUID]) -> int:
    facts = access.load(uow, ids)
    m = t.members.c
    wanted = (m.id, m.person_id, m.display_name, m.access_epoch, m.access_document)
    rows = uow.all(uow.own(t.members, *wanted).where(m.id.in_(ids)))
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
            access_document=document,
            access_epoch=row.access_epoch + 1,
            effective_role_id=now.role.id if now.role else None,
        )
        uow.record(_changed(row, document))
        _return_lost_conversations(uow, row, now)
    return changed


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
    lost = [
        chatbot_id
        for chatbot_id in conversations.assigned_chatbots(uow, row.id)
        if not now.allows("conversations.write", chatbot_id)
    ]
    if lost:
        conversations.return_to_queue(uow, row.id, "access_lost", lost)


def _writing(document: Mapping[str, Any]) -> tuple[object, ...]:
    """Return what decides where somebody may answer; equal values need no further look."""
    return (
        document["standing"],
        document["scope"],
        document["suspended"],
        document["ceiling"].get("conversations"),
        document["chatbots"],
    )
