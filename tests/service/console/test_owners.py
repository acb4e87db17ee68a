"""Break-glass owners over the API: who appoints and ends them, and what they hold open."""

from datetime import timedelta
from uuid import UUID

import pytest

from gateway.app import Gateway
from gateway.services import ownership, terms
from gateway.storage import tables as t
from gateway.storage.unit_of_work import UnitOfWork
from tests.clock import Clock
from tests.factories import PASSWORD, PASSWORD_HASH
from tests.scene import Scene
from tests.service.console.browser import Browser
from tests.service.signin.lodge import Lodge


@pytest.fixture
def house(acme: Lodge) -> Scene:
    """Acme, where several may own; everybody has a password, and the owner recovery codes."""

    def furnish(uow: UnitOfWork) -> None:
        terms.override(uow, {"owners": "multi"})
        uow.apply(t.persons.update().values(password_hash=PASSWORD_HASH))

    acme.do(furnish)
    return Scene(acme.work, acme.house)


def signed_in(gateway: Gateway, email: str = "owner@acme.test") -> Browser:
    browser = Browser(gateway)
    assert browser.post("/login/password", email=email, password=PASSWORD).status_code == 303
    return browser


def path(house: Scene, rest: str = "") -> str:
    return f"/organisations/{house.house.organisation_id}/break-glass-owners{rest}"


def appointed(gateway: Gateway, house: Scene) -> tuple[Browser, list[str]]:
    """The owner, who has appointed themself."""
    owner = signed_in(gateway)
    codes = owner.api("POST", "/me/recovery-codes").get_json()["codes"]
    wish = {"member_id": str(house.house.owner_id)}
    made = owner.api("POST", path(house), wish)
    assert made.status_code == 201, made.text
    return owner, codes


def test_an_owner_appoints_right_after_a_proof(
    gateway: Gateway, house: Scene, clock: Clock
) -> None:
    owner = signed_in(gateway)
    wish = {"member_id": str(house.house.owner_id)}
    lacking = owner.api("POST", path(house), wish)
    assert lacking.status_code == 422, "one factor is not enough"
    owner.api("POST", "/me/recovery-codes")
    clock.advance(timedelta(minutes=5, seconds=1))
    assert owner.api("POST", path(house), wish).get_json()["code"] == "step_up_required"
    admin = signed_in(gateway, "second@acme.test")
    assert admin.api("POST", path(house), wish).status_code == 403


def test_the_way_in_stays_open_by_two_factors_alone(
    gateway: Gateway, house: Scene, clock: Clock
) -> None:
    owner, codes = appointed(gateway, house)
    listed = owner.api("GET", path(house)).get_json()["items"]
    assert [(x["member_id"], x["confirmed_at"]) for x in listed] == [
        (str(house.house.owner_id), None)
    ]
    house.do(lambda uow: ownership.contain(uow, uow.load(t.members, house.house.owner_id)))
    clock.advance(timedelta(seconds=1))
    browser = Browser(gateway)
    asked = browser.post("/login/password", email="owner@acme.test", password=PASSWORD)
    assert asked.headers["Location"] == "/login/code"
    browser.submit(browser.get("/login/code"), code=codes[0])
    names = [x["name"] for x in browser.api("GET", "/me").get_json()["organisations"]]
    assert names == ["Acme"]
    assert len(house.facts("break_glass.used")) == 1


def test_another_owner_confirms_and_ends(gateway: Gateway, house: Scene) -> None:
    owner, _ = appointed(gateway, house)
    one = f"/{house.house.owner_id}"
    assert owner.api("POST", path(house, f"{one}:confirm")).status_code == 403, "not oneself"
    third = house.appoint("third@acme.test")
    person_id: UUID = house.member(third).person_id
    house.do(
        lambda uow: uow.apply(
            t.persons.update()
            .where(t.persons.c.id == person_id)
            .values(password_hash=PASSWORD_HASH)
        )
    )
    other = signed_in(gateway, "third@acme.test")
    confirmed = other.api("POST", path(house, f"{one}:confirm")).get_json()["items"]
    assert confirmed[0]["confirmed_at"]
    admin = signed_in(gateway, "second@acme.test")
    assert admin.api("POST", path(house, f"{one}:end")).status_code == 403
    assert other.api("POST", path(house, f"{one}:end")).status_code == 204
    assert other.api("POST", path(house, f"{one}:end")).status_code == 404
    assert other.api("GET", path(house)).get_json()["items"] == []


@pytest.mark.parametrize(
    ("transfer", "armed", "named", "status", "code"),
    [
        ("allowed", False, False, 422, "successor_required"),
        ("allowed", False, True, 201, None),
        ("allowed", True, False, 201, None),
        ("forbidden", False, False, 422, "successor_required"),
        ("forbidden", False, True, 403, "ownership_transfer_disabled"),
        ("forbidden", True, True, 403, "ownership_transfer_disabled"),
        ("forbidden", True, False, 201, None),
    ],
)
def test_the_gate_of_provisioning(
    gateway: Gateway,
    house: Scene,
    transfer: str,
    armed: bool,
    named: bool,
    status: int,
    code: str | None,
) -> None:
    """S2-25, S3-04: somebody stays who can act, whatever the directory says."""
    owner = appointed(gateway, house)[0] if armed else signed_in(gateway)
    house.do(lambda uow: terms.override(uow, {"transfer": transfer}))
    wish = {"name": "Entra"} | ({"successor_id": str(house.house.successor_id)} if named else {})
    answer = owner.api(
        "POST", f"/organisations/{house.house.organisation_id}/scim-connections", wish
    )
    assert (answer.status_code, answer.get_json().get("code")) == (status, code), answer.text
