"""Leaving, removing and handing over, over HTTP."""

from datetime import timedelta
from uuid import UUID

import pytest

from gateway.app import Gateway
from gateway.storage.unit_of_work import Work
from tests.clock import Clock
from tests.factories import House
from tests.service.api import callers
from tests.service.api.products import Product, product
from tests.service.api.test_forms import problem

LEAVE = "POST /organisations/{organisation}/members/{member}:leave"
REMOVE = "POST /organisations/{organisation}/members/{member}:remove"
PREVIEW = "GET /organisations/{organisation}/members/{member}/offboarding-preview"
ACTIVITY = "GET /organisations/{organisation}/members/{member}/activity"
MEMBERS = "GET /organisations/{organisation}/members"


def talk(here: Product, member: str) -> str:
    """Give a member a conversation that has waited for an hour."""
    here.go_live(member)
    made = here.boss.post("conversations", {"chatbot_id": here.bot, "subject": "Hello"})
    conversation: str = made.get_json()["id"]
    clock = here.gateway.work.clock
    assert isinstance(clock, Clock)
    clock.advance(timedelta(hours=1))
    place = f"conversations/{conversation}:assign"
    assert here.boss.post(place, {"member_id": member}).status_code == 200
    return conversation


@pytest.mark.requires(LEAVE)
def test_a_member_leaves_and_their_conversations_wait_for_others(pleep: Product) -> None:
    """S0-31."""
    ann, bob = pleep.employ("member"), pleep.employ("member", "bob")
    pleep.grant(ann, {"conversations": "write"})
    conversation, theirs = talk(pleep, ann), pleep.caller(ann)
    problem(theirs.post(f"members/{bob}:leave"), 403, "not_permitted")
    problem(pleep.boss.post(f"members/{ann}:leave"), 403, "not_permitted")
    assert theirs.post(f"members/{ann}:leave").status_code == 204
    problem(theirs.get("members"), 401, "token_invalid")
    (waiting,) = pleep.boss.get("conversations?queued=true").get_json()["items"]
    assert (waiting["id"], waiting["previous_assignee_id"]) == (conversation, ann)
    assert pleep.boss.get(f"members/{ann}").get_json()["state"] == "removed"


@pytest.mark.requires(LEAVE)
@pytest.mark.parametrize("preset", ["pleep", "five_role", "pingback", "members_invitations"])
def test_the_last_owner_stays(gateway: Gateway, work: Work, preset: str) -> None:
    """S2-25, S3-03: neither leaving nor being removed."""
    here = product(gateway, work, preset)
    place = f"members/{here.house.owner_id}"
    problem(here.boss.post(f"{place}:leave"), 409, "last_owner")


@pytest.mark.requires(PREVIEW)
def test_a_removal_is_looked_at_before_and_proved_afterwards(five: Product) -> None:
    """S2-23: owned chatbots and open conversations are named, then gone."""
    ann = five.employ("developer")
    theirs = five.caller(ann)
    own = theirs.post("chatbots", {"name": "Ann's"}).get_json()["id"]
    before = five.boss.get(f"members/{ann}/offboarding-preview").get_json()
    assert before["owned_chatbots"] == [{"id": own, "name": "Ann's"}]
    assert (before["api_keys"], before["grants"], before["has_access"]) == (1, 1, True)
    assert five.boss.post(f"members/{ann}:remove").status_code == 204
    after = five.boss.get(f"members/{ann}/offboarding-report").get_json()
    assert after["removed_at"]
    assert {name: after[name] for name in ("api_keys", "grants", "sessions", "team_seats")} == {
        "api_keys": 0,
        "grants": 0,
        "sessions": 0,
        "team_seats": 0,
    }
    assert (after["owned_chatbots"], after["has_access"]) == ([], False)


@pytest.mark.requires(REMOVE)
def test_what_a_removed_member_owned_goes_to_the_owner(five: Product) -> None:
    """S2-24."""
    ann = five.employ("developer")
    own = five.caller(ann).post("chatbots", {"name": "Ann's"}).get_json()["id"]
    five.boss.post(f"members/{ann}:remove")
    assert five.boss.get(f"chatbots/{own}").get_json()["owner_id"] == str(five.house.owner_id)


@pytest.mark.requires(REMOVE)
def test_whoever_removes_may_say_who_gets_what(pleep: Product) -> None:
    """S2-23, S4-17."""
    ann, bob = pleep.employ("member"), pleep.employ("member", "bob")
    for member in (ann, bob):
        pleep.grant(member, {"conversations": "write"})
    conversation = talk(pleep, ann)
    for nobody in (UUID(int=7), ann):
        wrong = pleep.boss.post(f"members/{ann}:remove?conversations_to={nobody}")
        problem(wrong, 422, "not_eligible")
        wrong = pleep.boss.post(f"members/{ann}:remove?resources_to={nobody}")
        problem(wrong, 422, "invalid_request")
    offline = pleep.boss.post(f"members/{ann}:remove?conversations_to={bob}")
    assert problem(offline, 422, "not_eligible")["details"] == {"lacking": ["live"]}
    pleep.go_live(bob)
    gone = pleep.boss.post(f"members/{ann}:remove?conversations_to={bob}&resources_to={bob}")
    assert gone.status_code == 204
    rows = {x["id"]: x for x in pleep.boss.get("conversations").get_json()["items"]}
    assert rows[conversation]["assignee_id"] == bob
    assert rows[conversation]["previous_assignee_id"] == ann
    report = pleep.boss.get(f"members/{ann}/offboarding-report").get_json()["handed_over"]
    assert report["conversations"] == [{"to": "member", "id": bob, "count": 1}]


def staffed(here: Product, *people: str) -> str:
    """Make a team of these people."""
    team: str = here.boss.post("teams", {"name": "Support"}).get_json()["id"]
    for member in people:
        assert here.boss.post(f"teams/{team}/members", {"member_id": member}).status_code == 200
    return team


@pytest.mark.requires(PREVIEW)
@pytest.mark.parametrize("verb", ["remove", "deactivate"])
def test_conversations_go_to_a_teams_queue_and_wait_there_as_long_as_before(
    pleep: Product, verb: str
) -> None:
    """S2-23, S4-17: nobody has them meanwhile, and the report tells."""
    ann, bob = pleep.employ("member"), pleep.employ("member", "bob")
    for member in (ann, bob):
        pleep.grant(member, {"conversations": "write"})
    conversation, team = talk(pleep, ann), staffed(pleep, bob)
    before = pleep.boss.get(f"conversations/{conversation}").get_json()
    wish = f"conversations=team&conversations_to={team}"
    seen = pleep.boss.get(f"members/{ann}/offboarding-preview?{wish}").get_json()
    assert [each["id"] for each in seen["conversations"]] == [conversation]
    assert pleep.boss.post(f"members/{ann}:{verb}?{wish}").status_code in (200, 204)
    after = pleep.boss.get(f"conversations/{conversation}").get_json()
    changed = {"team_id": team, "assignee_id": None, "previous_assignee_id": ann}
    assert after == {**before, **changed, "queued_at": after["queued_at"]}
    assert after["queued_at"] > after["waiting_since"]
    report = pleep.boss.get(f"members/{ann}/offboarding-report").get_json()
    given = report["handed_over"]["conversations"]
    assert (given, report["open_conversations"]) == ([{"to": "team", "id": team, "count": 1}], 0)
    pleep.go_live(bob)
    taken = pleep.boss.post(f"conversations/{conversation}:assign", {"member_id": bob})
    assert taken.get_json()["assignee_id"] == bob


@pytest.mark.requires(REMOVE)
def test_a_team_that_could_not_answer_gets_nothing(pleep: Product, acme: House) -> None:
    """S2-23: unknown, foreign, gone, or with nobody left in it; nothing happens."""
    ann, bob = pleep.employ("member"), pleep.employ("member", "bob")
    pleep.grant(ann, {"conversations": "write"})
    conversation, team = talk(pleep, ann), staffed(pleep, ann, bob)
    pleep.boss.post(f"members/{bob}:deactivate")
    foreign = callers.owner(pleep.gateway, acme).post("teams", {"name": "Theirs"}).get_json()["id"]
    gone = pleep.boss.post("teams", {"name": "Gone"}).get_json()["id"]
    pleep.boss.delete(f"teams/{gone}")
    for wrong, lacking in (
        (str(UUID(int=7)), "team"),
        (foreign, "team"),
        (gone, "team"),
        (team, "members"),
    ):
        wish = f"conversations=team&conversations_to={wrong}"
        for answer in (
            pleep.boss.get(f"members/{ann}/offboarding-preview?{wish}"),
            *(pleep.boss.post(f"members/{ann}:{verb}?{wish}") for verb in ("remove", "deactivate")),
        ):
            refused = problem(answer, 422, "not_eligible")
            assert refused["details"] == {"lacking": [lacking]}
    assert pleep.boss.get(f"members/{ann}").get_json()["state"] == "active"
    kept = pleep.boss.get(f"conversations/{conversation}").get_json()
    assert kept["assignee_id"] == ann


@pytest.mark.requires(REMOVE)
@pytest.mark.parametrize(
    "wish",
    [
        "conversations=team",
        "conversations=member",
        f"conversations=queue&conversations_to={UUID(int=7)}",
        "conversations=nobody",
        "conversations_to=nobody",
    ],
)
def test_a_disposition_that_contradicts_itself_is_refused(pleep: Product, wish: str) -> None:
    """S2-23."""
    ann = pleep.employ("member")
    for verb in ("remove", "deactivate"):
        problem(pleep.boss.post(f"members/{ann}:{verb}?{wish}"), 422, "invalid_request")
    resources = pleep.boss.post(f"members/{ann}:deactivate?resources_to={pleep.house.owner_id}")
    problem(resources, 422, "invalid_request")
    assert pleep.boss.get(f"members/{ann}").get_json()["state"] == "active"


@pytest.mark.requires(LEAVE)
def test_who_leaves_gives_conversations_away_only_with_the_permission_to_assign(
    five: Product,
) -> None:
    """S0-31, S2-23."""
    ann, viewer = five.employ("admin"), five.employ("viewer", "vic")
    team = staffed(five, str(five.house.successor_id))
    wish = f"conversations=team&conversations_to={team}"
    problem(five.caller(viewer).post(f"members/{viewer}:leave?{wish}"), 403, "not_permitted")
    narrow = callers.owned_by(
        five.gateway, five.house.organisation_id, UUID(ann), ("members.leave",)
    )
    problem(narrow.post(f"members/{ann}:leave?{wish}"), 403, "not_permitted")
    conversation = talk(five, ann)
    own = five.caller(ann).post("chatbots", {"name": "Ann's"}).get_json()["id"]
    heir = str(five.house.successor_id)
    left = five.caller(ann).post(f"members/{ann}:leave?{wish}&resources_to={heir}")
    assert left.status_code == 204
    waiting = five.boss.get(f"conversations/{conversation}").get_json()
    assert (waiting["team_id"], waiting["previous_assignee_id"]) == (team, ann)
    given = five.boss.get(f"members/{ann}/offboarding-report").get_json()["handed_over"]
    assert given["conversations"] == [{"to": "team", "id": team, "count": 1}]
    assert given["chatbots"] == [{"id": own, "name": "Ann's", "owner_id": heir}]


@pytest.mark.requires(REMOVE)
def test_nobody_is_kept_by_an_expired_subscription_but_conversations_are_given_to_nobody(
    pleep: Product,
) -> None:
    ann, bert = (pleep.employ("admin", name) for name in ("ann", "bert"))
    talk(pleep, ann)
    assert pleep.boss.post("subscription:expire").status_code == 200
    wish = f"conversations=member&conversations_to={bert}"
    for verb in ("deactivate", "remove"):
        problem(pleep.boss.post(f"members/{ann}:{verb}?{wish}"), 402, "subscription_expired")
    assert pleep.boss.post(f"members/{ann}:deactivate").status_code == 200
    assert pleep.boss.post(f"members/{ann}:remove").status_code == 204


def test_the_usual_way_is_reported_as_well(five: Product) -> None:
    """S2-23, S2-24."""
    ann = five.employ("admin")
    assert five.boss.get(f"members/{ann}/offboarding-report").get_json()["handed_over"] is None
    talk(five, ann)
    own = five.caller(ann).post("chatbots", {"name": "Ann's"}).get_json()["id"]
    five.boss.post(f"members/{ann}:remove")
    given = five.boss.get(f"members/{ann}/offboarding-report").get_json()["handed_over"]
    assert given["conversations"] == [{"to": "queue", "id": None, "count": 1}]
    owner = str(five.house.owner_id)
    assert given["chatbots"] == [{"id": own, "name": "Ann's", "owner_id": owner}]


@pytest.mark.requires(REMOVE)
def test_a_removed_membership_never_comes_back(five: Product) -> None:
    """S2-21, S2-22, S4-16."""
    ann = five.employ("viewer")
    theirs = five.caller(ann)
    five.boss.post(f"members/{ann}:remove")
    problem(theirs.get("members"), 401, "token_invalid")
    for verb in ("reactivate", "lift-hold", "remove"):
        problem(five.boss.post(f"members/{ann}:{verb}"), 404, "not_found")


@pytest.mark.requires(ACTIVITY)
def test_activity_shows_what_a_member_did_newest_first(five: Product) -> None:
    """S2-05, S4-19: it stays after they are gone."""
    ann = five.employ("admin")
    theirs = five.caller(ann)
    for name in ("One", "Two"):
        theirs.post("chatbots", {"name": name})
    for _ in range(2):
        done = five.boss.get(f"members/{ann}/activity").get_json()["items"]
        assert [x["targets"][0]["name"] for x in done] == ["Two", "One"]
        five.boss.post(f"members/{ann}:remove")


@pytest.mark.requires(MEMBERS)
def test_the_list_shows_role_and_sections_of_everybody(pleep: Product) -> None:
    """S0-25, S0-26, S0-30."""
    ann = pleep.employ("member")
    pleep.grant(ann, {"conversations": "write", "analytics": "read"})
    for caller in (pleep.boss, pleep.caller(ann)):
        rows = {x["id"]: x for x in caller.get("members").get_json()["items"]}
        assert len(rows) == 3
        assert rows[ann]["role_id"] == pleep.role("member")
        assert rows[ann]["bot_scope"] == "selected"
        assert rows[ann]["chatbots"][pleep.bot] == {
            "analytics": "read",
            "conversations": "write",
        }


@pytest.mark.requires(MEMBERS)
def test_members_may_see_the_roster(pleep: Product) -> None:
    """S0-29."""
    assert pleep.caller(pleep.employ("member")).get("members").status_code == 200
