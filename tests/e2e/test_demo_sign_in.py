"""People sign in at the demo: by the company's provider, or by factors of their own."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from gateway.demo.visitor import Visitor
from tests.e2e.demonstration import (
    Demo,
    code_of,
    demo,
    failure_of,
    me,
    session_of,
    sign_in_by_password,
)

PROTOCOLS = ["saml", "oidc"]


@pytest.fixture(scope="module")
def idle() -> Iterator[Demo]:
    with demo("--no-play") as running:
        yield running


def enter(idle: Demo, slug: str, protocol: str, user: str) -> tuple[Visitor, requests.Response]:
    """Sign in through a connection."""
    visitor = idle.visitor()
    return visitor, visitor.sign_in(idle.organisation(slug)[protocol]["login_url"], user)


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("slug", ["acme", "globex"])
def test_a_provisioned_person_signs_in_until_deprovisioned(
    idle: Demo, slug: str, protocol: str
) -> None:
    name = f"{protocol}@{slug}.test"
    user = idle.provision(slug, name)
    idle.employ(slug, name, {"oid": f"external {name}", "preferred_username": name})
    visitor, page = enter(idle, slug, protocol, name)
    assert page.status_code == 200, (failure_of(page), page.text)
    opened = me(visitor).json()["organisations"]
    assert [(x["id"], x["method"]) for x in opened] == [(idle.organisation(slug)["id"], "sso")]
    idle.deprovision(slug, user)
    assert me(visitor).status_code == 401
    again, refused = enter(idle, slug, protocol, name)
    assert failure_of(refused) == "deprovisioned_by_idp"
    assert session_of(again) is None


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_whom_nobody_provisioned_is_refused_and_leaves_nobody(idle: Demo, protocol: str) -> None:
    name = f"stranger.{protocol}@acme.test"
    idle.employ("acme", name)
    visitor, page = enter(idle, "acme", protocol, name)
    assert (page.status_code, failure_of(page)) == (403, "unknown_person")
    assert session_of(visitor) is None
    assert idle.get("acme", f"/members?q={name}")["items"] == []


def test_an_address_of_a_proved_domain_leads_to_the_companys_provider(idle: Demo) -> None:
    visitor = idle.visitor()
    page = visitor.send(f"{idle.base_url}/login", {"email": "anybody@acme.test"})
    ways = idle.organisation("acme")
    for protocol in PROTOCOLS:
        assert f"{ways[protocol]['login_url']}?return_to=" in page.text
    assert idle.organisation("globex")["saml"]["login_url"] not in page.text


@pytest.mark.parametrize("slug", ["acme", "globex"])
def test_the_owner_signs_in_by_password_and_authenticator(idle: Demo, slug: str) -> None:
    owner = idle.organisation(slug)["owner"]
    visitor = idle.visitor()
    sign_in_by_password(visitor, owner, code_of(owner))
    said = me(visitor).json()
    assert said["email"] == owner["email"]
    assert said["factors"] == ["password", "totp"]
    assert [x["id"] for x in said["organisations"]] == [idle.organisation(slug)["id"]]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_one_companys_provider_opens_nothing_of_the_other(idle: Demo, protocol: str) -> None:
    name = f"mia.{protocol}@acme.test"
    for slug in ("acme", "globex"):
        idle.provision(slug, name)
    idle.employ("acme", name, {"preferred_username": name})
    visitor, _ = enter(idle, "acme", protocol, name)
    opened = me(visitor).json()["organisations"]
    assert [x["id"] for x in opened] == [idle.organisation("acme")["id"]]
    foreign = idle.organisation("globex")["id"]
    looked = visitor.get(f"{idle.base_url}/api/v1/organisations/{foreign}/members")
    assert looked.status_code == 404


def test_a_kept_demo_still_signs_people_in(tmp_path: Path) -> None:
    with demo("--no-play", "--data", str(tmp_path)) as first:
        first.provision("acme", "ann@acme.test")
        connection = first.organisation("acme")["saml"]["connection"]
    with demo("--data", str(tmp_path)) as second:
        assert second.organisation("acme")["saml"]["connection"] == connection
        visitor, page = enter(second, "acme", "saml", "ann@acme.test")
        assert page.status_code == 200, failure_of(page)
        owner = second.organisation("acme")["owner"]
        sign_in_by_password(own := second.visitor(), owner, code_of(owner))
        assert me(visitor).json()["person_id"] != me(own).json()["person_id"]
    for name in ("demo.json", "encryption-key.json", "provider-keys.json"):
        assert (tmp_path / name).stat().st_mode & 0o077 == 0


def test_the_loss_of_https_is_said_loudly() -> None:
    with demo("--no-play") as running:
        running.process.terminate()
        assert "NOT FOR PRODUCTION" in running.process.communicate(timeout=60)[1]
