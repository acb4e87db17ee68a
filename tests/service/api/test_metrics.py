"""Numbers for whoever watches an installation."""

from datetime import timedelta

import pytest
from pydantic import HttpUrl, SecretStr
from werkzeug.test import TestResponse

from gateway.app import Gateway, create_app
from gateway.delivery.worker import Worker
from gateway.services.idempotency import LIFETIME
from gateway.settings import Settings
from gateway.storage import tables as t
from gateway.storage.unit_of_work import Work
from tests.clock import Clock
from tests.factories import House
from tests.service.api import callers
from tests.service.api.callers import Caller

KEY = "a-key-of-its-own"


def app(work: Work, key: str | None) -> Gateway:
    settings = Settings.model_construct(
        base_url=HttpUrl("http://localhost"),
        database_url=SecretStr("unused"),
        metrics_key=SecretStr(key) if key else None,
    )
    return create_app(settings, work)


def scraped(gateway: Gateway, token: str | None) -> TestResponse:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return gateway.test_client().get("/metrics", headers=headers)


def values(gateway: Gateway) -> dict[str, float]:
    answer = scraped(gateway, KEY)
    assert answer.status_code == 200
    lines = [x for x in answer.text.splitlines() if not x.startswith("#")]
    return {name: float(value) for name, _, value in (line.partition(" ") for line in lines)}


def test_numbers_tell_what_waits_and_name_nobody(work: Work, acme: House, clock: Clock) -> None:
    gateway = app(work, KEY)
    clock.advance(timedelta(seconds=30))
    found = values(gateway)
    assert (found["gateway_organisations"], found["gateway_members_active"]) == (1, 2)
    assert found["gateway_events_unnumbered"] > 0
    assert found["gateway_oldest_unnumbered_event_seconds"] == pytest.approx(30, abs=1)
    Worker(work, mailer=None).seal()
    assert values(gateway)["gateway_events_unnumbered"] == 0
    assert str(acme.organisation_id) not in scraped(gateway, KEY).text


@pytest.mark.parametrize("token", [None, "wrong", ""])
def test_only_its_key_opens_it(work: Work, token: str | None) -> None:
    assert scraped(app(work, KEY), token).status_code == 401
    assert scraped(app(work, None), token).status_code == 404


def test_answers_to_retries_are_dropped_after_their_day(
    work: Work, gateway: Gateway, acme: House, clock: Clock
) -> None:
    owner: Caller = callers.owner(gateway, acme)
    owner.post("teams", {"name": "Support"}, headers={"Idempotency-Key": "one"})
    worker = Worker(work, mailer=None)

    def kept() -> int:
        with work.platform() as connection:
            return len(connection.execute(t.idempotency_keys.select()).all())

    worker.purge()
    assert kept() == 1
    clock.advance(LIFETIME + timedelta(seconds=1))
    worker.purge()
    assert kept() == 0
