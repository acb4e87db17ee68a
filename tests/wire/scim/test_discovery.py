"""What a service says about itself (RFC 7644 §4, RFC 7643 §5 to §7)."""

import pytest

from tests.wire.scim.conftest import ENTERPRISE, GROUP, USER, IdP, refusal, resource


def test_the_configuration_announces_what_is_served(okta: IdP) -> None:
    answer = okta.get("/ServiceProviderConfig")
    config = resource(answer)
    for feature in ("patch", "bulk", "filter", "sort", "etag"):
        assert config[feature]["supported"] is True
    assert config["changePassword"]["supported"] is False
    assert config["pagination"] == {
        "cursor": True,
        "index": True,
        "defaultPaginationMethod": "index",
        "defaultPageSize": 100,
        "maxPageSize": 1000,
        "cursorTimeout": 3600,
    }
    assert [each["type"] for each in config["authenticationSchemes"]] == [
        "oauthbearertoken",
        "oauth2",
    ]
    place = f"https://gateway.test{okta.base}/ServiceProviderConfig"
    assert config["meta"]["location"] == answer.headers["Content-Location"] == place


def test_two_resource_types_and_their_schemas_are_described(okta: IdP) -> None:
    types = resource(okta.get("/ResourceTypes"))
    assert [each["id"] for each in types["Resources"]] == ["User", "Group"]
    assert types["Resources"][0]["schemaExtensions"] == [{"schema": ENTERPRISE, "required": False}]
    assert resource(okta.get("/ResourceTypes/User"))["endpoint"] == "/Users"
    schemas = resource(okta.get("/Schemas"))
    assert {each["id"] for each in schemas["Resources"]} == {USER, GROUP, ENTERPRISE}
    names = {each["name"] for each in resource(okta.get(f"/Schemas/{USER}"))["attributes"]}
    assert {"userName", "emails", "groups", "active"} <= names
    assert refusal(okta.get("/Schemas/urn:nothing")) == (404, None)
    assert refusal(okta.get("/ResourceTypes/Nothing")) == (404, None)


def test_each_connection_is_described_at_its_own_address(okta: IdP, other: IdP) -> None:
    places = {
        resource(idp.get("/Schemas"))["Resources"][0]["meta"]["location"] for idp in (okta, other)
    }
    assert len(places) == 2


@pytest.mark.parametrize("path", ["/Schemas", "/ResourceTypes", "/Schemas/" + USER])
def test_a_filter_on_schemas_and_types_is_forbidden(okta: IdP, path: str) -> None:
    okta.get(path)
    assert refusal(okta.get(f'{path}?filter=id eq "x"')) == (403, None)


def test_a_filter_on_the_configuration_is_passed_over(okta: IdP) -> None:
    assert okta.get("/ServiceProviderConfig?filter=x").status_code == 200
