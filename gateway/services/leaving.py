"""What goes with a member: looked at before, given to whoever is named, and proved gone."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, and_, func, select

from gateway.domain.errors import InvalidRequest, NotEligible
from gateway.domain.memberships import MemberState
from gateway.services import (
    access,
    acting,
    chatbots,
    conversations,
    eligibility,
    members,
    successors,
)
from gateway.storage import tables as t
from gateway.storage.unit_of_work import UnitOfWork

SHOWN = 200
"""Most conversations that a preview names."""


class Taker(StrEnum):
    """Where conversations go when somebody ceases to answer them."""

    QUEUE = "queue"
    MEMBER = "member"
    TEAM = "team"


@dataclass(frozen=True, slots=True)
class Disposition:
    """Who gets what a member owned and answered; without a name it goes the usual way.

    Chatbots go to an owner of record, conversations to the queue that they came from.
    """

    resources_to: UUID | None = None
    conversations: Taker = Taker.QUEUE
    conversations_to: UUID | None = None


USUAL = Disposition()


@dataclass(frozen=True, slots=True)
class Chatbot:
    """A chatbot that a member owns."""

    id: UUID
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Belongings:
    """Everything live that hangs on a membership; of the conversations at most 200 are named.

    `nominations` are the connections that would make the member owner; where nobody else could
    be, `alone_succeeds`, and by hand the member stays.
    """

    member_id: UUID
    state: str
    removed_at: datetime | None
    owned_chatbots: list[Chatbot]
    conversations: Sequence[Row[Any]]
    open_conversations: int
    sessions: int
    api_keys: int
    grants: int
    team_seats: int
    has_access: bool
    nominations: Sequence[successors.Nomination]
    alone_succeeds: bool


def belongings(uow: UnitOfWork, member_id: UUID) -> Belongings:
    """Return what ends with the membership; for one that has ended, nothing is left.

    :raises NotFound: no such member.
    """
    member = members.get(uow, member_id)
    c = t.chatbots.c
    owned = uow.all(
        uow.own(t.chatbots, c.id, c.name).where(c.owner_id == member_id, ~c.deleted).order_by(c.id)
    )
    counts = {
        "sessions": uow.own(t.session_proofs, func.count()).where(
            t.session_proofs.c.member_id == member_id, t.session_proofs.c.revoked_at.is_(None)
        ),
        "api_keys": uow.own(t.api_keys, func.count()).where(
            t.api_keys.c.member_id == member_id, t.api_keys.c.revoked_at.is_(None)
        ),
        "grants": uow.own(t.grants, func.count()).where(
            t.grants.c.member_id == member_id, t.grants.c.valid_to.is_(None)
        ),
        "team_seats": uow.own(t.team_seats, func.count()).where(
            t.team_seats.c.member_id == member_id, t.team_seats.c.valid_to.is_(None)
        ),
    }
    answered = conversations.open_of(uow, member_id)
    return Belongings(
        member_id=member_id,
        state=member.state,
        removed_at=member.removed_at,
        owned_chatbots=[Chatbot(row.id, row.name) for row in owned],
        conversations=answered[:SHOWN],
        open_conversations=len(answered),
        has_access=access.effective(uow, member_id).standing is None,
        nominations=successors.nominations(uow).get(member_id, ()),
        alone_succeeds=successors.alone_succeeds(uow, member_id),
        **{name: int(uow.scalar(query)) for name, query in counts.items()},
    )


def require_fulfillable(uow: UnitOfWork, member_id: UUID, wanted: Disposition) -> None:
    """Refuse a disposition that could not be carried out as things stand.

    :raises InvalidRequest: it contradicts itself, or names nobody who could own chatbots.
    :raises NotEligible: whoever is named cannot take the conversations.
    :raises NotPermitted: the author may not assign conversations.
    """
    if wanted.resources_to is not None and not _is_another(uow, member_id, wanted.resources_to):
        raise InvalidRequest("Name another active member.", field="resources_to", place="query")
    to = wanted.conversations_to
    if (to is None) != (wanted.conversations is Taker.QUEUE):
        raise InvalidRequest(
            "A member or team is named for the conversations; the queue has no name.",
            field="conversations_to",
            place="query",
        )
    if to is None:
        return
    acting.require_atom(uow, "conversations.assign")
    if wanted.conversations is Taker.TEAM:
        eligibility.require_team(uow, to, but=member_id)
        return
    if not _is_another(uow, member_id, to):
        raise NotEligible("Name another active member.", lacking=["active"])
    for row in conversations.open_of(uow, member_id):
        eligibility.require(uow, to, row)


def remove(uow: UnitOfWork, member_id: UUID, wanted: Disposition = USUAL) -> None:
    """Remove a member, and give what they own and answer to whoever is named.

    Refuses as `members.remove` and `require_fulfillable` do.
    """
    acting.require_may_change(uow, members.get_present(uow, member_id))
    _end(uow, member_id, wanted, members.remove)


def leave(uow: UnitOfWork, member_id: UUID, wanted: Disposition = USUAL) -> None:
    """End one's own membership, and give what one owns and answers to whoever is named.

    Refuses as `members.leave` and `require_fulfillable` do.
    """
    members.require_may_leave(uow, member_id)
    _end(uow, member_id, wanted, members.leave)


def deactivate(uow: UnitOfWork, member_id: UUID, wanted: Disposition = USUAL) -> None:
    """Deactivate a member, and give what they answer to whoever is named; chatbots stay theirs.

    Refuses as `members.deactivate` and `require_fulfillable` do.
    """
    acting.require_may_change(uow, members.get_present(uow, member_id))
    _end(uow, member_id, wanted, members.deactivate)


def _end(
    uow: UnitOfWork,
    member_id: UUID,
    wanted: Disposition,
    verb: Callable[[UnitOfWork, UUID], None],
) -> None:
    require_fulfillable(uow, member_id, wanted)
    if wanted.resources_to is not None:
        chatbots.hand_over(uow, member_id, wanted.resources_to)
    answered = conversations.open_of(uow, member_id)
    verb(uow, member_id)
    if wanted.conversations_to is None:
        return
    give = (
        conversations.move_to_team if wanted.conversations is Taker.TEAM else conversations.assign
    )
    for row in answered:
        give(uow, row.id, wanted.conversations_to)


def _is_another(uow: UnitOfWork, member_id: UUID, heir_id: UUID) -> bool:
    heir = uow.find(t.members, id=heir_id)
    return heir is not None and heir_id != member_id and heir.state == MemberState.ACTIVE


@dataclass(frozen=True, slots=True)
class Given:
    """How many conversations went to one taker."""

    to: Taker
    id: UUID | None
    count: int


@dataclass(frozen=True, slots=True)
class GivenChatbot:
    """A chatbot with the owner that it was given to."""

    id: UUID
    name: str
    owner_id: UUID | None


@dataclass(frozen=True, slots=True)
class HandedOver:
    """What others got when a member was last deactivated or removed."""

    at: datetime
    conversations: list[Given]
    chatbots: list[GivenChatbot]


def handed_over(uow: UnitOfWork, member_id: UUID) -> HandedOver | None:
    """Return who got what when the member last went; None while the audit tells of no going."""
    gone = _events(uow, member_id, "member.removed", "member.deactivated")
    if not gone:
        return None
    at: datetime = gone[-1].occurred_at
    return HandedOver(at, _given(uow, member_id, at), _given_chatbots(uow, member_id, at))


def _given(uow: UnitOfWork, member_id: UUID, at: datetime) -> list[Given]:
    """Return where the conversations went in the unit of that instant; its last word counts."""
    e = t.audit_events.c
    returned = [
        row for row in _events(uow, member_id, "conversation.returned") if row.occurred_at == at
    ]
    went: dict[str, tuple[Taker, str | None]] = {
        row.targets[0]["id"]: (Taker.QUEUE, None) for row in returned
    }
    moved = uow.own(t.audit_events).where(
        e.occurred_at == at, e.action.in_(("conversation.assigned", "conversation.moved"))
    )
    for row in uow.all(moved.order_by(e.position)) if went else ():
        conversation, taker = (target["id"] for target in row.targets)
        if conversation in went:
            to_team = row.action == "conversation.moved"
            went[conversation] = (Taker.TEAM if to_team else Taker.MEMBER, taker)
    return [
        Given(to, UUID(taker) if taker else None, count)
        for (to, taker), count in Counter(went.values()).items()
    ]


def _given_chatbots(uow: UnitOfWork, member_id: UUID, at: datetime) -> list[GivenChatbot]:
    c, then = t.chatbots.c, t.chatbot_versions.history
    before, after = then.alias("before"), then.alias("after")
    rows = uow.all(
        uow.own(t.chatbots, c.id, c.name, after.c.owner_id)
        .join(before, _same_chatbot(before))
        .join(after, _same_chatbot(after))
        .where(
            before.c.valid_to == at,
            before.c.owner_id == member_id,
            after.c.valid_from == at,
        )
        .order_by(c.id)
    )
    return [GivenChatbot(row.id, row.name, row.owner_id) for row in rows]


def _same_chatbot(then: Any) -> ColumnElement[bool]:
    c = t.chatbots.c
    return and_(then.c.organisation_id == c.organisation_id, then.c.id == c.id)


def _events(uow: UnitOfWork, member_id: UUID, *actions: str) -> Sequence[Row[Any]]:
    e, x = t.audit_events.c, t.audit_targets.c
    same = and_(e.organisation_id == x.organisation_id, e.id == x.event_id)
    return uow.all(
        select(t.audit_events)
        .join_from(t.audit_targets, t.audit_events, same)
        .where(
            x.organisation_id == uow.organisation_id,
            x.target_id == member_id,
            e.action.in_(actions),
        )
        .order_by(e.occurred_at, e.position)
    )
