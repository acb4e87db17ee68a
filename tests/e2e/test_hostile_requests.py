"""Hostile requests to a real server: refused or served, in bounded memory, and others unhurt.

HOSTILE_MEMBERS sets how many members the largest group has; ten megabytes hold 200 000.
"""

import http.client
import json
import os
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit
from uuid import UUID, uuid4

from gateway.services import scim_tokens
from gateway.storage.unit_of_work import Work
from tests import factories
from tests.e2e.programs import Server, ask, serving

MEMBERS = int(os.environ.get("HOSTILE_MEMBERS", "2000"))
MEGABYTES = 400
"""What all hostile requests together may add to a process, most of it for a moment."""

USER = "urn:ietf:params:scim:schemas:core:2.0:User"
GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"
BULK = "urn:ietf:params:scim:api:messages:2.0:BulkRequest"
PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
ERROR = "urn:ietf:params:scim:api:messages:2.0:Error"
TEN = 9_900_000

Hostile = tuple[str, str, bytes | None, set[int]]


def test_hostile_requests_hurt_nobody_else(
    kind: str, database: str, work: Work, tmp_path: Path
) -> None:
    """The noisy one is refused; the other organisation is answered as ever."""
    acme, globex = factories.house(work, "acme"), factories.house(work, "globex")
    workers = {"sqlite": 1, "postgresql": 2}[kind]
    with serving(tmp_path, database, workers=workers) as server:
        noisy = Provider(server, acme.connection.id, _token(work, acme))
        calm = Provider(server, globex.connection.id, _token(work, globex))
        users = noisy.create_users(20)
        group = noisy.create_group(users)
        neighbour = Neighbour(calm)
        _forget_peaks(server)
        before = max(_peaks(server))
        with neighbour.at_work():
            for method, path, body, expected in _hostile(users, group):
                status, said = noisy.send(method, path, body)
                assert status in expected, (method, path[:60], said[:300])
                if status >= 400:
                    assert json.loads(said)["schemas"] == [ERROR]
        assert neighbour.failures == []
        assert neighbour.answered[201] == neighbour.answered[204] > 0
        assert max(_peaks(server)) - before < MEGABYTES
        assert ask(f"{server.base_url}/readyz")[0] == 200


def _hostile(users: list[str], group: str) -> Iterator[Hostile]:
    """Yield what a provider should never send, and what it may be answered."""
    refused = {400, 413}
    one = f"/Users/{users[0]}"
    yield "POST", "/Users", _user(emails=[{"value": f"u{n}@x.test"} for n in range(150_000)]), {413}
    yield "POST", "/Users", _user(emails=["a"] * 200_000), {400}
    yield "POST", "/Users", _user(title="x" * TEN), {413}
    yield "PUT", one, _user(userName="n" * 1_000_000), {400}
    yield "POST", "/Users", b"[" * TEN, refused
    yield "POST", "/Groups", b'{"a":' * (TEN // 5), {400}
    yield "POST", "/Groups", _group(members=[{} for _ in range(TEN // 5)]), {400}
    crowd = [{"value": str(uuid4())} for _ in range(MEMBERS)]
    yield "POST", "/Groups", _group(members=crowd), {201}
    yield "PUT", f"/Groups/{group}", _group(members=crowd), {200}
    yield "POST", "/Groups", b" " * 12_000_000, {413}
    yield "PATCH", one, _patch({"op": "replace", "path": 'emails[type eq "x"].value'}, 9_000), {400}
    yield "PATCH", one, _patch({"op": "replace", "path": "title"}, 15_000), {200}
    yield "POST", "/Bulk", _bulk(10_000), {413}
    yield "POST", "/Bulk", _bulk(1_000), {200}
    for text in _filters():
        yield "GET", f"/Users?filter={quote(text)}", None, {200, 400}
        search = {
            "filter": text,
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"],
        }
        yield "POST", "/Groups/.search", json.dumps(search).encode(), {200, 400}


def _filters() -> Iterator[str]:
    yield " or ".join(['title co "x"'] * 480)
    yield " or ".join(['title co "x"'] * 100)
    yield " and ".join(['emails[type eq "w" or value co "x"]'] * 50)
    yield " or ".join(['groups.display co "x"'] * 100)
    yield "not (" * 30 + "title pr" + ")" * 30
    yield "(" * 4000 + "title pr"
    yield f'title co "{"%" * 8000}"'


@dataclass(frozen=True)
class Provider:
    """One connection's client."""

    server: Server
    connection_id: UUID
    token: str

    def send(self, method: str, path: str, body: bytes | None = None) -> tuple[int, bytes]:
        address = urlsplit(self.server.base_url)
        connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=120)
        headers = {
            "Authorization": f"Bearer {self.token}",
            "Content-Type": "application/scim+json",
        }
        try:
            connection.request(method, f"/scim/v2/{self.connection_id}{path}", body, headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def create_users(self, count: int) -> list[str]:
        made = [self.send("POST", "/Users", _user(userName=f"u{n}")) for n in range(count)]
        return [json.loads(said)["id"] for _, said in made]

    def create_group(self, users: list[str]) -> str:
        _, said = self.send("POST", "/Groups", _group(members=[{"value": user} for user in users]))
        return str(json.loads(said)["id"])


@dataclass
class Neighbour:
    """Another organisation's provider, which creates, finds, reads and deletes one by one."""

    provider: Provider
    answered: Counter[int] = field(default_factory=Counter)
    failures: list[Any] = field(default_factory=list)

    @contextmanager
    def at_work(self) -> Iterator[None]:
        stop = threading.Event()
        thread = threading.Thread(target=self._work, args=(stop.is_set,))
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()

    def _work(self, told_to_stop: Callable[[], bool]) -> None:
        number = 0
        while not told_to_stop() and not self.failures:
            number += 1
            name = f"calm{number}@globex.test"
            made = self._ask("POST", "/Users", _user(userName=name), 201)
            if made is None:
                return
            path = f"/Users/{made['id']}"
            found = self._ask("GET", f"/Users?filter={quote(f'userName eq {json.dumps(name)}')}")
            read = self._ask("GET", path)
            if found is None or found["Resources"] != [read] or read != made:
                self.failures.append((made, found, read))
            self._ask("DELETE", path, None, 204)

    def _ask(
        self, method: str, path: str, body: bytes | None = None, expected: int = 200
    ) -> Any | None:
        status, said = self.provider.send(method, path, body)
        self.answered[status] += 1
        if status != expected:
            self.failures.append((method, path, status, said[:300]))
            return None
        return json.loads(said) if said else None


def _forget_peaks(server: Server) -> None:
    for pid in server.program.children():
        Path(f"/proc/{pid}/clear_refs").write_text("5")


def _peaks(server: Server) -> list[float]:
    """The most megabytes that each serving process has had in memory."""
    found = []
    for pid in server.program.children():
        status = Path(f"/proc/{pid}/status").read_text()
        line = next(each for each in status.splitlines() if each.startswith("VmHWM:"))
        found.append(int(line.split()[1]) / 1024)
    return found


def _token(work: Work, house: factories.House) -> str:
    issued = work.run(
        house.organisation_id,
        factories.OPERATOR,
        lambda uow: scim_tokens.issue(uow, house.connection.id, "test"),
    )
    return issued.secret


def _user(**attributes: Any) -> bytes:
    return json.dumps({"schemas": [USER], "userName": "hostile", **attributes}).encode()


def _group(**attributes: Any) -> bytes:
    return json.dumps({"schemas": [GROUP], "displayName": str(uuid4()), **attributes}).encode()


def _patch(operation: dict[str, str], count: int) -> bytes:
    operations = [{**operation, "value": "x"}] * count
    return json.dumps({"schemas": [PATCH], "Operations": operations}).encode()


def _bulk(count: int) -> bytes:
    operations = [{"method": "DELETE", "path": "/Users/x"}] * count
    return json.dumps({"schemas": [BULK], "Operations": operations}).encode()
