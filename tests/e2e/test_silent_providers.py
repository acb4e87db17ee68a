"""A provider that takes connections and never answers: who waits for it holds up nobody else."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from gateway.net.http import DEADLINE
from gateway.turns import ABROAD
from tests.e2e.demonstration import Demo, demo, failure_of

WAITING = 3 * ABROAD
"""Sign-ins at the silent provider at once: more than there are threads of any kind."""


@dataclass
class Silence:
    """Listens on loopback, and says nothing to whoever comes, until it hangs up."""

    listener: socket.socket
    kept: list[socket.socket] = field(default_factory=list)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.listener.getsockname()[1]}"

    def listen(self) -> None:
        while True:
            try:
                self.kept.append(self.listener.accept()[0])
            except OSError:
                return

    def hang_up(self) -> None:
        """Take no connection any more, and end those that wait."""
        self.listener.shutdown(socket.SHUT_RDWR)
        for each in self.kept:
            each.close()


@pytest.fixture
def silent() -> Iterator[Silence]:
    with socket.create_server(("127.0.0.1", 0), backlog=100) as listener:
        silence = Silence(listener)
        threading.Thread(target=silence.listen, daemon=True).start()
        yield silence


@pytest.fixture
def running(silent: Silence) -> Iterator[Demo]:
    with demo("--no-play", "--allow-outbound", silent.address) as found:
        yield found


def sign_ins(running: Demo, place: str) -> list[Callable[[], requests.Response]]:
    """Begin test sign-ins of Acme's; return what brings a code for each of them back."""
    names = ("authorization_endpoint", "token_endpoint", "jwks_uri")
    fields = {name: f"{place}/{name}" for name in names}
    wish = {"name": "Silent", "issuer": place, "client_id": "x", "client_secret": "y"}
    made = running.ask("acme", "POST", "/oidc-connections", {**wish, **fields}, 201)
    begun: list[Callable[[], requests.Response]] = []
    for _ in range(WAITING):
        ticket = running.ask("acme", "POST", f"/oidc-connections/{made['id']}:test")
        visitor = running.visitor()
        asked = visitor.get(ticket["url"])
        state = parse_qs(urlsplit(asked.headers["Location"]).query)["state"][0]
        back = f"{made['redirect_uri']}?code=x&state={state}"
        begun.append(partial(visitor.get, back))
    return begun


def test_nobody_else_waits_for_a_provider_that_is_silent(running: Demo, silent: Silence) -> None:
    """Neither its own organisation's pages and programs, nor the neighbour's."""
    place = f"http://{silent.address}"
    begun = sign_ins(running, place)
    with ThreadPoolExecutor(WAITING + 2) as crowd:
        held: list[Future[Any]] = [crowd.submit(each) for each in begun]
        for _ in range(2):
            wish = {"name": "Never read", "issuer": place, "client_id": "x"}
            held.append(crowd.submit(running.ask, "acme", "POST", "/oidc-connections", wish, 422))
        time.sleep(1.0)
        assert not any(each.done() for each in held)
        began = time.monotonic()
        for slug in ("globex", "acme"):
            running.get(slug, "/members")
            assert running.visitor().get(f"{running.base_url}/login").status_code == 200
        running.provision("globex", "quick@globex.test")
        assert time.monotonic() - began < DEADLINE / 3
        assert not any(each.done() for each in held)
        silent.hang_up()
        answers = [each.result() for each in held[:WAITING]]
    assert {failure_of(answer) for answer in answers} == {"provider_unreachable"}
