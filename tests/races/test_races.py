"""At the same moment: nothing is lost, nothing is doubled, and exactly one wins.

Over HTTP, against four server processes on PostgreSQL and the threads of one on SQLite.
"""

import random
from typing import Any

import pytest

from gateway.domain.errors import GatewayError, LastOwner
from gateway.services import members
from gateway.storage import tables as t
from tests.races.conftest import PATCH, USER, Arena, Request, statuses, together


def add(group: str, user: str) -> Request:
    operation = {"op": "add", "path": "members", "value": [{"value": user}]}
    return "PATCH", f"/Groups/{group}", {"schemas": [PATCH], "Operations": [operation]}


def take(group: str, user: str) -> Request:
    operation = {"op": "remove", "path": f'members[value eq "{user}"]'}
    return "PATCH", f"/Groups/{group}", {"schemas": [PATCH], "Operations": [operation]}


def replace(user: str, path: str, value: Any) -> Request:
    operation = {"op": "replace", "path": path, "value": value}
    return "PATCH", f"/Users/{user}", {"schemas": [PATCH], "Operations": [operation]}


def post(user_name: str, **more: Any) -> Request:
    return "POST", "/Users", {"schemas": [USER], "userName": user_name, "active": True, **more}


def people(arena: Arena, how_many: int) -> list[str]:
    answers = arena.press([post(f"p{number}@crowd.test") for number in range(how_many)])
    assert statuses(answers) == {201: how_many}
    return [answer.body["id"] for answer in answers]


def test_of_two_hundred_parallel_additions_to_one_group_none_is_lost(arena: Arena) -> None:
    everybody, group = people(arena, 200), arena.group("Everybody")
    answers = arena.press([add(group, user) for user in everybody])
    assert set(statuses(answers)) <= {200, 204}
    assert arena.members(group) == set(everybody)
    arena.require_agreement()


def test_additions_and_removals_at_once_come_to_the_exact_result(arena: Arena) -> None:
    everybody = people(arena, 120)
    stay, go, come = everybody[:40], everybody[40:80], everybody[80:]
    group = arena.group("Movers", [*stay, *go])
    moves = [*(take(group, user) for user in go), *(add(group, user) for user in come)]
    random.Random(1).shuffle(moves)  # noqa: S311 - any order will do
    answers = arena.press(moves)
    assert set(statuses(answers)) <= {200, 204}
    assert arena.members(group) == {*stay, *come}
    arena.require_agreement()


def test_the_same_move_by_everybody_at_once_is_made_once(arena: Arena) -> None:
    user, group = arena.create("anna@crowd.test"), arena.group("One")
    assert set(statuses(arena.press([add(group, user)] * 20))) <= {200, 204}
    assert arena.members(group) == {user}
    seats = arena.scene.rows(t.directory_memberships)
    assert len(seats) == 1
    arena.require_agreement()


def test_of_twenty_parallel_posts_of_one_user_name_one_creates(arena: Arena) -> None:
    """Also in other letter case."""
    names = ["anna@crowd.test", "ANNA@crowd.test", "Anna@Crowd.Test", "annA@crowd.tesT"] * 5
    answers = arena.press([post(name) for name in names])
    assert statuses(answers) == {201: 1, 409: 19}
    assert {a.body["scimType"] for a in answers if a.status == 409} == {"uniqueness"}
    assert len(arena.scene.rows(t.directory_users)) == 1
    arena.require_agreement()


def test_of_twenty_parallel_posts_of_one_external_id_one_creates(arena: Arena) -> None:
    requests = [post(f"p{number}@crowd.test", externalId="x1") for number in range(20)]
    assert statuses(arena.press(requests)) == {201: 1, 409: 19}
    arena.require_agreement()


def test_parallel_changes_of_different_attributes_of_one_user_are_all_kept(
    arena: Arena,
) -> None:
    user = arena.create("anna@crowd.test")
    simple = ("displayName", "nickName", "title", "userType", "preferredLanguage", "locale")
    named = ("formatted", "familyName", "givenName", "middleName", "honorificPrefix")
    wanted = {
        **{name: f"{name} new" for name in simple[:4]},
        "preferredLanguage": "de-DE",
        "locale": "de-DE",
        **{f"name.{name}": f"{name} new" for name in named},
    }
    answers = arena.press([replace(user, path, value) for path, value in wanted.items()])
    assert set(statuses(answers)) <= {200, 204}
    now = arena.send("GET", f"/Users/{user}").body
    found = {path: _at(now, path) for path in wanted}
    assert found == wanted
    row = arena.scene.rows(t.directory_users)[0]
    assert row.version == 1 + len(wanted)


def _at(resource: dict[str, Any], path: str) -> Any:
    for key in path.split("."):
        resource = resource[key]
    return resource


def test_of_parallel_deletions_one_deletes(arena: Arena) -> None:
    user = arena.create("anna@crowd.test")
    answers = arena.press([("DELETE", f"/Users/{user}", None)] * 20)
    assert statuses(answers) == {204: 1, 404: 19}
    assert len(arena.scene.facts("directory.user_deleted")) == 1
    arena.require_agreement()


def test_of_parallel_deletions_of_a_group_one_deletes(arena: Arena) -> None:
    group = arena.group("Gone", people(arena, 5))
    answers = arena.press([("DELETE", f"/Groups/{group}", None)] * 20)
    assert statuses(answers) == {204: 1, 404: 19}
    arena.require_agreement()


def test_a_change_decided_on_an_old_version_is_refused(arena: Arena) -> None:
    """Of twenty who read the same version, one writes; the others answer 412."""
    user = arena.create("anna@crowd.test")
    read = arena.send("GET", f"/Users/{user}")
    assert read.etag is not None
    requests = [replace(user, "title", f"Title {number}") for number in range(20)]
    answers = arena.press(requests, If_Match=read.etag)
    counted = statuses(answers)
    assert counted[412] == 19
    assert counted[200] + counted[204] == 1
    late = arena.send("PUT", f"/Users/{user}", post("anna@crowd.test")[2], If_Match=read.etag)
    assert late.status == 412


def test_of_two_owners_deprovisioned_at_once_one_stays(arena: Arena) -> None:
    here = arena.scene
    here.appoint(f"other@{_slug(arena)}.test")
    owners = [arena.create(f"{name}@{_slug(arena)}.test") for name in ("owner", "other")]
    answers = arena.press([replace(user, "active", False) for user in owners])
    counted = statuses(answers)
    assert counted[400] == 1
    assert counted[200] + counted[204] == 1
    _require_an_owner(arena)


def test_of_two_owners_leaving_at_once_one_stays(arena: Arena) -> None:
    here = arena.scene
    second = here.appoint(f"other@{_slug(arena)}.test")
    refused = together(_leaving(arena), [here.house.owner_id, second])
    assert sorted(map(str, refused)) == ["LastOwner", "None"]
    _require_an_owner(arena)


def _leaving(arena: Arena) -> Any:
    def leave(member_id: Any) -> str | None:
        try:
            arena.scene.run(members.leave, member_id, by=arena.scene.by(member_id))
        except LastOwner as refusal:
            return type(refusal).__name__
        return None

    return leave


def _require_an_owner(arena: Arena) -> None:
    owners = [
        row for row in arena.scene.rows(t.members) if row.owner_of_record and row.state == "active"
    ]
    assert len(owners) == 1


def test_of_twenty_creations_at_one_free_seat_one_succeeds(arena: Arena) -> None:
    """S1-31: the door to a seat is the organisation's lock."""
    here = arena.scene
    here.limit_seats(here.seats_in_use().active + 1)
    answers = arena.press([post(f"p{number}@crowd.test") for number in range(20)])
    assert statuses(answers) == {201: 1, 403: 19}
    assert here.seats_in_use().active == 3
    assert len(here.rows(t.directory_users)) == 1
    arena.require_agreement()


def test_freed_seats_go_to_as_many_who_wait(arena: Arena) -> None:
    here = arena.scene
    leavers = people(arena, 10)
    here.limit_seats(here.seats_in_use().active)
    here.configure(seat_overage="waitlist")
    waiting = arena.press([post(f"w{number}@crowd.test") for number in range(15)])
    assert statuses(waiting) == {201: 15}
    arena.press([("DELETE", f"/Users/{user}", None) for user in leavers])
    states = [row.state for row in here.rows(t.members) if (row.email or "").startswith("w")]
    assert (states.count("active"), states.count("waitlisted")) == (10, 5)


def test_deactivation_and_moves_at_once_leave_nobody_with_access(narrow: Arena) -> None:
    """S2-21: whatever comes at the same moment, who is deactivated has nothing."""
    arena = narrow
    everybody, group = people(arena, 20), arena.group("Eng")
    arena.scene.map(arena.scene.rows(t.directory_groups)[0], role="developer")  # type: ignore[arg-type]
    requests = [
        *(add(group, user) for user in everybody),
        *(replace(user, "active", False) for user in everybody),
        *(take(group, user) for user in everybody[:10]),
    ]
    random.Random(2).shuffle(requests)  # noqa: S311 - any order will do
    assert set(statuses(arena.press(requests))) <= {200, 204}
    people_now = [row for row in arena.scene.rows(t.members) if row.source == "scim"]
    assert {row.state for row in people_now} == {"deactivated"}
    assert all(arena.scene.access(row.id).is_empty() for row in people_now)
    arena.require_agreement()


def test_two_organisations_pressed_at_once_come_each_to_their_own_result(
    arena: Arena, narrow: Arena
) -> None:
    arenas = [arena, narrow]
    requests = [(arena, post(f"p{n}@crowd.test")) for n in range(30) for arena in arenas]
    answers = together(lambda each: each[0].send(*each[1]), requests)
    assert statuses(answers) == {201: 60}
    for arena in arenas:
        assert len(arena.scene.rows(t.directory_users)) == 30
        arena.require_agreement()


@pytest.mark.parametrize("verb", [members.deactivate, members.hold, members.remove])
def test_of_two_owners_whom_two_operators_take_away_at_once_one_stays(
    arena: Arena, verb: Any
) -> None:
    """S2-25."""
    here = arena.scene
    second = here.appoint(f"other@{_slug(arena)}.test")

    def end(member_id: Any) -> str:
        try:
            here.run(verb, member_id)
        except GatewayError as refusal:
            return refusal.code
        return "done"

    assert sorted(together(end, [here.house.owner_id, second])) == ["done", "last_owner"]


def _slug(arena: Arena) -> str:
    row = arena.scene.member(arena.scene.house.owner_id)
    return str(row.email).partition("@")[2].removesuffix(".test")
