"""Chatbots of an organisation: what access is about."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from gateway.domain.errors import AlreadyExists, InvalidRequest, NotFound
from gateway.domain.events import Fact, Target
from gateway.domain.memberships import MemberState
from gateway.domain.text import fold
from gateway.storage import tables as t
from gateway.storage.unit_of_work import Record, UnitOfWork

NAME_LIMIT = 100


def create(uow: UnitOfWork, name: str, owner_id: UUID | None = None) -> UUID:
    """Make a chatbot; without `owner_id` the acting member owns it, else the owner of record.

    :raises InvalidRequest: an empty or long name, or an owner who is not active.
    :raises AlreadyExists: the name is taken.
    :raises NotFound: the organisation has no such member, or not any more.
    """
    name = _require_name(uow, name)
    owner_id = owner_id or uow.actor.member_id
    if owner_id is not None:
        _require_active(uow, owner_id)
    chatbot_id = uow.new_id()
    uow.create(
        t.chatbot_versions,
        id=chatbot_id,
        name=name,
        name_key=fold(name),
        owner_id=owner_id or _owner_of_record(uow),
        settings={},
        deleted=False,
        created_at=uow.now,
    )
    uow.record(Fact("chatbot.created", (_target(chatbot_id, name),), after={"name": name}))
    return chatbot_id


def get(uow: UnitOfWork, chatbot_id: UUID) -> Record:
    """Return a chatbot.

    :raises NotFound: absent, deleted or another organisation's.
    """
    row = uow.load(t.chatbots, chatbot_id)
    if row.deleted:
        raise NotFound("No such chatbot.")
    return row


def listing(uow: UnitOfWork) -> Sequence[Row[Any]]:
    """Return every chatbot, the oldest first."""
    return uow.all(uow.own(t.chatbots).where(~t.chatbots.c.deleted).order_by(t.chatbots.c.id))


def rename(uow: UnitOfWork, chatbot_id: UUID, name: str) -> None:
    """Give a chatbot another name; the same name changes nothing."""
    row = get(uow, chatbot_id)
    if row.name == name.strip():
        return
    name = _require_name(uow, name, except_for=chatbot_id)
    uow.change(t.chatbot_versions, row, name=name, name_key=fold(name))
    uow.record(
        Fact(
            "chatbot.updated",
            (_target(chatbot_id, name),),
            before={"name": row.name},
            after={"name": name},
        )
    )


def delete(uow: UnitOfWork, chatbot_id: UUID) -> None:
    """End a chatbot: grants and rules that name it give nothing from now on."""
    row = get(uow, chatbot_id)
    uow.change(t.chatbot_versions, row, deleted=True)
    uow.record(Fact("chatbot.deleted", (_target(chatbot_id, row.name),)))


def hand_over(uow: UnitOfWork, from_member: UUID, to_member: UUID | None) -> int:
    """Give every chatbot of a leaving member to another; returns how many."""
    c = t.chatbots.c
    rows = uow.all(uow.own(t.chatbots).where(c.owner_id == from_member, ~c.deleted))
    for row in rows:
        uow.change(t.chatbot_versions, row, owner_id=to_member)
        uow.record(
            Fact(
                "chatbot.updated",
                (_target(row.id, row.name),),
                before={"owner_id": str(from_member)},
                after={"owner_id": str(to_member) if to_member else None},
            )
        )
    return len(rows)


def _require_name(uow: UnitOfWork, name: str, except_for: UUID | None = None) -> str:
    name = name.strip()
    if not 0 < len(name) <= NAME_LIMIT:
        raise InvalidRequest(f"A chatbot's name has 1 to {NAME_LIMIT} characters.", field="name")
    c = t.chatbots.c
    taken = uow.scalar(
        uow.own(t.chatbots, c.id).where(c.name_key == fold(name), ~c.deleted, c.id != except_for)
        if except_for
        else uow.own(t.chatbots, c.id).where(c.name_key == fold(name), ~c.deleted)
    )
    if taken is not None:
        raise AlreadyExists(f"A chatbot is called {name!r} already.", id=str(taken))
    return name


def _require_active(uow: UnitOfWork, member_id: UUID) -> None:
    state = uow.load(t.members, member_id).state
    if state == MemberState.REMOVED:
        raise NotFound("No such member.")
    if state != MemberState.ACTIVE:
        raise InvalidRequest("A new chatbot belongs to an active member.", field="owner_id")


def _owner_of_record(uow: UnitOfWork) -> UUID | None:
    m = t.members.c
    owners = uow.own(t.members, m.id).where(m.owner_of_record, m.state != MemberState.REMOVED)
    owner: UUID | None = uow.scalar(owners.order_by(m.id).limit(1))
    return owner


def _target(chatbot_id: UUID, name: str) -> Target:
    return Target("chatbot", str(chatbot_id), name)
