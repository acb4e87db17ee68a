"""The list of members: in every order, behind every filter, page by page."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from gateway.services import members, organisations, teams, walks
from gateway.storage.unit_of_work import UnitOfWork
from tests.clock import Clock
from tests.factories import OPERATOR, provision
from tests.service.api.products import Product
from tests.service.api.test_forms import problem
from tests.service.api.test_paging import walk

Item = dict[str, Any]
RANKS = ("owner", "admin", "member")
MEMBERS = "GET /organisations/{organisation}/members"
MEMBER = "PATCH /organisations/{organisation}/members/{member}"


def run(here: Product, verb: Callable[[UnitOfWork], Any]) -> Any:
    return here.gateway.work.run(here.house.organisation_id, OPERATOR, verb)


def employ(here: Product, role: str, name: str, email: str) -> str:
    return str(
        run(
            here,
            lambda uow: organisations.add_member(uow, email=email, display_name=name, role=role),
        )
    )


@pytest.fixture
def staff(invited: Product, clock: Clock) -> dict[str, str]:
    """Seven more people: of equal names, without address, away, at rest, narrowed, provisioned."""
    ids: dict[str, str] = {}
    for number, name in enumerate(["zoe", "ann", "ann", "bea", "\u00e9va", "cy", "bea"]):
        clock.advance(timedelta(minutes=1))
        key = f"{name}{number}"
        role = ("admin", "member")[number % 2]
        ids[key] = employ(invited, role, name, f"{key}@people.test".replace("\u00e9", "e"))
    for key in ("zoe0", "bea3", "\u00e9va4"):
        clock.advance(timedelta(minutes=2))
        invited.caller(ids[key]).get("members")
        invited.gateway.flush()
    run(invited, lambda uow: members.rename(uow, UUID(ids["cy5"]), "cy", None))
    run(invited, lambda uow: members.deactivate(uow, UUID(ids["ann1"])))
    away = f"members/{ids['ann2']}/availability"
    assert invited.caller(ids["ann2"]).call("PUT", away, {"availability": "away"}).status_code < 300
    team = run(invited, lambda uow: teams.create(uow, "Support"))
    run(invited, lambda uow: teams.join(uow, team, UUID(ids["bea6"])))
    ids["team"] = str(team)
    narrowed = {"chatbots": [{"chatbot_id": invited.bot, "sections": {"conversations": "read"}}]}
    assert invited.boss.patch(f"members/{ids['bea3']}", narrowed).status_code == 200
    provision(invited.gateway.work, invited.house, "pat@here.test", "p1")
    return ids


def everybody(here: Product, **query: Any) -> list[Item]:
    items: list[Item] = here.boss.get("members", query_string=query).get_json()["items"]
    return items


@pytest.mark.requires(MEMBERS)
@pytest.mark.parametrize("few", [500, 0], ids=["sorted", "on-the-way"])
def test_a_filter_shows_exactly_those_whom_it_names(
    invited: Product, staff: dict[str, str], few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S1-02, S0-25: whether the filter leaves few members or many."""
    monkeypatch.setattr(walks, "FEW", few)
    other = invited.boss.post("chatbots", {"name": "Other"}).get_json()["id"]
    everyone = {each["id"]: each for each in everybody(invited)}
    noon = sorted(x["last_active_at"] for x in everyone.values() if x["last_active_at"])[1]
    cases: list[tuple[dict[str, str], Callable[[Item], bool]]] = [
        ({"state": "deactivated"}, lambda x: x["id"] == staff["ann1"]),
        ({"role": invited.role("admin")}, lambda x: x["role_id"] == invited.role("admin")),
        ({"source": "scim"}, lambda x: x["email"] == "pat@here.test"),
        (
            {"connection": str(invited.house.connection.id)},
            lambda x: x["email"] == "pat@here.test",
        ),
        ({"availability": "away"}, lambda x: x["id"] == staff["ann2"]),
        ({"team": staff["team"]}, lambda x: x["id"] == staff["bea6"]),
        ({"chatbot": invited.bot}, lambda x: x["state"] == "active"),
        ({"chatbot": other}, lambda x: x["state"] == "active" and x["id"] != staff["bea3"]),
        ({"active_since": noon}, lambda x: (x["last_active_at"] or "") >= noon),
        ({"active_before": noon}, lambda x: (x["last_active_at"] or "") < noon),
        ({"q": "EA"}, lambda x: "ea" in f"{x['display_name']} {x['email']}"),
        ({"q": "people.test", "availability": "away"}, lambda x: x["id"] == staff["ann2"]),
        ({"q": "nobody"}, lambda _: False),
    ]
    for query, fits in cases:
        wanted = [each for each, item in everyone.items() if fits(item)]
        assert [x["id"] for x in everybody(invited, **query)] == wanted, query
        turned = [x["id"] for x in everybody(invited, sort="-name", **query)]
        assert sorted(turned) == sorted(wanted), query


@pytest.mark.requires(MEMBERS)
@pytest.mark.usefixtures("staff")
def test_each_order_is_walked_whole_both_ways_with_equals_in_the_order_of_joining(
    invited: Product,
) -> None:
    """S0-25."""
    roles = {invited.role(key): rank for rank, key in enumerate(RANKS)}
    joined = everybody(invited)
    last = chr(0x10FFFF)
    keys: dict[str, Callable[[Item], Any]] = {
        "joined": lambda _: 0,
        "name": lambda x: x["display_name"].casefold(),
        "email": lambda x: x["email"] or last,
        "role": lambda x: roles.get(x["role_id"], len(roles)),
        "state": lambda x: x["state"],
        "last_active": lambda x: x["last_active_at"] or last,
    }
    assert [x["id"] for x in joined] == sorted(x["id"] for x in joined)
    for name, key in keys.items():
        there = [x["id"] for x in sorted(joined, key=key)]
        assert [x["id"] for x in walk(invited.boss, "members", 3, sort=name)] == there, name
        back = [x["id"] for x in walk(invited.boss, "members", 3, sort=f"-{name}")]
        assert back == there[::-1], name


@pytest.mark.usefixtures("staff")
@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_a_cursor_is_good_for_its_own_order_and_filters(invited: Product) -> None:
    boss = invited.boss
    cursor = boss.get("members?limit=1&sort=name").get_json()["next_cursor"]
    for query in ("sort=-name", "sort=email", "", "sort=name&state=active"):
        problem(boss.get(f"members?limit=1&{query}&cursor={cursor}"), 422, "invalid_request")
    assert boss.get(f"members?limit=1&sort=name&cursor={cursor}").status_code == 200


@pytest.mark.parametrize(
    "query", ["sort=rank", "sort=--name", "colour=red", "state=gone", "active_since=2026-01-01"]
)
@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_an_order_or_filter_that_does_not_exist_is_refused_by_name(
    invited: Product, query: str
) -> None:
    refused = problem(invited.boss.get(f"members?{query}"), 422, "invalid_request")
    assert [each["field"] for each in refused["errors"]] == [query.partition("=")[0]]


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_a_chatbot_or_team_of_nobody_here_lists_nobody(invited: Product) -> None:
    stranger = invited.house.owner_id
    for name in ("chatbot", "team"):
        problem(invited.boss.get(f"members?{name}={stranger}"), 404, "not_found")


@pytest.mark.requires(MEMBERS)
def test_the_last_activity_follows_within_a_minute(invited: Product, clock: Clock) -> None:
    """S4-03: requests within the minute write nothing."""
    ann = invited.employ("admin")
    theirs = invited.caller(ann)

    def seen(passed: int) -> datetime | None:
        clock.advance(timedelta(seconds=passed))
        assert theirs.get("members").status_code == 200
        invited.gateway.flush()
        said = invited.boss.get(f"members/{ann}").get_json()["last_active_at"]
        return datetime.fromisoformat(said)

    first = seen(1)
    assert first == clock()
    assert seen(59) == first
    assert seen(1) == clock()


# -- changing what somebody sees -------------------------------------------------------


@pytest.mark.requires(MEMBER)
def test_chatbots_of_a_member_change_at_the_next_request(pleep: Product) -> None:
    """S0-27, S0-11, S0-03: exactly those named, and the same again changes nothing."""
    ann = pleep.employ("member")
    other = pleep.boss.post("chatbots", {"name": "Other"}).get_json()["id"]

    def give(*wishes: Item) -> Item:
        answer = pleep.boss.patch(f"members/{ann}", {"chatbots": list(wishes)})
        assert answer.status_code == 200, answer.text
        changed: Item = answer.get_json()
        return changed

    first = {"chatbot_id": pleep.bot, "sections": {"conversations": "write", "analytics": "read"}}
    assert give(first)["chatbots"] == {pleep.bot: first["sections"]}
    assert pleep.may(ann, "conversations.write") == "allowed"
    assert pleep.may(ann, "conversations.read", other) == "not_visible"
    epoch = give(first)["access_epoch"]
    assert give(first)["access_epoch"] == epoch
    assert list(give({"chatbot_id": other})["chatbots"]) == [other]
    assert pleep.may(ann, "conversations.read") == "not_visible"
    assert give()["chatbots"] == {}
    assert pleep.may(ann, "conversations.read", other) == "not_visible"


@pytest.mark.requires(MEMBER)
def test_a_members_scope_opens_and_closes_and_keeps_what_was_granted(invited: Product) -> None:
    """S4-21."""
    ann = invited.employ("member")
    wish = {"chatbot_id": invited.bot, "sections": {"conversations": "read"}}
    narrowed = invited.boss.patch(f"members/{ann}", {"chatbots": [wish]}).get_json()
    assert (narrowed["bot_scope"], list(narrowed["chatbots"])) == ("selected", [invited.bot])
    opened = invited.boss.patch(f"members/{ann}", {"bot_scope": "all"}).get_json()
    assert (opened["bot_scope"], opened["chatbots"]) == ("all", {})
    assert invited.may(ann, "analytics.write") == "allowed"
    closed = invited.boss.patch(f"members/{ann}", {"bot_scope": "selected"}).get_json()
    assert closed["chatbots"] == {invited.bot: wish["sections"]}


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        pytest.param({"bot_scope": "all", "chatbots": []}, 422, "invalid_request", id="both"),
        pytest.param(
            {"chatbots": [{"chatbot_id": "00000000-0000-4000-8000-000000000000"}]},
            422,
            "invalid_request",
            id="no-such-chatbot",
        ),
        pytest.param({"chatbots": [{"sections": {}}]}, 422, "invalid_request", id="no-chatbot"),
        pytest.param({"bot_scope": "some"}, 422, "invalid_request", id="no-such-scope"),
    ],
)
@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_a_change_of_chatbots_that_cannot_be_taken_changes_nothing(
    invited: Product, body: Item, status: int, code: str
) -> None:
    ann = invited.employ("member")
    before = invited.boss.get(f"members/{ann}").get_json()
    problem(invited.boss.patch(f"members/{ann}", body), status, code)
    assert invited.boss.get(f"members/{ann}").get_json() == before


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_what_hands_may_not_touch_they_do_not_narrow(invited: Product) -> None:
    """Neither one's own access, nor an admin's, nor what the identity provider decides."""
    narrowed: Item = {"chatbots": []}
    admin = invited.employ("admin")
    problem(invited.boss.patch(f"members/{admin}", narrowed), 422, "invalid_request")
    problem(invited.caller(admin).patch(f"members/{admin}", narrowed), 403, "own_access")
    user = provision(invited.gateway.work, invited.house, "pat@here.test", "p1")
    problem(invited.boss.patch(f"members/{user.member_id}", narrowed), 409, "managed_by_idp")
