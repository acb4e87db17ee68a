"""OpenID Connect connections by the provider's own description: read, mistrusted, read again."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from gateway.app import Gateway, build_errands, create_app
from gateway.oidc import discovery, exchange
from gateway.services import metadata_refresh, sso_connections
from gateway.settings import Settings
from gateway.storage import tables as t
from gateway.storage.unit_of_work import Work
from idp_fixtures.openid_provider.accounts import guid
from idp_fixtures.openid_provider.hostile import ATTACKS
from idp_fixtures.openid_provider.hostile.documents import DOCUMENTS
from idp_fixtures.openid_provider.keys import spare
from idp_fixtures.openid_provider.provider import Client
from idp_fixtures.openid_provider.server import OpenIDServer, serving
from tests.clock import NOON, Clock
from tests.factories import House
from tests.service.api import callers
from tests.service.api.callers import Caller
from tests.service.api.test_forms import problem
from tests.service.api.test_management import made
from tests.service.signin.lodge import VAULT

MISLED = (*DOCUMENTS, "discovery-issuer-twice", "discovery-led-to-itself")


@pytest.fixture
def work(work: Work) -> Work:
    return Work(work.engines, clock=work.clock, new_id=work.new_id, vault=VAULT)


@pytest.fixture
def server(clock: Clock) -> Iterator[OpenIDServer]:
    with serving(clock=clock) as server:
        server.provider.keys = [spare("RS256", kid="ours")]
        yield server


@pytest.fixture
def gateway(settings: Settings, work: Work, server: OpenIDServer) -> Gateway:
    reached = (server.url.removeprefix("http://"),)
    return create_app(settings.model_copy(update={"outbound_allow": reached}), work)


def drawn_up(owner: Caller, server: OpenIDServer, **wish: Any) -> dict[str, Any]:
    said = {"name": "Okta", "issuer": server.issuer, "client_id": "us", "client_secret": "s"}
    found: dict[str, Any] = made(owner.post("oidc-connections", {**said, **wish}))
    return found


def test_an_issuer_is_all_that_is_needed(owner: Caller, server: OpenIDServer) -> None:
    """S4-22"""
    connection = drawn_up(owner, server)
    for name in ("authorization", "token", "userinfo", "end_session"):
        assert connection[f"{name}_endpoint"].startswith(f"{server.url}/")
    assert connection["jwks_uri"] == f"{server.url}/jwks"
    assert connection["iss_parameter_supported"] is True
    assert connection["missing"] == []
    assert "RS256" in connection["algorithms"]
    assert not {"none", "HS256"} & set(connection["algorithms"])


def test_what_stands_beside_it_wins(owner: Caller, server: OpenIDServer) -> None:
    connection = drawn_up(owner, server, algorithms=["ES256"], client_auth="private_key_jwt")
    assert (connection["algorithms"], connection["client_auth"]) == (["ES256"], "private_key_jwt")


def test_fields_alone_ask_nobody(owner: Caller, server: OpenIDServer) -> None:
    places = {
        "authorization_endpoint": "https://idp.example/a",
        "token_endpoint": "https://idp.example/t",
        "jwks_uri": "https://idp.example/k",
    }
    connection = drawn_up(owner, server, issuer="https://idp.example", **places)
    assert connection["missing"] == []
    assert server.site.visited == []


def test_a_tenants_description_is_read_at_its_own_address(
    owner: Caller, server: OpenIDServer
) -> None:
    tenant = guid("acme")
    server.provider.tenant = tenant
    server.provider.issuer = f"{server.url}/{{tenantid}}/v2.0"
    connection = drawn_up(owner, server, issuer=server.provider.issuer, tenant=tenant)
    assert connection["issuer"] == server.provider.issuer
    assert server.site.visited == [f"/{tenant}/v2.0/.well-known/openid-configuration"]


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
@pytest.mark.parametrize("name", MISLED)
def test_a_description_that_lies_or_lacks_is_refused_and_nothing_is_made(
    owner: Caller, server: OpenIDServer, name: str
) -> None:
    server.register(Client(id="us", redirect_uris=(), secret="s"))
    server.site.attack = ATTACKS[name]
    body = {"name": "Okta", "issuer": server.issuer, "client_id": "us"}
    problem(owner.post("oidc-connections", body), 422, "invalid_request")
    assert made(owner.get("oidc-connections"), 200)["items"] == []
    assert len(server.site.visited) == 1


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    "issuer",
    [
        "http://127.0.0.1:1",
        "https://169.254.169.254",
        "https://localhost",
        "https://[::ffff:127.0.0.1]",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "https://user:secret@idp.example",
    ],
)
def test_no_issuer_leads_inside(owner: Caller, server: OpenIDServer, issuer: str) -> None:
    problem(owner.post("oidc-connections", {"name": "X", "issuer": issuer}), 422, "invalid_request")
    assert server.site.visited == []


def test_nobody_without_the_right_lets_us_ask(
    gateway: Gateway, acme: House, server: OpenIDServer
) -> None:
    viewer = callers.with_role(gateway, acme, "viewer")
    body = {"name": "Okta", "issuer": server.issuer}
    problem(viewer.post("oidc-connections", body), 403, "not_permitted")
    assert server.site.visited == []


def test_endpoints_follow_when_it_is_read_again_and_decisions_stay(
    owner: Caller, server: OpenIDServer
) -> None:
    connection = drawn_up(owner, server, algorithms=["ES256"])
    path = f"oidc-connections/{connection['id']}:refresh"
    before = server.provider.discovery

    def moved(issuer: str | None = None) -> dict[str, Any]:
        return {**before(issuer), "token_endpoint": f"{server.url}/v2/token"}

    server.provider.discovery = moved  # type: ignore[method-assign]
    found = made(owner.post(path), 200)
    assert found["token_endpoint"] == f"{server.url}/v2/token"
    assert found["algorithms"] == ["ES256"]
    server.site.attack = ATTACKS["discovery-of-another"]
    problem(owner.post(path), 422, "invalid_request")


# -- followed ------------------------------------------------------------------------------


@pytest.fixture
def refresh(work: Work, gateway: Gateway, clock: Clock, acme: House) -> Callable[[], None]:
    """Let every connection be active, the time pass, and the worker walk."""
    errands = build_errands(work, gateway.settings)

    def walk() -> None:
        active = t.connections.update().where(t.connections.c.kind == "oidc").values(state="active")
        work.run_platform(lambda database, _: database.execute(active) and None)
        clock.advance(metadata_refresh.REFRESH_EVERY + timedelta(seconds=1))
        errands.tick()

    assert acme
    return walk


def read(owner: Caller, connection: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = made(owner.get(f"oidc-connections/{connection['id']}"), 200)
    return found


def test_endpoints_follow_by_themselves_and_are_told(
    owner: Caller, server: OpenIDServer, refresh: Callable[[], None]
) -> None:
    connection = drawn_up(owner, server)
    assert connection["metadata_url"] == f"{server.issuer}{discovery.PATH}"
    assert connection["refreshed_at"] is not None
    moved = {**server.provider.discovery(), "jwks_uri": f"{server.url}/v2/keys"}
    server.provider.discovery = lambda issuer=None: moved  # type: ignore[method-assign]  # noqa: ARG005
    refresh()
    assert read(owner, connection)["jwks_uri"] == f"{server.url}/v2/keys"
    refresh()
    told = made(owner.get("audit?action=sso.metadata_refreshed"), 200)["items"]
    assert [each["after"]["changed"] for each in told] == [["jwks_uri"]]


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
@pytest.mark.parametrize("name", ["discovery-of-another", "discovery-status-404", "discovery-list"])
def test_a_description_that_cannot_be_taken_leaves_all_as_it_was_and_is_told(
    owner: Caller, server: OpenIDServer, refresh: Callable[[], None], name: str
) -> None:
    connection = drawn_up(owner, server)
    server.site.attack = ATTACKS[name]
    refresh()
    after = read(owner, connection)
    assert after["refresh_error"]
    for setting in (*discovery.NEEDED, *discovery.OPTIONAL, "issuer", "algorithms"):
        assert after[setting] == connection[setting]
    items = made(owner.get(f"oidc-connections/{connection['id']}/attention-items"), 200)["items"]
    assert [x["kind"] for x in items] == ["metadata_unreadable"]
    server.site.attack = None
    refresh()
    assert read(owner, connection)["refresh_error"] is None


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_endpoints_by_hand_follow_nobody(
    owner: Caller, server: OpenIDServer, refresh: Callable[[], None]
) -> None:
    connection = drawn_up(owner, server)
    by_hand = {"jwks_uri": "https://idp.example/k"}
    made(owner.patch(f"oidc-connections/{connection['id']}", by_hand), 200)
    asked = len(server.site.visited)
    refresh()
    after = read(owner, connection)
    assert (after["jwks_uri"], after["metadata_url"]) == ("https://idp.example/k", None)
    assert len(server.site.visited) == asked


def test_another_issuer_brings_its_own_endpoints(owner: Caller, server: OpenIDServer) -> None:
    """No issuer is trusted at the endpoints of another."""
    connection = drawn_up(owner, server)
    path = f"oidc-connections/{connection['id']}"
    problem(owner.patch(path, {"issuer": f"{server.url}/other"}), 422, "invalid_request")
    assert made(owner.get(path), 200)["issuer"] == server.issuer


def test_our_keys_are_published_and_prove_who_we_are(
    owner: Caller, server: OpenIDServer, gateway: Gateway, work: Work
) -> None:
    shown = drawn_up(owner, server, client_auth="private_key_jwt")
    slug = shown["login_url"].split("/")[-2]
    assert shown["jwks_url"].endswith(f"/oidc/{slug}/jwks")
    answer = gateway.test_client().get(f"/oidc/{slug}/jwks")
    published = answer.get_json()
    assert not {"d", "p", "q"} & set(published["keys"][0])
    with work.platform() as database:
        connection = sso_connections.oidc_by_slug(database, work.vault, slug)
    assert connection is not None
    said = exchange.assertion(connection, NOON)
    claims = jwt.decode(said, KeySet.import_key_set(published), algorithms=["RS256"]).claims
    assert claims["iss"] == claims["sub"] == "us"
    assert gateway.test_client().get("/oidc/none/jwks").status_code == 404
