"""Leaving, removing and handing over, over HTTP."""

from uuid import UUID

import pytest

from gateway.app import Gateway
from gateway.storage.unit_of_work import Work
from tests.service.api.products import Product, product
from tests.service.api.test_forms import problem

LEAVE = "POST /organisations/{organisation}/members/{member}:leave"
REMOVE = "POST /organisations/{organisation}/members/{member}:remove"
PREVIEW = "GET /organisations/{organisation}/members/{member}/offboarding-preview"
ACTIVITY = "GET /organisations/{organisation}/members/{member}/activity"
MEMBERS = "GET /organisations/{organisation}/members"


def talk(here: Product, member: str) -> str:
    """Give a member a conversation."""
    made = here.boss.post("conversations", {"chatbot_id": here.bot, "subject": "Hello"})
    conversation: str = made.get_json()["id"]
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
    wrong = pleep.boss.post(f"members/{ann}:remove?conversations_to={UUID(int=7)}")
    problem(wrong, 422, "invalid_request")
    gone = pleep.boss.post(f"members/{ann}:remove?conversations_to={bob}&resources_to={bob}")
    assert gone.status_code == 204
    rows = {x["id"]: x for x in pleep.boss.get("conversations").get_json()["items"]}
    assert rows[conversation]["assignee_id"] == bob


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
