"""Groups over the wire: their members are a set that requests change by deltas."""

from uuid import UUID

import pytest

from gateway.services import attention
from gateway.storage.unit_of_work import Work
from tests.factories import house
from tests.wire.scim.conftest import GROUP, IdP, issue_token, refusal, resource

NOBODY = "8f1f4f0c-9f0b-4a4e-9a0f-2b6f0d5c1e77"


@pytest.fixture
def people(okta: IdP) -> list[str]:
    return [okta.create_user(f"user{number}")["id"] for number in range(4)]


def noticed(work: Work, idp: IdP) -> dict[tuple[str, str], int]:
    """What the connection's admin is told, with counts."""
    with work.read(idp.house.organisation_id) as uow:
        rows = attention.listing(uow, idp.house.connection.id)
    return {(row.kind, row.subject): getattr(row, "count") for row in rows}  # noqa: B009 - a tuple's own method


def test_a_group_shows_its_members_as_users_of_this_connection(
    okta: IdP, people: list[str]
) -> None:
    group = okta.create_group("Support", *people[:2])
    assert group["members"] == [
        {"value": each, "$ref": f"https://gateway.test{okta.base}/Users/{each}", "type": "User"}
        for each in sorted(people[:2])
    ]
    assert group["schemas"] == [GROUP]


@pytest.mark.parametrize(
    ("operation", "expected"),
    [
        ({"op": "add", "path": "members", "value": [{"value": "{2}"}]}, {0, 1, 2}),
        ({"op": "add", "path": "members", "value": {"value": "{2}"}}, {0, 1, 2}),
        ({"op": "add", "path": "members", "value": [{"value": "{1}", "display": "x"}]}, {0, 1}),
        ({"op": "add", "value": {"members": [{"value": "{2}"}]}}, {0, 1, 2}),
        ({"op": "Add", "path": "Members", "value": [{"$ref": None, "value": "{2}"}]}, {0, 1, 2}),
        ({"op": "add", "path": f"{GROUP}:members", "value": [{"value": "{2}"}]}, {0, 1, 2}),
        ({"op": "remove", "path": 'members[value eq "{0}"]'}, {1}),
        ({"op": "remove", "path": 'members[value eq "{0}" or value eq "{1}"]'}, set()),
        ({"op": "remove", "path": 'members[not (value eq "{0}")]'}, {0}),
        ({"op": "remove", "path": 'members[display sw "USER1"]'}, {0}),
        ({"op": "remove", "path": 'members[value eq "{3}"]'}, {0, 1}),
        ({"op": "Remove", "path": "members", "value": [{"value": "{0}"}]}, {1}),
        ({"op": "remove", "path": "members", "value": []}, {0, 1}),
        ({"op": "remove", "path": "members"}, set()),
        ({"op": "replace", "path": "members", "value": [{"value": "{2}"}]}, {2}),
        ({"op": "replace", "path": "members", "value": []}, set()),
        ({"op": "replace", "value": {"members": [{"value": "{3}"}, {"value": "{0}"}]}}, {0, 3}),
        (
            {"op": "replace", "path": 'members[value eq "{2}"]', "value": {"value": "{2}"}},
            {0, 1, 2},
        ),
        ({"op": "replace", "value": {"displayName": "Renamed"}}, {0, 1}),
    ],
    ids=str,
)
def test_one_operation_moves_exactly_whom_it_names(
    okta: IdP, people: list[str], operation: dict[str, object], expected: set[int]
) -> None:
    group = okta.create_group("Support", *people[:2])
    answer = okta.patch(f"/Groups/{group['id']}", filled(operation, people))
    assert answer.status_code in (200, 204), answer.text
    assert okta.members(group["id"]) == {people[each] for each in expected}


def filled(value: object, people: list[str]) -> dict[str, object]:
    """An operation with ids in place of numbers."""

    def fill(part: object) -> object:
        if isinstance(part, dict):
            return {key: fill(item) for key, item in part.items()}
        if isinstance(part, list):
            return [fill(item) for item in part]
        if isinstance(part, str):
            for number, user_id in enumerate(people):
                part = part.replace(f"{{{number}}}", user_id)
        return part

    found = fill(value)
    assert isinstance(found, dict)
    return found


def test_operations_of_one_request_follow_each_other(okta: IdP, people: list[str]) -> None:
    group = okta.create_group("Support", people[0])
    okta.patch(
        f"/Groups/{group['id']}",
        {"op": "remove", "path": f'members[value eq "{people[0]}"]'},
        {"op": "add", "path": "members", "value": [{"value": people[1]}, {"value": people[2]}]},
        {"op": "remove", "path": f'members[value eq "{people[2]}"]'},
        {"op": "add", "path": "members", "value": [{"value": people[0]}]},
        {"op": "replace", "path": "displayName", "value": "Support EU"},
    )
    assert okta.members(group["id"]) == {people[0], people[1]}
    shown = resource(okta.get(f"/Groups/{group['id']}"))
    assert (shown["displayName"], shown["meta"]["version"]) == ("Support EU", 'W/"2"')


def test_a_put_without_members_keeps_them_and_an_empty_list_clears_them(
    okta: IdP, people: list[str]
) -> None:
    group = okta.create_group("Support", *people[:2])
    place, body = f"/Groups/{group['id']}", {"schemas": [GROUP], "displayName": "Support"}
    okta.send("PUT", place, body)
    assert okta.members(group["id"]) == set(people[:2])
    okta.send("PUT", place, {**body, "members": None})
    assert okta.members(group["id"]) == set(people[:2])
    okta.send("PUT", place, {**body, "members": [{"value": people[3]}]})
    assert okta.members(group["id"]) == {people[3]}
    okta.send("PUT", place, {**body, "members": []})
    assert okta.members(group["id"]) == set()


def test_all_members_go_at_once_only_where_the_connection_allows_it(other: IdP) -> None:
    member = other.create_user("ada")["id"]
    group = other.create_group("Support", member)
    cleared = other.patch(f"/Groups/{group['id']}", {"op": "remove", "path": "members"})
    assert refusal(cleared) == (400, "noTarget")
    assert other.members(group["id"]) == {member}


def test_who_is_no_user_is_not_stored_but_noticed(okta: IdP, people: list[str], work: Work) -> None:
    nested = okta.create_group("Nested")["id"]
    group = okta.create_group("Support", people[0], NOBODY, "not-an-id")
    typed = {"op": "add", "path": "members", "value": [{"value": nested, "type": "Group"}]}
    assert okta.patch(f"/Groups/{group['id']}", typed).status_code == 200
    assert okta.members(group["id"]) == {people[0]}
    assert noticed(work, okta) == {
        ("unknown_member", NOBODY): 1,
        ("unknown_member", "not-an-id"): 1,
        ("nested_group", nested): 1,
    }


def test_a_user_who_goes_leaves_every_group(okta: IdP, people: list[str]) -> None:
    group = okta.create_group("Support", *people[:2])
    okta.send("DELETE", f"/Users/{people[0]}")
    assert okta.members(group["id"]) == {people[1]}


def test_a_deleted_group_leaves_its_users(okta: IdP, people: list[str]) -> None:
    group = okta.create_group("Support", people[0])
    assert okta.send("DELETE", f"/Groups/{group['id']}").status_code == 204
    assert refusal(okta.get(f"/Groups/{group['id']}")) == (404, None)
    assert "groups" not in resource(okta.get(f"/Users/{people[0]}"))


def test_names_are_unique_in_any_letter_case(okta: IdP) -> None:
    okta.create_group("Support")
    again = okta.send("POST", "/Groups", {"schemas": [GROUP], "displayName": "SUPPORT"})
    assert refusal(again) == (409, "uniqueness")


def test_a_change_that_moves_nobody_keeps_the_version(okta: IdP, people: list[str]) -> None:
    group = okta.create_group("Support", people[0])
    same = okta.patch(
        f"/Groups/{group['id']}",
        {"op": "add", "path": "members", "value": [{"value": people[0], "display": "other"}]},
        {"op": "remove", "path": f'members[value eq "{people[1]}"]'},
        {"op": "replace", "path": "displayName", "value": "Support"},
    )
    assert resource(same)["meta"] == group["meta"]


def test_a_group_patch_is_answered_without_the_group_where_entra_speaks(
    okta: IdP, people: list[str]
) -> None:
    group = okta.create_group("Support")
    operation = {"op": "Add", "path": "members", "value": [{"value": people[0]}]}
    answer = okta.patch(f"/Groups/{group['id']}", operation)
    assert (answer.status_code, answer.data) == (204, b"")
    assert answer.headers["ETag"] == 'W/"2"'


def test_a_group_of_more_than_a_thousand_is_not_sent_back_after_a_patch(okta: IdP) -> None:
    bulk = {
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
        "Operations": [
            {
                "method": "POST",
                "path": "/Users",
                "bulkId": str(number),
                "data": {
                    "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
                    "userName": f"user{number}",
                    "active": False,
                },
            }
            for number in range(1000)
        ],
    }
    made = resource(okta.send("POST", "/Bulk", bulk))["Operations"]
    ids = [each["location"].rpartition("/")[2] for each in made]
    group = okta.create_group("Everybody", *ids)
    assert len(group["members"]) == 1000
    extra = okta.create_user("one-more")["id"]
    operation = {"op": "add", "path": "members", "value": [{"value": extra}]}
    assert okta.patch(f"/Groups/{group['id']}", operation).status_code == 204
    assert len(okta.members(group["id"])) == 1001


@pytest.mark.parametrize(
    ("operation", "scim_type"),
    [
        ({"op": "remove", "path": "displayName"}, "mutability"),
        ({"op": "replace", "path": "displayName", "value": ""}, "mutability"),
        ({"op": "replace", "path": 'members[value eq "x"].value', "value": "y"}, "mutability"),
        ({"op": "replace", "path": "nothing", "value": "y"}, "invalidPath"),
        ({"op": "add", "path": "members", "value": [{}]}, None),
        ({"op": "add", "path": "members", "value": [{"type": "User"}]}, "invalidValue"),
        ({"op": "remove"}, "noTarget"),
        ({"op": "move", "path": "members"}, "invalidValue"),
    ],
    ids=str,
)
def test_what_cannot_be_done_to_a_group_is_refused(
    okta: IdP, operation: dict[str, object], scim_type: str | None
) -> None:
    group = okta.create_group("Support")
    answer = okta.patch(f"/Groups/{group['id']}", operation)
    if scim_type is None:
        assert answer.status_code == 200
    else:
        assert refusal(answer) == (400, scim_type)
    assert resource(okta.get(f"/Groups/{group['id']}")) == group


def test_a_foreign_organisations_user_is_nobody_here(okta: IdP, other: IdP, work: Work) -> None:
    stranger = other.create_user("stranger")["id"]
    group = okta.create_group("Support", stranger)
    assert "members" not in group
    assert noticed(work, okta) == {("unknown_member", stranger): 1}
    assert "groups" not in resource(other.get(f"/Users/{stranger}"))
    assert UUID(stranger)


def test_two_connections_of_one_installation_share_nothing(work: Work, okta: IdP) -> None:
    third = house(work, "initech")
    idp = IdP(okta.client, third, issue_token(work, third))
    okta.create_user("ada", externalId="E1")
    assert idp.create_user("ada", externalId="E1")
    assert resource(idp.get("/Users"))["totalResults"] == 1
