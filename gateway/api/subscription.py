"""What an organisation pays for: plan, seats, renewals and invoices.

Payment itself stays outside: whoever collects money confirms it here, and hears of what is due
from signed events `subscription.*`.
"""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field, StringConstraints

from gateway.api.endpoint import Endpoints, holds_or_operator
from gateway.api.models import Answer, Body, Page, Word
from gateway.api.paging import Paging
from gateway.services import invoices, organisations, subscriptions
from gateway.services.subscriptions import Standing
from gateway.storage.unit_of_work import UnitOfWork

routes = Endpoints()
PLACE = "/organisations/{organisation}/subscription"
READ = holds_or_operator("billing.read")
PAY = holds_or_operator("billing.manage")
MAX_SEATS = 10_000_000


class Wish(Body):
    """What a renewal should be reckoned with; what is left out is as it is now."""

    plan: Word | None = None
    seats: Annotated[int, Field(ge=0, le=MAX_SEATS)] | None = None


class Payment(Body):
    """A payment that was received; the same reference again changes nothing."""

    reference: Annotated[str, StringConstraints(pattern=r"^[!-~]{1,100}$")]


class Line(Answer):
    """One line of an invoice; money in integer minor units."""

    item: str = Field(
        description="`base`, `seat`, or under a plan that prorates a seat of the period that ends: "
        "`seat from 2026-01-15, 21 of 31 days`."
    )
    quantity: int
    price: int
    amount: int


class Renewal(Answer):
    """The next renewal; money in integer minor units of one currency."""

    currency: str
    amount: int
    lines: list[Line]
    renews_at: datetime | None
    seats_used: int
    seats_pending: int
    over_limit: bool


class Subscription(Answer):
    """What an organisation pays for."""

    plan: str
    state: str
    currency: str
    features: list[str]
    seat_limit: int | None
    active_members: int
    renewal: Renewal


class Invoice(Answer):
    """What was asked for; money in integer minor units of one currency."""

    id: UUID
    number: int
    state: str
    plan: str
    currency: str
    lines: list[Line]
    total: int
    period_start: datetime
    period_end: datetime | None
    issued_at: datetime
    due_at: datetime
    paid_at: datetime | None
    reference: str | None


class PrintableInvoice(Invoice):
    """An invoice, and the same as a page of HTML."""

    html: str


@routes.endpoint(f"GET {PLACE}", READ, tagged=True)
def read(uow: UnitOfWork) -> Subscription:
    """Read plan, state, features, seats, and what the next renewal costs."""
    row = organisations.get(uow)
    return Subscription(
        plan=row.plan,
        state=row.subscription_state,
        currency=row.currency,
        features=row.features,
        seat_limit=row.seat_limit,
        active_members=row.active_members,
        renewal=_shown(subscriptions.standing(uow)),
    )


@routes.endpoint(f"POST {PLACE}:preview", READ)
def preview(uow: UnitOfWork, body: Wish) -> Renewal:
    """Reckon the next renewal, with another plan or number of seats where they are named."""
    return _shown(subscriptions.standing(uow, body.plan, body.seats))


@routes.endpoint(f"POST {PLACE}:renew", PAY)
def renew(uow: UnitOfWork, body: Payment) -> Subscription:
    """Confirm a payment; everything that had ended for want of it goes on as it was.

    The oldest unpaid invoice is paid. After an end a new period begins and is invoiced.
    """
    subscriptions.renew(uow, body.reference)
    return read(uow)


@routes.endpoint(f"POST {PLACE}:expire", PAY)
def expire(uow: UnitOfWork) -> Subscription:
    """End the subscription now: chatbots close, and memberships and grants stay."""
    subscriptions.expire(uow)
    return read(uow)


@routes.endpoint("GET /organisations/{organisation}/invoices", READ)
def list_invoices(uow: UnitOfWork, page: Paging) -> Page[Invoice]:
    """List invoices, the oldest first."""
    return page.page(invoices.listing(uow, page.after, page.fetch), Invoice.model_validate)


@routes.endpoint("GET /organisations/{organisation}/invoices/{invoice}", READ)
def read_invoice(uow: UnitOfWork, invoice: UUID) -> PrintableInvoice:
    """Read an invoice, and the page to print."""
    row = invoices.get(uow, invoice)
    shown = Invoice.model_validate(row).model_dump()
    return PrintableInvoice(**shown, html=invoices.page(row, organisations.get(uow).name))


def _shown(standing: Standing) -> Renewal:
    return Renewal.model_validate(standing)
