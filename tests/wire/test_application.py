"""What every request gets, whatever it asks for: an id, a uniform refusal, no stack trace."""

from collections.abc import Iterator

import pytest
from flask.testing import FlaskClient
from pydantic import HttpUrl, SecretStr

from gateway.app import Gateway, TimeOrderedIds, create_app
from gateway.settings import Settings
from gateway.storage.unit_of_work import Work
from tests.clock import NOON, Clock


@pytest.fixture
def app(work: Work) -> Iterator[Gateway]:
    settings = Settings.model_construct(
        base_url=HttpUrl("https://gateway.test"), database_url=SecretStr("unused")
    )
    app = create_app(settings, work)
    yield app
    app.flush()


@pytest.fixture
def client(app: Gateway) -> FlaskClient:
    return app.test_client()


def test_a_process_says_that_it_lives(client: FlaskClient) -> None:
    answer = client.get("/healthz")
    assert (answer.status_code, answer.json) == (200, {"status": "ok"})


def test_a_current_schema_is_ready(client: FlaskClient) -> None:
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json) == (
        200,
        {"status": "ok", "database": "ok", "schema": "current"},
    )


def test_another_schema_is_not_ready(client: FlaskClient, work: Work) -> None:
    work.run_platform(
        lambda database, _: database.exec_driver_sql("UPDATE alembic_version SET version_num = '0'")
    )
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json is not None
    assert answer.json["schema"] == "outdated"


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        pytest.param("GET", "/nothing/here", 404, "not_found", id="an-unknown-path"),
        pytest.param("DELETE", "/healthz", 405, "method_not_allowed", id="a-wrong-method"),
        pytest.param("GET", "/api/v1/nothing", 404, "not_found", id="an-unknown-path-of-the-api"),
    ],
)
def test_a_refusal_looks_the_same_everywhere(
    client: FlaskClient, method: str, path: str, status: int, code: str
) -> None:
    answer = client.open(path, method=method)
    assert answer.status_code == status
    assert answer.mimetype == "application/problem+json"
    assert answer.json is not None
    assert answer.json["code"] == code
    assert answer.headers["Cache-Control"] == "no-store"


def test_a_wrong_method_names_the_right_ones(client: FlaskClient) -> None:
    assert "GET" in client.post("/healthz").headers["Allow"]


def test_a_bug_tells_nothing_of_its_cause(app: Gateway) -> None:
    @app.get("/broken")
    def broken() -> str:
        raise RuntimeError("the password is hunter2")

    answer = app.test_client().get("/broken")
    assert answer.status_code == 500
    assert "hunter2" not in answer.text
    assert answer.json is not None
    assert answer.json["code"] == "internal_error"
    assert answer.headers["X-Request-Id"]


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        pytest.param("0af7651916cd43dd8448eb211c80319c", True, id="a-plain-token-is-kept"),
        pytest.param("short", False, id="a-short-one-is-not"),
        pytest.param("x" * 200, False, id="a-long-one-is-not"),
        pytest.param('"},{"level":"forged', False, id="one-that-could-forge-a-log-is-not"),
    ],
)
def test_a_request_has_an_id(client: FlaskClient, given: str, *, kept: bool) -> None:
    answer = client.get("/healthz", headers={"X-Request-Id": given})
    assert (answer.headers["X-Request-Id"] == given) is kept


@pytest.mark.parametrize("path", ["/healthz", "/login", "/nope", "/api/v1/me", "/scim/v2/x/Users"])
def test_no_answer_is_taken_for_another_type(client: FlaskClient, path: str) -> None:
    assert client.get(path).headers.getlist("X-Content-Type-Options") == ["nosniff"]


def test_two_requests_have_two_ids(client: FlaskClient) -> None:
    first, second = (client.get("/healthz").headers["X-Request-Id"] for _ in range(2))
    assert first != second


def test_ids_grow_and_carry_the_products_time() -> None:
    ids = TimeOrderedIds(Clock())
    drawn = [ids() for _ in range(5000)]
    assert drawn == sorted(set(drawn))
    assert {each.version for each in drawn} == {7}
    assert {each.variant for each in drawn} == {"specified in RFC 4122"}
    milliseconds = drawn[0].int >> 80
    assert milliseconds == int(NOON.timestamp() * 1000)
