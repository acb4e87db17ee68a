"""Seats and money over HTTP: both currencies, every limit, renewal, expiry and warnings."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from gateway.app import Gateway
from gateway.delivery.worker import Worker
from gateway.services import organisations
from gateway.storage import tables as t
from gateway.storage.unit_of_work import UnitOfWork, Work
from tests.clock import Clock
from tests.factories import OPERATOR
from tests.service.api import callers
from tests.service.api.callers import Caller
from tests.service.api.test_forms import problem

RENEW = "POST /organisations/{organisation}/subscription:renew"
PREVIEW = "POST /organisations/{organisation}/subscription:preview"
READ = "GET /organisations/{organisation}/subscription"
INVITE = "POST /organisations/{organisation}/invitations"
Boss = Callable[..., Caller]
BOTH_CURRENCIES = pytest.mark.parametrize(
    ("currency", "price"), [("KZT", 780_000), ("USD", 1500)], ids=["KZT", "USD"]
)


@pytest.fixture
def boss(gateway: Gateway, work: Work) -> Boss:
    """Found an organisation without a connection, and be its owner."""

    def found(preset: str, plan: str | None = None, currency: str = "USD") -> Caller:
        return shop(gateway, work, preset, plan, currency)

    return found


def shop(gateway: Gateway, work: Work, preset: str, plan: str | None, currency: str) -> Caller:
    """Found an organisation, and return its owner."""

    def make(uow: UnitOfWork) -> tuple[UUID, UUID]:
        new = organisations.NewOrganisation(
            slug="shop",
            name="Shop",
            preset=preset,
            plan=plan,
            currency=currency,
            owner_email="olga@shop.test",
            owner_name="Olga",
        )
        return uow.organisation_id, organisations.create(uow, new)

    return callers.owned_by(gateway, *work.found(OPERATOR, make))


def employ(caller: Caller, number: int, role: str = "member") -> list[UUID]:
    """Make members by the operator's word."""
    assert caller.organisation_id is not None

    def verb(uow: UnitOfWork) -> list[UUID]:
        return [
            organisations.add_member(
                uow, email=f"ann{x}@shop.test", display_name=f"Ann {x}", role=role
            )
            for x in range(number)
        ]

    return caller.gateway.work.run(caller.organisation_id, OPERATOR, verb)


def invite(caller: Caller, email: str, role: str) -> Any:
    assert caller.organisation_id is not None
    role_id = callers.role_of(caller.gateway.work, caller.organisation_id, role)
    body = {"email": email, "role_id": str(role_id)}
    if role == "member":
        body["chatbots"] = {}  # type: ignore[assignment]
    return caller.post("invitations", body)


def renewal(caller: Caller) -> Any:
    return caller.get("subscription").get_json()["renewal"]


def pass_time(work: Work, time: timedelta) -> None:
    """Move the clock, and let the worker do what is due."""
    assert isinstance(work.clock, Clock)
    work.clock.advance(time)
    worker = Worker(work, None)
    worker.settle_subscriptions()
    worker.warn_of_subscriptions()


@pytest.mark.requires(PREVIEW)
@pytest.mark.parametrize(
    ("currency", "seat", "amount"), [("KZT", 780_000, 8_410_000), ("USD", 1500, 18_000)]
)
def test_two_more_members_are_paid_at_the_next_renewal(
    boss: Boss, currency: str, seat: int, amount: int
) -> None:
    """S0-32, S0-33, S0-37: base and seats in one currency, never mixed."""
    owner = boss("pleep", currency=currency)
    employ(owner, 2)
    shown = owner.post("subscription:preview", {}).get_json()
    assert (shown["currency"], shown["amount"]) == (currency, amount)
    assert shown["lines"][1] == {
        "item": "seat",
        "quantity": 2,
        "price": seat,
        "amount": 2 * seat,
    }
    more = owner.post("subscription:preview", {"seats": 3}).get_json()
    assert more["amount"] - shown["amount"] == seat


@pytest.mark.requires(INVITE)
@BOTH_CURRENCIES
def test_an_invitation_adds_a_seat_and_no_charge(boss: Boss, currency: str, price: int) -> None:
    """S0-34, S0-35, S0-36."""
    owner = boss("pleep", currency=currency)
    before = renewal(owner)
    assert invite(owner, "new@shop.test", "admin").status_code == 201
    after = renewal(owner)
    assert (after["amount"] - before["amount"], after["currency"]) == (price, currency)
    assert (after["seats_used"], after["seats_pending"]) == (before["seats_used"] + 1, 1)
    assert owner.get("invoices").get_json()["items"] == []


def test_a_plan_without_a_price_in_the_currency_is_refused(operator: Caller) -> None:
    body = {
        "slug": "shop",
        "name": "Shop",
        "preset": "pleep",
        "currency": "EUR",
        "owner_email": "olga@shop.test",
        "owner_name": "Olga",
    }
    problem(operator.post("/organisations", body), 422, "invalid_request")


@pytest.mark.requires(RENEW)
def test_an_expired_subscription_closes_chatbots_until_it_is_renewed(
    boss: Boss, gateway: Gateway
) -> None:
    """S0-38, S0-39, S0-40: members stay, and nobody is invited again."""
    owner = boss("pleep", currency="KZT")
    assert owner.organisation_id is not None
    bot = owner.post("chatbots", {"name": "Shop"}).get_json()["id"]
    admin = callers.owned_by(gateway, owner.organisation_id, employ(owner, 1, "admin")[0])
    assert admin.get(f"chatbots/{bot}").status_code == 200
    assert owner.post("subscription:expire").get_json()["state"] == "expired"
    for caller in (admin, owner):
        problem(caller.get(f"chatbots/{bot}"), 402, "subscription_expired")
    assert invite(owner, "new@shop.test", "admin").status_code == 402
    assert len(owner.get("members").get_json()["items"]) == 2
    paid = owner.post("subscription:renew", {"reference": "bank-1"}).get_json()
    assert (paid["state"], paid["renewal"]["seats_used"]) == ("active", 1)
    assert admin.get(f"chatbots/{bot}").status_code == 200
    problem(admin.post("subscription:renew", {"reference": "bank-2"}), 403, "not_permitted")


@pytest.mark.requires(RENEW)
@pytest.mark.parametrize(
    ("currency", "total", "printed"),
    [
        pytest.param(
            "KZT", 8_410_000, ["68,500.00", "7,800.00", "15,600.00", "84,100.00"], id="KZT"
        ),
        pytest.param("USD", 18_000, ["150.00", "15.00", "30.00", "180.00"], id="USD"),
    ],
)
def test_a_renewal_is_invoiced_by_the_worker_and_paid_once(
    boss: Boss, work: Work, currency: str, total: int, printed: list[str]
) -> None:
    """S0-33, S0-36: the amount is that of the day of renewal, in one currency."""
    owner = boss("pleep", currency=currency)
    employ(owner, 2)
    pass_time(work, timedelta(days=32))
    assert owner.get("subscription").get_json()["state"] == "past_due"
    (invoice,) = owner.get("invoices").get_json()["items"]
    said = (invoice["total"], invoice["state"], invoice["currency"])
    assert said == (total, "open", currency)
    for _ in range(2):
        paid = owner.post("subscription:renew", {"reference": "bank-1"})
        assert paid.get_json()["state"] == "active"
    shown = owner.get(f"invoices/{invoice['id']}").get_json()
    assert (shown["state"], shown["reference"]) == ("paid", "bank-1")
    base, seat, seats, all_of_it = printed
    assert cells(shown["html"]) == [
        ["base", "1", base, base],
        ["seat", "2", seat, seats],
        [f"Total {currency}", all_of_it],
    ]
    other = {"KZT": "USD", "USD": "KZT"}[currency]
    assert "Shop" in shown["html"]
    assert other not in shown["html"]
    problem(owner.post("subscription:renew", {"reference": "bank-2"}), 422, "invalid_request")


def cells(html: str) -> list[list[str]]:
    """Return what the rows of an invoice's table say, its heading left out."""
    rows = re.findall(r"<tr>(.*?)</tr>", html)
    return [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row) for row in rows[1:]]


def test_what_is_not_paid_in_time_expires_and_is_owed_no_more(boss: Boss, work: Work) -> None:
    owner = boss("pleep")
    pass_time(work, timedelta(days=32))
    pass_time(work, timedelta(days=14))
    assert owner.get("subscription").get_json()["state"] == "expired"
    assert [x["state"] for x in owner.get("invoices").get_json()["items"]] == ["void"]
    owner.post("subscription:renew", {"reference": "bank-1"})
    states = sorted(x["state"] for x in owner.get("invoices").get_json()["items"])
    assert states == ["paid", "void"]


@pytest.mark.requires(INVITE)
@pytest.mark.parametrize(
    ("preset", "plan", "more", "role"),
    [
        pytest.param("whatsapp", "free_trial", 0, "agent", id="free-trial"),
        pytest.param("whatsapp", "growth", 4, "agent", id="growth"),
        pytest.param("whatsapp", "scale", 9, "agent", id="scale"),
    ],
)
def test_a_plan_has_its_seats_and_the_next_is_refused(
    boss: Boss, preset: str, plan: str, more: int, role: str
) -> None:
    """S1-30, S1-31, S1-32."""
    owner = boss(preset, plan)
    employ(owner, more, role)
    problem(invite(owner, "one@shop.test", role), 402, "seat_limit_reached")
    assert not renewal(owner)["over_limit"]


@pytest.mark.requires(READ)
def test_a_lower_limit_evicts_nobody_and_says_so(boss: Boss, operator: Caller) -> None:
    """S1-33: what helps is said in the refusal."""
    owner = boss("whatsapp", "growth")
    employ(owner, 3, "agent")
    place = f"/organisations/{owner.organisation_id}/subscription"
    cut = operator.patch(place, {"plan": "free_trial"})
    assert cut.get_json()["seat_limit"] == 1
    assert renewal(owner)["over_limit"]
    assert len(owner.get("members").get_json()["items"]) == 4
    refused = problem(invite(owner, "one@shop.test", "agent"), 402, "seat_limit_reached")
    assert "Upgrade the plan or contact support." in refused["levers"]


def test_seats_and_the_end_of_a_period_are_warned_of_once(boss: Boss, work: Work) -> None:
    owner = boss("whatsapp", "growth")
    employ(owner, 3, "agent")
    for _ in range(2):
        pass_time(work, timedelta(minutes=6))
    assert mails(work, owner) == ["seats.warning"]
    assert invite(owner, "one@shop.test", "agent").status_code == 201
    pass_time(work, timedelta(minutes=6))
    assert mails(work, owner).count("seats.warning") == 2


def test_an_end_is_told_14_and_3_days_ahead_and_on_the_day(boss: Boss, work: Work) -> None:
    owner = boss("pleep")
    pass_time(work, timedelta(days=10))
    assert mails(work, owner) == []
    for days, told in ((10, 1), (8, 2), (4, 3)):
        for _ in range(2):
            pass_time(work, timedelta(minutes=6))
        pass_time(work, timedelta(days=days))
        assert mails(work, owner).count("subscription.expiring") == told


def mails(work: Work, caller: Caller) -> list[str]:
    """Types of the mails that wait, invitations left out."""
    assert caller.organisation_id is not None
    with work.read(caller.organisation_id) as uow:
        rows = uow.all(uow.own(t.outbox).where(t.outbox.c.channel == "mail"))
    return [row.type for row in rows if not row.type.startswith("invitation")]
