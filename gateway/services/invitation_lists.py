"""Lists of invitations, in several orders and behind several filters."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from sqlalchemy import ColumnElement, and_, or_

from gateway.domain.invitations import InvitationState
from gateway.domain.text import fold
from gateway.services import walks
from gateway.services.walks import Filter, Mark, Step, Stretch, Walk
from gateway.storage import tables as t
from gateway.storage.holding import holds
from gateway.storage.unindexed import unindexed
from gateway.storage.unit_of_work import UnitOfWork

Order = Literal["created", "expires", "email"]
INVITATION = t.invitations.c


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which invitations a list shows; None leaves a filter out.

    `text` is looked for in addresses, whatever the case.
    """

    state: InvitationState | None = None
    role_id: UUID | None = None
    delivery: str | None = None
    text: str | None = None
    order: Order = "created"
    descending: bool = False


def listing(
    uow: UnitOfWork, wanted: Wanted, after: Mark | None = None, limit: int = 50
) -> Sequence[Step]:
    """Return invitations in an order, at most `limit` after a mark."""
    walk = Walk(
        table=t.invitations,
        stretches=_stretches(wanted.order),
        filters=list(_filters(uow, wanted)),
        descending=wanted.descending,
    )
    return walks.page(uow, walk, after, limit)


def _stretches(order: Order) -> Sequence[Stretch]:
    if order == "created":
        return [Stretch("created")]  # ids grow with time
    return walks.by_column(INVITATION.email_key if order == "email" else INVITATION.expires_at)


def _filters(uow: UnitOfWork, wanted: Wanted) -> Iterator[Filter]:
    mine = uow.own(t.invitations, INVITATION.id)
    if wanted.state is not None:
        found, asked = (
            _is(wanted.state, uow, column)
            for column in (INVITATION.state, unindexed(INVITATION.state))
        )
        yield Filter(mine.where(found), asked)
    if wanted.role_id is not None:
        yield walks.equals(uow, INVITATION.role_id, wanted.role_id)
    if wanted.delivery is not None:
        yield walks.equals(uow, INVITATION.delivery, wanted.delivery)
    if wanted.text:
        addressed = holds(INVITATION.email_key, fold(wanted.text.strip()))
        yield Filter(mine.where(addressed), addressed)


def _is(state: InvitationState, uow: UnitOfWork, column: ColumnElement[str]) -> ColumnElement[bool]:
    """Whether an invitation is in a state now: time alone ends a pending one."""
    pending = column == str(InvitationState.PENDING)
    if state is InvitationState.PENDING:
        return and_(pending, INVITATION.expires_at > uow.now)
    if state is InvitationState.EXPIRED:
        return or_(column == str(state), and_(pending, INVITATION.expires_at <= uow.now))
    return column == str(state)
