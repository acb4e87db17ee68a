"""SAML connections by the address of the provider's metadata: fetched, followed, mistrusted."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from gateway.app import Gateway, build_errands, create_app
from gateway.net.addresses import Allowed
from gateway.net.http import HTTPClient
from gateway.saml.refreshing import refresh_due
from gateway.services import certificates, metadata_refresh
from gateway.settings import Settings
from gateway.storage import tables as t
from gateway.storage.unit_of_work import Work
from idp_fixtures.saml_idp.provider import SAMLProvider
from tests import web_server
from tests.clock import NOON, Clock
from tests.factories import House
from tests.service.api import callers
from tests.service.api.callers import Caller
from tests.service.api.test_forms import problem
from tests.service.api.test_management import made
from tests.service.signin.lodge import VAULT, certificate
from tests.unit.saml.bench import ENTITY_ID, key
from tests.web_server import WebServer

LATER = metadata_refresh.REFRESH_EVERY + timedelta(seconds=1)


@pytest.fixture
def work(work: Work) -> Work:
    return Work(work.engines, clock=work.clock, new_id=work.new_id, vault=VAULT)


@pytest.fixture
def idp(clock: Clock) -> SAMLProvider:
    return SAMLProvider(
        entity_id=ENTITY_ID, base_url="https://idp.example", clock=clock, keys=[key("idp")]
    )


@pytest.fixture
def site(idp: SAMLProvider) -> Iterator[WebServer]:
    """Where the provider publishes its metadata."""
    with web_server.serving() as shelf:
        shelf.document = idp.metadata()
        yield shelf


@pytest.fixture
def gateway(settings: Settings, work: Work, site: WebServer) -> Gateway:
    allowing = settings.model_copy(update={"outbound_allow": (site.address,)})
    return create_app(allowing, work)


def drawn_up(owner: Caller, site: WebServer, **wish: Any) -> dict[str, Any]:
    body = {"name": "Okta", "preset": "okta", "metadata_url": site.url, **wish}
    found: dict[str, Any] = made(owner.post("saml-connections", body))
    return found


def activate(work: Work, acme: House, connection: dict[str, Any]) -> None:
    """As after a good test."""
    here = t.connections.c
    work.run_platform(
        lambda database, _: (
            database.execute(
                t.connections.update().where(here.name == connection["name"]).values(state="active")
            )
            and None
        )
    )
    assert acme


def refresh(work: Work, site: WebServer, clock: Clock) -> int:
    clock.advance(LATER)
    return refresh_due(work, HTTPClient(Allowed.of([site.address])))


def read(owner: Caller, connection: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = made(owner.get(f"saml-connections/{connection['id']}"), 200)
    return found


def states(owner: Caller, connection: dict[str, Any]) -> dict[str, str]:
    """Certificate → its state."""
    return {x["fingerprint"]: x["state"] for x in read(owner, connection)["certificates"]}


def named(name: str) -> str:
    return certificates.fingerprint(key(name).certificate)


def test_an_address_is_all_that_is_needed(owner: Caller, site: WebServer) -> None:
    """S4-22"""
    connection = drawn_up(owner, site)
    assert connection["issuer"] == ENTITY_ID
    assert connection["sso_url"] == "https://idp.example/saml/sso"
    assert [x["state"] for x in connection["certificates"]] == ["active"]
    assert connection["missing"] == []
    assert connection["refreshed_at"] is not None
    assert site.asked == 1


def test_what_stands_beside_it_wins(owner: Caller, site: WebServer) -> None:
    connection = drawn_up(owner, site, sso_url="https://other.example/sso")
    assert connection["sso_url"] == "https://idp.example/saml/sso", "what is followed is followed"
    pasted = {"metadata": site.document.decode(), "sso_url": "https://other.example/sso"}
    by_hand = made(owner.post("saml-connections", {"name": "Two", **pasted}))
    assert by_hand["sso_url"] == "https://other.example/sso"
    assert site.asked == 1, "a document beside the address is taken as it is"


@pytest.mark.parametrize(
    ("url", "asked"),
    [
        ("http://127.0.0.1:1/metadata", 0),
        ("https://169.254.169.254/latest/meta-data", 0),
        ("https://localhost/metadata", 0),
        ("file:///etc/passwd", 0),
        ("javascript:alert(1)", 0),
        ("https://user:secret@idp.example/", 0),
    ],
)
def test_no_address_leads_inside(owner: Caller, site: WebServer, url: str, asked: int) -> None:
    body = {"name": "Okta", "metadata_url": url}
    problem(owner.post("saml-connections", body), 422, "invalid_request")
    assert made(owner.get("saml-connections"), 200)["items"] == []
    assert site.asked == asked


@pytest.mark.parametrize(
    "what", ["garbage", "expired", "two providers", "a spoilt key", "gone", "moved", "huge"]
)
def test_what_cannot_be_trusted_is_refused_and_nothing_is_made(
    owner: Caller, site: WebServer, idp: SAMLProvider, what: str
) -> None:
    document = site.document
    if what == "garbage":
        site.document = b"<html>Sign in</html>"
    elif what == "expired":
        site.document = idp.metadata(valid_until=NOON - timedelta(days=1))
    elif what == "two providers":
        body = document[document.index(b"<md:EntityDescriptor") :]
        other = body.replace(ENTITY_ID.encode(), b"https://other.example")
        head = b'<md:EntitiesDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata">'
        site.document = head + body + other + b"</md:EntitiesDescriptor>"
    elif what == "a spoilt key":
        start = document.index(b"X509Certificate>") + 40
        site.document = document[:start] + b"!!!!" + document[start + 4 :]
    elif what == "huge":
        site.document = b"<" + b"a" * 1024 * 1024
    else:
        site.status = 404 if what == "gone" else 302
    wish = {"name": "Okta", "metadata_url": site.url}
    problem(owner.post("saml-connections", wish), 422, "invalid_request")
    assert made(owner.get("saml-connections"), 200)["items"] == []


def test_one_provider_of_several_is_picked_by_its_name(owner: Caller, site: WebServer) -> None:
    body = site.document[site.document.index(b"<md:EntityDescriptor") :]
    other = body.replace(ENTITY_ID.encode(), b"https://other.example")
    head = b'<md:EntitiesDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata">'
    site.document = head + body + other + b"</md:EntitiesDescriptor>"
    assert drawn_up(owner, site, entity_id=ENTITY_ID)["issuer"] == ENTITY_ID


def test_nobody_without_the_right_lets_us_fetch(
    gateway: Gateway, acme: House, site: WebServer
) -> None:
    viewer = callers.with_role(gateway, acme, "viewer")
    body = {"name": "Okta", "metadata_url": site.url}
    problem(viewer.post("saml-connections", body), 403, "not_permitted")
    assert site.asked == 0


# -- followed ------------------------------------------------------------------------------


def test_a_new_certificate_is_staged_and_an_old_one_overlaps(
    owner: Caller, acme: House, work: Work, site: WebServer, idp: SAMLProvider, clock: Clock
) -> None:
    """The dropped one goes once its successor has signed a good sign-in."""
    connection = drawn_up(owner, site)
    activate(work, acme, connection)
    idp.keys.insert(0, key("idp-next"))
    site.document = idp.metadata()
    assert refresh(work, site, clock) == 1
    assert states(owner, connection) == {named("idp"): "active", named("idp-next"): "staged"}
    idp.keys.pop()
    site.document = idp.metadata()
    refresh(work, site, clock)
    assert states(owner, connection) == {named("idp"): "active", named("idp-next"): "staged"}
    work.run(
        acme.organisation_id,
        acme.idp,
        lambda uow: certificates.prove(
            uow,
            uow.one(uow.own(t.sso_connections)).id,  # type: ignore[union-attr]
            named("idp-next"),
        ),
    )
    refresh(work, site, clock)
    assert states(owner, connection) == {named("idp-next"): "active"}
    assert read(owner, connection)["refresh_error"] is None


def test_what_an_admin_added_by_hand_stays(
    owner: Caller, acme: House, work: Work, site: WebServer, clock: Clock
) -> None:
    connection = drawn_up(owner, site)
    activate(work, acme, connection)
    path = f"saml-connections/{connection['id']}/certificates"
    made(owner.post(path, {"certificate": certificate("by hand")}))
    before = states(owner, connection)
    refresh(work, site, clock)
    assert states(owner, connection) == before


def test_addresses_follow_and_are_told(
    owner: Caller, acme: House, work: Work, site: WebServer, clock: Clock
) -> None:
    connection = drawn_up(owner, site)
    activate(work, acme, connection)
    site.document = site.document.replace(
        b"https://idp.example/saml/sso", b"https://idp.example/v2"
    )
    refresh(work, site, clock)
    assert read(owner, connection)["sso_url"] == "https://idp.example/v2"
    refresh(work, site, clock)
    found = made(owner.get("audit?action=sso.metadata_refreshed"), 200)["items"]
    assert [x["after"]["changed"] for x in found] == [["sso_url"], ["certificates"]]


@pytest.mark.parametrize("what", ["another provider", "gone", "garbage"])
def test_a_refresh_that_fails_leaves_all_as_it_was_and_says_so(
    owner: Caller, acme: House, work: Work, site: WebServer, clock: Clock, what: str
) -> None:
    connection = drawn_up(owner, site)
    activate(work, acme, connection)
    before = read(owner, connection)
    if what == "gone":
        site.status = 500
    elif what == "garbage":
        site.document = b"<html/>"
    else:
        site.document = site.document.replace(ENTITY_ID.encode(), b"https://other.example")
    refresh(work, site, clock)
    after = read(owner, connection)
    assert after["refresh_error"]
    kept = ("issuer", "sso_url", "slo_url", "certificates", "state")
    assert {name: after[name] for name in kept} == {
        **{name: before[name] for name in kept},
        "state": "active",
    }
    with work.read(acme.organisation_id) as uow:
        items = uow.all(uow.own(t.attention_items))
    assert [(x.kind, x.subject) for x in items] == [("metadata_unreadable", site.url)]


def test_an_admin_may_refresh_at_once(owner: Caller, site: WebServer, idp: SAMLProvider) -> None:
    connection = drawn_up(owner, site)
    idp.keys.insert(0, key("idp-next"))
    site.document = idp.metadata()
    path = f"saml-connections/{connection['id']}:refresh"
    assert len(made(owner.post(path), 200)["certificates"]) == 2
    site.status = 503
    problem(owner.post(path), 422, "invalid_request")
    by_hand = made(owner.post("saml-connections", {"name": "Two"}))
    problem(owner.post(f"saml-connections/{by_hand['id']}:refresh"), 422, "invalid_request")


def test_the_worker_walks_these_errands(
    owner: Caller, acme: House, work: Work, site: WebServer, clock: Clock, gateway: Gateway
) -> None:
    connection = drawn_up(owner, site)
    activate(work, acme, connection)
    errands = build_errands(work, gateway.settings)
    errands.tick()
    assert site.asked == 1, "it was read just now"
    clock.advance(LATER)
    errands.tick()
    errands.tick()
    assert site.asked == 2
