"""The simulated SAML provider as a web site, driven as a browser and a harness would."""

import base64
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from html import unescape
from typing import Any

import pytest
import requests
from lxml import etree

from gateway.saml import metadata
from gateway.saml.logout import Desk
from idp_fixtures.saml_idp.provider import okta, unpacked
from idp_fixtures.saml_idp.server import serving
from idp_fixtures.saml_idp.site import Site
from tests.clock import NOON
from tests.unit.saml.bench import ADDRESSES, connection
from tests.unit.saml.test_bindings import ask
from tests.unit.saml.test_logout import PROOF


@pytest.fixture
def site() -> Iterator[Site]:
    with serving(clock=lambda: NOON) as site:
        site.add(okta("mia", "mia@acme.test", "Mia Acme", ["Support"]))
        site.register(metadata.service_provider(connection(), ADDRESSES))
        yield site


def fields(page: str) -> dict[str, str]:
    found = re.findall(r'name="(\w+)" value="([^"]*)"', page)
    return {name: unescape(value) for name, value in found}


def sso_address(site: Site, **settings: Any) -> str:
    return ask(connection(sso_url=site.provider.sso_url, **settings)).address


def test_the_sign_in_page_asks_who_it_is_and_answers_the_request(site: Site) -> None:
    page = requests.get(sso_address(site), timeout=5)
    chosen = requests.post(
        f"{site.provider.base_url}/saml/choose",
        data={"ticket": fields(page.text)["ticket"], "user": "mia"},
        timeout=5,
    )
    form = fields(chosen.text)
    root = etree.fromstring(unpacked(form["SAMLResponse"], posted=True))
    assert root.get("InResponseTo") == "_asked"
    assert form["RelayState"] == "handle+/="
    assert f'action="{ADDRESSES.acs_url}"' in chosen.text


def test_a_harness_may_name_the_person_or_the_misbehaviour(site: Site) -> None:
    honest = requests.get(f"{sso_address(site)}&user=mia", timeout=5).text
    assert b"mia" in base64.b64decode(fields(honest)["SAMLResponse"])
    base = site.provider.base_url
    listed = requests.post(f"{base}/misbehave", data={"attack": "?"}, timeout=5)
    assert "rsa-sha1" in listed.json()
    requests.post(f"{base}/misbehave", data={"attack": "rsa-sha1"}, timeout=5)
    worse = requests.get(f"{sso_address(site)}&user=mia", timeout=5).text
    assert b"rsa-sha1" in base64.b64decode(fields(worse)["SAMLResponse"])
    again = requests.get(f"{sso_address(site)}&user=mia", timeout=5).text
    assert b"rsa-sha1" not in base64.b64decode(fields(again)["SAMLResponse"])


def test_a_sign_in_may_begin_here(site: Site) -> None:
    page = requests.get(f"{site.provider.base_url}/saml/start?user=mia", timeout=5).text
    root = etree.fromstring(unpacked(fields(page)["SAMLResponse"], posted=True))
    assert root.get("InResponseTo") is None


def test_logouts_go_both_ways(site: Site) -> None:
    requests.get(f"{sso_address(site)}&user=mia", timeout=5)
    begun = requests.get(
        f"{site.provider.base_url}/saml/logout?user=mia", timeout=5, allow_redirects=False
    )
    assert begun.headers["Location"].startswith(ADDRESSES.logout_url)
    letter = Desk(connection(slo_url=site.provider.slo_url), ADDRESSES, NOON).ask(
        PROOF, "_asked", "handle"
    )
    assert letter is not None
    answer = requests.get(letter.address, timeout=5, allow_redirects=False)
    assert answer.headers["Location"].startswith(f"{ADDRESSES.logout_url}?SAMLResponse=")
    assert site.sessions == []


def test_accounts_keys_and_services_are_registered_over_http(site: Site) -> None:
    base = site.provider.base_url
    account = {"name_id": "bob", "attributes": {"groups": ["A"]}}
    requests.post(f"{base}/accounts", json=account, timeout=5).raise_for_status()
    assert site.accounts["bob"].attributes == {"groups": ["A"]}
    requests.post(f"{base}/roll-over", timeout=5).raise_for_status()
    published = requests.get(f"{base}/metadata", timeout=5).content
    assert published.count(b"X509Certificate>") == 4
    ours = metadata.service_provider(connection(), ADDRESSES)
    known = requests.post(f"{base}/services", data=ours, timeout=5)
    assert known.json() == {"entity_id": ADDRESSES.entity_id}


def test_what_is_no_request_is_refused(site: Site) -> None:
    base = site.provider.base_url
    assert requests.get(f"{base}/saml/sso", timeout=5).status_code == 400
    assert requests.get(f"{base}/nothing", timeout=5).status_code == 404
    stranger = site.services.pop(ADDRESSES.entity_id)
    assert requests.get(sso_address(site), timeout=5).status_code == 400
    site.services[stranger.entity_id] = stranger


def test_it_runs_as_a_program() -> None:
    program = subprocess.Popen(
        [sys.executable, "-m", "idp_fixtures.saml_idp", "--user", "ann@acme.test:Support,Eng"],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert program.stdout is not None
        ready = json.loads(program.stdout.readline())
        document = requests.get(ready["metadata_url"], timeout=5).content
        assert etree.fromstring(document).get("entityID") == ready["entity_id"]
    finally:
        program.terminate()
        program.communicate(timeout=10)
