"""Invariant 5: on every route a foreign id is answered, byte for byte, like a random one.

The management API's endpoints are walked, with ids in path, body and query, by
`tests/service/api/test_isolation.py`; here it is shown that they are all of them, and SCIM
is walked: each method on each resource, searches, Bulk, and the connection itself.
"""

import re
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from gateway.api import ENDPOINTS
from gateway.api.mount import routes
from gateway.app import Gateway, create_app
from gateway.services import scim_tokens
from gateway.settings import Settings
from gateway.storage.unit_of_work import Work
from tests.factories import OPERATOR, House, house
from tests.wire.scim.conftest import BULK, GROUP, PATCH, IdP, user

RANDOM = "8f1f4f0c-9f0b-4a4e-9a0f-2b6f0d5c1e77"
METHODS = ("GET", "HEAD", "PUT", "PATCH", "POST", "DELETE")
SEARCH = "urn:ietf:params:scim:api:messages:2.0:SearchRequest"
VOLATILE = {"X-Request-Id", "Date"}
OURS = re.compile(
    r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|\d{4}-\d\d-\d\dT[\d:.]+Z"
)
Request = tuple[str, str, Any]


@pytest.fixture
def gateway(database: str, work: Work) -> Gateway:
    settings = Settings(base_url="http://localhost", database_url=database)
    return create_app(settings, work)


def provider(gateway: Gateway, slug: str) -> IdP:
    here: House = house(gateway.work, slug)
    token = gateway.work.run(
        here.organisation_id,
        OPERATOR,
        lambda uow: scim_tokens.issue(uow, here.connection.id, "Test"),
    )
    return IdP(gateway.test_client(), here, token.secret)


def change(path: str, value: Any) -> dict[str, Any]:
    operation = {"op": "replace", "path": path, "value": value}
    return {"schemas": [PATCH], "Operations": [operation]}


def requests(kind: str, path: str) -> Iterator[Request]:
    """Every method on one resource, and what else may name it."""
    bodies: dict[str, Any] = {
        "User": {"PUT": user("taken.over"), "PATCH": change("title", "x"), "POST": user("new")},
        "Group": {
            "PUT": {"schemas": [GROUP], "displayName": "Taken over"},
            "PATCH": change("displayName", "Taken over"),
            "POST": {"schemas": [GROUP], "displayName": "New"},
        },
    }[kind]
    for method in METHODS:
        yield method, path, bodies.get(method)
    yield "GET", f"{path}?attributes=id", None
    yield "GET", f"{path}?excludedAttributes=members,groups", None
    for method in ("PUT", "PATCH", "DELETE"):
        operation = {"method": method, "path": path, "data": bodies.get(method)}
        body = {"schemas": [BULK], "Operations": [{k: v for k, v in operation.items() if v}]}
        yield "POST", "/Bulk", body


FILTERS = (
    ("Users", 'id eq "{user}"'),
    ("Users", 'groups.value eq "{group}"'),
    ("Groups", 'id eq "{group}"'),
    ("Groups", 'members.value eq "{user}"'),
)


def searches() -> Iterator[Request]:
    for kind, text in FILTERS:
        yield "GET", f"/{kind}?filter={text}", None
        yield "POST", f"/{kind}/.search", {"schemas": [SEARCH], "filter": text}
    yield "POST", "/.search", {"schemas": [SEARCH], "filter": 'id eq "{user}"'}


EVERY: list[Request] = [
    *requests("User", "/Users/{user}"),
    *requests("Group", "/Groups/{group}"),
    *searches(),
]


def sent(idp: IdP, request: Request, **ids: str) -> TestResponse:
    method, path, body = request

    def fill(value: Any) -> Any:
        if isinstance(value, str):
            return value.replace("{user}", ids["user"]).replace("{group}", ids["group"])
        if isinstance(value, dict):
            return {key: fill(item) for key, item in value.items()}
        return [fill(item) for item in value] if isinstance(value, list) else value

    return idp.send(method, fill(path), fill(body))


def seen(answer: TestResponse) -> tuple[int, list[tuple[str, str]], str]:
    """Status, headers and body, ids and instants aside."""
    headers = [
        (name, OURS.sub("…", value))
        for name, value in sorted(answer.headers.items())
        if name not in VOLATILE
    ]
    return answer.status_code, headers, OURS.sub("…", answer.get_data(as_text=True))


def test_a_foreign_resource_is_answered_like_none_by_every_method(gateway: Gateway) -> None:
    okta, other = provider(gateway, "acme"), provider(gateway, "globex")
    theirs = other.create_user("ada@globex.test", title="Boss")
    group = other.create_group("Support", theirs["id"])
    told = {}
    for request in EVERY:
        foreign = sent(okta, request, user=theirs["id"], group=group["id"])
        absent = sent(okta, request, user=RANDOM, group=RANDOM)
        if seen(foreign) != seen(absent) or foreign.status_code >= 500:
            told[str(request)] = (seen(foreign), seen(absent))
    assert told == {}
    assert okta.get(f"/Users/{theirs['id']}").status_code == 404
    assert other.get(f"/Users/{theirs['id']}").get_json(force=True)["title"] == "Boss"
    assert len(other.get(f"/Groups/{group['id']}").get_json(force=True)["members"]) == 1


def test_a_foreign_connection_is_answered_like_none(gateway: Gateway) -> None:
    okta, other = provider(gateway, "acme"), provider(gateway, "globex")
    headers = {"Authorization": f"Bearer {okta.token}"}
    told = {}
    for place in ("Users", "Groups", f"Users/{RANDOM}", "Schemas", "ServiceProviderConfig", "Me"):
        for method in METHODS:
            answers = [
                okta.client.open(f"/scim/v2/{connection}/{place}", method=method, headers=headers)
                for connection in (other.house.connection.id, UUID(RANDOM))
            ]
            if seen(answers[0]) != seen(answers[1]) or answers[0].status_code >= 500:
                told[method, place] = tuple(map(seen, answers))
    assert told == {}


def test_every_route_of_the_api_with_an_id_is_a_declared_endpoint(gateway: Gateway) -> None:
    declared = {f"/api/v1{endpoint.path}" for endpoint in ENDPOINTS}
    own = {f"/api/v1{_template(rule)}" for rule in routes(ENDPOINTS).iter_rules() if _has_id(rule)}
    assert own - declared == set()
    assert [rule.rule for rule in gateway.url_map.iter_rules() if _has_id(rule)] == []


def _has_id(rule: Rule) -> bool:
    return any(type(each).__name__ == "UUIDConverter" for each in rule._converters.values())


def _template(rule: Rule) -> str:
    return re.sub(r"<uuid:(\w+)>", r"{\1}", rule.rule)
