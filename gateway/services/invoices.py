"""Invoices: what an organisation was asked to pay, as records that never change but for payment."""

from collections.abc import Sequence
from datetime import datetime
from html import escape
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, func, select

from gateway.domain.events import Fact, Target
from gateway.domain.plans import Line
from gateway.services import terms
from gateway.storage import tables as t
from gateway.storage.unit_of_work import Record, UnitOfWork

OPEN, PAID, VOID = "open", "paid", "void"
TABLE = t.invoices


def issue(
    uow: UnitOfWork,
    lines: Sequence[Line],
    period: tuple[datetime, datetime | None],
    due_at: datetime,
) -> UUID:
    """Write the next invoice, in the currency of the subscription alone; return its id."""
    subscription = terms.subscription(uow)
    invoice_id = uow.new_id()
    number = int(uow.scalar(uow.own(TABLE, func.max(TABLE.c.number))) or 0) + 1
    total = sum(line.amount for line in lines)
    uow.insert(
        TABLE,
        id=invoice_id,
        number=number,
        state=OPEN,
        plan=subscription.plan,
        currency=subscription.currency,
        lines=[
            {"item": x.item, "quantity": x.quantity, "price": x.price, "amount": x.amount}
            for x in lines
        ],
        total=total,
        period_start=period[0],
        period_end=period[1],
        issued_at=uow.now,
        due_at=due_at,
    )
    said = {"number": number, "total": total, "currency": subscription.currency}
    targets = (terms.organisation(uow), Target("invoice", str(invoice_id)))
    uow.record(Fact("subscription.invoiced", targets, after=said))
    return invoice_id


def pay(uow: UnitOfWork, invoice_id: UUID, reference: str) -> None:
    """Record that an invoice is paid; a reference pays one invoice only."""
    values = {"state": PAID, "paid_at": uow.now, "reference": reference}
    uow.update(TABLE, {"id": invoice_id}, **values)


def void_open(uow: UnitOfWork) -> None:
    """Ask no longer for what was not paid."""
    uow.update(TABLE, {"state": OPEN}, state=VOID)


def owed(uow: UnitOfWork) -> Sequence[Row[Any]]:
    """Return what is not paid, the oldest first."""
    return uow.all(uow.own(TABLE).where(TABLE.c.state == OPEN).order_by(TABLE.c.number))


def is_paid_by(uow: UnitOfWork, reference: str) -> bool:
    """Whether a payment was confirmed before."""
    return uow.one(uow.own(TABLE, TABLE.c.id).where(TABLE.c.reference == reference)) is not None


def listing(uow: UnitOfWork, after: UUID | None, limit: int) -> Sequence[Row[Any]]:
    """Return invoices by id."""
    query = uow.own(TABLE)
    if after is not None:
        query = query.where(TABLE.c.id > after)
    return uow.all(query.order_by(TABLE.c.id).limit(limit))


def begun(uow: UnitOfWork, end: datetime) -> datetime | None:
    """Return when the period began that ends then; None for a first one, which has no invoice."""
    start = uow.own(TABLE, func.max(TABLE.c.period_start)).where(TABLE.c.period_end == end)
    found: datetime | None = uow.scalar(start)
    return found


def get(uow: UnitOfWork, invoice_id: UUID) -> Record:
    """Return an invoice.

    :raises NotFound: absent, or another organisation's.
    """
    return uow.load(TABLE, invoice_id)


def overdue(connection: Connection, now: datetime) -> Sequence[UUID]:
    """Return the organisations that have not paid in time."""
    c = TABLE.c
    query = select(c.organisation_id).where(c.state == OPEN, c.due_at <= now).distinct()
    return list(connection.execute(query).scalars())


def page(invoice: Record, organisation_name: str) -> str:
    """Return the invoice as a page that can be printed."""
    rows = "".join(
        f"<tr><td>{escape(line['item'])}</td><td>{line['quantity']}</td>"
        f"<td>{_money(line['price'])}</td><td>{_money(line['amount'])}</td></tr>"
        for line in invoice.lines
    )
    name = escape(organisation_name)
    return (
        f'<!doctype html><html lang="en"><title>Invoice {invoice.number}</title>'
        f"<h1>Invoice {invoice.number}</h1><p>{name}</p>"
        f"<p>{invoice.issued_at:%Y-%m-%d}, {escape(invoice.plan)}, {invoice.state}</p>"
        "<table><tr><th>Item</th><th>Quantity</th><th>Price</th><th>Amount</th></tr>"
        f"{rows}<tr><th colspan=3>Total {escape(invoice.currency)}</th>"
        f"<td>{_money(invoice.total)}</td></tr></table></html>"
    )


def _money(minor: int) -> str:
    return f"{minor // 100:,}.{minor % 100:02}"
