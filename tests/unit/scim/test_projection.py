"""Projections of plain objects show what the library's dumps of models show."""

from typing import Any

import pytest
from scim2_models import Context, ResponseParameters, SCIMException

from gateway.scim.models import UserModel
from gateway.scim.projection import read_projection

ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
RESOURCE: dict[str, Any] = {
    "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User", ENTERPRISE],
    "id": "1",
    "userName": "ada",
    "externalId": "E1",
    "name": {"givenName": "Ada", "familyName": "L"},
    "emails": [{"value": "a@x.test", "type": "work"}, {"value": "b@x.test"}],
    ENTERPRISE: {"department": "R&D", "manager": {"value": "m"}},
    "active": True,
    "groups": [{"value": "g", "display": "Support"}],
    "meta": {"resourceType": "User", "version": 'W/"3"', "created": "2026-01-05T12:00:00Z"},
}


@pytest.mark.parametrize(
    "names",
    [
        "userName", "USERNAME,emails", "name", "name.givenName", "emails.type",
        "emails.value,emails",
        ENTERPRISE, f"{ENTERPRISE}:department", f"{ENTERPRISE.lower()}:department",
        f"{ENTERPRISE}:manager.value", "groups", "groups.value,active", "meta.version", "id",
        "nothing", "nothing,userName", "urn:ietf:params:scim:schemas:core:2.0:User:userName",
    ],
)  # fmt: skip
@pytest.mark.parametrize("way", ["attributes", "excludedAttributes"])
def test_a_projection_keeps_what_the_library_keeps(names: str, way: str) -> None:
    model: Any = UserModel
    parameters = ResponseParameters[model].model_validate({way: names})
    expected = model.model_validate(RESOURCE).model_dump(
        scim_ctx=Context.RESOURCE_QUERY_RESPONSE, response_parameters=parameters
    )
    wanted = (names, None) if way == "attributes" else (None, names)
    projection = read_projection(("User",), *wanted)
    assert projection is not None
    assert projection.apply("User", RESOURCE) == expected


def test_what_is_related_is_read_only_where_it_is_shown() -> None:
    def needs(attributes: str | None, excluded: str | None) -> tuple[bool, bool]:
        projection = read_projection(("Group",), attributes, excluded)
        assert projection is not None
        return projection.needs_related("Group"), projection.needs_names("Group")

    assert needs("displayName", None) == (False, False)
    assert needs("members", None) == (True, False)
    assert needs("members.display", None) == (True, True)
    assert needs(None, "members") == (False, False)
    assert needs(None, "members.value") == (True, False)
    assert read_projection(("Group",), None, "") is None


@pytest.mark.parametrize("names", ['emails[type eq "work"]', "a b", "a.b.c"])
def test_what_is_no_attributes_name_is_refused(names: str) -> None:
    with pytest.raises(SCIMException):
        read_projection(("User",), names, None)
