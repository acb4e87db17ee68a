"""The audit as it is read: found, paged, and proved unbroken."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, Select, and_, func, or_, select

from gateway.domain.events import Target
from gateway.services.sealing import GENESIS, link
from gateway.storage import tables as t
from gateway.storage.facts import content_hash, details_digest
from gateway.storage.unit_of_work import UnitOfWork

BATCH = 500
"""Events that a verification reads at a time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """Which events are wanted; what is None is not asked for."""

    action: str | None = None
    """An action such as `member.deactivated`, or a family such as `member.`."""
    actor_type: str | None = None
    actor_id: str | None = None
    actor_ids: Sequence[str] = ()
    """Any of several actors, such as a member and the keys of theirs."""
    involved: Sequence[str] = ()
    """Any of several ids, as whoever acted or as what it was done to."""
    target_ids: Sequence[UUID] = ()
    """All of several targets."""
    outcome: str | None = None
    since: datetime | None = None
    """First instant that is wanted."""
    until: datetime | None = None
    """First instant that no longer is."""


@dataclass(frozen=True, slots=True)
class EventActor:
    """Who did it; the name is gone once erased."""

    type: str
    id: str
    name: str | None


@dataclass(frozen=True, slots=True)
class EventContext:
    """Where it came from."""

    request_id: str
    ip: str | None
    user_agent: str | None
    connection: str | None
    cause: str | None


@dataclass(frozen=True, slots=True)
class Event:
    """One event of the audit; `seq` and the hashes are None until it is sealed."""

    id: UUID
    seq: int | None
    organisation: UUID
    occurred_at: datetime
    action: str
    actor: EventActor
    targets: Sequence[Target]
    context: EventContext
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    outcome: str
    prev_hash: str | None
    hash: str | None


@dataclass(frozen=True, slots=True)
class Break:
    """The first place where the audit is not what was written."""

    seq: int | None
    event_id: UUID | None
    reason: str


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Where what is left of the audit begins: so many events were dropped by age."""

    dropped: int
    hash: str
    until: datetime
    """When the last one of them happened."""
    at: datetime
    """When it was dropped."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a verification found: `first_break` is None for an unbroken audit."""

    sealed: int
    unsealed: int
    first_break: Break | None
    checkpoint: Checkpoint | None = None
    erased: int = 0
    """Events of which names were erased; they are proved by the digest that was kept."""


def listing(
    uow: UnitOfWork,
    filters: Filters,
    after: tuple[datetime, UUID] | None = None,
    limit: int = 50,
) -> list[Event]:
    """Return the events that fit, the newest first, sealed or not; at most `limit`.

    A page goes on `after` the instant and id of the last event of the one before.
    """
    rows = t.audit_events.c
    wanted = _with_details(uow).where(*_conditions(filters))
    if after is not None:
        instant, event_id = after
        older = and_(rows.occurred_at == instant, rows.id < event_id)
        # The first condition says nothing new: by it PostgreSQL begins in the index where it is.
        wanted = wanted.where(rows.occurred_at <= instant, or_(rows.occurred_at < instant, older))
    wanted = wanted.order_by(rows.occurred_at.desc(), rows.id.desc()).limit(limit)
    return [_event(row) for row in uow.all(wanted)]


def verify(uow: UnitOfWork, on_progress: Callable[[int, int], None] | None = None) -> Verdict:
    """Recompute every content hash and every link, and say where the first break is.

    Begins at the checkpoint behind which retention dropped events, if there is one. Wants a unit
    whose statements see one instant (`work.snapshot`). `on_progress` hears how many of how many
    events are done.
    """
    total = int(uow.scalar(uow.own(t.audit_events, func.count())) or 0)
    chain = uow.one(uow.own(t.chains))
    checkpoint = _checkpoint(chain)
    start, head = (checkpoint.dropped, checkpoint.hash) if checkpoint else (0, GENESIS)
    seq, done, erased = start, 0, 0
    for row in _in_order(uow):
        found = _content_break(row)
        if row.seq is not None:
            found = found or _link_break(row, seq + 1, head)
            seq, head = row.seq, row.hash
        if found:
            return Verdict(seq - start, total - seq + start, found, checkpoint)
        done, erased = done + 1, erased + (row.digest is not None)
        if on_progress is not None and done % BATCH == 0:
            on_progress(done, total)
    if on_progress is not None:
        on_progress(done, total)
    expected = (chain.audit_seq, chain.audit_hash) if chain is not None else (0, GENESIS)
    lost = None
    if (seq, head) != expected:
        lost = Break(seq + 1, None, f"the chain ends at {seq}; {expected[0]} events were sealed")
    return Verdict(seq - start, done - seq + start, lost, checkpoint, erased)


def actors_of(uow: UnitOfWork, member_id: UUID) -> tuple[str, ...]:
    """Return the ids under which a member acts: their own, and those of their keys."""
    k = t.api_keys.c
    keys = uow.all(uow.own(t.api_keys, k.id).where(k.member_id == member_id))
    return str(member_id), *(str(row.id) for row in keys)


def _checkpoint(chain: Row[Any] | None) -> Checkpoint | None:
    if chain is None or not chain.checkpoint_seq:
        return None
    return Checkpoint(
        chain.checkpoint_seq, chain.checkpoint_hash, chain.checkpoint_until, chain.checkpoint_at
    )


def _by_actor(filters: Filters) -> Iterator[ColumnElement[bool]]:
    rows = t.audit_events.c
    if filters.actor_type is not None:
        yield rows.actor_type == filters.actor_type
    if filters.actor_id is not None:
        yield rows.actor_id == filters.actor_id
    if filters.actor_ids:
        yield rows.actor_id.in_(filters.actor_ids)


def _by_target(filters: Filters) -> Iterator[ColumnElement[bool]]:
    rows, targets = t.audit_events.c, t.audit_targets.c
    named = select(targets.event_id).where(targets.organisation_id == rows.organisation_id)
    for target_id in filters.target_ids:
        yield rows.id.in_(named.where(targets.target_id == target_id))
    if filters.involved:
        ids = [UUID(each) for each in filters.involved]
        touched = rows.id.in_(named.where(targets.target_id.in_(ids)))
        yield or_(rows.actor_id.in_(filters.involved), touched)


def _conditions(filters: Filters) -> Iterator[ColumnElement[bool]]:
    rows = t.audit_events.c
    if filters.action is not None:
        family = filters.action.endswith(".")
        yield (
            rows.action.startswith(filters.action, autoescape=True)
            if family
            else rows.action == filters.action
        )
    yield from _by_actor(filters)
    yield from _by_target(filters)
    if filters.outcome is not None:
        yield rows.outcome == filters.outcome
    if filters.since is not None:
        yield rows.occurred_at >= filters.since
    if filters.until is not None:
        yield rows.occurred_at < filters.until


def _with_details(uow: UnitOfWork) -> Select[Any]:
    events, details = t.audit_events, t.audit_details
    same = and_(
        details.c.organisation_id == events.c.organisation_id, details.c.event_id == events.c.id
    )
    return (
        select(*events.c, details.c.salt, details.c.details, details.c.digest)
        .join_from(events, details, same, isouter=True)
        .where(events.c.organisation_id == uow.organisation_id)
    )


def _event(row: Row[Any]) -> Event:
    details = row.details or {}
    names = details.get("target_names") or [None] * len(row.targets)
    return Event(
        id=row.id,
        seq=row.seq,
        organisation=row.organisation_id,
        occurred_at=row.occurred_at,
        action=row.action,
        actor=EventActor(row.actor_type, row.actor_id, details.get("actor_name")),
        targets=[
            Target(target["type"], target["id"], name)
            for target, name in zip(row.targets, names, strict=True)
        ],
        context=EventContext(
            request_id=row.context["request_id"],
            ip=details.get("ip"),
            user_agent=details.get("user_agent"),
            connection=row.context["connection"],
            cause=row.context["cause"],
        ),
        before=row.before,
        after=row.after,
        outcome=row.outcome,
        prev_hash=row.prev_hash,
        hash=row.hash,
    )


def _in_order(uow: UnitOfWork) -> Iterator[Row[Any]]:
    """Yield the sealed events along the chain, then the unsealed ones."""
    rows = t.audit_events.c
    seq = 0
    while batch := uow.all(
        _with_details(uow).where(rows.seq > seq).order_by(rows.seq).limit(BATCH)
    ):
        yield from batch
        seq = batch[-1].seq
    yield from uow.all(_with_details(uow).where(rows.seq.is_(None)).order_by(rows.id))


def _content_break(row: Row[Any]) -> Break | None:
    if row.details is None:
        return Break(row.seq, row.id, "its details are gone")
    digest = row.digest or details_digest(row.salt, row.details)
    said = content_hash(dict(row._mapping), digest)
    if said != row.content_hash:
        return Break(row.seq, row.id, "its content is not what was written")
    return None


def _link_break(row: Row[Any], seq: int, head: str) -> Break | None:
    if row.seq != seq:
        return Break(seq, None, "an event is missing")
    if row.prev_hash != head:
        return Break(row.seq, row.id, "it does not follow the event before it")
    if row.hash != link(row.seq, head, row.content_hash):
        return Break(row.seq, row.id, "its hash is not that of its content and place")
    return None
