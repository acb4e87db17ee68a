"""Teams, availability and assignment by hand, over HTTP."""

from typing import Any
from uuid import UUID

import pytest

from gateway.app import Gateway
from gateway.services import conversations, members, organisations
from gateway.storage.unit_of_work import Work
from tests.factories import OPERATOR, House, house
from tests.service.api import callers
from tests.service.api.callers import Caller
from tests.service.api.test_forms import problem

STATES = ("live", "away", "offline")
AVAILABILITY = "PUT /organisations/{organisation}/members/{member}/availability"


@pytest.fixture
def shop(work: Work) -> House:
    """An organisation with owner, admin and agents."""
    return house(work, "shop", "pingback")


@pytest.fixture
def boss(gateway: Gateway, shop: House) -> Caller:
    return callers.owner(gateway, shop)


@pytest.fixture
def admin(gateway: Gateway, shop: House) -> Caller:
    return callers.owned_by(gateway, shop.organisation_id, shop.successor_id)


@pytest.fixture
def agent_id(work: Work, shop: House) -> UUID:
    return work.run(
        shop.organisation_id,
        OPERATOR,
        lambda uow: organisations.add_member(
            uow, email="ann@shop.test", display_name="Ann", role="agent"
        ),
    )


@pytest.fixture
def agent(gateway: Gateway, shop: House, agent_id: UUID) -> Caller:
    return callers.owned_by(gateway, shop.organisation_id, agent_id)


@pytest.fixture
def conversation(boss: Caller) -> str:
    bot = boss.post("chatbots", {"name": "Shop"}).get_json()["id"]
    made = boss.post("conversations", {"chatbot_id": bot, "subject": "Hello"})
    found: str = made.get_json()["id"]
    return found


def go_live(caller: Caller, member: UUID) -> None:
    answer = caller.call("PUT", f"members/{member}/availability", {"availability": "live"})
    assert answer.status_code == 200


def assigned(caller: Caller, conversation: str, member: Any) -> Any:
    return caller.post(f"conversations/{conversation}:assign", {"member_id": str(member)})


@pytest.mark.requires("POST /organisations/{organisation}/teams")
@pytest.mark.parametrize("strategy", ["round_robin", "load_balanced", "manual"])
def test_a_team_is_made_with_one_of_three_strategies(boss: Caller, strategy: str) -> None:
    """S1-25, S1-26, S1-28."""
    made = boss.post("teams", {"name": "Support Team", "strategy": strategy})
    assert made.status_code == 201
    assert made.get_json() in boss.get("teams").get_json()["items"]
    problem(boss.post("teams", {"name": "X", "strategy": "random"}), 422, "invalid_request")


@pytest.mark.requires("POST /organisations/{organisation}/teams/{team}/members")
def test_only_members_of_the_same_organisation_join_a_team(
    boss: Caller, agent_id: UUID, acme: House
) -> None:
    """S1-27."""
    team = boss.post("teams", {"name": "Support"}).get_json()["id"]
    joined = boss.post(f"teams/{team}/members", {"member_id": str(agent_id)})
    assert joined.get_json() == {"member_ids": [str(agent_id)]}
    foreign = boss.post(f"teams/{team}/members", {"member_id": str(acme.owner_id)})
    problem(foreign, 404, "not_found")


@pytest.mark.requires("POST /organisations/{organisation}/teams/{team}/members")
def test_a_team_says_what_it_lacks(boss: Caller, agent_id: UUID) -> None:
    """S1-29: members, and a strategy that assigns."""
    made = boss.post("teams", {"name": "Support"}).get_json()
    place = f"teams/{made['id']}"
    assert made["lacking"] == ["members", "strategy"]
    assert boss.patch(place, {"strategy": "round_robin"}).get_json()["lacking"] == ["members"]
    boss.post(f"{place}/members", {"member_id": str(agent_id)})
    assert boss.get(place).get_json()["lacking"] == []


def test_a_team_is_renamed_and_ended(boss: Caller, agent_id: UUID) -> None:
    boss.post("teams", {"name": "Sales"})
    place = f"teams/{boss.post('teams', {'name': 'Support'}).get_json()['id']}"
    problem(boss.patch(place, {"name": "SALES"}), 409, "already_exists")
    assert boss.patch(place, {"name": "Help"}).get_json()["name"] == "Help"
    boss.post(f"{place}/members", {"member_id": str(agent_id)})
    assert boss.get(f"members/{agent_id}").get_json()["access"]["teams"] == [
        place.rpartition("/")[2]
    ]
    assert boss.delete(place).status_code == 204
    problem(boss.get(place), 404, "not_found")
    assert boss.get(f"members/{agent_id}").get_json()["access"]["teams"] == []
    assert boss.post("teams", {"name": "Help"}).status_code == 201


@pytest.mark.requires(AVAILABILITY)
@pytest.mark.parametrize("state", STATES)
def test_everybody_sets_their_own_availability_and_all_see_it(
    boss: Caller, agent: Caller, agent_id: UUID, state: str
) -> None:
    """S3-10, S3-16, S3-20."""
    assert boss.get(f"members/{agent_id}").get_json()["availability"] == "offline"
    place = f"members/{agent_id}/availability"
    assert agent.call("PUT", place, {"availability": state}).get_json() == {"availability": state}
    rows = {x["id"]: x for x in agent.get("members").get_json()["items"]}
    assert rows[str(agent_id)]["availability"] == state
    problem(boss.call("PUT", place, {"availability": state}), 403, "not_permitted")


@pytest.mark.requires(AVAILABILITY)
def test_availability_is_one_of_three_words(agent: Caller, agent_id: UUID) -> None:
    """S3-15, S3-20: never empty, and no fourth word."""
    for wrong in ("busy", "", None, "LIVE"):
        answer = agent.call("PUT", f"members/{agent_id}/availability", {"availability": wrong})
        problem(answer, 422, "invalid_request")


@pytest.mark.requires(AVAILABILITY)
def test_only_who_is_live_could_get_a_conversation(
    boss: Caller, agent: Caller, agent_id: UUID, conversation: str
) -> None:
    """S3-17, S3-18, S3-19."""
    place = f"conversations/{conversation}/candidates"
    for state in STATES:
        agent.call("PUT", f"members/{agent_id}/availability", {"availability": state})
        names = [each["display_name"] for each in boss.get(place).get_json()["items"]]
        assert names == (["Ann"] if state == "live" else [])


@pytest.mark.requires(AVAILABILITY)
def test_who_is_away_gets_no_conversation_unasked(
    boss: Caller, agent: Caller, agent_id: UUID, conversation: str
) -> None:
    """S1-36."""
    place = f"members/{agent_id}/availability"
    agent.call("PUT", place, {"availability": "live"})
    assert boss.get(f"conversations/{conversation}/candidates").get_json()["items"] != []
    agent.call("PUT", place, {"availability": "away"})
    assert boss.get(f"conversations/{conversation}/candidates").get_json()["items"] == []


@pytest.mark.requires("POST /organisations/{organisation}/conversations/{conversation}:assign")
def test_owner_and_admin_assign_and_an_agent_does_not(
    boss: Caller, admin: Caller, agent: Caller, agent_id: UUID, conversation: str
) -> None:
    """S3-08, S3-23: any conversation, to a specific agent."""
    go_live(agent, agent_id)
    for caller in (boss, admin):
        answer = assigned(caller, conversation, agent_id)
        assert answer.get_json()["assignee_id"] == str(agent_id)
    problem(assigned(agent, conversation, agent_id), 403, "not_permitted")


@pytest.mark.requires("POST /organisations/{organisation}/conversations/{conversation}:assign")
def test_a_conversation_goes_to_active_members_of_the_organisation_alone(
    work: Work, boss: Caller, shop: House, acme: House, agent_id: UUID, conversation: str
) -> None:
    """S3-24: who is deactivated, foreign or nobody is refused alike."""
    refused = problem(assigned(boss, conversation, agent_id), 422, "not_eligible")
    assert refused["details"] == {"lacking": ["live"]}
    work.run(shop.organisation_id, OPERATOR, lambda uow: members.deactivate(uow, agent_id))
    for member in (agent_id, acme.owner_id, UUID(int=77)):
        refused = problem(assigned(boss, conversation, member), 422, "not_eligible")
        assert refused["details"] == {"lacking": ["active"]}


@pytest.mark.requires("POST /organisations/{organisation}/members/{member}:deactivate")
def test_conversations_of_who_is_deactivated_wait_for_others(
    work: Work, boss: Caller, shop: House, agent: Caller, agent_id: UUID, conversation: str
) -> None:
    """S1-23: none keeps its assignee, each is back in the queue."""
    go_live(agent, agent_id)
    assigned(boss, conversation, agent_id)
    assert boss.post(f"members/{agent_id}:deactivate").status_code == 200
    (waiting,) = boss.get("conversations?queued=true").get_json()["items"]
    assert (waiting["id"], waiting["assignee_id"]) == (conversation, None)
    assert waiting["previous_assignee_id"] == str(agent_id)
    with work.read(shop.organisation_id) as uow:
        assert conversations.assigned_chatbots(uow, [agent_id]) == {}


def test_conversations_are_paged_the_longest_waiting_first(boss: Caller, conversation: str) -> None:
    bot = boss.get(f"conversations/{conversation}").get_json()["chatbot_id"]
    ids = [conversation]
    for number in range(4):
        made = boss.post("conversations", {"chatbot_id": bot, "subject": str(number)})
        ids.append(made.get_json()["id"])
    seen: list[str] = []
    query = {"limit": "2"}
    while True:
        page = boss.get("conversations", query_string=query).get_json()
        seen += [each["id"] for each in page["items"]]
        if page["next_cursor"] is None:
            break
        query["cursor"] = page["next_cursor"]
    assert seen == ids


@pytest.mark.requires("POST /organisations/{organisation}/conversations/{conversation}:assign")
def test_two_people_have_a_conversation_each_and_one_is_never_both_of_theirs(
    boss: Caller, admin: Caller, agent: Caller, shop: House, agent_id: UUID, conversation: str
) -> None:
    """S1-01."""
    go_live(agent, agent_id)
    go_live(admin, shop.successor_id)
    bot = boss.get(f"conversations/{conversation}").get_json()["chatbot_id"]
    other = boss.post("conversations", {"chatbot_id": bot, "subject": "Two"}).get_json()["id"]
    assigned(boss, conversation, agent_id)
    assigned(boss, other, shop.successor_id)
    holders = [
        boss.get(f"conversations/{each}").get_json()["assignee_id"]
        for each in (conversation, other)
    ]
    assert holders == [str(agent_id), str(shop.successor_id)]
    again = assigned(boss, conversation, shop.successor_id).get_json()
    assert (again["assignee_id"], again["previous_assignee_id"]) == (
        str(shop.successor_id),
        str(agent_id),
    )
