"""A retry under the same Idempotency-Key repeats nothing."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from gateway.app import Gateway
from gateway.storage import tables as t
from gateway.storage.unit_of_work import Work
from tests.clock import Clock
from tests.factories import House
from tests.service.api import callers
from tests.service.api.callers import Caller
from tests.service.api.test_forms import problem

FOUND: dict[str, Any] = {
    "slug": "initech",
    "name": "Initech",
    "preset": "five_role",
    "owner_email": "bill@initech.test",
    "owner_name": "Bill",
}


def once(key: str = "abc") -> dict[str, str]:
    return {"Idempotency-Key": key}


def count(work: Work, table: Any) -> int:
    with work.platform() as database:
        return int(database.execute(select(func.count()).select_from(table)).scalar_one())


def test_a_retry_gets_the_first_answer(owner: Caller, work: Work) -> None:
    first = owner.post("chatbots", {"name": "Shop"}, headers=once())
    events = count(work, t.audit_events)
    again = owner.post("chatbots", {"name": "Shop"}, headers=once())
    assert (again.status_code, again.data) == (201, first.data)
    assert again.headers["ETag"] == first.headers["ETag"]
    assert again.headers["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in first.headers
    assert count(work, t.audit_events) == events


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        pytest.param("POST", "chatbots", {"name": "Other"}, id="body"),
        pytest.param("POST", "teams", {"name": "Shop"}, id="path"),
        pytest.param("POST", "teams", {}, id="path-and-body"),
    ],
)
def test_a_key_is_for_one_request(owner: Caller, method: str, path: str, body: Any) -> None:
    owner.post("chatbots", {"name": "Shop"}, headers=once())
    code = "invalid_request" if body == {} else "idempotency_mismatch"
    problem(owner.call(method, path, body, headers=once()), 422, code)


def test_spelling_the_same_body_otherwise_is_the_same_request(owner: Caller) -> None:
    first = owner.post("teams", {"name": "A", "strategy": "manual"}, headers=once())
    again = owner.post(
        "teams",
        data=b'{ "strategy" : "manual", "name":"\\u0041" }',
        content_type="application/json",
        headers=once(),
    )
    assert again.data == first.data


def test_a_key_belongs_to_its_principal(gateway: Gateway, owner: Caller, acme: House) -> None:
    other = callers.owned_by(gateway, acme.organisation_id, acme.owner_id)
    owner.post("teams", {"name": "One"}, headers=once())
    assert other.post("teams", {"name": "Two"}, headers=once()).status_code == 201


def test_a_key_is_forgotten_after_a_day(owner: Caller, clock: Clock) -> None:
    owner.post("teams", {"name": "One"}, headers=once())
    clock.advance(timedelta(hours=24) - timedelta(seconds=1))
    problem(owner.post("teams", {"name": "Two"}, headers=once()), 422, "idempotency_mismatch")
    clock.advance(timedelta(seconds=2))
    assert owner.post("teams", {"name": "Two"}, headers=once()).status_code == 201


def test_a_refusal_is_not_kept(owner: Caller) -> None:
    owner.post("teams", {"name": "One"})
    problem(owner.post("teams", {"name": "One"}, headers=once()), 409, "already_exists")
    assert owner.post("teams", {"name": "Two"}, headers=once()).status_code == 201


def test_a_secret_is_not_kept(owner: Caller, acme: House, work: Work) -> None:
    path = f"scim-connections/{acme.connection.id}/tokens"
    first = owner.post(path, {"name": "Okta"}, headers=once()).get_json()
    again = owner.post(path, {"name": "Okta"}, headers=once()).get_json()
    assert first["secret"].startswith("scim_")
    assert again == {"id": first["id"], "secret": None}
    with work.platform() as database:
        kept = database.execute(select(t.idempotency_keys.c.body)).scalar_one()
    assert first["secret"] not in kept


@pytest.mark.parametrize("key", ["", "a b", "x" * 201, "\u00e9"])
def test_a_key_is_short_and_visible(owner: Caller, key: str) -> None:
    refused = problem(owner.post("teams", {"name": "A"}, headers=once(key)), 422, "invalid_request")
    assert refused["errors"][0]["field"] == "Idempotency-Key"


def test_a_dead_key_gets_no_old_answer(owner: Caller, acme: House, operator: Caller) -> None:
    owner.post("teams", {"name": "One"}, headers=once())
    me = owner.get("/me").get_json()["id"]
    operator.post(f"/organisations/{acme.organisation_id}/api-keys/{me}:revoke")
    problem(owner.post("teams", {"name": "One"}, headers=once()), 401, "token_invalid")


def test_twenty_at_once_make_one_team(owner: Caller, work: Work) -> None:
    with ThreadPoolExecutor(20) as pool:
        answers = list(
            pool.map(lambda _: owner.post("teams", {"name": "A"}, headers=once()), range(20))
        )
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.data for answer in answers}) == 1
    assert count(work, t.teams) == 1


def test_twenty_at_once_found_one_organisation(operator: Caller, work: Work) -> None:
    """Nothing is locked where there is no organisation yet."""
    with ThreadPoolExecutor(20) as pool:
        answers = list(
            pool.map(lambda _: operator.post("/organisations", FOUND, headers=once()), range(20))
        )
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.data for answer in answers}) == 1
    assert count(work, t.organisations) == 1
