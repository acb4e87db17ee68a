"""Bulk requests (RFC 7644 §3.7): each operation whole or not at all, in one unit of work."""

from typing import Any

import pytest
from werkzeug.test import TestResponse

from gateway.storage import tables as t
from gateway.storage.unit_of_work import Work
from tests.wire.scim.conftest import BULK, GROUP, PATCH, IdP, issue_token, refusal, resource, user


def bulk(idp: IdP, *operations: dict[str, Any], **options: Any) -> TestResponse:
    return idp.send("POST", "/Bulk", {"schemas": [BULK], "Operations": operations, **options})


def outcomes(answer: TestResponse) -> list[dict[str, Any]]:
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = resource(answer)["Operations"]
    return found


def post_user(name: str, bulk_id: str | None = "u", **attributes: Any) -> dict[str, Any]:
    said = {"method": "POST", "path": "/Users", "data": user(name, **attributes)}
    return said if bulk_id is None else {**said, "bulkId": bulk_id}


def post_group(name: str, *members: str) -> dict[str, Any]:
    data = {"schemas": [GROUP], "displayName": name, "members": [{"value": x} for x in members]}
    return {"method": "POST", "path": "/Groups", "bulkId": "g", "data": data}


def test_a_reference_may_point_forward(okta: IdP) -> None:
    group, member = outcomes(bulk(okta, post_group("Support", "bulkId:u"), post_user("ada")))
    assert (group["status"], member["status"]) == ("201", "201")
    assert (group["bulkId"], member["bulkId"]) == ("g", "u")
    assert group["version"] == 'W/"1"'
    user_id = member["location"].rpartition("/")[2]
    assert okta.members(group["location"].rpartition("/")[2]) == {user_id}


def test_a_reference_may_stand_in_a_path_and_in_a_patch(okta: IdP) -> None:
    add = {"op": "add", "path": "members", "value": [{"value": "bulkId:u"}]}
    answers = outcomes(
        bulk(
            okta,
            post_user("ada"),
            post_group("Support"),
            {
                "method": "PATCH",
                "path": "/Groups/bulkId:g",
                "data": {"schemas": [PATCH], "Operations": [add]},
            },
        )
    )
    assert [each["status"] for each in answers] == ["201", "201", "200"]
    assert answers[2]["version"] == 'W/"2"'
    assert len(okta.members(answers[1]["location"].rpartition("/")[2])) == 1


def test_a_failed_operation_leaves_nothing_and_the_others_stand(okta: IdP, work: Work) -> None:
    answers = outcomes(
        bulk(okta, post_user("ada", "1"), post_user("ADA", "2"), post_user("bob", "3"))
    )
    assert [each["status"] for each in answers] == ["201", "409", "201"]
    assert answers[1]["response"]["scimType"] == "uniqueness"
    assert "location" not in answers[1]
    assert resource(okta.get("/Users"))["totalResults"] == 2
    with work.read(okta.house.organisation_id) as uow:
        assert len(uow.all(uow.own(t.members))) == 4  # owner, successor and the two
        created = uow.own(t.audit_events).where(t.audit_events.c.action == "directory.user_created")
        assert len(uow.all(created)) == 2


def test_the_request_stops_after_as_many_errors_as_the_client_bears(okta: IdP) -> None:
    wrong = {"method": "POST", "path": "/Users", "bulkId": "w", "data": {"userName": ""}}
    answers = outcomes(bulk(okta, post_user("ada"), wrong, post_user("bob", "2"), failOnErrors=1))
    assert [each["status"] for each in answers] == ["201", "400"]
    assert resource(okta.get("/Users"))["totalResults"] == 1


@pytest.mark.parametrize(
    ("operation", "status"),
    [
        ({"method": "GET", "path": "/Users"}, "400"),
        ({"method": "POST", "path": "/Users", "data": user("ada")}, "400"),
        ({"method": "POST", "bulkId": "1", "data": user("ada")}, "400"),
        ({"method": "DELETE", "path": "/Nothing/1"}, "404"),
        ({"method": "DELETE", "path": "/Users"}, "405"),
        ({"method": "DELETE", "path": "/Users/nobody"}, "404"),
        ({"method": "POST", "path": "/Bulk", "bulkId": "1", "data": {}}, "400"),
        ({"method": "POST", "path": "/Me", "bulkId": "1", "data": {}}, "400"),
        ({"method": "PUT", "path": "/Users/bulkId:none", "data": user("ada")}, "409"),
        ({"method": "PATCH", "path": "/Users/nobody"}, "400"),
    ],
    ids=str,
)
def test_an_operation_that_cannot_run_fails_alone(
    okta: IdP, operation: dict[str, Any], status: str
) -> None:
    first, failed = outcomes(bulk(okta, post_user("bob", "b"), operation))
    assert first["status"] == "201"
    assert failed["status"] == failed["response"]["status"] == status


def test_circular_references_are_refused(okta: IdP) -> None:
    both = (
        {**post_group("One", "bulkId:h")},
        {**post_group("Two", "bulkId:g"), "bulkId": "h"},
    )
    answers = outcomes(bulk(okta, *both))
    assert [each["status"] for each in answers] == ["409", "409"]


def test_an_operation_may_name_the_version_it_was_decided_on(okta: IdP) -> None:
    made = okta.create_user("ada")
    delete = {"method": "DELETE", "path": f"/Users/{made['id']}"}
    answers = outcomes(bulk(okta, {**delete, "version": 'W/"9"'}, {**delete, "version": 'W/"1"'}))
    assert [each["status"] for each in answers] == ["412", "204"]


def test_a_contained_owner_is_refused_in_bulk_too_and_the_rest_goes_on(
    okta: IdP, work: Work
) -> None:
    made = okta.create_user("owner@acme.test", emails=[{"value": "owner@acme.test"}])
    answers = outcomes(
        bulk(okta, {"method": "DELETE", "path": f"/Users/{made['id']}"}, post_user("ada"))
    )
    assert [each["status"] for each in answers] == ["400", "201"]
    assert answers[0]["response"]["scimType"] == "mutability"
    with work.read(okta.house.organisation_id) as uow:
        assert uow.load(t.members, okta.house.owner_id).contained


def test_a_scope_holds_for_each_operation(okta: IdP, work: Work) -> None:
    token = issue_token(work, okta.house, scopes=("users",))
    answers = outcomes(
        bulk(IdP(okta.client, okta.house, token), post_user("ada"), post_group("Support"))
    )
    assert [each["status"] for each in answers] == ["201", "403"]


def test_what_is_larger_than_announced_is_413(okta: IdP) -> None:
    config = resource(okta.get("/ServiceProviderConfig"))["bulk"]
    too_many = [post_user(f"user{n}", str(n)) for n in range(config["maxOperations"] + 1)]
    assert refusal(bulk(okta, *too_many)) == (413, None)
    too_large = post_user("ada", title="x" * config["maxPayloadSize"])
    assert refusal(bulk(okta, too_large)) == (413, None)
    assert resource(okta.get("/Users"))["totalResults"] == 0


@pytest.mark.parametrize(
    "body",
    [
        {"schemas": [BULK]},
        {"schemas": [BULK], "Operations": {}},
        {"schemas": [BULK], "Operations": ["POST"]},
        {"schemas": [BULK], "Operations": [], "failOnErrors": "one"},
        [],
    ],
    ids=str,
)
def test_a_body_that_is_no_bulk_request_is_refused(okta: IdP, body: Any) -> None:
    assert refusal(okta.send("POST", "/Bulk", body))[0] == 400
