"""Every request that cannot be taken is told why, in one form."""

from typing import Any
from uuid import UUID

import pytest
from werkzeug.test import TestResponse

from gateway.api.endpoint import ANYONE, Endpoints
from gateway.api.models import Answer
from gateway.api.mount import mount
from gateway.app import Gateway
from tests.factories import House
from tests.service.api.callers import Caller

MEMBERS = frozenset({"type", "code", "title", "status", "detail", "levers"})


def problem(response: TestResponse, status: int, code: str) -> dict[str, Any]:
    """The problem document of a refusal, checked for its form (RFC 9457)."""
    assert response.status_code == status, response.get_data(as_text=True)
    assert response.content_type == "application/problem+json"
    body: dict[str, Any] = response.get_json()
    assert body.keys() >= MEMBERS
    assert (body["status"], body["code"]) == (status, code)
    assert body["type"] == f"urn:gateway:problem:{code}"
    return body


@pytest.mark.parametrize(
    ("content", "media_type", "status", "code"),
    [
        pytest.param(b'{"name": ', "application/json", 400, "invalid_request", id="half-json"),
        pytest.param(b"\xff\xfe", "application/json", 400, "invalid_request", id="no-utf-8"),
        pytest.param(b"[" * 100_000, "application/json", 400, "invalid_request", id="depth-bomb"),
        pytest.param(
            b'{"name": "\\ud800"}', "application/json", 400, "invalid_request", id="half-character"
        ),
        pytest.param(b"", "application/json", 400, "invalid_request", id="nothing"),
        pytest.param(
            b'{"name": "a"}', "text/plain", 415, "unsupported_media_type", id="media-type"
        ),
        pytest.param(b" " * 1_100_000, "application/json", 413, "too_large", id="size"),
    ],
)
def test_a_body_that_is_none_is_told_apart(
    owner: Caller, content: bytes, media_type: str, status: int, code: str
) -> None:
    answer = owner.post("chatbots", data=content, content_type=media_type)
    problem(answer, status, code)


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        pytest.param({}, ["name"], id="missing"),
        pytest.param({"name": 5}, ["name"], id="no-text"),
        pytest.param({"name": "x" * 201}, ["name"], id="too-long"),
        pytest.param({"name": "a\0b"}, ["name"], id="nul"),
        pytest.param({"name": "a", "colour": 1}, ["colour"], id="unknown"),
        pytest.param({"name": " " * 3}, ["name"], id="refused-by-the-rule"),
        pytest.param([], [""], id="no-object"),
    ],
)
def test_each_field_that_cannot_be_taken_is_named(
    owner: Caller, body: Any, fields: list[str]
) -> None:
    refused = problem(owner.post("chatbots", body), 422, "invalid_request")
    assert [error["field"] for error in refused["errors"]] == fields
    assert {error["in"] for error in refused["errors"]} == {"body"}


def test_a_field_inside_another_has_a_path(owner: Caller, acme: House) -> None:
    rule = {
        "connection_id": str(acme.connection.id),
        "group_id": str(UUID(int=1)),
        "kind": "chatbot",
        "sections": {"analytics": "own"},
    }
    refused = problem(owner.post("mapping-rules", rule), 422, "invalid_request")
    assert [error["field"] for error in refused["errors"]] == ["sections.analytics"]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        pytest.param("limit=201", "limit", id="too-many"),
        pytest.param("limit=0", "limit", id="none"),
        pytest.param("limit=all", "limit", id="no-number"),
        pytest.param("state=asleep", "state", id="no-choice"),
        pytest.param("q=%00", "q", id="nul"),
        pytest.param("colour=red", "colour", id="unknown"),
        pytest.param("limit=1&limit=2", "limit", id="twice"),
        pytest.param("cursor=abc", "cursor", id="no-cursor"),
    ],
)
def test_each_parameter_that_cannot_be_taken_is_named(
    owner: Caller, query: str, field: str
) -> None:
    refused = problem(owner.get(f"members?{query}"), 422, "invalid_request")
    assert [(error["in"], error["field"]) for error in refused["errors"]] == [("query", field)]


def test_a_request_without_body_takes_none(owner: Caller, acme: House) -> None:
    path = f"members/{acme.successor_id}:lift-hold"
    problem(owner.post(path, {"reason": "x"}), 422, "invalid_request")
    assert owner.post(path, {}).status_code == 200


def test_an_unknown_path_and_method_are_told_in_the_same_form(stranger: Caller) -> None:
    problem(stranger.get("/nothing/here"), 404, "not_found")
    problem(stranger.get("/organisations/17/members"), 404, "not_found")
    problem(stranger.get("/"), 404, "not_found")
    answer = stranger.delete("/organisations")
    problem(answer, 405, "method_not_allowed")
    assert answer.headers["Allow"] == "GET, HEAD, POST"


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        "Bearer gwk_",
        "Bearer gwk_wrong",
        "Bearer gwo_wrong",
        "Bearer scim_wrong",
        "Basic Z3drOndyb25n",
        "Bearer gwk_\u00e9",
    ],
)
def test_without_a_live_key_every_answer_is_the_same_401(
    stranger: Caller, acme: House, authorization: str | None
) -> None:
    headers = {} if authorization is None else {"Authorization": authorization}
    one = stranger.get(f"/organisations/{acme.organisation_id}", headers=headers)
    refused = problem(one, 401, "token_invalid")
    assert one.headers["WWW-Authenticate"] == 'Bearer realm="gateway"'
    other = stranger.get("/me", headers=headers)
    assert other.get_json() == refused


def test_whoever_may_not_ask_learns_nothing_of_what_is_wrong_with_the_body(
    stranger: Caller, acme: House
) -> None:
    path = f"/organisations/{acme.organisation_id}/chatbots"
    problem(stranger.post(path, data=b"{", content_type="text/plain"), 401, "token_invalid")


def test_a_defect_shows_nothing_of_its_cause(gateway: Gateway, owner: Caller) -> None:
    routes = Endpoints()

    class Said(Answer):
        word: str

    @routes.endpoint("GET /broken", ANYONE)
    def broken() -> Said:
        """Break."""
        raise RuntimeError("the password is swordfish")

    other = Gateway(gateway.settings, gateway.work)
    other.register_blueprint(mount(tuple(routes), gateway.work, gateway.settings, gateway.uses))
    answer = Caller(other, owner.secret).get("/broken")
    assert "swordfish" not in answer.get_data(as_text=True)
    problem(answer, 500, "internal_error")


def test_a_secret_never_reaches_a_cache(owner: Caller) -> None:
    assert owner.get("api-keys").headers["Cache-Control"] == "no-store"
