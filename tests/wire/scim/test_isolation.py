"""An id of another organisation is answered exactly like one that never was."""

import re
from typing import Any

import pytest
from werkzeug.test import TestResponse

from tests.wire.scim.conftest import GROUP, PATCH, IdP, resource, user

RANDOM = "8f1f4f0c-9f0b-4a4e-9a0f-2b6f0d5c1e77"
TITLE = {"schemas": [PATCH], "Operations": [{"op": "add", "path": "title", "value": "x"}]}
RENAME = {
    "schemas": [PATCH],
    "Operations": [{"op": "replace", "path": "displayName", "value": "Taken over"}],
}
NAMED = {"schemas": [GROUP], "displayName": "Taken over"}
REQUESTS: list[tuple[str, str, Any]] = [
    ("GET", "/Users/{user}", None),
    ("GET", "/Users/{user}?attributes=userName", None),
    ("PUT", "/Users/{user}", user("stolen")),
    ("PATCH", "/Users/{user}", TITLE),
    ("DELETE", "/Users/{user}", None),
    ("GET", "/Groups/{group}", None),
    ("PUT", "/Groups/{group}", NAMED),
    ("PATCH", "/Groups/{group}", RENAME),
    ("DELETE", "/Groups/{group}", None),
    ("GET", '/Users?filter=id eq "{user}"', None),
    ("GET", '/Users?filter=groups.value eq "{group}"', None),
    ("GET", '/Groups?filter=members eq "{user}"', None),
    ("GET", '/?filter=id eq "{group}"', None),
    ("POST", "/Groups", {**NAMED, "members": [{"value": "{user}"}]}),
]


@pytest.mark.parametrize(
    ("method", "path", "body"), REQUESTS, ids=[f"{m} {p}" for m, p, _ in REQUESTS]
)
def test_a_foreign_id_is_answered_like_a_random_one(
    okta: IdP, other: IdP, method: str, path: str, body: Any
) -> None:
    member = other.create_user("ada", title="Boss")
    group = other.create_group("Support", member["id"])
    foreign = sent(okta, method, path, body, user=member["id"], group=group["id"])
    if foreign.status_code == 201:
        okta.send("DELETE", f"/Groups/{resource(foreign)['id']}")
    random = sent(okta, method, path, body, user=RANDOM, group=RANDOM)
    assert seen(foreign) == seen(random)
    assert resource(other.get(f"/Users/{member['id']}"))["userName"] == "ada"
    assert resource(other.get(f"/Groups/{group['id']}")) == group


def sent(idp: IdP, method: str, path: str, body: Any, **ids: str) -> TestResponse:
    """Send a request with ids filled in."""

    def fill(value: Any) -> Any:
        if isinstance(value, str):
            return value.replace("{user}", ids["user"]).replace("{group}", ids["group"])
        if isinstance(value, dict):
            return {key: fill(item) for key, item in value.items()}
        return [fill(item) for item in value] if isinstance(value, list) else value

    return idp.send(method, fill(path), fill(body))


def seen(answer: TestResponse) -> tuple[int, list[tuple[str, str]], str]:
    """Status, headers and body, ids and instants of this request aside."""
    ids = re.compile(
        r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|\d{4}-\d\d-\d\dT[\d:.]+Z"
    )
    headers = [(k, ids.sub("*", v)) for k, v in answer.headers if k != "X-Request-Id"]
    return answer.status_code, headers, ids.sub("*", answer.text)


def test_a_user_name_taken_elsewhere_is_free_here(okta: IdP, other: IdP) -> None:
    other.create_user("ada", externalId="E1")
    assert okta.create_user("ada", externalId="E1")
    assert okta.create_group("Support")["id"] != other.create_group("Support")["id"]
