"""The public conformance suites, with nothing left out."""

from scim2_client.engines.wsgi import WSGISCIMClient
from scim2_tester import Status, check_server
from scim_sanity.probe.runner import run_probe_api  # type: ignore[import-untyped]

from gateway.storage.unit_of_work import Work
from tests.factories import house
from tests.wire.scim.conftest import IdP, Served, issue_token

DONE = {Status.SUCCESS, Status.COMPLIANT, Status.ACCEPTABLE}


def test_scim2_tester_finds_nothing_to_object_to(okta: IdP) -> None:
    client = WSGISCIMClient(
        okta.client.application,
        base_url=f"https://gateway.test{okta.base}",
        headers={"Authorization": f"Bearer {okta.token}"},
    )
    results = check_server(client)
    bad = [f"{each.title}: {each.reason}" for each in results if each.status not in DONE]
    assert bad == []
    assert len(results) > 130


def test_scim_sanity_finds_nothing_to_object_to(served: Served, work: Work) -> None:
    acme = house(work, members_clearable=True)
    found = run_probe_api(
        served.base(acme.connection.id), token=issue_token(work, acme), strict=True
    )
    bad = [each for each in found["results"] if each["status"] in ("FAIL", "ERROR", "WARN")]
    assert bad == []
    assert found["exit_code"] == 0
