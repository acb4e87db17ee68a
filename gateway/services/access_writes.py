"""New access of members who are alike, stored and told by two statements however many they are.

What differs from one to the next is filled in by the database, so that a document of a kilobyte
crosses to it once, and ten thousand consequences hold the organisation's lock for a moment.
"""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    String,
    TableValuedAlias,
    Text,
    cast,
    func,
    insert,
    literal,
    select,
    type_coerce,
    update,
)

from gateway.domain.events import Fact
from gateway.services.alike import EPOCH, GRANT, MEMBER, PERSON
from gateway.storage import tables as t
from gateway.storage.facts import feed_payload
from gateway.storage.listed import id_at, listed, text_at
from gateway.storage.types import JSONText, UTCDateTime, canonical
from gateway.storage.unit_of_work import UnitOfWork

M = t.members.c
Change = tuple[UUID, UUID | None]
"""A member, and the grant that gives the role if there is exactly one."""


def write(uow: UnitOfWork, changes: Sequence[Change], document: str, told: Fact) -> None:
    """Store the document that these members share, bump their epochs, and tell each of them.

    In place of each one's own, the document has `MEMBER` and `GRANT`, and `told` has `MEMBER`,
    `PERSON` and `EPOCH`.
    """
    rows = listed([(member, grant, uow.new_id()) for member, grant in changes])
    own = {MEMBER: text_at(rows, 0), GRANT: text_at(rows, 1)}
    uow.apply(
        update(t.members)
        .where(_is_named(uow, rows))
        .values(access_epoch=M.access_epoch + 1, access_document=_filled(document, own))
    )
    entries = _entries(uow, rows, told)
    uow.record_many(
        told.action,
        len(changes),
        insert(t.outbox).from_select(
            list(entries),
            select(*entries.values()).select_from(rows.join(t.members, _is_named(uow, rows))),
        ),
    )


def _is_named(uow: UnitOfWork, rows: TableValuedAlias) -> ColumnElement[bool]:
    return (M.organisation_id == uow.organisation_id) & (M.id == id_at(rows, 0))


def _entries(
    uow: UnitOfWork, rows: TableValuedAlias, told: Fact
) -> Mapping[str, ColumnElement[Any]]:
    """Return the columns of the feed's entries; the epochs are those just stored."""
    payload = canonical(feed_payload(told)).replace(canonical(EPOCH), EPOCH)
    for mark in (MEMBER, PERSON):
        payload = payload.replace(canonical(mark)[1:-1], mark)
    own: dict[str, ColumnElement[Any]] = {
        MEMBER: text_at(rows, 0),
        PERSON: cast(M.person_id, String),
        EPOCH: cast(M.access_epoch, String),
    }
    now = literal(uow.now, UTCDateTime())
    return {
        "organisation_id": M.organisation_id,
        "id": id_at(rows, 2),
        "channel": literal("feed"),
        "type": literal(told.action),
        "payload": _filled(payload, own),
        "created_at": now,
        "position": literal(uow.position),
        "due_at": now,
    }


def _filled(template: str, values: Mapping[str, ColumnElement[Any]]) -> ColumnElement[Any]:
    text: ColumnElement[Any] = cast(literal(template), Text)
    for mark, value in values.items():
        text = func.replace(text, mark, value, type_=Text())
    return type_coerce(text, JSONText())
