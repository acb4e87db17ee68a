import json
from pathlib import Path

import pytest

from idp_fixtures.directory import Directory, generate
from idp_fixtures.entra import EntraClient, EntraDialect, FirstSync, first_sync
from idp_fixtures.okta import OktaApp, OktaClient
from idp_fixtures.scim_client import (
    Body,
    JSONLJournal,
    ServiceUnreachable,
    UnexpectedAnswer,
    Wire,
)
from tests.unit.idp_fixtures.service import Misbehaviour, Service

ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"


@pytest.fixture
def acme() -> Directory:
    return generate(6, 2, domain="acme.test", group_size=3)


@pytest.fixture
def okta(service: Service, acme: Directory) -> OktaClient:
    return OktaClient(service.base_url, "token", acme)


@pytest.fixture
def entra(service: Service, acme: Directory) -> EntraClient:
    return EntraClient(service.base_url, "token", acme)


def last_operations(service: Service) -> list[Body]:
    method, _, body = service.writes()[-1]
    assert method == "PATCH"
    assert body is not None
    operations: list[Body] = body["Operations"]
    return operations


@pytest.mark.parametrize("client", ["okta", "entra"])
def test_onboarding_brings_everybody_and_every_membership(
    client: str, service: Service, acme: Directory, request: pytest.FixtureRequest
) -> None:
    agent: OktaClient | EntraClient = request.getfixturevalue(client)
    steps: list[tuple[int, int]] = []
    agent.on_progress = lambda done, total: steps.append((done, total))
    report = agent.onboard()
    assert len(service.resources["Users"]) == 6
    for group in acme.groups.values():
        stored = service.resources["Groups"][agent.group_ids[group.key]]
        members = [member["value"] for member in stored["members"]]
        assert members == [agent.user_ids[key] for key in group.members]
    assert report.requests == len(service.seen)
    assert report.statuses[201] == len(report.created) == 8
    assert report.retries == 0
    assert [done for done, _ in steps] == list(range(1, len(steps) + 1))
    assert {total for _, total in steps} == {len(steps)}


def test_a_second_onboarding_creates_nobody(okta: OktaClient, service: Service) -> None:
    okta.onboard()
    assert okta.onboard().created == {}
    assert len(service.resources["Users"]) == 6


def test_somebody_inactive_is_not_brought_over(
    okta: OktaClient, service: Service, acme: Directory
) -> None:
    acme.deactivate(next(iter(acme.people)))
    okta.onboard()
    assert len(service.resources["Users"]) == 5


def test_okta_creates_with_a_placeholder_password_and_no_groups(
    okta: OktaClient, service: Service, acme: Directory
) -> None:
    okta.onboard()
    person = next(iter(acme.people.values()))
    created = service.resources["Users"][okta.user_ids[person.key]]
    assert created["groups"] == []
    assert created["password"]
    assert created["externalId"] == person.key
    assert service.agents == {"Okta SCIM Client 1.0.0"}


def test_okta_names_the_group_with_every_membership_update(
    okta: OktaClient, service: Service, acme: Directory
) -> None:
    okta.onboard()
    support, sales = acme.groups.values()
    person = support.members[0]
    okta.apply(acme.move(person, leave=[support.key], join=[sales.key]))
    out, into = (
        body["Operations"] for method, _, body in service.seen[-2:] if body and method == "PATCH"
    )
    assert out[0]["value"] == {
        "id": okta.group_ids[support.key],
        "displayName": support.display_name,
    }
    assert out[1] == {"op": "remove", "path": f'members[value eq "{okta.user_ids[person]}"]'}
    assert into[1]["op"] == "add"
    assert into[1]["value"][0]["value"] == okta.user_ids[person]


def test_okta_never_deletes_a_user(okta: OktaClient, service: Service, acme: Directory) -> None:
    okta.onboard()
    leaver = next(iter(acme.people))
    okta.apply(acme.delete(leaver))
    assert last_operations(service) == [{"op": "replace", "value": {"active": False}}]
    assert "DELETE" not in service.methods()
    okta.apply(acme.rehire(leaver))
    assert service.resources["Users"][okta.user_ids[leaver]]["active"] is True


def test_a_wizard_made_application_reads_and_puts_the_whole_body(
    okta: OktaClient, service: Service, acme: Directory
) -> None:
    okta.app = OktaApp.WIZARD
    okta.onboard()
    person = next(iter(acme.people))
    okta.apply(acme.deactivate(person))
    assert service.methods()[-2:] == ["GET", "PUT"]
    body = service.seen[-1][2]
    assert body is not None
    assert (body["id"], body["active"], body["groups"]) == (okta.user_ids[person], False, [])


def test_okta_imports_in_pages_of_a_hundred(service: Service) -> None:
    okta = OktaClient(service.base_url, "token", generate(230, 0, domain="acme.test"))
    okta.onboard()
    before = len(service.seen)
    assert len(okta.import_users()) == 230
    assert len(service.seen) - before == 3


def test_push_now_replaces_the_member_list(
    okta: OktaClient, service: Service, acme: Directory
) -> None:
    okta.onboard()
    group = next(iter(acme.groups.values()))
    okta.push_now(group)
    (operation,) = last_operations(service)
    assert (operation["op"], operation["path"], len(operation["value"])) == (
        "replace", "members", 3,
    )  # fmt: skip


def test_entra_speaks_its_legacy_dialect(
    entra: EntraClient, service: Service, acme: Directory
) -> None:
    entra.onboard()
    person, group = next(iter(acme.people)), next(iter(acme.groups))
    entra.apply(acme.change_profile(person, title="Director", department="Legal"))
    assert last_operations(service) == [
        {"op": "Replace", "path": "title", "value": "Director"},
        {"op": "Replace", "path": f"{ENTERPRISE}:department", "value": "Legal"},
    ]
    entra.apply(acme.move(person, leave=[group]))
    assert last_operations(service) == [
        {
            "op": "Remove",
            "path": "members",
            "value": [{"$ref": None, "value": entra.user_ids[person]}],
        }
    ]
    entra.apply(acme.deactivate(person))
    assert last_operations(service) == [{"op": "Replace", "path": "active", "value": "False"}]


def test_entra_with_the_compliance_flag_sends_dotted_and_urn_keys(
    entra: EntraClient, service: Service, acme: Directory
) -> None:
    entra.dialect = EntraDialect.COMPLIANT
    entra.onboard()
    person, boss = list(acme.people)[:2]
    change = acme.change_profile(person, given_name="Nia", department="Legal", phone="+44 1")
    entra.apply(change)
    display_name = acme.people[person].display_name
    assert last_operations(service) == [
        {
            "op": "replace",
            "value": {
                "displayName": display_name,
                "name.givenName": "Nia",
                f"{ENTERPRISE}:department": "Legal",
            },
        },
        {"op": "replace", "path": 'phoneNumbers[type eq "mobile"].value', "value": "+44 1"},
    ]
    entra.apply(acme.change_profile(person, manager=boss))
    assert last_operations(service) == [
        {"op": "add", "value": {f"{ENTERPRISE}:manager": entra.user_ids[boss]}}
    ]
    entra.apply(acme.deactivate(person))
    assert last_operations(service) == [{"op": "replace", "path": "active", "value": False}]


def test_entra_deletes_after_the_soft_delete(
    entra: EntraClient, service: Service, acme: Directory
) -> None:
    entra.onboard()
    leaver = next(iter(acme.people))
    entra.apply(acme.delete(leaver))
    assert service.methods()[-2:] == ["PATCH", "DELETE"]
    assert leaver not in entra.user_ids
    entra.apply(acme.rehire(leaver))
    assert service.methods()[-2:] == ["GET", "POST"]


def test_entra_checks_a_reference_and_sends_only_what_differs(
    entra: EntraClient, service: Service, acme: Directory
) -> None:
    entra.onboard()
    group = next(iter(acme.groups.values()))
    member = acme.people[group.members[0]]
    before = len(service.writes())
    with entra.reporting():
        entra.change_members(group, gone=(), come=(member,))
    assert len(service.writes()) == before


@pytest.mark.parametrize("client", ["okta", "entra"])
def test_groups_are_created_renamed_and_deleted(
    client: str, service: Service, acme: Directory, request: pytest.FixtureRequest
) -> None:
    agent: OktaClient | EntraClient = request.getfixturevalue(client)
    agent.onboard()
    created = acme.create_group("Care", list(acme.people)[:2])
    agent.apply(created)
    stored = service.resources["Groups"][agent.group_ids[created.group.key]]
    assert len(stored["members"]) == 2
    agent.apply(acme.rename_group(created.group.key, "Care EU"))
    assert stored["displayName"] == "Care EU"
    agent.apply(acme.delete_group(created.group.key))
    assert len(service.resources["Groups"]) == 2


def test_a_first_sync_sends_the_promised_number_of_requests_over_its_lanes(
    service: Service,
) -> None:
    assert FirstSync().requests == 3151
    size = FirstSync(users=40, groups=4, group_size=10)
    report = first_sync(service.base_url, "token", size)
    assert report.requests == size.requests == len(service.seen)
    members = [len(group["members"]) for group in service.resources["Groups"].values()]
    assert members == [10] * 4
    lanes_of_four_phases = 4 * size.lanes
    assert len(service.connections) <= lanes_of_four_phases


def test_a_lost_answer_to_a_create_leads_to_the_one_that_was_created(
    okta: OktaClient, service: Service
) -> None:
    okta.lanes = 1
    service.script = [Misbehaviour("POST", drop_after_effect=True)]
    journal: list[Body] = []
    okta = OktaClient(service.base_url, "token", okta.directory, journal, lanes=1)
    report = okta.onboard()
    assert report.retries == 1
    assert len(service.resources["Users"]) == 6
    assert set(okta.user_ids.values()) == set(service.resources["Users"])
    acknowledged = [entry for entry in journal if entry["path"] == "/Users"]
    assert len(acknowledged) == 5


def test_a_lost_answer_to_a_delete_is_taken_as_done(
    entra: EntraClient, service: Service, acme: Directory
) -> None:
    entra.onboard()
    service.script = [Misbehaviour("DELETE", drop_after_effect=True)]
    report = entra.apply(acme.delete(next(iter(acme.people))))
    assert report.statuses[404] == 1


def test_a_service_that_is_unwell_or_busy_is_asked_again(
    okta: OktaClient, service: Service
) -> None:
    service.script = [
        Misbehaviour("POST", status=503),
        Misbehaviour("POST", status=429, retry_after="0"),
        Misbehaviour("GET", status=500),
    ]
    report = okta.onboard()
    assert report.retries == 3
    assert len(service.resources["Users"]) == 6


def test_an_unexpected_status_names_the_request(okta: OktaClient, service: Service) -> None:
    service.script = [Misbehaviour("POST", status=403)]
    with pytest.raises(UnexpectedAnswer, match=r"POST /Users was answered 403: .*scripted"):
        okta.onboard()


def test_a_404_to_a_first_delete_is_not_taken_as_done(
    entra: EntraClient, service: Service, acme: Directory
) -> None:
    entra.onboard()
    service.script = [Misbehaviour("DELETE", status=404)]
    with pytest.raises(UnexpectedAnswer, match="404"):
        entra.apply(acme.delete(next(iter(acme.people))))


def test_nobody_there_is_told_after_the_patience_is_over(
    acme: Directory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(OktaClient, "wire", Wire(patience=0.1))
    with pytest.raises(ServiceUnreachable, match=r"GET /Users\?startIndex=1&count=2"):
        OktaClient("http://127.0.0.1:9/scim", "token", acme).onboard()


def test_the_journal_holds_every_acknowledged_write(
    service: Service, acme: Directory, tmp_path: Path
) -> None:
    journal = JSONLJournal(tmp_path / "journal.jsonl")
    EntraClient(service.base_url, "token", acme, journal).onboard()
    journal.close()
    entries = [json.loads(line) for line in (tmp_path / "journal.jsonl").read_text().splitlines()]
    assert len(entries) == len(service.writes())
    assert {entry["status"] for entry in entries} == {200, 201}
    assert all(entry["id"] for entry in entries)
