"""pysaml2: attributes as object identifiers, wrong key, rollover, both logouts, old algorithms.

It encrypts with triple DES alone, whatever it is told, which the gateway never takes: there is no
encrypted sign-in of it, only its refusal.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import requests

from idp_fixtures.saml_idp.keys import Key, rsa_key
from idp_fixtures.saml_idp.provider import ServiceProvider
from tests.peers import larder
from tests.peers.stage import Stage, free_port, roll_over, running, written

JIM = {"id": "jim", "email": "jim@acme.test", "name": "Jim Acme", "groups": ["Support", "Eng"]}
ANN = {"id": "ann@acme.test", "email": "ann@acme.test", "name": "Ann Acme", "groups": ["Support"]}
OWN = rsa_key("pysaml2")
SHA256 = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
OIDS = {
    "email": "urn:oid:0.9.2342.19200300.100.1.3",
    "display_name": "urn:oid:2.16.840.1.113730.3.1.241",
    "groups": "urn:oid:1.3.6.1.4.1.5923.1.5.1.1",
}


@contextmanager
def peer(
    stage: Stage,
    folder: Path,
    port: int,
    key: Key = OWN,
    also: Key | None = None,
    **options: Any,
) -> Iterator[str]:
    """Run pysaml2, which signs by a key and may publish one more; say where it is."""
    document = stage.metadata
    service = ServiceProvider.of(document)
    (folder / "service.xml").write_bytes(document)
    private, certificate = written(key, folder, f"idp-{port}")
    others = [] if also is None else [str(written(also, folder, "also")[1])]
    base = f"http://127.0.0.1:{port}"
    settings = {
        "also_published": others,
        "base": base,
        "port": port,
        "key": str(private),
        "certificate": str(certificate),
        "xmlsec1": str(larder.SHELVES["xmlsec1"].folder / "usr/bin/xmlsec1"),
        "service_metadata": str(folder / "service.xml"),
        "service_entity_id": service.entity_id,
        "acs_url": service.acs_url,
        "logout_url": service.logout_url,
        "signing_algorithm": SHA256,
        "sign_assertion": True,
        "sign_response": False,
        "encrypt": False,
        "user": JIM,
        **options,
    }
    place = folder / "pysaml2.json"
    place.write_text(json.dumps(settings))
    python = str(larder.SHELVES["pysaml2"].folder / "bin/python")
    program = str(Path(__file__).with_name("pysaml2_server.py"))
    with running([python, program, str(place)], port, folder, larder.libraries("xmlsec1")):
        yield base


@pytest.fixture
def port() -> int:
    return free_port()


def trust(stage: Stage, base: str) -> None:
    stage.trust(metadata(base), attributes=OIDS)


def metadata(base: str) -> bytes:
    return requests.get(f"{base}/metadata", timeout=10).content


@pytest.mark.parametrize(("response", "assertion"), [(False, True), (True, False), (True, True)])
def test_people_sign_in_with_their_groups(
    stage: Stage, tmp_path: Path, port: int, response: bool, assertion: bool
) -> None:
    with peer(stage, tmp_path, port, sign_response=response, sign_assertion=assertion) as base:
        trust(stage, base)
        entered = stage.entrance(stage.sign_in())
        assert entered.member_name == "Jim Acme"
        assert stage.groups(entered.member_id) == {"Support", "Eng"}


def test_requests_may_be_posted_and_signed(stage: Stage, tmp_path: Path, port: int) -> None:
    with peer(stage, tmp_path, port) as base:
        trust(stage, base)
        stage.lodge.configure(sso_binding="post", sign_requests=True)
        stage.sign_in()


def test_a_foreign_key_is_refused_and_a_new_one_rolls_over(
    stage: Stage, tmp_path: Path, port: int
) -> None:
    with peer(stage, tmp_path, port) as base:
        trust(stage, base)
    keys = OWN, rsa_key("pysaml2-next")
    start = partial(peer, stage, tmp_path, port)
    roll_over(stage, start, lambda base: stage.follow(metadata(base)), {}, keys)


def test_what_nobody_should_use_any_more_is_refused(
    stage: Stage, tmp_path: Path, port: int
) -> None:
    """SHA-1 signatures, and the triple DES that pysaml2 encrypts with."""
    sha1 = "http://www.w3.org/2000/09/xmldsig#rsa-sha1"
    with peer(stage, tmp_path, port, signing_algorithm=sha1) as base:
        trust(stage, base)
        assert stage.refusal() == "algorithm_refused"
    with peer(stage, tmp_path, port, encrypt=True):
        assert stage.refusal() == "encryption_refused"


def test_our_logout_ends_both_sessions(stage: Stage, tmp_path: Path, port: int) -> None:
    with peer(stage, tmp_path, port) as base:
        trust(stage, base)
        browser = stage.sign_in()
        token = browser.session
        ended = browser.open(stage.addresses.logout_url)
        assert ended.failure is None, stage.traces()
        assert ended.response.url == f"{stage.origin}/login"
        assert not stage.is_live(token)


def test_a_logout_at_the_provider_ends_our_session(stage: Stage, tmp_path: Path, port: int) -> None:
    with peer(stage, tmp_path, port) as base:
        trust(stage, base)
        browser = stage.sign_in()
        token = browser.session
        ended = browser.open(f"{base}/leave")
        assert "Signed out: True" in ended.response.text, stage.traces()
        assert not stage.is_live(token)


def test_a_person_that_scim_deactivated_is_refused(stage: Stage, tmp_path: Path, port: int) -> None:
    with peer(stage, tmp_path, port, user=ANN) as base:
        trust(stage, base)
        token = stage.sign_in().session
        stage.deactivate("ann@acme.test")
        assert not stage.is_live(token)
        assert stage.refusal() == "deprovisioned_by_idp"
