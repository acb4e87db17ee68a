"""Who is in an organisation: lists and single members, with what they may do."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Row, or_

from gateway.domain.memberships import MemberState
from gateway.domain.text import fold
from gateway.storage import tables as t
from gateway.storage.unit_of_work import UnitOfWork

PAGE_LIMIT = 201
"""The largest page, and the one row more that tells whether the list goes on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which members a list shows; None leaves a filter out, removed ones only on request.

    `text` is looked for in names and addresses, whatever the case.
    """

    state: MemberState | None = None
    role_id: UUID | None = None
    source: str | None = None
    managed_by: UUID | None = None
    text: str | None = None


def listing(
    uow: UnitOfWork, wanted: Wanted, after: UUID | None = None, limit: int = 50
) -> Sequence[Row[Any]]:
    """Return members in the order of joining, at most `limit` after the member `after`."""
    m = t.members.c
    query = uow.own(t.members)
    if wanted.state is None:
        query = query.where(m.state != MemberState.REMOVED)
    filters = {
        "state": wanted.state,
        "effective_role_id": wanted.role_id,
        "source": wanted.source,
        "managed_by": wanted.managed_by,
    }
    for name, value in filters.items():
        if value is not None:
            query = query.where(m[name] == value)
    if wanted.text:
        needle = fold(wanted.text.strip())
        query = query.where(
            or_(
                m.name_key.contains(needle, autoescape=True),
                m.email_key.contains(needle, autoescape=True),
            )
        )
    if after is not None:
        query = query.where(m.id > after)
    return uow.all(query.order_by(m.id).limit(min(limit, PAGE_LIMIT)))
