"""A gateway that answers over loopback, with the SCIM connections of two organisations."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Thread
from typing import Any
from uuid import UUID

import pytest
from flask.testing import FlaskClient
from pydantic import HttpUrl, SecretStr
from werkzeug.serving import WSGIRequestHandler, make_server
from werkzeug.test import TestResponse

from gateway.app import Gateway, create_app
from gateway.services import scim_tokens
from gateway.settings import Settings
from gateway.storage.unit_of_work import Work
from tests.factories import OPERATOR, House, house

USER = "urn:ietf:params:scim:schemas:core:2.0:User"
GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
BULK = "urn:ietf:params:scim:api:messages:2.0:BulkRequest"
ERROR = "urn:ietf:params:scim:api:messages:2.0:Error"


@dataclass(frozen=True)
class IdP:
    """An identity provider's side of one connection, in process."""

    client: FlaskClient
    house: House
    token: str

    @property
    def base(self) -> str:
        """Path of the connection."""
        return f"/scim/v2/{self.house.connection.id}"

    def send(self, method: str, path: str, body: Any = None, **headers: str) -> TestResponse:
        """Send one request with the connection's token; `If_Match=…` is a header."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        named.setdefault("Authorization", f"Bearer {self.token}")
        return self.client.open(
            f"{self.base}{path}",
            method=method,
            json=body,
            content_type=named.pop("Content-Type", "application/scim+json"),
            headers={name: value for name, value in named.items() if value},
        )

    def get(self, path: str, **headers: str) -> TestResponse:
        return self.send("GET", path, **headers)

    def create_user(self, user_name: str, **attributes: Any) -> dict[str, Any]:
        """Create a user; return the resource."""
        answer = self.send("POST", "/Users", user(user_name, **attributes))
        assert answer.status_code == 201, answer.text
        return resource(answer)

    def create_group(self, name: str, *members: str) -> dict[str, Any]:
        """Create a group of users; return the resource."""
        body = {
            "schemas": [GROUP],
            "displayName": name,
            "members": [{"value": each} for each in members],
        }
        answer = self.send("POST", "/Groups", body)
        assert answer.status_code == 201, answer.text
        return resource(answer)

    def patch(self, path: str, *operations: dict[str, Any], **headers: str) -> TestResponse:
        """Send PATCH operations."""
        return self.send(
            "PATCH", path, {"schemas": [PATCH], "Operations": list(operations)}, **headers
        )

    def members(self, group_id: str) -> set[str]:
        """The ids of a group's members as a GET shows them."""
        shown = resource(self.get(f"/Groups/{group_id}")).get("members", [])
        assert len({each["value"] for each in shown}) == len(shown)
        return {each["value"] for each in shown}


def user(user_name: str, **attributes: Any) -> dict[str, Any]:
    """A user as a provider sends it."""
    return {"schemas": [USER], "userName": user_name, "active": True, **attributes}


def resource(answer: TestResponse) -> dict[str, Any]:
    """The JSON object of an answer."""
    found = answer.get_json(force=True)
    assert isinstance(found, dict)
    return found


def refusal(answer: TestResponse) -> tuple[int, str | None]:
    """Status and scimType of an answer, which must be a SCIM error."""
    body = resource(answer)
    assert body["schemas"] == [ERROR]
    assert body["status"] == str(answer.status_code)
    assert body["detail"]
    return answer.status_code, body.get("scimType")


def issue_token(work: Work, of: House, **options: Any) -> str:
    """Make a bearer token of a connection."""
    issued = work.run(
        of.organisation_id,
        OPERATOR,
        lambda uow: scim_tokens.issue(uow, of.connection.id, "test", **options),
    )
    return issued.secret


@pytest.fixture
def settings() -> Settings:
    return Settings.model_construct(
        base_url=HttpUrl("https://gateway.test"),
        database_url=SecretStr("unused"),
        scim_rate=100_000,
    )


@pytest.fixture
def app(work: Work, settings: Settings) -> Iterator[Gateway]:
    app = create_app(settings, work)
    yield app
    app.flush()


@pytest.fixture
def acme(work: Work) -> House:
    return house(work, members_clearable=True)


@pytest.fixture
def globex(work: Work) -> House:
    return house(work, "globex")


@pytest.fixture
def okta(app: Gateway, work: Work, acme: House) -> IdP:
    return IdP(app.test_client(), acme, issue_token(work, acme))


@pytest.fixture
def other(app: Gateway, work: Work, globex: House) -> IdP:
    """The identity provider of another organisation."""
    return IdP(app.test_client(), globex, issue_token(work, globex))


@dataclass(frozen=True)
class Served:
    """A gateway behind a real socket."""

    origin: str

    def base(self, connection_id: UUID) -> str:
        """SCIM base URL of a connection."""
        return f"{self.origin}/scim/v2/{connection_id}"


@pytest.fixture
def served(work: Work) -> Iterator[Served]:
    with serving(work) as served:
        yield served


@contextmanager
def serving(work: Work) -> Iterator[Served]:
    """Serve the application on loopback, at the address its locations name."""
    # Bound first: the base URL names the port.
    server = make_server("127.0.0.1", 0, _unready, threaded=True, request_handler=Quiet)
    origin = f"http://127.0.0.1:{server.server_port}"
    settings = Settings.model_construct(
        base_url=HttpUrl(origin), database_url=SecretStr("unused"), scim_rate=100_000
    )
    app = create_app(settings, work)
    server.app = app
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield Served(origin)
    server.shutdown()
    thread.join()
    server.server_close()
    app.flush()


class Quiet(WSGIRequestHandler):
    """Requests are logged by the application already."""

    def log(self, type: str, message: str, *args: Any) -> None:
        """Say nothing."""


def _unready(*_: Any) -> list[bytes]:
    raise RuntimeError("served before the application was there")
