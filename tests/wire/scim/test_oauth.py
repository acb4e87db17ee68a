"""OAuth 2.0 client credentials as an alternative to tokens (RFC 6749 §4.4)."""

import base64
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from gateway.services import connections, scim_clients
from gateway.services.secrets import Issued
from gateway.storage import tables as t
from gateway.storage.unit_of_work import Work
from tests.clock import Clock
from tests.factories import OPERATOR
from tests.wire.scim.conftest import IdP, refusal, resource, user


def issue(work: Work, idp: IdP, **options: Any) -> Issued:
    """Make a client of the connection."""
    house = idp.house
    return work.run(
        house.organisation_id,
        OPERATOR,
        lambda uow: scim_clients.issue(uow, house.connection.id, "Ping", **options),
    )


def basic(name: object, secret: str) -> dict[str, str]:
    """The header of client_secret_basic."""
    pair = f"{quote(str(name))}:{quote(secret)}".encode()
    return {"Authorization": f"Basic {base64.b64encode(pair).decode()}"}


def ask(idp: IdP, headers: dict[str, str] | None = None, /, **fields: str) -> TestResponse:
    """Ask for an access token."""
    return idp.client.post(
        f"{idp.base}/oauth/token",
        data={"grant_type": "client_credentials", **fields},
        headers=headers or {},
    )


def posted(client: Issued) -> dict[str, str]:
    """The fields of client_secret_post."""
    return {"client_id": str(client.id), "client_secret": client.secret}


def test_both_ways_of_naming_the_client_fetch_a_token_that_works(okta: IdP, work: Work) -> None:
    client = issue(work, okta)
    for answer in (
        ask(okta, basic(client.id, client.secret)),
        ask(okta, **posted(client)),
    ):
        assert answer.status_code == 200
        assert answer.headers["Cache-Control"] == "no-store"
        granted = resource(answer)
        assert granted["token_type"] == "Bearer"
        assert granted["expires_in"] == 3600
        assert granted["scope"] == "groups read users"
        token = f"Bearer {granted['access_token']}"
        assert okta.get("/Users", Authorization=token).status_code == 200
    # A client's tokens are not the admin's: they neither show nor count.
    with work.read(okta.house.organisation_id) as uow:
        stored = uow.all(uow.own(t.scim_tokens))
    assert not any(granted["access_token"] in str(row) for row in stored)


def test_an_access_token_dies_after_an_hour(okta: IdP, work: Work, clock: Clock) -> None:
    token = resource(ask(okta, **posted(issue(work, okta))))["access_token"]
    clock.advance(timedelta(hours=1) - timedelta(seconds=1))
    assert okta.get("/Users", Authorization=f"Bearer {token}").status_code == 200
    clock.advance(timedelta(seconds=2))
    assert refusal(okta.get("/Users", Authorization=f"Bearer {token}")) == (401, None)


def test_scopes_narrow_and_never_widen(okta: IdP, work: Work) -> None:
    client = issue(work, okta, scopes=("read",))
    token = resource(ask(okta, **posted(client)))["access_token"]
    new = user("ann@acme.test")
    assert okta.send("POST", "/Users", new, Authorization=f"Bearer {token}").status_code == 403
    answer = ask(okta, **posted(client), scope="read users")
    assert (answer.status_code, resource(answer)) == (400, {"error": "invalid_scope"})
    wide = issue(work, okta)
    assert resource(ask(okta, **posted(wide), scope="read"))["scope"] == "read"


def test_whatever_is_wrong_with_a_client_is_answered_alike(
    okta: IdP, other: IdP, work: Work
) -> None:
    client, foreign, dead = issue(work, okta), issue(work, other), issue(work, okta)
    house = okta.house
    work.run(
        house.organisation_id,
        OPERATOR,
        lambda uow: scim_clients.revoke(uow, house.connection.id, dead.id),
    )
    wrong = [
        ask(okta),
        ask(okta, **{**posted(client), "client_secret": "guess"}),
        ask(okta, **{**posted(client), "client_id": str(dead.id)}),
        ask(okta, **{**posted(client), "client_id": "nobody"}),
        ask(okta, **posted(foreign)),
        ask(okta, **posted(dead)),
        ask(okta, basic(client.id, "guess")),
        ask(okta, {"Authorization": "Basic !"}),
        ask(okta, {"Authorization": f"Bearer {okta.token}"}),
        okta.client.post(
            "/scim/v2/nowhere/oauth/token",
            data={"grant_type": "client_credentials", **posted(client)},
        ),
    ]
    for answer in wrong:
        assert (answer.status_code, resource(answer)) == (401, {"error": "invalid_client"})
        assert answer.headers["WWW-Authenticate"] == 'Basic realm="SCIM"'


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"grant_type": ["client_credentials", "client_credentials"]}, "invalid_request"),
        ({}, "invalid_request"),
    ],
)
def test_another_grant_is_refused(okta: IdP, work: Work, fields: dict[str, Any], code: str) -> None:
    client = issue(work, okta)
    answer = okta.client.post(f"{okta.base}/oauth/token", data={**fields, **posted(client)})
    assert (answer.status_code, resource(answer)) == (400, {"error": code})


def test_a_token_dies_with_its_client_and_with_its_connection(okta: IdP, work: Work) -> None:
    house, client, second = okta.house, issue(work, okta), issue(work, okta)
    first_token = resource(ask(okta, **posted(client)))["access_token"]
    second_token = resource(ask(okta, **posted(second)))["access_token"]
    work.run(
        house.organisation_id,
        OPERATOR,
        lambda uow: scim_clients.revoke(uow, house.connection.id, client.id),
    )
    assert okta.get("/Users", Authorization=f"Bearer {first_token}").status_code == 401
    assert okta.get("/Users", Authorization=f"Bearer {second_token}").status_code == 200
    work.run(
        house.organisation_id,
        OPERATOR,
        lambda uow: connections.delete(uow, house.connection.id),
    )
    assert okta.get("/Users", Authorization=f"Bearer {second_token}").status_code == 401
    assert ask(okta, **posted(second)).status_code == 401


def test_an_eager_client_keeps_a_bounded_number_of_tokens(
    okta: IdP, work: Work, clock: Clock
) -> None:
    client = issue(work, okta)
    tokens = []
    for _ in range(scim_clients.MOST_TOKENS + 2):
        clock.advance(timedelta(seconds=1))
        tokens.append(resource(ask(okta, **posted(client)))["access_token"])
    with work.platform() as database:
        kept = database.scalar(select(func.count()).where(t.scim_tokens.c.client_id == client.id))
    assert kept == scim_clients.MOST_TOKENS
    assert okta.get("/Users", Authorization=f"Bearer {tokens[-1]}").status_code == 200
    assert okta.get("/Users", Authorization=f"Bearer {tokens[0]}").status_code == 401


def test_the_way_to_a_token_is_announced(okta: IdP) -> None:
    schemes = resource(okta.get("/ServiceProviderConfig"))["authenticationSchemes"]
    assert [each["type"] for each in schemes] == ["oauthbearertoken", "oauth2"]
    assert "/oauth/token" in schemes[1]["description"]
