"""What is tolerated from whom, counted by name, and refused where an admin wants it strict."""

from typing import Any

import pytest

from gateway.services import connections
from gateway.storage.unit_of_work import Work
from tests.factories import OPERATOR
from tests.wire.scim.conftest import ENTERPRISE, GROUP, USER, IdP, refusal, resource, user

OKTA = "Okta SCIM Client 1.0.0"
GOOGLE = "Google-Auto-Provisioning"
MARKER = "http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group"


def dialect(work: Work, idp: IdP) -> str | None:
    """The dialect that the connection was last heard to speak."""
    with work.read(idp.house.organisation_id) as uow:
        return connections.get(uow, idp.house.connection.id).detected_dialect


def strict(work: Work, idp: IdP) -> None:
    """Let the connection's admin insist on the RFCs."""
    work.run(
        idp.house.organisation_id,
        OPERATOR,
        lambda uow: connections.update(uow, idp.house.connection.id, dialect="strict"),
    )


def test_a_dialect_is_known_by_its_senders_name_or_by_a_bodys_shape(okta: IdP, work: Work) -> None:
    assert dialect(work, okta) is None
    okta.get("/Users", User_Agent=OKTA)
    assert dialect(work, okta) == "okta"
    made = okta.create_user("ada")
    assert dialect(work, okta) == "okta"
    okta.patch(f"/Users/{made['id']}", {"op": "Replace", "path": "active", "value": "False"})
    assert dialect(work, okta) == "entra"
    okta.get("/Users", User_Agent=GOOGLE)
    assert dialect(work, okta) == "google"
    okta.send("POST", "/Groups", {"schemas": [GROUP, MARKER], "displayName": "Support"})
    assert dialect(work, okta) == "entra"


def test_what_was_once_heard_is_spoken_on(okta: IdP, work: Work) -> None:
    group = okta.create_group("Support")
    okta.get("/Users", User_Agent="Microsoft Azure AD")
    rename = {"op": "replace", "path": "displayName", "value": "Help"}
    assert okta.patch(f"/Groups/{group['id']}", rename).status_code == 204
    assert dialect(work, okta) == "entra"


@pytest.mark.parametrize(
    ("agent", "accept", "expected"),
    [
        ("", "application/scim+json", "application/scim+json"),
        ("", "*/*", "application/scim+json"),
        (GOOGLE, "application/json", "application/json"),
        ("OneLogin SCIM", "application/scim+json, application/json", "application/json"),
    ],
)
def test_each_is_answered_in_the_media_type_it_wants(
    okta: IdP, agent: str, accept: str, expected: str
) -> None:
    answer = okta.get("/Users", User_Agent=agent, Accept=accept)
    assert answer.headers["Content-Type"] == expected


DEVIATIONS: dict[str, tuple[str, str, Any]] = {
    "text_boolean": ("POST", "/Users", user("x", active="True")),
    "text_for_complex": ("POST", "/Users", user("x", **{ENTERPRISE: {"manager": "m"}})),
    "list_for_single": ("POST", "/Users", user("x", title=["Boss"])),
    "single_for_list": ("POST", "/Users", user("x", emails={"value": "a@x.test"})),
    "unknown_attribute": ("POST", "/Users", user("x", favouriteColour="blue")),
    "unknown_schema": ("POST", "/Groups", {"schemas": [GROUP, MARKER], "displayName": "x"}),
    "schemas_missing": ("POST", "/Users", {"userName": "x"}),
    "operator_case": ("PATCH", "{user}", {"op": "Replace", "path": "title", "value": "x"}),
    "read_only_in_patch": ("PATCH", "{user}", {"op": "replace", "value": {"id": "1"}}),
    "remove_by_value": (
        "PATCH",
        "{group}",
        {"op": "remove", "path": "members", "value": [{"value": "x"}]},
    ),
    "path_in_key": ("PATCH", "{user}", {"op": "replace", "value": {"name.givenName": "x"}}),
    "unqualified_extension": ("PATCH", "{user}", {"op": "add", "path": "department", "value": "x"}),
    "sub_attribute_after_filter": ("GET", '/Users?filter=emails[type eq "a"].value eq "b"', None),
}


@pytest.mark.parametrize(
    ("name", "method", "path", "body"),
    [pytest.param(name, *request, id=name) for name, request in DEVIATIONS.items()],
)
def test_a_deviation_is_understood_by_default_and_refused_when_strict(
    okta: IdP, work: Work, name: str, method: str, path: str, body: Any
) -> None:
    assert name
    places = {
        "{user}": f"/Users/{okta.create_user('ada')['id']}",
        "{group}": f"/Groups/{okta.create_group('Support')['id']}",
    }
    path = places.get(path, path)

    def sent() -> Any:
        return okta.patch(path, body) if method == "PATCH" else okta.send(method, path, body)

    assert sent().status_code in (200, 201, 204)
    strict(work, okta)
    assert refusal(sent())[0] == 400


def test_only_true_and_false_are_booleans_in_any_letter_case(okta: IdP) -> None:
    place = f"/Users/{okta.create_user('ada')['id']}"
    for value, expected in (("FALSE", False), ("true", True), ("False", False), (True, True)):
        changed = okta.patch(place, {"op": "replace", "path": "active", "value": value})
        assert resource(changed)["active"] is expected
    wrongs: tuple[object, ...] = ("maybe", "yes", "1", 1, 0, [], {})
    for wrong in wrongs:
        changed = okta.patch(place, {"op": "replace", "path": "active", "value": wrong})
        assert refusal(changed) == (400, "invalidValue")


def test_names_of_attributes_are_understood_in_any_letter_case(okta: IdP) -> None:
    made = resource(
        okta.send(
            "POST",
            "/Users",
            {"SCHEMAS": [USER], "USERNAME": "ada", "Name": {"GIVENNAME": "Ada"}, "Active": True},
        )
    )
    assert (made["userName"], made["name"]) == ("ada", {"givenName": "Ada"})
    changed = okta.patch(
        f"/Users/{made['id']}",
        {"OP": "replace", "PATH": "NAME.FamilyName", "VALUE": "L"},
        {"op": "replace", "path": f"{ENTERPRISE.lower()}:DEPARTMENT", "value": "R&D"},
    )
    assert resource(changed)["name"] == {"givenName": "Ada", "familyName": "L"}
    assert resource(changed)[ENTERPRISE] == {"department": "R&D"}


def test_a_pathless_value_may_hold_paths_urns_and_filters_as_keys(okta: IdP) -> None:
    made = okta.create_user("ada", emails=[{"value": "old@x.test", "type": "work"}])
    changed = okta.patch(
        f"/Users/{made['id']}",
        {
            "op": "replace",
            "value": {
                "active": False,
                "name.givenName": "Ada",
                f"{ENTERPRISE}:department": "R&D",
                ENTERPRISE: {"costCenter": "7"},
                'emails[type eq "work"].value': "new@x.test",
                "meta": {"resourceType": "User"},
                "favouriteColour": "blue",
            },
        },
    )
    shown = resource(changed)
    assert shown["active"] is False
    assert shown["name"] == {"givenName": "Ada"}
    assert shown[ENTERPRISE] == {"department": "R&D", "costCenter": "7"}
    assert shown["emails"] == [{"value": "new@x.test", "type": "work"}]


def test_an_explicit_path_that_names_nothing_is_refused_not_ignored(okta: IdP) -> None:
    place = f"/Users/{okta.create_user('ada')['id']}"
    for path in ("favouriteColour", "name.colour", "urn:x:y:z", "emails[colour eq 1].value", "a b"):
        changed = okta.patch(place, {"op": "add", "path": path, "value": "blue"})
        assert refusal(changed) == (400, "invalidPath")
