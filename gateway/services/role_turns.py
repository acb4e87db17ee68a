"""Roles that follow an identity provider's groups: derived afresh, and told to whom they change.

Somebody who has never been here is told nothing: they are still being provisioned, and know no
role of theirs that could change.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, select

from gateway.services import access, funnel, notices
from gateway.storage import tables as t
from gateway.storage.among import among
from gateway.storage.unit_of_work import UnitOfWork


def follow_groups(uow: UnitOfWork, member_ids: Iterable[UUID]) -> None:
    """Derive the access of members whose groups changed; who has another role is mailed so."""

    def tell(
        members: Sequence[UUID], before: Mapping[str, Any], document: Mapping[str, Any]
    ) -> None:
        role, was = document["role"], before["role"]
        if document["standing"] is None and (was is None or was["id"] != role["id"]):
            _tell(uow, members, UUID(role["id"]))

    funnel.recompute(uow, member_ids, tell)


def _tell(uow: UnitOfWork, members: Sequence[UUID], role_id: UUID) -> None:
    known = [row for row in _rows(uow, members) if row.last_active_at is not None]
    names = {role.id: role.name for role in access.roles_at(uow)}
    notices.role_changed(uow, known, names[role_id])


def _rows(uow: UnitOfWork, members: Sequence[UUID]) -> Sequence[Any]:
    if len(members) == 1:  # read by the funnel
        return [uow.load(t.members, members[0])]
    return uow.all(_KNOWN, organisation=uow.organisation_id, ids=members)


_M = t.members.c
_KNOWN = (
    select(_M.id, _M.email, _M.last_active_at)
    .where(
        _M.organisation_id == bindparam("organisation"),
        among(_M.id, "ids"),
        _M.last_active_at.is_not(None),
    )
    .order_by(_M.id)
)
