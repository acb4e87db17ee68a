"""The server as processes: it finishes what it began, replaces what dies, and refuses clearly."""

import http.client
import json
import os
import signal
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import create_engine, select

from gateway.domain.permissions import ACTIONS
from gateway.services import keys
from gateway.storage import tables as t
from gateway.storage.unit_of_work import Work
from tests import factories
from tests.e2e import programs
from tests.e2e.programs import Server, ask, serving

WORKERS = {"sqlite": 1, "postgresql": 2}


@pytest.fixture
def acme(work: Work) -> tuple[UUID, str]:
    """An organisation and a key that may do everything in it."""
    organisation_id, owner_id = factories.found_organisation(work)
    scopes = sorted(ACTIONS)
    key = work.run(
        organisation_id,
        factories.OPERATOR,
        lambda uow: keys.create(uow, "test", scopes, member_id=owner_id),
    )
    return organisation_id, key.secret


def chatbots(server: Server, acme: tuple[UUID, str]) -> str:
    return f"{server.base_url}/api/v1/organisations/{acme[0]}/chatbots"


def begin(server: Server, path: str, key: str, body: bytes) -> socket.socket:
    """Send a request up to the middle of its body."""
    port = int(server.base_url.rpartition(":")[2])
    connection = socket.create_connection(("127.0.0.1", port), timeout=30)
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    connection.sendall(head.encode() + body[:10])
    return connection


def answer(connection: socket.socket) -> http.client.HTTPResponse:
    response = http.client.HTTPResponse(connection)
    response.begin()
    response.read()
    connection.close()
    return response


def test_requests_in_flight_are_finished_when_the_server_is_told_to_stop(
    kind: str, database: str, acme: tuple[UUID, str], tmp_path: Path
) -> None:
    organisation_id, key = acme
    path = f"/api/v1/organisations/{organisation_id}/chatbots"
    bodies = [json.dumps({"name": f"Chatbot {n}"}).encode() for n in range(6)]
    with serving(tmp_path, database, workers=WORKERS[kind]) as server:
        open_requests = [begin(server, path, key, body) for body in bodies]
        time.sleep(0.3)
        server.program.terminate()
        time.sleep(0.5)
        assert server.program.process.poll() is None
        with pytest.raises(OSError, match="refused"):
            socket.create_connection(("127.0.0.1", int(server.base_url.rpartition(":")[2])))
        for connection, body in zip(open_requests, bodies, strict=True):
            connection.sendall(body[10:])
        assert [answer(connection).status for connection in open_requests] == [201] * 6
        assert server.program.wait() == 0


@pytest.mark.parametrize("kind", ["postgresql"], indirect=True)
def test_a_request_that_waits_for_a_lock_is_finished_too(
    database: str, acme: tuple[UUID, str], tmp_path: Path
) -> None:
    organisation_id, key = acme
    engine = create_engine(database)
    with (
        serving(tmp_path, database, workers=2) as server,
        ThreadPoolExecutor(1) as pool,
        engine.begin() as connection,
    ):
        connection.execute(
            select(t.organisations).where(t.organisations.c.id == organisation_id).with_for_update()
        )
        asked = pool.submit(ask, chatbots(server, acme), key, "POST", {"name": "Slow"})
        time.sleep(0.5)
        server.program.terminate()
        time.sleep(0.5)
        connection.rollback()
        assert asked.result()[0] == 201
        assert server.program.wait() == 0
    engine.dispose()


def test_a_stopping_server_loses_no_answer_under_load(
    kind: str, database: str, acme: tuple[UUID, str], tmp_path: Path
) -> None:
    """Whoever was connected gets an answer; whoever comes later is refused the connection."""
    _, key = acme
    with (
        serving(tmp_path, database, workers=WORKERS[kind]) as server,
        ThreadPoolExecutor(6) as pool,
    ):

        def read(_: int) -> int | None:
            try:
                return ask(chatbots(server, acme), key)[0]
            except ConnectionRefusedError:
                return None

        asked = [pool.submit(read, number) for number in range(400)]
        time.sleep(0.4)
        server.program.terminate()
        statuses = [each.result() for each in asked]
        assert server.program.wait() == 0
    assert set(statuses) == {200, None}


def test_a_process_that_is_killed_is_replaced(
    kind: str, database: str, acme: tuple[UUID, str], tmp_path: Path
) -> None:
    with serving(tmp_path, database, workers=WORKERS[kind]) as server:
        before = server.program.children()
        assert len(before) == WORKERS[kind]
        for pid in before:
            os.kill(pid, signal.SIGKILL)
        deadline = time.monotonic() + 20
        while len(set(server.program.children()) - set(before)) < WORKERS[kind]:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert ask(chatbots(server, acme), acme[1])[0] == 200


def test_processes_end_when_their_supervisor_is_killed(
    kind: str, database: str, tmp_path: Path
) -> None:
    with serving(tmp_path, database, workers=WORKERS[kind]) as server:
        children = server.program.children()
        os.kill(server.program.process.pid, signal.SIGKILL)
        server.program.wait()
        deadline = time.monotonic() + 20
        while any(_is_alive(pid) for pid in children):
            assert time.monotonic() < deadline
            time.sleep(0.05)


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_the_server_refuses_what_it_cannot_do(
    database: str, blank_database: str, tmp_path: Path
) -> None:
    url = "http://127.0.0.1:1"
    missing = programs.run("serve", database_url=database)
    old = programs.run("serve", base_url=url, database_url=blank_database)
    two = programs.run("serve", "--workers", "2", base_url=url, database_url=database)
    other = programs.run("serve", base_url=url, database_url="mysql://localhost/x")
    away = programs.run("serve", base_url=url, database_url=f"sqlite:///{tmp_path}/no/such.db")
    said = [each.stderr for each in (missing, old, two, other, away)]
    assert [each.returncode for each in (missing, old, two, other, away)] == [1] * 5
    assert "GATEWAY_BASE_URL is not set" in said[0]
    assert "gateway migrate" in said[1]
    assert "one process" in said[2]
    assert "SQLite and PostgreSQL" in said[3]
    assert "cannot be reached" in said[4]
    assert not any("Traceback" in text for text in said)


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_a_taken_port_is_named(database: str, tmp_path: Path) -> None:
    with serving(tmp_path, database) as server:
        port = server.base_url.rpartition(":")[2]
        second = programs.run(
            "serve", "--port", port, base_url=server.base_url, database_url=database
        )
    assert second.returncode == 1
    assert f"127.0.0.1:{port}" in second.stderr


def test_a_worker_stops_when_it_is_told(database: str, tmp_path: Path) -> None:
    program = programs.Program.start(
        tmp_path, "worker", base_url="http://127.0.0.1:1", database_url=database
    )
    deadline = time.monotonic() + 30
    while "started" not in program.log.read_text():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    program.terminate()
    assert program.wait(20) == 0


def _is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"
