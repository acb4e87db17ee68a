"""The demo as a program: one line of JSON once ready, everything in it works, nothing stays."""

import subprocess
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from idp_fixtures.scim_client import SCIMClient
from tests.e2e.demonstration import Demo, demo, start
from tests.e2e.programs import GATEWAY, ROOT, ask, environment

LINE = {"base_url", "operator_key", "organisations", "mail", "idp"}
ORGANISATION = {"id", "slug", "api_key", "owner", "verified_domains", "scim", "saml", "oidc"}
SAML = {"connection", "entity_id", "acs_url", "metadata_url", "login_url"}


@pytest.fixture(scope="module")
def idle() -> Iterator[Demo]:
    """One demo without play, for tests that only look."""
    with demo("--no-play") as running:
        yield running


def test_the_line_has_what_others_rely_on(idle: Demo) -> None:
    assert set(idle.said) == LINE
    assert [x["slug"] for x in idle.said["organisations"]] == ["acme", "globex"]
    for each in idle.said["organisations"]:
        assert set(each) == ORGANISATION
        assert set(each["saml"]) == SAML
        assert set(each["oidc"]) == {"connection", "redirect_uri", "login_url"}
        assert set(each["owner"]) == {"email", "password", "totp_secret"}
        assert each["verified_domains"] == [f"{each['slug']}.test"]
        path = f"/scim/v2/{each['scim']['connection']}"
        assert each["scim"]["base_url"] == idle.said["base_url"] + path
        assert each["owner"]["email"].endswith(f"@{each['slug']}.test")
        assert len(each["owner"]["password"]) >= 12


def test_everything_in_the_line_works(idle: Demo) -> None:
    said = idle.said
    status, page = ask(f"{said['base_url']}/api/v1/organisations", said["operator_key"])
    assert status == 200
    assert {x["slug"] for x in page["items"]} == {"acme", "globex"}
    for each in said["organisations"]:
        domains = idle.get(each["slug"], "/domains")["items"]
        assert [(x["name"], x["state"]) for x in domains] == [(f"{each['slug']}.test", "verified")]
        scim = SCIMClient(each["scim"]["base_url"], each["scim"]["token"])
        assert scim.request("GET", "/Users").body["totalResults"] == 0
        scim.close()
    owners = sorted(each["owner"]["email"] for each in said["organisations"])
    deadline = time.monotonic() + 30
    while len(mails := _of_factors(said["mail"]["url"])) < len(owners):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert sorted(mail["to"] for mail in mails) == owners
    assert set(mails[0]) == {"id", "to", "subject", "text", "html", "headers", "sent_at"}


def test_one_organisations_key_opens_nothing_of_the_other(idle: Demo) -> None:
    acme, globex = idle.said["organisations"]
    base = f"{idle.said['base_url']}/api/v1/organisations"
    foreign = ask(f"{base}/{globex['id']}/members", acme["api_key"])
    absent = ask(f"{base}/{UUID(int=1)}/members", acme["api_key"])
    assert foreign == absent
    assert foreign[0] == 404


def test_the_play_brings_people_access_and_one_departure(kind: str, blank_database: str) -> None:
    where = ("--database", blank_database)
    with demo(*where) as running:
        for slug, idp, size in (("acme", "Okta", 36), ("globex", "Entra ID", 28)):
            members = running.get(slug, "/members?limit=200")["items"]
            managed = [x for x in members if x["managed_by"]]
            assert len(managed) == size
            gone = [x for x in managed if x["state"] == "deactivated"]
            assert len(gone) == 1
            access = running.get(slug, f"/members/{gone[0]['id']}")["access"]
            assert (access["org_atoms"], access["chatbots"]) == ([], {})
            groups = running.get(slug, "/groups")["items"]
            assert {x["display_name"] for x in groups} >= {"Engineering", "Support", "Sales"}
            actors = {x["actor"]["name"] for x in running.get(slug, "/audit?limit=200")["items"]}
            assert idp in actors
        assert kind


@pytest.mark.parametrize("preset", ["five_role", "whatsapp", "pingback"])
def test_every_product_plays(preset: str) -> None:
    with demo("--preset", preset) as running:
        states = [x["state"] for x in running.get("globex", "/members?limit=200")["items"]]
        assert states.count("deactivated") == 1


def test_a_small_plan_keeps_its_limit() -> None:
    with demo("--preset", "whatsapp", "--plan", "growth", "--no-play") as running:
        subscription = running.get("acme", "/subscription")
        assert (subscription["plan"], subscription["seat_limit"]) == ("growth", 5)


def test_a_file_moves_the_clock(tmp_path: Path) -> None:
    clock = tmp_path / "clock"
    clock.write_text("0")
    with demo("--no-play", "--clock", str(clock)) as running:
        organisation = running.organisation("acme")
        scim = SCIMClient(organisation["scim"]["base_url"], organisation["scim"]["token"])
        before = scim.request("POST", "/Users", _user("ada"), expect=(201,)).body
        clock.write_text(str(40 * 86_400))
        after = scim.request("POST", "/Users", _user("eve"), expect=(201,)).body
        scim.close()
    days = (_instant(after) - _instant(before)) / 86_400
    assert 39.9 < days < 40.1


def test_a_folder_keeps_the_installation(tmp_path: Path) -> None:
    with demo("--no-play", "--data", str(tmp_path)) as first:
        organisation = first.organisation("acme")
    with demo("--data", str(tmp_path)) as second:
        again = second.organisation("acme")
        assert (again["id"], again["api_key"]) == (organisation["id"], organisation["api_key"])
        assert second.get("acme", "/domains")["items"]
    assert (tmp_path / "demo.json").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("arguments", "status", "reason"),
    [
        pytest.param(("--preset", "nothing"), 1, "no preset 'nothing'", id="unknown-preset"),
        pytest.param(("--plan", "nothing"), 1, "no plan 'nothing'", id="unknown-plan"),
        pytest.param(("--allow-outbound", "x.test"), 2, "no address", id="name-as-address"),
        pytest.param(("--port", "99999"), 2, "--port", id="no-such-port"),
        pytest.param(("--database", "mysql://x/y"), 1, "PostgreSQL", id="another-database"),
    ],
)
def test_what_the_demo_cannot_do_is_refused(
    arguments: tuple[str, ...], status: int, reason: str
) -> None:
    ended = subprocess.run(  # noqa: S603 - our own program
        [*GATEWAY, "demo", "--json", *arguments],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ended.returncode, ended.stdout) == (status, "")
    assert reason in ended.stderr
    assert "Traceback" not in ended.stderr


def test_processes_end_with_a_demo_that_is_killed() -> None:
    process, said = start("--no-play")
    process.kill()
    process.communicate()
    deadline = time.monotonic() + 30
    while _answers(f"{said['base_url']}/healthz"):
        assert time.monotonic() < deadline
        time.sleep(0.1)


def _of_factors(url: str) -> list[dict[str, Any]]:
    """The mails that tell the owners of their authenticators."""
    return [mail for mail in ask(url)[1] if "authenticator was set up" in mail["text"]]


def _answers(url: str) -> bool:
    try:
        return ask(url)[0] == 200
    except OSError:
        return False


def _user(name: str) -> dict[str, Any]:
    return {
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
        "userName": f"{name}@acme.test",
        "active": True,
    }


def _instant(user: dict[str, Any]) -> float:
    return datetime.fromisoformat(user["meta"]["created"]).timestamp()
