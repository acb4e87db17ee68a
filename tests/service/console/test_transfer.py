"""Passing the ownership on: by an owner who has just proved it, to somebody who can be reached."""

from datetime import timedelta
from typing import Any

import pytest
from werkzeug.test import TestResponse

from gateway.app import Gateway
from gateway.services import terms
from gateway.storage import tables as t
from gateway.storage.unit_of_work import UnitOfWork
from tests.clock import Clock
from tests.factories import PASSWORD_HASH
from tests.scene import Scene
from tests.service.console.browser import Browser
from tests.service.console.test_owners import signed_in
from tests.service.signin.lodge import Lodge

TRANSFER = "POST /organisations/{organisation}/ownership-transfers"


@pytest.fixture
def house(acme: Lodge) -> Scene:
    """Acme; everybody has a password."""
    acme.do(lambda uow: uow.apply(t.persons.update().values(password_hash=PASSWORD_HASH)))
    return Scene(acme.work, acme.house)


def transfer(browser: Browser, house: Scene, to: Any) -> TestResponse:
    place = f"/organisations/{house.house.organisation_id}/ownership-transfers"
    return browser.api("POST", place, {"to": str(to)})


@pytest.mark.requires(TRANSFER)
def test_ownership_passes_to_another_member_and_the_old_owner_may_go(
    gateway: Gateway, house: Scene
) -> None:
    """S2-20, S2-26: both are told, and one event tells of both."""
    owner, heir = house.house.owner_id, house.house.successor_id
    epochs = {each: house.member(each).access_epoch for each in (owner, heir)}
    done = transfer(signed_in(gateway), house, heir)
    assert (done.status_code, done.get_json()) == (201, {"owner_id": str(heir)})
    assert (house.role_of(heir), house.role_of(owner)) == ("owner", "admin")
    assert all(house.member(each).access_epoch > epochs[each] for each in epochs)
    assert len(house.facts("ownership.transferred")) == 1
    mails = {row.payload["to"]: row.type for row in house.rows(t.outbox, channel="mail")}
    assert mails == {"second@acme.test": "owner.received", "owner@acme.test": "owner.given"}
    place = f"/organisations/{house.house.organisation_id}/members/{owner}:remove"
    assert signed_in(gateway, "second@acme.test").api("POST", place).status_code == 204


@pytest.mark.requires(TRANSFER)
def test_only_a_fresh_owner_passes_ownership_on(
    gateway: Gateway, house: Scene, clock: Clock
) -> None:
    browser = signed_in(gateway)
    second = signed_in(gateway, "second@acme.test")
    refused = transfer(second, house, house.house.successor_id)
    assert (refused.status_code, refused.get_json()["code"]) == (403, "not_permitted")
    clock.advance(timedelta(minutes=6))
    late = transfer(browser, house, house.house.successor_id)
    assert (late.status_code, late.get_json()["code"]) == (403, "step_up_required")


@pytest.mark.requires(TRANSFER)
def test_the_new_owner_is_active_and_can_be_reached(gateway: Gateway, house: Scene) -> None:
    ann = house.employ("ann@elsewhere.test", "viewer")
    browser = signed_in(gateway)
    for wrong in (ann, house.house.owner_id, house.house.organisation_id):
        answer = transfer(browser, house, wrong)
        assert (answer.status_code, answer.get_json()["code"]) == (422, "invalid_request")
    verified = t.persons.update().where(t.persons.c.email_key == "ann@elsewhere.test")
    house.do(lambda uow: uow.apply(verified.values(email_verified=True)))
    assert transfer(browser, house, ann).status_code == 201


@pytest.mark.requires(TRANSFER)
def test_a_preset_may_tie_ownership_to_the_creator(gateway: Gateway, house: Scene) -> None:
    """S3-04."""

    def forbid(uow: UnitOfWork) -> None:
        terms.override(uow, {"transfer": "forbidden"})

    house.do(forbid)
    refused = transfer(signed_in(gateway), house, house.house.successor_id)
    assert (refused.status_code, refused.get_json()["code"]) == (403, "ownership_transfer_disabled")
    assert house.role_of(house.house.owner_id) == "owner"
