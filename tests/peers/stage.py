"""A gateway on loopback, a connection to a peer, a browser that follows pages and forms."""

import os
import re
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass, field
from html import unescape
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests
from pydantic import HttpUrl, SecretStr
from werkzeug.serving import WSGIRequestHandler, make_server

from gateway.app import Gateway, TimeOrderedIds, create_app, utc_now
from gateway.domain.errors import Refused, SessionEnded
from gateway.domain.sessions import Entrance
from gateway.domain.signin import SAMLAddresses
from gateway.saml import idp_metadata, refreshing
from gateway.services import certificates, directory, metadata_refresh, sessions
from gateway.settings import Settings
from gateway.storage import person_work
from gateway.storage import tables as t
from gateway.storage.engine import open_engines
from gateway.storage.unit_of_work import Work
from idp_fixtures.saml_idp.keys import Key, rsa_key
from tests.factories import provision, user_record
from tests.service.signin.lodge import VAULT, Lodge, lodge

SESSION = "gateway-session"
STEPS = 20
PATIENCE = 30.0


@dataclass
class Answer:
    """Where a browser came to rest."""

    response: requests.Response

    @property
    def status(self) -> int:
        return self.response.status_code

    @property
    def failure(self) -> str | None:
        """The gateway's code, if the sign-in failed."""
        return self.response.headers.get("X-Sign-In-Failure")


@dataclass
class Browser:
    """Follows redirects and sends the one form of a page, with what the test fills in."""

    gateway: str
    client: requests.Session = field(default_factory=requests.Session)

    def open(self, address: str, **filled: str) -> Answer:
        """Go somewhere and follow every step, until a page of the gateway or without a form."""
        response = self._get(address)
        for _ in range(STEPS):
            if response.is_redirect:
                response = self._get(urljoin(response.url, response.headers["Location"]))
                continue
            if response.url.startswith(self.gateway) and "onward" not in response.text:
                break
            form = Form.of(response)
            if form is None:
                break
            response = self.client.request(
                form.method,
                form.action,
                data={**form.fields, **filled},
                allow_redirects=False,
                timeout=PATIENCE,
            )
        return Answer(response)

    @property
    def session(self) -> str | None:
        """The gateway's session."""
        return self.client.cookies.get(SESSION)

    def _get(self, address: str) -> requests.Response:
        return self.client.get(address, allow_redirects=False, timeout=PATIENCE)


@dataclass(frozen=True)
class Form:
    """The first form of a page."""

    action: str
    method: str
    fields: Mapping[str, str]

    @classmethod
    def of(cls, response: requests.Response) -> "Form | None":
        """Return it, None where there is none."""
        found = re.search(r"<form\b([^>]*)>(.*?)</form>", response.text, re.S | re.I)
        if found is None:
            return None
        head, body = _attributes(found.group(1)), found.group(2)
        fields = {}
        for tag in re.findall(r"<(?:input|button)\b([^>]*)>", body, re.I):
            own = _attributes(tag)
            if "name" in own:
                fields[own["name"]] = own.get("value", "")
        action = urljoin(response.url, head.get("action", ""))
        return cls(action, head.get("method", "get").upper(), fields)


def _attributes(tag: str) -> dict[str, str]:
    found = re.findall(r"""([\w:-]+)\s*=\s*(?:"([^"]*)"|'([^']*)')""", tag)
    return {name.lower(): unescape(one or other) for name, one, other in found}


@dataclass
class Stage:
    """Acme's connection to one peer."""

    lodge: Lodge
    origin: str
    browsers: list[Browser] = field(default_factory=list)

    @property
    def addresses(self) -> SAMLAddresses:
        rows = self.lodge.rows(t.sso_connections, id=self.lodge.connection_id)
        return SAMLAddresses.of(self.origin, rows[0].slug)

    @property
    def login_url(self) -> str:
        """Where a sign-in begins."""
        return self.addresses.login_url

    @property
    def metadata(self) -> bytes:
        """What the peer's admin would upload."""
        return requests.get(self.addresses.metadata_url, timeout=PATIENCE).content

    def trust(self, document: bytes, **settings: Any) -> None:
        """Take a peer's metadata into the connection."""
        found = idp_metadata.parse(document, utc_now())
        self.lodge.configure(
            issuer=found.entity_id,
            sso_url=found.sso_url,
            sso_binding=found.sso_binding,
            slo_url=found.slo_url,
            slo_binding=found.slo_binding,
            slo_response_url=found.slo_response_url,
            certificates=list(found.certificates),
            **settings,
        )

    def follow(self, document: bytes) -> None:
        """Read a peer's metadata again, as the refresh does."""
        found = refreshing.described(idp_metadata.parse(document, utc_now()))
        self.lodge.do(lambda uow: metadata_refresh.follow(uow, self.lodge.connection_id, found))

    def certificate(self, key: Key) -> Any:
        """What the connection has of a certificate."""
        wanted = certificates.fingerprint(key.certificate)
        return self.lodge.rows(t.sso_certificates, fingerprint=wanted)[0]

    def retire(self, key: Key) -> None:
        """Trust a certificate no longer."""
        gone = self.certificate(key).id
        self.lodge.do(lambda uow: certificates.retire(uow, self.lodge.connection_id, gone))

    def rotate_our_key(self) -> None:
        """Make a new key pair of ours; the one before still decrypts."""
        self.lodge.do(lambda uow: certificates.add_key(uow, self.lodge.connection_id))

    def browser(self) -> Browser:
        self.browsers.append(Browser(self.origin))
        return self.browsers[-1]

    def sign_in(self, **filled: str) -> Browser:
        """Sign in, which must succeed."""
        browser = self.browser()
        answer = browser.open(self.login_url, **filled)
        assert answer.failure is None, (answer.failure, self.traces())
        assert browser.session, (answer.status, answer.response.url, answer.response.text[:2000])
        self.entrance(browser)
        return browser

    def refusal(self, **filled: str) -> str | None:
        """Sign in, which must be refused; return the code."""
        browser = self.browser()
        answer = browser.open(self.login_url, **filled)
        assert browser.session is None
        assert answer.failure is not None, answer.response.text[:2000]
        return answer.failure

    def entrance(self, browser: Browser) -> Entrance:
        assert browser.session is not None
        with person_work.read(self.lodge.work) as here:
            return sessions.entrance(here, browser.session, self.lodge.organisation_id)

    def is_live(self, token: str | None) -> bool:
        assert token is not None
        try:
            with person_work.read(self.lodge.work) as here:
                sessions.entrance(here, token, self.lodge.organisation_id)
        except SessionEnded:
            return False
        return True

    def deactivate(self, user_name: str) -> None:
        """End somebody by SCIM."""
        user = self.lodge.rows(t.directory_users, user_name=user_name)[0]
        house = self.lodge.house
        gone = user_record(user_name, user.external_id, active=False)

        def leave(uow: Any) -> None:
            ended = directory.update_user(uow, house.connection, user.id, gone)
            assert not isinstance(ended, Refused)

        self.lodge.do(leave, house.idp)

    def groups(self, member_id: Any) -> set[str]:
        """Names of the groups that sign-ins asserted of a member."""
        seats = self.lodge.rows(t.asserted_memberships, member_id=member_id)
        live = {seat.group_id for seat in seats if seat.valid_to is None}
        return {row.display_name for row in self.lodge.rows(t.directory_groups) if row.id in live}

    def close(self) -> None:
        """Close every browser."""
        for browser in self.browsers:
            browser.client.close()

    def traces(self) -> list[Any]:
        """What sign-ins left, for whoever reads a failing test."""
        return [row.document for row in self.lodge.rows(t.signin_traces)]


class Quiet(WSGIRequestHandler):
    """Logs nothing."""

    def log_request(self, *_: Any) -> None: ...


@contextmanager
def served(database: str, **settings: Any) -> Iterator[tuple[Work, str]]:
    """Serve a gateway; say how to work in it, and where it is."""
    engines = open_engines(database)
    work = Work(engines, clock=utc_now, new_id=TimeOrderedIds(utc_now), vault=VAULT)
    server = make_server("127.0.0.1", 0, _unready, threaded=True, request_handler=Quiet)
    origin = f"http://127.0.0.1:{server.server_port}"
    told = Settings.model_construct(
        base_url=HttpUrl(origin),
        database_url=SecretStr("unused"),
        plain_http_cookies=True,
        **settings,
    )
    app: Gateway = create_app(told, work)
    server.app = app
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield work, origin
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
        engines.dispose()


@contextmanager
def staged(database: str) -> Iterator[Stage]:
    """Serve a gateway with an organisation, whose Ann is provisioned; JIT makes the others."""
    with served(database) as (work, origin):
        made = lodge(
            work,
            "acme",
            certificates=[rsa_key("before").certificate],
            jit=True,
            attributes={"email": "email", "display_name": "displayName", "groups": "groups"},
        )
        provision(work, made.house, "ann@acme.test", "e1")
        with closing(Stage(made, origin)) as stage:
            yield stage


def _unready(environ: Any, start: Any) -> list[bytes]:
    del environ
    start("503 Not ready", [])
    return []


def roll_over(
    stage: Stage,
    start: Callable[[Key, Key | None], AbstractContextManager[str]],
    announce: Callable[[str], None],
    sign_in: Mapping[str, str],
    keys: tuple[Key, Key],
) -> None:
    """Let a peer change its key; the connection trusts the old one already.

    It publishes both, then signs with the new one, then the old one is retired. `start` runs the
    peer by the key that signs and one more that it publishes; `announce` tells us of both.
    """
    old, new = keys
    with start(new, None):
        assert stage.refusal(**sign_in) == "signature_invalid"
    with start(old, new) as base:
        announce(base)
        assert stage.certificate(new).state == "staged"
        stage.sign_in(**sign_in)
        assert stage.certificate(new).state == "staged"
    with start(new, old) as base:
        announce(base)
        stage.sign_in(**sign_in)
        assert [stage.certificate(key).state for key in keys] == ["active", "active"]
    with start(old, None):
        stage.sign_in(**sign_in)
        stage.retire(old)
        assert stage.refusal(**sign_in) == "signature_invalid"
    with start(new, None):
        stage.sign_in(**sign_in)


# -- programs -------------------------------------------------------------------------------


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def running(
    command: list[str], port: int, folder: Path, environment: Mapping[str, str]
) -> Iterator[None]:
    """Run a program until the block ends; it is ready once it takes connections."""
    log = folder / "log.txt"
    with log.open("ab") as out:
        program = subprocess.Popen(  # noqa: S603 - the peer under test
            command,
            cwd=folder,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
        )
    try:
        _await(program, port, log)
        yield
    finally:
        program.terminate()
        try:
            program.wait(10)
        except subprocess.TimeoutExpired:
            program.kill()
            program.wait()


def _await(program: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        if program.poll() is not None:
            break
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError(f"the peer did not start: {log.read_text()[-2000:]}")


def written(key: Key, folder: Path, name: str) -> tuple[Path, Path]:
    """Put a key and its certificate into files."""
    private, certificate = folder / f"{name}.key", folder / f"{name}.crt"
    private.write_text(key.private_key)
    certificate.write_text(key.certificate)
    return private, certificate


def path_of(address: str) -> str:
    """Return the path of an address."""
    return urlsplit(address).path
