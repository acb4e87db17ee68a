"""Organisations that people found themselves, and their end, over HTTP."""

from datetime import timedelta
from typing import Any

import pytest

from gateway.app import Gateway
from gateway.storage import tables as t
from tests.clock import Clock
from tests.factories import PASSWORD_HASH
from tests.service.api import callers
from tests.service.console.browser import Browser
from tests.service.console.test_owners import signed_in
from tests.service.signin.lodge import Lodge

CREATE = "POST /organisations"
DELETE = "DELETE /organisations/{organisation}"
CHATBOTS = "GET /me/chatbots"
PRESETS = ["pleep", "whatsapp", "five_role", "pingback", "members_invitations"]


@pytest.fixture
def person(gateway: Gateway, acme: Lodge) -> Browser:
    """Acme's owner, whose mailbox is proved."""
    proved = {"password_hash": PASSWORD_HASH, "email_verified": True}
    acme.do(lambda uow: uow.apply(t.persons.update().values(**proved)))
    return signed_in(gateway)


def wish(**more: Any) -> dict[str, Any]:
    return {"slug": "mine", "name": "  Mine ", "preset": "pleep", **more}


@pytest.mark.requires(CREATE)
@pytest.mark.parametrize("preset", PRESETS)
def test_who_founds_an_organisation_owns_it(person: Browser, preset: str) -> None:
    """S0-05, S3-01: it is open at once in the same session."""
    made = person.api("POST", "/organisations", wish(preset=preset))
    assert made.status_code == 201, made.text
    founded = made.get_json()
    assert founded["name"] == "Mine"
    place = f"/organisations/{founded['id']}/members"
    (owner,) = person.api("GET", place).get_json()["items"]
    assert (owner["id"], owner["owner_of_record"], owner["source"]) == (
        founded["owner_id"],
        True,
        "creator",
    )


@pytest.mark.requires(CREATE)
def test_a_person_names_neither_somebody_else_nor_what_is_paid_for(person: Browser) -> None:
    for more in (
        {"owner_email": "eve@evil.test", "owner_name": "Eve"},
        {"add_ons": ["enterprise"]},
        {"policies": {"seat_overage": "bill"}},
        {"name": "   "},
    ):
        assert person.api("POST", "/organisations", wish(**more)).status_code == 422


@pytest.mark.requires(CREATE)
def test_an_organisation_is_founded_by_people_whose_mailbox_is_proved(
    person: Browser, acme: Lodge
) -> None:
    acme.do(lambda uow: uow.apply(t.persons.update().values(email_verified=False)))
    assert person.api("POST", "/organisations", wish()).status_code == 422


@pytest.mark.requires(CHATBOTS)
def test_chatbots_are_listed_with_their_organisations(person: Browser, acme: Lodge) -> None:
    """S0-20."""
    mine = person.api("POST", "/organisations", wish()).get_json()["id"]
    for organisation in (mine, acme.organisation_id):
        made = person.api("POST", f"/organisations/{organisation}/chatbots", {"name": "Shop"})
        assert made.status_code == 201
    items = person.api("GET", "/me/chatbots").get_json()["items"]
    shown = {(each["organisation"]["name"], each["name"]) for each in items}
    assert shown == {("Mine", "Shop"), ("Acme", "Shop")}


@pytest.mark.requires(DELETE)
def test_a_deleted_organisation_is_closed_at_once_and_restored_within_a_month(
    gateway: Gateway, person: Browser, acme: Lodge, clock: Clock
) -> None:
    place = f"/organisations/{acme.organisation_id}"
    key = callers.owner(gateway, acme.house)
    operator = callers.operator(gateway)
    admin = callers.owned_by(gateway, acme.organisation_id, acme.house.successor_id)
    assert admin.delete(place).status_code == 403
    assert person.api("DELETE", place).get_json()["state"] == "deleted"
    assert key.get(place).status_code == 401
    assert person.api("GET", place).status_code in (401, 404)
    assert operator.post(f"{place}:restore").get_json()["state"] == "live"
    assert key.get(f"{place}/members").status_code == 200
    assert key.delete(place).status_code == 200
    clock.advance(timedelta(days=31))
    assert operator.post(f"{place}:restore").status_code == 422
