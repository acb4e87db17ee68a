"""AuthZEN 1.0: platforms ask, the enforcing code answers."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID, uuid4

import pytest
from werkzeug.test import TestResponse

from gateway.api import authzen
from gateway.services import (
    access,
    chatbots,
    conversations,
    explaining,
    mapping,
    members,
    organisations,
)
from gateway.services import connections as connection_verbs
from gateway.storage.unit_of_work import UnitOfWork, Work
from tests.factories import OPERATOR, House, provision, provision_group
from tests.service.api.callers import Caller

PATH = "/access/v1/evaluation"


@pytest.fixture
def bots(work: Work, acme: House) -> tuple[UUID, UUID]:
    """Two chatbots of Acme."""

    def make(uow: UnitOfWork) -> tuple[UUID, UUID]:
        return chatbots.create(uow, "Shop"), chatbots.create(uow, "Desk")

    return work.run(acme.organisation_id, OPERATOR, make)


@pytest.fixture
def mia(work: Work, acme: House, bots: tuple[UUID, UUID]) -> UUID:
    """A developer whose group opens conversations and analytics of the first chatbot."""
    user = provision(work, acme, "mia@acme.test", "mia")
    group = provision_group(work, acme, "Support", user.id)

    def map_group(uow: UnitOfWork) -> None:
        roles = {role.key: role.id for role in access.roles_at(uow)}
        here = acme.connection.id
        connection_verbs.update(uow, here, bot_scope="selected")
        mapping.create_rule(uow, here, group.id, "role", role_id=roles["developer"], priority=1)
        mapping.create_rule(
            uow,
            here,
            group.id,
            "chatbot",
            chatbot_id=bots[0],
            sections={"conversations": "write", "analytics": "read"},
        )

    work.run(acme.organisation_id, OPERATOR, map_group)
    assert user.member_id is not None
    return user.member_id


def question(
    member: UUID | str, action: str, kind: str, row_id: object, **properties: object
) -> Any:
    return {
        "subject": {"type": "member", "id": str(member)},
        "action": {"name": action},
        "resource": {"type": kind, "id": str(row_id), "properties": properties},
    }


def post(caller: Caller, path: str, body: Any) -> TestResponse:
    """Send to a path of the specification, which lies outside the management API."""
    headers = {"Authorization": f"Bearer {caller.secret}"} if caller.secret else {}
    with caller.gateway.test_client() as client:
        return client.post(path, json=body, headers=headers)


def answered(caller: Caller, path: str, body: Any) -> Any:
    """Return the body of an answer."""
    return post(caller, path, body).json


def ask(caller: Caller, asked: Mapping[str, Any]) -> Any:
    answer = post(caller, PATH, asked)
    assert answer.status_code == 200, answer.text
    return answer.json


@pytest.mark.parametrize(
    ("action", "bot", "allowed", "code"),
    [
        pytest.param("analytics.read", 0, True, "allowed", id="granted"),
        pytest.param("conversations.read", 0, True, "allowed", id="capped-by-the-role"),
        pytest.param("conversations.write", 0, False, "not_permitted", id="above-the-ceiling"),
        pytest.param("analytics.read", 1, False, "not_visible", id="another-chatbot"),
        pytest.param("chatbot.delete", 0, False, "not_permitted", id="narrowed-scope"),
    ],
)
def test_a_decision_is_what_enforcement_says(
    owner: Caller,
    mia: UUID,
    bots: tuple[UUID, UUID],
    action: str,
    bot: int,
    allowed: bool,
    code: str,
) -> None:
    """S0-11, S0-12, S2-02."""
    answer = ask(owner, question(mia, action, "chatbot", bots[bot]))
    assert (answer["decision"], answer["context"]["code"]) == (allowed, code)


def test_what_is_unknown_and_what_is_foreign_look_the_same(
    owner: Caller, mia: UUID, globex: House, acme: House
) -> None:
    absent = ask(owner, question(mia, "analytics.read", "chatbot", uuid4()))
    assert absent["context"]["code"] == "not_visible"
    foreign = ask(
        owner, question(globex.owner_id, "org.read", "organisation", acme.organisation_id)
    )
    nobody = ask(owner, question(uuid4(), "org.read", "organisation", acme.organisation_id))
    assert foreign == nobody == {"decision": False, "context": {"code": "not_visible"}}
    token = question(uuid4(), "org.read", "organisation", acme.organisation_id)
    token["subject"]["type"] = "platform_token"
    assert ask(owner, token) == nobody
    elsewhere = ask(owner, question(mia, "org.read", "organisation", globex.organisation_id))
    assert elsewhere == nobody


def test_a_decision_id_opens_the_explanation(
    owner: Caller, mia: UUID, bots: tuple[UUID, UUID]
) -> None:
    answer = ask(owner, question(mia, "conversations.write", "chatbot", bots[0]))
    opened = explaining.opened(answer["context"]["decision_id"])
    assert (opened.member_id, opened.action, opened.chatbot_id) == (
        mia,
        "conversations.write",
        bots[0],
    )


def test_the_gateway_knows_where_its_own_conversations_lie(
    owner: Caller, work: Work, acme: House, mia: UUID, bots: tuple[UUID, UUID]
) -> None:
    conversation = work.run(
        acme.organisation_id, OPERATOR, lambda uow: conversations.create(uow, bots[0], "Hello")
    )
    assert ask(owner, question(mia, "conversations.read", "conversation", conversation))["decision"]
    said = question(mia, "conversations.read", "conversation", "c-17", chatbot=str(bots[1]))
    assert ask(owner, said)["context"]["code"] == "not_visible"
    unknown = question(mia, "conversations.read", "conversation", uuid4())
    assert ask(owner, unknown)["context"]["code"] == "not_visible"


def test_a_deactivated_member_may_nothing_at_the_next_question(
    owner: Caller, work: Work, acme: House, mia: UUID, bots: tuple[UUID, UUID]
) -> None:
    """S4-16."""
    asked = question(mia, "analytics.read", "chatbot", bots[0])
    assert ask(owner, asked)["decision"]
    work.run(acme.organisation_id, OPERATOR, lambda uow: members.deactivate(uow, mia))
    assert ask(owner, asked)["context"]["code"] == "member_inactive"


def test_an_expired_subscription_closes_the_chatbots(
    owner: Caller, work: Work, acme: House, mia: UUID, bots: tuple[UUID, UUID]
) -> None:
    """S0-39."""
    asked = question(mia, "analytics.read", "chatbot", bots[0])
    work.run(
        acme.organisation_id,
        OPERATOR,
        lambda uow: organisations.change_subscription(uow, state="expired"),
    )
    assert ask(owner, asked)["context"]["code"] == "subscription_expired"
    work.run(
        acme.organisation_id,
        OPERATOR,
        lambda uow: organisations.change_subscription(uow, state="active"),
    )
    assert ask(owner, asked)["decision"]


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param({"action": {"name": "fly"}}, id="unknown-action"),
        pytest.param({"resource": {"type": "planet", "id": "1"}}, id="unknown-resource"),
        pytest.param({"subject": {"type": "robot", "id": "1"}}, id="unknown-subject"),
        pytest.param({"subject": {"type": "member"}}, id="no-subject-id"),
        pytest.param({"subject": "mia"}, id="not-an-object"),
        pytest.param({"resource": {"type": "organisation", "id": "x"}}, id="no-chatbot"),
    ],
)
def test_what_cannot_be_understood_is_400(
    owner: Caller, mia: UUID, bots: tuple[UUID, UUID], broken: dict[str, Any]
) -> None:
    asked = question(mia, "analytics.read", "chatbot", bots[0]) | broken
    answer = post(owner, PATH, asked)
    known_false = broken == {"resource": {"type": "organisation", "id": "x"}}
    assert answer.status_code == (200 if known_false else 400)
    assert known_false or "invalid_request" in answer.text


def test_only_keys_with_the_scope_may_ask(
    stranger: Caller, operator: Caller, mia: UUID, bots: tuple[UUID, UUID]
) -> None:
    asked = question(mia, "analytics.read", "chatbot", bots[0])
    assert post(stranger, PATH, asked).status_code == 401
    assert post(operator, PATH, asked).status_code == 403


def test_several_questions_share_what_they_have_in_common(
    owner: Caller, mia: UUID, bots: tuple[UUID, UUID]
) -> None:
    many = {
        "subject": {"type": "member", "id": str(mia)},
        "resource": {"type": "chatbot", "id": str(bots[0])},
        "evaluations": [
            {"action": {"name": "analytics.read"}},
            {"action": {"name": "conversations.write"}},
            {"action": {"name": "conversations.read"}},
        ],
    }
    answer = answered(owner, "/access/v1/evaluations", many)
    assert [each["decision"] for each in answer["evaluations"]] == [True, False, True]
    many["options"] = {"evaluations_semantic": "deny_on_first_deny"}
    answer = answered(owner, "/access/v1/evaluations", many)
    assert [each["decision"] for each in answer["evaluations"]] == [True, False]


def test_searches_find_what_single_questions_allow(
    owner: Caller, acme: House, mia: UUID, bots: tuple[UUID, UUID]
) -> None:
    who = {
        "subject": {"type": "member"},
        "action": {"name": "integrations.write"},
        "resource": {"type": "chatbot", "id": str(bots[1])},
    }
    found = answered(owner, "/access/v1/search/subject", who)
    assert {each["id"] for each in found["results"]} == {
        str(acme.owner_id),
        str(acme.successor_id),
    }
    where = {
        "subject": {"type": "member", "id": str(mia)},
        "action": {"name": "analytics.read"},
        "resource": {"type": "chatbot"},
    }
    found = answered(owner, "/access/v1/search/resource", where)
    assert found["results"] == [{"type": "chatbot", "id": str(bots[0])}]
    what = {
        "subject": {"type": "member", "id": str(mia)},
        "resource": {"type": "chatbot", "id": str(bots[0])},
    }
    found = answered(owner, "/access/v1/search/action", what)
    names = {each["name"] for each in found["results"]}
    assert {"chatbot.read", "analytics.read", "conversations.read"} <= names
    assert not names & {"conversations.write", "chatbot.delete", "broadcasts.read"}


def test_a_search_goes_on_where_its_page_ended(owner: Caller, acme: House) -> None:
    who: dict[str, Any] = {
        "subject": {"type": "member"},
        "action": {"name": "org.read"},
        "resource": {"type": "organisation", "id": str(acme.organisation_id)},
        "page": {"limit": 1},
    }
    seen: list[str] = []
    for _ in range(5):
        page = answered(owner, "/access/v1/search/subject", who)
        seen += [each["id"] for each in page["results"]]
        if not page["page"]["next_token"]:
            break
        who["page"] = {"limit": 1, "token": page["page"]["next_token"]}
    assert seen == [str(acme.owner_id), str(acme.successor_id)]


def test_the_configuration_names_the_endpoints(stranger: Caller) -> None:
    said: Any = stranger.gateway.test_client().get(authzen.WELL_KNOWN).json
    assert said["access_evaluation_endpoint"].endswith(PATH)
    assert said["policy_decision_point"] == "http://localhost"
