"""Successors: whom connections nominate to own the organisation once its owner is taken away."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from gateway.domain.errors import OwnershipTransferDisabled, SuccessorRequired
from gateway.domain.memberships import MemberState
from gateway.services import attention, break_glass, terms
from gateway.storage import tables as t
from gateway.storage.unit_of_work import Record, UnitOfWork


@dataclass(frozen=True, slots=True)
class Nomination:
    """A live connection that names somebody as successor."""

    connection_id: UUID
    connection_name: str


def exist(uow: UnitOfWork, *, but: UUID | None = None) -> bool:
    """Whether a live connection names somebody, other than one member, who may inherit."""
    others = nominations(uow).keys() - {but}
    return terms.current(uow).ownership_may_pass and any(_fits(uow, each) for each in others)


def nominations(uow: UnitOfWork) -> Mapping[UUID, Sequence[Nomination]]:
    """Return by member which live connections name them; nothing is read that is remembered."""
    return uow.remembered("nominations", lambda: _nominations(uow))


def require(uow: UnitOfWork, successor_id: object) -> None:
    """Somebody active whom no identity provider manages, and who is no owner already.

    Where a break-glass owner can always come in, nobody need be named; where ownership stays with
    the creator, nobody can be.

    :raises SuccessorRequired: nobody fit is named. :raises OwnershipTransferDisabled: somebody is.
    """
    may_pass = terms.current(uow).ownership_may_pass
    if successor_id is not None and not may_pass:
        raise OwnershipTransferDisabled("Ownership stays with the creator; nobody succeeds.")
    if successor_id is None and break_glass.exist(uow):
        return
    if not may_pass:
        raise SuccessorRequired(
            "Ownership stays with the creator: appoint them as break-glass owner first.",
            levers=("Appoint the owner, with two factors, as break-glass owner.",),
        )
    if not isinstance(successor_id, UUID) or not _fits(uow, successor_id):
        raise SuccessorRequired(
            "Name an active member, managed by hand and not an owner, to succeed the owner, or"
            " appoint a break-glass owner.",
            levers=(
                "Add a member by hand and name them as successor_id.",
                "Appoint an owner with two factors as break-glass owner.",
            ),
        )


def alone_succeeds(uow: UnitOfWork, member_id: UUID) -> bool:
    """Whether nobody but this member could keep the organisation if its owner were taken away."""
    return (
        member_id in nominations(uow)
        and terms.current(uow).ownership_may_pass
        and _fits(uow, member_id)
        and not break_glass.exist(uow)
        and not exist(uow, but=member_id)
    )


def require_another(uow: UnitOfWork, member: Record | Row[Any]) -> None:
    """Refuse, by hand, to take away whom alone the organisation could be left to.

    :raises SuccessorRequired: live connections nominate nobody else, and there is no break-glass
        owner.
    """
    if alone_succeeds(uow, member.id):
        raise SuccessorRequired(
            "This member is nominated to succeed the owner, and nobody else could.",
            levers=(
                "Name another successor in the connection first.",
                "Appoint an owner with two factors as break-glass owner.",
            ),
            connections=[str(each.connection_id) for each in nominations(uow)[member.id]],
        )


def mind_gone(uow: UnitOfWork, member: Record | Row[Any]) -> None:
    """Have the admins of connections that nominate a member see that they succeed nobody now."""
    for each in nominations(uow).get(member.id, ()):
        attention.note(uow, each.connection_id, "successor_gone", member.display_name, {})


def _nominations(uow: UnitOfWork) -> dict[UUID, list[Nomination]]:
    c = t.connections.c
    named = uow.own(t.connections, c.id, c.name, c.successor_id).where(
        c.state == "active", c.successor_id.is_not(None)
    )
    found: dict[UUID, list[Nomination]] = {}
    for row in uow.all(named.order_by(c.id)):
        found.setdefault(row.successor_id, []).append(Nomination(row.id, row.name))
    return found


def _fits(uow: UnitOfWork, successor_id: UUID) -> bool:
    m = t.members.c
    fit = uow.own(t.members, m.id).where(
        m.id == successor_id,
        m.state == MemberState.ACTIVE,
        m.managed_by.is_(None),
        ~m.owner_of_record,
        ~m.admin_hold,
    )
    return uow.one(fit) is not None
