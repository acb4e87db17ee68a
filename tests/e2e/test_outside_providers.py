"""Providers from outside, connected to the demo over its API alone, and hostile ever after."""

from collections.abc import Iterator
from typing import Any

import pytest
import requests

from idp_fixtures.saml_idp import server as saml_server
from idp_fixtures.saml_idp.hostile import ATTACKS
from idp_fixtures.saml_idp.provider import okta
from idp_fixtures.saml_idp.site import Site
from tests.bench.processes import children, cpu_of
from tests.e2e.demonstration import Demo, demo, failure_of, me, session_of

ANN = "ann@acme.test"
CPU_LIMIT = 0.1
"""Seconds that one hostile message may take."""


@pytest.fixture(scope="module")
def saml() -> Iterator[Site]:
    with saml_server.serving() as site:
        site.add(okta(ANN, ANN, "Ann", ["Support"]))
        yield site


@pytest.fixture(scope="module")
def running(saml: Site) -> Iterator[Demo]:
    address = saml.provider.base_url.removeprefix("http://")
    with demo("--no-play", "--allow-outbound", address) as found:
        found.provision("acme", ANN)
        yield found


def connect(running: Demo, protocol: str, wish: dict[str, Any]) -> dict[str, Any]:
    """Draw a connection up."""
    path = f"/{protocol}-connections"
    body = {"name": f"Outside {protocol}", "preset": "okta", **wish}
    made: dict[str, Any] = running.ask("acme", "POST", path, body, 201)
    assert (made["state"], made["missing"]) == ("draft", [])
    return made


def activate(running: Demo, path: str, user: str) -> dict[str, Any]:
    """Make the test sign-in, read what it shows, and let people in."""
    ticket = running.ask("acme", "POST", f"{path}:test")
    visitor = running.visitor()
    visitor.client.headers["Accept"] = "application/json"
    tested = visitor.sign_in(ticket["url"], user)
    assert tested.status_code == 200, failure_of(tested)
    assert session_of(visitor) is None
    trace: dict[str, Any] = tested.json()
    assert all(check["passed"] for check in trace["checks"]), trace
    assert running.ask("acme", "POST", f"{path}:activate")["state"] == "active"
    return trace


@pytest.fixture(scope="module")
def connected(running: Demo, saml: Site) -> dict[str, Any]:
    """A connection to the outside provider, by its fields alone."""
    provider = saml.provider
    made = connect(
        running,
        "saml",
        {
            "issuer": provider.entity_id,
            "sso_url": provider.sso_url,
            "slo_url": provider.slo_url,
            "certificates": [provider.key.certificate],
        },
    )
    saml.register(requests.get(made["sp_metadata_url"], timeout=30).content)
    trace = activate(running, f"/saml-connections/{made['id']}", ANN)
    assert trace["landing"]["link"] == "scim"
    return made


def test_a_provider_of_ones_own_is_connected_over_the_api(
    running: Demo, connected: dict[str, Any]
) -> None:
    visitor = running.visitor()
    page = visitor.sign_in(connected["login_url"], ANN)
    assert page.status_code == 200, failure_of(page)
    (opened,) = me(visitor).json()["organisations"]
    assert opened["id"] == running.organisation("acme")["id"]


def test_every_hostile_message_is_refused_through_a_real_sign_in(
    running: Demo, connected: dict[str, Any], saml: Site
) -> None:
    """Each costs little, none breaks a worker, and an honest sign-in works all the while."""
    wrong, dear = {}, {}
    for name in ATTACKS:
        said, cost = attacked(running, connected, saml, name)
        if said[0] != 403 or said[1] is None or said[2] is not None:
            wrong[name] = said
        elif cost > CPU_LIMIT:
            # Whatever else the server did meanwhile: the message alone is what recurs.
            dear[name] = min(attacked(running, connected, saml, name)[1] for _ in range(3))
    assert wrong == {}
    assert {name: cost for name, cost in dear.items() if cost > CPU_LIMIT} == {}
    honest = running.visitor()
    assert honest.sign_in(connected["login_url"], ANN).status_code == 200
    assert session_of(honest)


def test_a_refusal_leaves_a_trace_that_names_the_check(
    running: Demo, connected: dict[str, Any], saml: Site
) -> None:
    saml.attack = "rsa-sha1"
    page = running.visitor().sign_in(connected["login_url"], ANN)
    path = f"/saml-connections/{connected['id']}/traces"
    newest = running.get("acme", path)["items"][0]
    assert newest["code"] == failure_of(page) == "algorithm_refused"
    assert [check["passed"] for check in newest["document"]["checks"]][-1] is False
    history = running.get("acme", "/login-history")["items"][0]
    assert (history["result"], history["code"]) == ("refused", "algorithm_refused")


def test_the_key_of_one_organisation_connects_nothing_in_the_other(
    running: Demo, connected: dict[str, Any]
) -> None:
    path = f"/saml-connections/{connected['id']}"
    running.ask("globex", "GET", path, status=404)
    running.ask("globex", "POST", f"{path}:test", status=404)


def attacked(
    running: Demo, connected: dict[str, Any], saml: Site, attack: str
) -> tuple[tuple[int, str | None, str | None], float]:
    """Return status, code and session of a hostile sign-in, and the CPU that it took."""
    visitor = running.visitor()
    saml.attack = attack
    before = cpu(running)
    page = visitor.sign_in(connected["login_url"], ANN)
    said = (page.status_code, failure_of(page), session_of(visitor))
    return said, cpu(running) - before


def cpu(running: Demo) -> float:
    """Return the CPU seconds that the processes that answer requests have used."""
    supervisors = children(running.process.pid)
    return sum(cpu_of(pid) or 0.0 for each in supervisors for pid in children(each))
