"""Exports of the audit and the login history: an audited act, and rows read batch by batch.

No unit stays open while the reader takes its time, and no more than a batch is in memory.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import select

from gateway.domain.events import Fact
from gateway.domain.exports import Format, csv_lines, json_lines, plain
from gateway.services import audit, login_history, terms
from gateway.storage import tables as t
from gateway.storage.unit_of_work import UnitOfWork, Work

BATCH = 500
"""Rows that are read and written out at a time."""


class Kind(StrEnum):
    """What can be exported."""

    AUDIT = "audit"
    LOGIN_HISTORY = "login_history"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is exported in which form."""

    kind: Kind
    form: Format
    filters: audit.Filters


@dataclass(frozen=True, slots=True)
class Download:
    """A file that is written while it is read; whoever takes it has been recorded."""

    media_type: str
    filename: str
    chunks: Iterable[bytes]


def begin(uow: UnitOfWork, work: Work, wanted: Wanted) -> Download:
    """Record that somebody exports, and return the file, the newest row first.

    What is recorded while it is being read is not in it.
    """
    o = t.organisations.c
    slug = uow.scalar(select(o.slug).where(o.id == uow.organisation_id))
    said = {
        field.name: plain(value)
        for field in fields(wanted.filters)
        if (value := getattr(wanted.filters, field.name))
    }
    after = {"what": str(wanted.kind), "format": str(wanted.form), "filters": said}
    uow.record(Fact("audit.exported", (terms.organisation(uow),), after=after))
    stamp = uow.now.strftime("%Y%m%dT%H%M%SZ")
    return Download(
        media_type=wanted.form.media_type,
        filename=f"{wanted.kind.replace('_', '-')}-{slug}-{stamp}.{wanted.form}",
        chunks=_chunks(work, uow.organisation_id, wanted),
    )


def _chunks(work: Work, organisation_id: UUID, wanted: Wanted) -> Iterator[bytes]:
    columns, cells, listing = _TABLES[wanted.kind]
    if wanted.form is Format.CSV:
        yield csv_lines([columns]).encode()
    after: tuple[datetime, UUID] | None = None
    while True:
        with work.read(organisation_id) as uow:
            batch = listing(uow, wanted.filters, after, BATCH)
        if batch:
            yield _written(wanted.form, cells, batch).encode()
        if len(batch) < BATCH:
            return
        after = (batch[-1].occurred_at, batch[-1].id)


def _written(form: Format, cells: Callable[[Any], Iterable[object]], batch: Sequence[Any]) -> str:
    if form is Format.CSV:
        return csv_lines(cells(each) for each in batch)
    return json_lines(asdict(each) for each in batch)


def _event_cells(event: audit.Event) -> Iterable[object]:
    actor, context = event.actor, event.context
    targets = [asdict(target) for target in event.targets]
    return (
        event.id,
        event.seq,
        event.occurred_at,
        event.action,
        event.outcome,
        actor.type,
        actor.id,
        actor.name,
        targets,
        context.request_id,
        context.ip,
        context.user_agent,
        context.connection,
        context.cause,
        event.before,
        event.after,
        event.prev_hash,
        event.hash,
    )


_EVENT_COLUMNS = (
    "id",
    "seq",
    "occurred_at",
    "action",
    "outcome",
    "actor_type",
    "actor_id",
    "actor_name",
    "targets",
    "request_id",
    "ip",
    "user_agent",
    "connection",
    "cause",
    "before",
    "after",
    "prev_hash",
    "hash",
)
_SIGN_IN_COLUMNS = tuple(field.name for field in fields(login_history.SignIn))


def _sign_in_cells(sign_in: login_history.SignIn) -> Iterable[object]:
    return (getattr(sign_in, name) for name in _SIGN_IN_COLUMNS)


_TABLES: dict[Kind, tuple[Sequence[str], Callable[[Any], Iterable[object]], Any]] = {
    Kind.AUDIT: (_EVENT_COLUMNS, _event_cells, audit.listing),
    Kind.LOGIN_HISTORY: (_SIGN_IN_COLUMNS, _sign_in_cells, login_history.listing),
}
