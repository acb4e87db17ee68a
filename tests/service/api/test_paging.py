"""Lists go on where they stopped, whatever happens meanwhile."""

from datetime import datetime
from typing import Any

import pytest

from gateway.api import ENDPOINTS
from gateway.services.request_log import Entry, RequestLog
from gateway.storage.unit_of_work import Work
from tests.factories import House
from tests.service.api.callers import Caller
from tests.service.api.examples import Things, path_of, things
from tests.service.api.test_forms import problem


def walk(
    caller: Caller, path: str, limit: int, between: Any = None, **filters: str
) -> list[dict[str, Any]]:
    """Every item of a list, page by page."""
    items: list[dict[str, Any]] = []
    query: dict[str, Any] = {"limit": limit, **filters}
    while True:
        page = caller.get(path, query_string=query).get_json()
        assert len(page["items"]) <= limit
        items += page["items"]
        if page["next_cursor"] is None:
            return items
        query["cursor"] = page["next_cursor"]
        if between is not None:
            between()


@pytest.fixture
def teams(owner: Caller) -> list[str]:
    return [owner.post("teams", {"name": f"Team {number}"}).get_json()["id"] for number in range(7)]


@pytest.mark.parametrize("limit", [1, 2, 3, 6, 7, 8, 200])
def test_a_walk_sees_each_item_once(owner: Caller, teams: list[str], limit: int) -> None:
    assert [item["id"] for item in walk(owner, "teams", limit)] == teams


def test_items_that_come_and_go_neither_hide_nor_double_the_others(owner: Caller) -> None:
    made = [owner.post("chatbots", {"name": f"Bot {n}"}).get_json()["id"] for n in range(9)]
    kept, gone, names = made[1::2], made[0::2], iter(range(100))

    def between() -> None:
        owner.post("chatbots", {"name": f"New {next(names)}"})
        if gone:
            owner.delete(f"chatbots/{gone.pop(0)}")

    seen = [item["id"] for item in walk(owner, "chatbots", 2, between)]
    assert [each for each in seen if each in kept] == kept
    assert len(seen) == len(set(seen))


@pytest.mark.usefixtures("teams")
def test_the_audit_is_walked_backwards_in_time(owner: Caller) -> None:
    query = {"limit": 200}
    whole = owner.get("audit", query_string=query).get_json()["items"]
    assert walk(owner, "audit", 4) == whole
    instants = [datetime.fromisoformat(event["occurred_at"]) for event in whole]
    assert instants == sorted(instants, reverse=True)


@pytest.mark.usefixtures("teams")
def test_a_cursor_is_good_for_its_own_list_only(owner: Caller) -> None:
    cursor = owner.get("teams?limit=2").get_json()["next_cursor"]
    for path in ("chatbots", "members", "audit"):
        answer = owner.get(path, query_string={"cursor": cursor})
        assert problem(answer, 422, "invalid_request")["errors"][0]["field"] == "cursor"
    filtered = owner.get("members?limit=1&q=a").get_json()["next_cursor"]
    other = owner.get("members", query_string={"q": "e", "cursor": filtered})
    problem(other, 422, "invalid_request")


@pytest.mark.parametrize("cursor", ["x", "W10", "e30", "MQ", "WyJhIiwiYiJd", "\u00e9", "a" * 1001])
def test_a_cursor_written_by_hand_is_refused(owner: Caller, cursor: str) -> None:
    problem(owner.get("teams", query_string={"cursor": cursor}), 422, "invalid_request")


def test_every_list_that_may_grow_is_paged(owner: Caller, work: Work, acme: House) -> None:
    known: Things = {**things(work, acme), "member": acme.owner_id}
    log_requests(work, acme)
    owner.post("chatbots", {"name": "Deed"})
    lists = [each for each in ENDPOINTS if each.pages and each.scoped]
    assert len(lists) >= 11
    for endpoint in lists:
        page = owner.get(path_of(endpoint, known), query_string={"limit": 1}).get_json()
        assert len(page["items"]) == 1, endpoint.operation
        whole = owner.get(path_of(endpoint, known), query_string={"limit": 200}).get_json()
        assert walk(owner, path_of(endpoint, known), 1) == whole["items"], endpoint.operation


def log_requests(work: Work, acme: House) -> None:
    """Let the connection's log hold three requests."""
    log = RequestLog()
    for number in range(3):
        log.note(
            Entry(
                organisation_id=acme.organisation_id,
                connection_id=acme.connection.id,
                received_at=work.clock(),
                method="GET",
                path=f"/Users/{number}",
                operation="query",
                dialect="okta",
                received={},
                deviations={},
                changed={},
                status=200,
                detail=None,
                milliseconds=1.0,
                request_id="",
                ip=None,
                user_agent=None,
            )
        )
    log.flush(work)
