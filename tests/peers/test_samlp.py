"""samlp, the npm package behind Auth0: sign-in, groups, wrong key, rollover, both logouts.

It publishes one certificate: in a rollover an admin enters the next one by hand.
"""

import json
import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509 import load_pem_x509_certificate

from idp_fixtures.saml_idp.keys import Key, rsa_key
from idp_fixtures.saml_idp.provider import ServiceProvider
from tests.peers import larder
from tests.peers.stage import Stage, free_port, roll_over, running

JIM = {"id": "jim", "email": "jim@acme.test", "name": "Jim Acme", "groups": ["Support", "Eng"]}
ANN = {"id": "ann@acme.test", "email": "ann@acme.test", "name": "Ann Acme", "groups": ["Support"]}
OWN = rsa_key("samlp")
METADATA = "/FederationMetadata/2007-06/FederationMetadata.xml"
NODE = shutil.which("node") or "node"


@contextmanager
def peer(stage: Stage, folder: Path, port: int, key: Key = OWN, **options: Any) -> Iterator[str]:
    """Run samlp; say where it is."""
    service = ServiceProvider.of(stage.metadata)
    base = f"http://127.0.0.1:{port}"
    config = {
        "modules": str(larder.SHELVES["samlp"].folder / "package.json"),
        "port": port,
        "issuer": "urn:samlp",
        "cert": key.certificate,
        "key": key.private_key,
        "user": JIM,
        "sign_response": False,
        "encrypt": None,
        "service": {
            "entity_id": service.entity_id,
            "acs_url": service.acs_url,
            "logout_url": service.logout_url,
            "cert": service.signing[0],
        },
        **options,
    }
    place = folder / "samlp.json"
    place.write_text(json.dumps(config))
    program = str(Path(__file__).with_name("samlp_server.js"))
    with running([NODE, program, str(place)], port, folder, {}):
        yield base


@pytest.fixture
def port() -> int:
    return free_port()


def trust(stage: Stage, base: str) -> None:
    document = requests.get(f"{base}{METADATA}", timeout=10).content
    stage.trust(document)


def test_people_sign_in_with_their_groups(stage: Stage, tmp_path: Path, port: int) -> None:
    with peer(stage, tmp_path, port) as base:
        trust(stage, base)
        entered = stage.entrance(stage.sign_in())
        assert entered.member_name == "Jim Acme"
        assert stage.groups(entered.member_id) == {"Support", "Eng"}


@pytest.mark.parametrize("signs_response", [False, True])
def test_encrypted_assertions_are_read(
    stage: Stage, tmp_path: Path, port: int, signs_response: bool
) -> None:
    encrypt = for_us(stage)
    with peer(stage, tmp_path, port, encrypt=encrypt, sign_response=signs_response) as base:
        trust(stage, base)
        stage.lodge.configure(require_encrypted=True)
        stage.sign_in()


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
    new = rsa_key("samlp-next")

    def start(key: Key, _: Key | None) -> AbstractContextManager[str]:
        return peer(stage, tmp_path, port, key=key)

    def by_hand(_: str) -> None:
        stage.lodge.configure(certificates=[new.certificate])

    roll_over(stage, start, by_hand, {}, (OWN, new))


def test_our_key_rolls_over_while_it_encrypts(stage: Stage, tmp_path: Path, port: int) -> None:
    """It keeps what it was told: until then it encrypts for the key before."""
    with peer(stage, tmp_path, port, encrypt=for_us(stage)) as base:
        trust(stage, base)
        stage.lodge.configure(require_encrypted=True)
        stage.rotate_our_key()
        stage.sign_in()
        stage.rotate_our_key()
        assert stage.refusal() == "decryption_failed"
    with peer(stage, tmp_path, port, encrypt=for_us(stage)):
        stage.sign_in()


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
        ended = browser.open(f"{base}/logout")
        assert (ended.status, ended.failure) == (200, None), stage.traces()
        assert not stage.is_live(token)


def test_a_person_that_scim_deactivated_is_refused(stage: Stage, tmp_path: Path, port: int) -> None:
    with peer(stage, tmp_path, port, user=ANN) as base:
        trust(stage, base)
        token = stage.sign_in().session
        stage.deactivate("ann@acme.test")
        assert not stage.is_live(token)
        assert stage.refusal() == "deprovisioned_by_idp"


def for_us(stage: Stage) -> dict[str, str]:
    """Our newest certificate, and its public key, which samlp wants beside it."""
    certificate = ServiceProvider.of(stage.metadata).encryption[0]
    key = load_pem_x509_certificate(certificate.encode()).public_key()
    public = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    return {"cert": certificate, "key": public}
