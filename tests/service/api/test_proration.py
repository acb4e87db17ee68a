"""Seats that are added within a period, over HTTP, under plans that prorate and plans that do not.

A period runs from 5 January to 5 February, at noon: 31 days.
"""

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from importlib.resources import files
from typing import Any

import pytest
import yaml

from gateway.app import Gateway
from gateway.domain.presets import catalogue
from gateway.services import organisations, presets
from gateway.storage.unit_of_work import Work
from tests.clock import Clock
from tests.factories import OPERATOR
from tests.service.api.callers import Caller
from tests.service.api.test_subscription import cells, invite, pass_time, renewal, shop

Founded = Callable[[str], Caller]
BOTH_CURRENCIES = pytest.mark.parametrize(
    ("currency", "base", "seat", "of_21_days", "of_11_days", "printed"),
    [
        pytest.param("KZT", 6_850_000, 780_000, 528_387, 276_774, "105,235.48", id="KZT"),
        pytest.param("USD", 15_000, 1500, 1016, 532, "220.64", id="USD"),
    ],
)


@pytest.fixture
def founded(gateway: Gateway, work: Work, monkeypatch: pytest.MonkeyPatch) -> Founded:
    """Found an organisation whose plan prorates; the plan `fixed` beside it does not."""
    document = yaml.safe_load(files("gateway").joinpath("presets.yaml").read_text("utf-8"))
    plans = document["presets"]["pleep"]["plans"]
    plans["fixed"] = {**plans["business"]}
    plans["business"]["charge"] = "prorated"
    changed = catalogue(document)
    monkeypatch.setattr(presets, "packaged", lambda: changed)
    return lambda currency: shop(gateway, work, "pleep", "business", currency)


def join(caller: Caller, *names: str) -> None:
    """Make members, each by a change of its own."""
    assert caller.organisation_id is not None
    for name in names:
        joining: dict[str, Any] = {
            "email": f"{name}@shop.test",
            "display_name": name,
            "role": "admin",
        }
        verb = partial(organisations.add_member, **joining)
        caller.gateway.work.run(caller.organisation_id, OPERATOR, verb)


def remove(caller: Caller, name: str) -> None:
    members = caller.get("members").get_json()["items"]
    (found,) = [row["id"] for row in members if row["email"] == f"{name}@shop.test"]
    assert caller.post(f"members/{found}:remove").status_code == 204


def advance(work: Work, **time: float) -> None:
    assert isinstance(work.clock, Clock)
    work.clock.advance(timedelta(**time))


def added(caller: Caller) -> list[tuple[str, int, int]]:
    """What the next renewal asks for seats of the present period."""
    lines = renewal(caller)["lines"]
    assert sum(line["amount"] for line in lines) == renewal(caller)["amount"]
    return [said(line) for line in lines if line["item"] not in ("base", "seat")]


def said(line: dict[str, Any]) -> tuple[str, int, int]:
    assert line["amount"] == line["quantity"] * line["price"]
    return line["item"], line["quantity"], line["price"]


@BOTH_CURRENCIES
def test_seats_added_within_a_period_are_on_its_last_invoice(
    founded: Founded,
    work: Work,
    currency: str,
    base: int,
    seat: int,
    of_21_days: int,
    of_11_days: int,
    printed: str,
) -> None:
    """C23: an invitation is an addition, and taking its seat or a leaver's is none."""
    owner = founded(currency)
    advance(work, days=10)
    for name in ("ann", "bob"):
        assert invite(owner, f"{name}@shop.test", "admin").status_code == 201
    two = ("seat from 2026-01-15, 21 of 31 days", 2, of_21_days)
    assert added(owner) == [two]
    assert renewal(owner)["amount"] == base + 2 * seat + 2 * of_21_days
    join(owner, "ann", "bob")
    assert added(owner) == [two]
    advance(work, days=10, hours=5)
    remove(owner, "bob")
    join(owner, "eve")
    assert added(owner) == [two]
    join(owner, "bob")
    one = ("seat from 2026-01-25, 11 of 31 days", 1, of_11_days)
    assert added(owner) == [two, one]
    assert owner.get("invoices").get_json()["items"] == []
    pass_time(work, timedelta(days=11))
    (invoice,) = owner.get("invoices").get_json()["items"]
    lines = [said(line) for line in invoice["lines"]]
    assert lines == [("base", 1, base), ("seat", 3, seat), two, one]
    assert invoice["total"] == base + 3 * seat + 2 * of_21_days + of_11_days
    page = owner.get(f"invoices/{invoice['id']}").get_json()["html"]
    assert cells(page)[2][0] == two[0]
    assert cells(page)[-1] == [f"Total {currency}", printed]


def test_an_invitation_that_lapsed_leaves_a_seat_that_is_paid(founded: Founded, work: Work) -> None:
    owner = founded("USD")
    advance(work, days=2)
    assert invite(owner, "ann@shop.test", "admin").status_code == 201
    (asked,) = added(owner)
    advance(work, days=20)
    assert renewal(owner)["seats_used"] == 0
    join(owner, "bob")
    assert added(owner) == [asked] == [("seat from 2026-01-07, 29 of 31 days", 1, 1403)]


def test_a_renewal_begins_to_count_afresh(founded: Founded, work: Work) -> None:
    owner = founded("USD")
    advance(work, days=10)
    join(owner, "ann", "bob")
    pass_time(work, timedelta(days=21, hours=1))
    assert added(owner) == []
    owner.post("subscription:renew", {"reference": "bank-1"})
    assert added(owner) == []
    remove(owner, "ann")
    join(owner, "ann")
    assert added(owner) == []
    advance(work, days=1)
    join(owner, "eve")
    assert added(owner) == [("seat from 2026-02-06, 27 of 28 days", 1, 1446)]
    pass_time(work, timedelta(days=28))
    totals = [x["total"] for x in owner.get("invoices").get_json()["items"]]
    assert sorted(totals) == [15_000 + 2 * 1500 + 2 * 1016, 15_000 + 3 * 1500 + 1446]


def test_a_seat_added_before_a_late_invoice_is_on_it_once(founded: Founded, work: Work) -> None:
    """What the worker has not invoiced yet is asked for as a whole seat of the next period."""
    owner = founded("USD")
    advance(work, days=33)
    join(owner, "ann")
    assert added(owner) == []
    pass_time(work, timedelta(hours=1))
    (invoice,) = owner.get("invoices").get_json()["items"]
    assert [said(x) for x in invoice["lines"]] == [("base", 1, 15_000), ("seat", 1, 1500)]
    assert added(owner) == []
    join(owner, "bob")  # and days are those of the period, not of its invoice
    assert added(owner) == [("seat from 2026-02-07, 26 of 28 days", 1, 1393)]


def test_an_end_asks_no_more_for_what_was_added_before(founded: Founded, work: Work) -> None:
    owner = founded("USD")
    advance(work, days=10)
    join(owner, "ann")
    owner.post("subscription:expire")
    assert added(owner) == []
    owner.post("subscription:renew", {"reference": "bank-1"})
    (invoice,) = owner.get("invoices").get_json()["items"]
    assert invoice["total"] == 15_000 + 1500
    assert added(owner) == []


@pytest.mark.parametrize(
    ("currency", "base", "seat", "of_5_days"),
    [
        pytest.param("KZT", 6_850_000, 780_000, 125_806, id="KZT"),
        pytest.param("USD", 15_000, 1500, 242, id="USD"),
    ],
)
def test_a_period_that_begins_early_by_the_operators_word_is_paid_once(
    founded: Founded,
    work: Work,
    operator: Caller,
    currency: str,
    base: int,
    seat: int,
    of_5_days: int,
) -> None:
    """C23: late without an invoice, then paid: of the old period, what went by is asked for."""
    owner = founded(currency)
    place = f"/organisations/{owner.organisation_id}/subscription"
    advance(work, days=10)
    join(owner, "ann")
    advance(work, days=5)
    join(owner, "bob")
    assert operator.patch(place, {"state": "past_due"}).status_code == 200
    early = ("seat from 2026-01-15, 5 of 31 days", 1, of_5_days)
    assert added(owner) == [early]
    for _ in range(2):
        paid = owner.post("subscription:renew", {"reference": "bank-1"}).get_json()
        assert (paid["state"], paid["renewal"]["renews_at"][:10]) == ("active", "2026-02-20")
    (invoice,) = owner.get("invoices").get_json()["items"]
    lines = [said(line) for line in invoice["lines"]]
    assert lines == [("base", 1, base), ("seat", 2, seat), early]
    assert added(owner) == []
    join(owner, "eve")
    assert added(owner) == [("seat from 2026-01-20, 31 of 31 days", 1, seat)]


def test_late_for_what_was_invoiced_the_period_goes_on(founded: Founded, work: Work) -> None:
    """C23: nothing is taken over by a payment that begins no period."""
    owner = founded("USD")
    pass_time(work, timedelta(days=32))
    assert owner.get("subscription").get_json()["state"] == "past_due"
    join(owner, "ann")
    asked = added(owner)
    assert [item for item, _, _ in asked] == ["seat from 2026-02-06, 27 of 28 days"]
    advance(work, days=3)
    assert added(owner) == asked
    owner.post("subscription:renew", {"reference": "bank-1"})
    assert added(owner) == asked


def test_each_plan_asks_for_what_was_added_under_it(
    founded: Founded, work: Work, operator: Caller
) -> None:
    """C23: nothing is asked for after the event, and nothing is forgotten."""
    owner = founded("USD")
    place = f"/organisations/{owner.organisation_id}/subscription"
    assert operator.patch(place, {"plan": "fixed"}).status_code == 200
    advance(work, days=10)
    join(owner, "ann")
    assert operator.patch(place, {"plan": "business"}).status_code == 200
    assert added(owner) == []
    join(owner, "bob")
    seen = operator.post(f"{place}:preview-change", {"plan": "fixed"}).get_json()
    assert seen["renewal_after"]["lines"] == seen["renewal_before"]["lines"]
    changed = operator.patch(place, {"plan": "fixed", "plan_token": seen["plan_token"]})
    assert changed.status_code == 200
    join(owner, "eve")
    assert added(owner) == [("seat from 2026-01-15, 21 of 31 days", 1, 1016)]


@pytest.mark.parametrize("currency", ["KZT", "USD"])
def test_the_usual_plan_asks_nothing_for_the_rest_of_a_period(
    gateway: Gateway, work: Work, currency: str
) -> None:
    """S0-36, C23"""
    owner = shop(gateway, work, "pleep", None, currency)
    advance(work, days=10)
    join(owner, "ann", "bob")
    assert [x["item"] for x in renewal(owner)["lines"]] == ["base", "seat"]
    pass_time(work, timedelta(days=22))
    (invoice,) = owner.get("invoices").get_json()["items"]
    assert [x["item"] for x in invoice["lines"]] == ["base", "seat"]
