"""A server that ends in the middle of a Bulk request leaves whole operations only.

Each user of the request is created with its member, its seat, its addresses and its facts, or not
at all, whether the server is killed or told to stop.
"""

import http.client
import signal
import threading
import time
from pathlib import Path

import pytest
from pydantic import HttpUrl, SecretStr
from sqlalchemy import func

from gateway.app import create_app
from gateway.services import scim_tokens
from gateway.settings import Settings
from gateway.storage import tables as t
from gateway.storage.unit_of_work import Work
from tests import factories
from tests.e2e.programs import Server, ask, serving
from tests.e2e.wholeness import require_agreement
from tests.factories import House

OPERATIONS = 150
BEGUN = 20
"""Users that are there when the server ends."""

WORKERS = {"sqlite": 1, "postgresql": 2}
SETTINGS = Settings.model_construct(
    base_url=HttpUrl("https://gateway.test"), database_url=SecretStr("unused")
)
CORE = "urn:ietf:params:scim:schemas:core:2.0:User"
BULK = "urn:ietf:params:scim:api:messages:2.0:BulkRequest"


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM], ids=["killed", "stopped"])
def test_a_bulk_request_cut_short_leaves_whole_operations(
    kind: str, database: str, work: Work, tmp_path: Path, number: signal.Signals
) -> None:
    acme = factories.house(work)
    token = _token(work, acme)
    answers: list[int | None] = []
    with serving(tmp_path, database, workers=WORKERS[kind]) as server:
        base = f"{server.base_url}/scim/v2/{acme.connection.id}"
        provider = threading.Thread(target=_send, args=(base, token, answers))
        provider.start()
        _wait_until_begun(work, acme)
        _end(server, number)
        provider.join()
    created = _created(work, acme)
    assert created == OPERATIONS if number == signal.SIGTERM else BEGUN <= created <= OPERATIONS
    assert answers == [200 if number == signal.SIGTERM else None] or created == OPERATIONS
    with work.snapshot(acme.organisation_id) as uow:
        require_agreement(uow)
        told = uow.own(t.audit_events, func.count()).where(
            t.audit_events.c.action == "directory.user_created"
        )
        assert uow.scalar(told) == created
    if number == signal.SIGKILL:
        _send_again(work, acme, token, created)


def _send_again(work: Work, acme: House, token: str, created: int) -> None:
    """What is there is refused as there, and the rest is created."""
    idp = create_app(SETTINGS, work).test_client()
    answer = idp.post(
        f"/scim/v2/{acme.connection.id}/Bulk",
        json=_request(),
        headers={"Authorization": f"Bearer {token}"},
    )
    statuses = [each["status"] for each in answer.get_json(force=True)["Operations"]]
    assert statuses.count("201") == OPERATIONS - created
    assert statuses.count("409") == created
    with work.snapshot(acme.organisation_id) as uow:
        require_agreement(uow)


def _token(work: Work, house: House) -> str:
    issued = work.run(
        house.organisation_id,
        factories.OPERATOR,
        lambda uow: scim_tokens.issue(uow, house.connection.id, "test"),
    )
    return issued.secret


def _request() -> dict[str, object]:
    users = [
        {"schemas": [CORE], "userName": f"u{n}@acme.test", "emails": [{"value": f"u{n}@acme.test"}]}
        for n in range(OPERATIONS)
    ]
    operations = [
        {"method": "POST", "path": "/Users", "bulkId": str(number), "data": user}
        for number, user in enumerate(users)
    ]
    return {"schemas": [BULK], "Operations": operations}


def _send(base: str, token: str, answers: list[int | None]) -> None:
    try:
        answers.append(ask(f"{base}/Bulk", token, "POST", _request())[0])
    except (OSError, http.client.HTTPException):
        answers.append(None)


def _created(work: Work, house: House) -> int:
    users = t.directory_users
    with work.read(house.organisation_id) as uow:
        return int(uow.scalar(uow.own(users, func.count())) or 0)


def _wait_until_begun(work: Work, house: House) -> None:
    deadline = time.monotonic() + 60
    while _created(work, house) < BEGUN:
        assert time.monotonic() < deadline, "the request makes no progress"
        time.sleep(0.005)


def _end(server: Server, number: signal.Signals) -> None:
    if number == signal.SIGKILL:
        server.program.kill_group()
        return
    server.program.terminate()
    assert server.program.wait() == 0
