"""SimpleSAMLphp 1.19: groups, encryption, wrong key, rollover, both logouts, begun by the provider.

Its release encrypts with AES in CBC alone, which a connection has to allow.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests

from idp_fixtures.saml_idp.keys import Key, rsa_key
from idp_fixtures.saml_idp.provider import ServiceProvider
from tests.peers import larder
from tests.peers.stage import Stage, free_port, roll_over, running, written

OWN = rsa_key("simplesamlphp")
EXTENSIONS = ("ctype", "dom", "mbstring", "posix", "simplexml", "tokenizer", "xml", "xmlwriter")
SHA256 = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
UNSPECIFIED = "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified"
JIM = {"uid": ["jim"], "email": ["jim@acme.test"], "displayName": ["Jim Acme"]}
ANN = {"uid": ["ann@acme.test"], "email": ["ann@acme.test"], "displayName": ["Ann Acme"]}
BOTH_GROUPS = {"groups": ["Support", "Eng"]}
LOG_IN = {"username": "someone", "password": "secret"}


def php(value: Any) -> str:
    """Write a value as PHP does."""
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    if isinstance(value, int):
        return str(value)
    if isinstance(value, Mapping):
        return "[" + ", ".join(f"{php(key)} => {php(each)}" for key, each in value.items()) + "]"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "[" + ", ".join(php(each) for each in value) + "]"
    return "'" + str(value).replace("\\", "\\\\").replace("'", "\\'") + "'"


def write(path: Path, name: str, value: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"<?php\n${name} = {php(value)};\n")


def configure(
    stage: Stage,
    folder: Path,
    port: int,
    key: Key,
    person: Mapping[str, Any],
    hosted: Mapping[str, Any],
) -> Path:
    """Write everything that SimpleSAMLphp reads."""
    place = folder / f"ssp-{port}"
    for name in ("cert", "data", "log", "temporary"):
        (place / name).mkdir(parents=True, exist_ok=True)
    written(key, place / "cert", "idp")
    root = larder.SHELVES["simplesamlphp"].folder
    base = f"http://127.0.0.1:{port}/"
    config = {
        "baseurlpath": base,
        "certdir": f"{place}/cert/",
        "loggingdir": f"{place}/log/",
        "datadir": f"{place}/data/",
        "tempdir": f"{place}/temporary",
        "metadatadir": f"{place}/metadata/",
        "attributenamemapdir": f"{root}/etc/simplesamlphp/attributemap/",
        "secretsalt": "a salt of this test alone",
        "auth.adminpassword": "an admin of this test alone",
        "technicalcontact_email": "na@example.org",
        "timezone": "UTC",
        "logging.handler": "errorlog",
        "showerrors": True,
        "enable.saml20-idp": True,
        "module.enable": {"exampleauth": True, "core": True, "saml": True},
        "session.cookie.secure": False,
        "session.cookie.samesite": None,
        "session.cookie.name": "ssp-session",
        "session.phpsession.cookiename": "ssp-php",
        "session.phpsession.savepath": f"{place}/temporary",
        "session.authtoken.cookiename": "ssp-token",
        "language.cookie.secure": False,
        "store.type": "phpsession",
        "metadata.sources": [{"type": "flatfile"}],
        "authproc.idp": {},
    }
    write(place / "config/config.php", "config", config)
    login = f"{LOG_IN['username']}:{LOG_IN['password']}"
    source = {0: "exampleauth:UserPass", login: person}
    write(place / "config/authsources.php", "config", {"people": source})
    provider = {
        "host": "__DEFAULT__",
        "privatekey": "idp.key",
        "certificate": "idp.crt",
        "auth": "people",
        "signature.algorithm": SHA256,
        "saml20.sign.response": False,
        "saml20.sign.assertion": True,
        "sign.logout": True,
        "attributes.NameFormat": "urn:oasis:names:tc:SAML:2.0:attrname-format:basic",
        **hosted,
    }
    write(place / "metadata/saml20-idp-hosted.php", "metadata", {"__DYNAMIC:1__": provider})
    _write_service(stage, place)
    return place


def _write_service(stage: Stage, place: Path) -> None:
    service = ServiceProvider.of(stage.metadata)
    body = "".join(service.signing[0].strip().splitlines()[1:-1])
    said = {
        "AssertionConsumerService": service.acs_url,
        "SingleLogoutService": service.logout_url,
        "NameIDFormat": UNSPECIFIED,
        "simplesaml.nameidattribute": "uid",
        "certData": body,
    }
    write(place / "metadata/saml20-sp-remote.php", "metadata", {service.entity_id: said})


@contextmanager
def peer(
    stage: Stage,
    folder: Path,
    port: int,
    key: Key = OWN,
    person: Mapping[str, Any] | None = None,
    hosted: Mapping[str, Any] | None = None,
) -> Iterator[str]:
    """Run SimpleSAMLphp; say where it is."""
    who = {**JIM, **BOTH_GROUPS} if person is None else person
    place = configure(stage, folder, port, key, who, hosted or {})
    root = larder.SHELVES["simplesamlphp"].folder
    modules = next(root.glob("usr/lib/php/20*"))
    loaded = [f"-dextension={modules}/{name}.so" for name in EXTENSIONS]
    command = [
        str(root / "usr/bin/php8.2"),
        "-n",
        *loaded,
        "-derror_reporting=0",
        "-ddisplay_errors=0",
        "-S",
        f"127.0.0.1:{port}",
        "-t",
        str(root / "usr/share/simplesamlphp/www"),
    ]
    environment = {
        **larder.libraries("simplesamlphp"),
        "SIMPLESAMLPHP_CONFIG_DIR": str(place / "config"),
    }
    with running(command, port, folder, environment):
        yield f"http://127.0.0.1:{port}"


@pytest.fixture
def port() -> int:
    return free_port()


def trust(stage: Stage, base: str) -> None:
    stage.trust(metadata(base))


def metadata(base: str) -> bytes:
    answer = requests.get(f"{base}/saml2/idp/metadata.php", timeout=20)
    assert answer.status_code == 200, answer.text[:2000]
    return answer.content


def test_people_sign_in_with_their_groups(stage: Stage, tmp_path: Path, port: int) -> None:
    with peer(stage, tmp_path, port) as base:
        trust(stage, base)
        entered = stage.entrance(stage.sign_in(**LOG_IN))
        assert entered.member_name == "Jim Acme"
        assert stage.groups(entered.member_id) == {"Support", "Eng"}


def test_encrypted_assertions_are_read(stage: Stage, tmp_path: Path, port: int) -> None:
    """This release encrypts by CBC alone, which a connection has to allow."""
    with peer(stage, tmp_path, port, hosted={"assertion.encryption": True}) as base:
        trust(stage, base)
        assert stage.refusal(**LOG_IN) == "encryption_refused"
        stage.lodge.configure(require_encrypted=True, allow_cbc=True)
        stage.sign_in(**LOG_IN)


def test_our_key_rolls_over_while_it_encrypts(stage: Stage, tmp_path: Path, port: int) -> None:
    """It reads our metadata when it starts: until then it encrypts for the key before."""
    encrypts = {"assertion.encryption": True}
    with peer(stage, tmp_path, port, hosted=encrypts) as base:
        trust(stage, base)
        stage.lodge.configure(require_encrypted=True, allow_cbc=True)
        stage.rotate_our_key()
        stage.sign_in(**LOG_IN)
        stage.rotate_our_key()
        assert stage.refusal(**LOG_IN) == "decryption_failed"
    with peer(stage, tmp_path, port, hosted=encrypts):
        stage.sign_in(**LOG_IN)


def test_a_foreign_key_is_refused_and_a_new_one_rolls_over(
    stage: Stage, tmp_path: Path, port: int
) -> None:
    with peer(stage, tmp_path, port) as base:
        trust(stage, base)

    def start(key: Key, also: Key | None) -> AbstractContextManager[str]:
        if also is None:
            return peer(stage, tmp_path, port, key=key)
        written(also, tmp_path / f"ssp-{port}" / "cert", "next")
        both = {"new_privatekey": "next.key", "new_certificate": "next.crt"}
        return peer(stage, tmp_path, port, key=key, hosted=both)

    keys = OWN, rsa_key("simplesamlphp-next")
    roll_over(stage, start, lambda base: stage.follow(metadata(base)), LOG_IN, keys)


def test_our_logout_ends_both_sessions(stage: Stage, tmp_path: Path, port: int) -> None:
    with peer(stage, tmp_path, port) as base:
        trust(stage, base)
        browser = stage.sign_in(**LOG_IN)
        token = browser.session
        ended = browser.open(stage.addresses.logout_url)
        assert ended.failure is None, stage.traces()
        assert ended.response.url == f"{stage.origin}/login", ended.response.text[:2000]
        assert not stage.is_live(token)


def test_a_logout_at_the_provider_ends_our_session(stage: Stage, tmp_path: Path, port: int) -> None:
    with peer(stage, tmp_path, port) as base:
        trust(stage, base)
        browser = stage.sign_in(**LOG_IN)
        token = browser.session
        start = f"{base}/saml2/idp/SingleLogoutService.php?ReturnTo={base}/"
        ended = browser.open(start)
        assert ended.failure is None, stage.traces()
        assert not stage.is_live(token), ended.response.text[:2000]


def test_a_sign_in_that_begins_there_is_begun_afresh(
    stage: Stage, tmp_path: Path, port: int
) -> None:
    with peer(stage, tmp_path, port) as base:
        trust(stage, base)
        entity_id = stage.addresses.entity_id
        start = f"{base}/saml2/idp/SSOService.php?spentityid={entity_id}"
        off = stage.browser()
        assert off.open(start, **LOG_IN).failure == "unsolicited"
        assert off.session is None
        stage.lodge.configure(idp_initiated="restart")
        browser = stage.browser()
        assert browser.open(start, **LOG_IN).failure is None
        assert browser.session


def test_a_person_that_scim_deactivated_is_refused(stage: Stage, tmp_path: Path, port: int) -> None:
    with peer(stage, tmp_path, port, person=ANN) as base:
        trust(stage, base)
        token = stage.sign_in(**LOG_IN).session
        stage.deactivate("ann@acme.test")
        assert not stage.is_live(token)
        assert stage.refusal(**LOG_IN) == "deprovisioned_by_idp"
