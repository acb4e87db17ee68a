"""The audit and the login history leave as files: filtered alike, harmless, and audited."""

import csv
import json
from io import StringIO
from typing import Any

import pytest

from gateway.app import Gateway
from gateway.domain.events import Fact, Target
from gateway.domain.identity import Actor, ActorType, Context
from gateway.services import exports
from gateway.storage.unit_of_work import Work
from tests.factories import House
from tests.service.api import callers
from tests.service.api.callers import Caller

EVIL = Actor(ActorType.OPERATOR, "cli", '=HYPERLINK("http://evil.test")')
FROM = Context(request_id="r-1", ip="192.0.2.7", user_agent="@Browser")


def lines(answer: Any) -> list[dict[str, Any]]:
    assert answer.status_code == 200, answer.text
    return [json.loads(line) for line in answer.text.splitlines()]


def table(answer: Any) -> list[dict[str, str]]:
    assert answer.status_code == 200, answer.text
    return list(csv.DictReader(StringIO(answer.text, newline=""), strict=True))


@pytest.fixture
def history(work: Work, acme: House) -> None:
    """Sign-ins of the owner, good and bad, by somebody with an evil name."""
    person, bond = str(acme.owner_id), str(acme.connection.id)

    def happen(uow: Any) -> None:
        member, connection = Target("member", person, "Ada"), Target("connection", bond)
        uow.record(Fact("signin.succeeded", (member,), after={"method": "password"}))
        said = {"method": "saml", "code": "expired"}
        uow.record(Fact("signin.failed", (member, connection), after=said, outcome="refused"))
        uow.record(Fact("team.created", (Target("team", str(uow.new_id()), "-1+1"),)))

    work.run(acme.organisation_id, EVIL, happen, FROM)


@pytest.mark.usefixtures("history")
def test_an_export_says_what_the_list_says(owner: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    """S2-07: in batches, so that memory does not grow with the audit."""
    monkeypatch.setattr(exports, "BATCH", 2)
    listed = owner.get("audit", query_string={"limit": 200}).get_json()["items"]
    answer = owner.post("audit:export")
    assert answer.mimetype == "application/jsonl"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Disposition"].startswith('attachment; filename="audit-acme-2')
    assert [each["id"] for each in lines(answer)[1:]] == [each["id"] for each in listed]
    assert lines(owner.post("audit:export", query_string={"action": "team."})) == [
        each for each in listed if each["action"] == "team.created"
    ]


@pytest.mark.usefixtures("history")
def test_a_csv_holds_no_formula_and_whoever_took_it_is_on_record(owner: Caller) -> None:
    answer = owner.post("audit:export", query_string={"format": "csv", "action": "team."})
    assert answer.content_type == "text/csv; charset=utf-8"
    (row,) = table(answer)
    assert row["actor_name"] == '\'=HYPERLINK("http://evil.test")'
    assert row["user_agent"] == "'@Browser"
    assert json.loads(row["targets"])[0]["name"] == "-1+1"
    event = owner.get("audit").get_json()["items"][0]
    assert (event["action"], event["actor"]["type"]) == ("audit.exported", "api_key")
    assert event["after"] == {"what": "audit", "format": "csv", "filters": {"action": "team."}}


@pytest.mark.usefixtures("history")
def test_filters_choose_what_is_listed_and_exported(owner: Caller, acme: House) -> None:
    operator = {"actor_type": "operator", "actor_id": "cli"}
    for asked, actions in [
        ({"outcome": "refused"}, {"signin.failed"}),
        ({**operator, "action": "team."}, {"team.created"}),
        ({"action": "signin.failed"}, {"signin.failed"}),
        ({"until": "1999-01-01T00:00:00Z"}, set()),
    ]:
        items = owner.get("audit", query_string=asked).get_json()["items"]
        assert {each["action"] for each in items} == actions
        taken = lines(owner.post("audit:export", query_string=asked))
        assert {each["action"] for each in taken} == actions
    member = {"member": str(acme.owner_id)}
    owner.post("teams", {"name": "Support", "strategy": "manual"})
    items = owner.get("audit", query_string=member).get_json()["items"]
    found = [each["action"] for each in items]
    assert {"signin.failed", "member.created"} <= set(found)
    assert found.count("team.created") == 1


@pytest.mark.usefixtures("history")
def test_the_login_history_is_filtered_and_exported(owner: Caller, acme: House) -> None:
    """S2-06: time, method, address, agent and result, failures too."""
    answer = owner.post("login-history:export", query_string={"format": "csv"})
    rows = table(answer)
    assert [(row["method"], row["result"], row["code"], row["ip"]) for row in rows] == [
        ("saml", "refused", "expired", "192.0.2.7"),
        ("password", "success", "", "192.0.2.7"),
    ]
    asked = {"member": acme.owner_id, "connection": acme.connection.id, "result": "refused"}
    found = owner.get("login-history", query_string=asked).get_json()["items"]
    assert [each["code"] for each in found] == ["expired"]
    assert lines(owner.post("login-history:export", query_string=asked)) == found


def test_what_an_export_does_not_know_is_refused(owner: Caller) -> None:
    unknown: list[dict[str, str]] = [
        {"action": "team.exploded"},
        {"outcome": "maybe"},
        {"q": "x"},
        {"format": "xlsx"},
        {"actor_id": "ada@acme.test"},
        {"since": "yesterday"},
    ]
    for asked in unknown:
        answer = owner.post("audit:export", query_string=asked)
        assert (answer.status_code, answer.get_json()["code"]) == (422, "invalid_request")
    assert owner.post("audit:export", headers={"Idempotency-Key": "k"}).status_code == 422
    assert owner.get("audit", query_string={"action": "audit.exported"}).get_json()["items"] == []


def test_reading_the_audit_is_not_taking_it_away(gateway: Gateway, acme: House) -> None:
    reader = callers.with_role(gateway, acme, "owner", ("audit.read",))
    assert reader.post("audit:export").status_code == 403
    assert reader.post("login-history:export").status_code == 403


@pytest.mark.usefixtures("history")
def test_an_organisation_has_one_download_under_way(
    gateway: Gateway, owner: Caller, acme: House
) -> None:
    """Whoever reads slowly holds a thread, and nobody may hold them all."""
    path = f"/api/v1/organisations/{acme.organisation_id}/audit:export"
    key = {"Authorization": f"Bearer {owner.secret}"}
    with gateway.test_client() as client:
        slow = client.post(path, headers=key, buffered=False)
        second = owner.post("audit:export")
        assert (second.status_code, second.get_json()["code"]) == (429, "rate_limited")
        assert second.headers["Retry-After"] == "10"
        slow.close()
    assert owner.post("audit:export").status_code == 200
    refused = owner.post("audit:export", headers={"Idempotency-Key": "k"})
    assert refused.status_code == 422
    assert owner.post("audit:export").status_code == 200
