"""/Roles and /Entitlements: what there is to give, read only, without effect on access."""

import pytest

from gateway.services import organisations
from gateway.storage import tables as t
from gateway.storage.unit_of_work import Work
from tests.factories import OPERATOR
from tests.wire.scim.conftest import IdP, issue_token, refusal, resource, user

OKTA = "Okta SCIM Client 1.0.0"


def test_roles_are_those_of_the_preset(okta: IdP) -> None:
    said = resource(okta.get("/Roles"))
    assert said["Resources"][0]["value"] == "owner"
    assert said["totalResults"] == len(said["Resources"]) == 5
    for role in said["Resources"]:
        assert "urn:okta:scim:schemas:core:1.0:Role" in role["schemas"]
        assert "urn:ietf:params:scim:schemas:core:2.0:Role" in role["schemas"]
        assert role["supported"] is (role["value"] != "owner")
        assert resource(okta.get(f"/Roles/{role['id']}")) == role
    assert refusal(okta.get("/Roles/nobody")) == (404, None)
    (viewer,) = resource(okta.get('/Roles?filter=value eq "viewer"'))["Resources"]
    assert viewer["displayName"] == viewer["display"]
    assert refusal(okta.get("/Roles?filter=value pr")) == (400, "invalidFilter")
    assert resource(okta.get("/Roles?startIndex=2&count=2"))["itemsPerPage"] == 2


def test_an_entitlement_tells_the_seats_left_to_this_connection_alone(
    okta: IdP, other: IdP, work: Work
) -> None:
    work.run(
        okta.house.organisation_id,
        OPERATOR,
        lambda uow: organisations.change_subscription(uow, seat_limit=10),
    )
    okta.create_user("ann@acme.test")
    (seat,) = resource(okta.get("/Entitlements"))["Resources"]
    assert seat["limitedAssignmentsPermitted"] is True
    assert seat["totalAssignmentsPermitted"] == 10
    before = seat["totalAssignmentsUsed"]
    okta.create_user("bob@acme.test")
    assert resource(okta.get("/Entitlements/seat"))["totalAssignmentsUsed"] == before + 1
    (foreign,) = resource(other.get("/Entitlements"))["Resources"]
    assert foreign["totalAssignmentsUsed"] < before + 1
    answer = other.get("/Entitlements", Authorization=f"Bearer {okta.token}")
    assert refusal(answer) == (401, None)


@pytest.mark.parametrize("path", ["/Roles", "/Roles/x", "/Entitlements", "/Entitlements/seat"])
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_nothing_is_written_there(okta: IdP, method: str, path: str) -> None:
    answer = okta.send(method, path, {})
    assert refusal(answer) == (405, None)
    assert answer.headers["Allow"] == "GET"


def test_roles_in_a_user_give_nothing(okta: IdP, work: Work) -> None:
    highest = resource(okta.get("/Roles"))["Resources"][1]
    seat = {"value": "seat"}
    ann = user("ann@acme.test", roles=[{"value": highest["value"]}], entitlements=[seat])
    assert okta.send("POST", "/Users", ann).status_code == 201
    okta.create_user("bob@acme.test")
    with work.read(okta.house.organisation_id) as uow:
        m = t.members.c
        rows = uow.all(uow.own(t.members).where(m.email.in_(["ann@acme.test", "bob@acme.test"])))
    assert len(rows) == 2
    assert rows[0].access_document["role"] == rows[1].access_document["role"] is not None


def test_okta_finds_both_types_and_their_schemas(okta: IdP) -> None:
    types = resource(okta.get("/ResourceTypes", User_Agent=OKTA))
    assert [each["id"] for each in types["Resources"]] == ["User", "Group", "Role", "Entitlement"]
    assert types["totalResults"] == 4
    schemas = {each["id"] for each in resource(okta.get("/Schemas", User_Agent=OKTA))["Resources"]}
    for kind in ("Role", "Entitlement"):
        described = resource(okta.get(f"/ResourceTypes/{kind}"))
        assert described["schema"] == f"urn:okta:scim:schemas:core:1.0:{kind}"
        for urn in (described["schema"], f"urn:ietf:params:scim:schemas:core:2.0:{kind}"):
            assert urn in schemas
            schema = resource(okta.get(f"/Schemas/{urn}"))
            assert {each["mutability"] for each in schema["attributes"]} == {"readOnly"}


def test_a_token_for_users_alone_may_read_what_there_is(okta: IdP, work: Work) -> None:
    token = issue_token(work, okta.house, scopes=("users",))
    assert okta.get("/Roles", Authorization=f"Bearer {token}").status_code == 200


def test_the_configuration_announces_both_to_okta(okta: IdP) -> None:
    assert "RolesAndEntitlements" not in resource(okta.get("/ServiceProviderConfig"))
    told = resource(okta.get("/ServiceProviderConfig", User_Agent=OKTA))
    said = told["RolesAndEntitlements"]
    assert said["roles"]["supported"] is said["entitlements"]["supported"] is True
    assert said["roles"]["multipleRolesSupported"] is True
    assert said["entitlements"]["multipleEntitlementsSupported"] is True
