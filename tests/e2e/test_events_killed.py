"""`kill -9` of the worker in the middle of sending: every event arrives, under one id."""

import time
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from uuid import UUID

from gateway.app import TimeOrderedIds, utc_now
from gateway.delivery.courier import Courier
from gateway.delivery.worker import Worker
from gateway.net.addresses import Allowed
from gateway.net.http import HTTPClient
from gateway.services import teams, webhooks
from gateway.storage.engine import open_engines
from gateway.storage.unit_of_work import Work
from gateway.storage.vault import Vault, new_key
from tests import factories
from tests.e2e.programs import Program
from tests.factories import OPERATOR
from tests.receiver import Receiver, receiving

EVENTS = 30
KILLS = 4


def test_every_event_arrives_though_the_worker_is_killed(database: str, tmp_path: Path) -> None:
    key = new_key()
    engines = open_engines(database)
    work = Work(engines, clock=utc_now, new_id=TimeOrderedIds(utc_now), vault=Vault.of(key))
    organisation_id, _ = factories.found_organisation(work)
    with receiving() as receiver:
        made = _make_events(work, organisation_id, receiver)
        receiver.delay = 0.05
        for kill in range(1, KILLS + 1):
            worker = _start_worker(tmp_path, database, key, receiver)
            try:
                _await_messages(receiver, kill)
            finally:
                worker.kill_group()
            _let_leases_pass(work, receiver, deliver=kill == KILLS)
        ids = {each.id for each in receiver.taken("team.created")}
        names = {each.event["data"]["name"] for each in receiver.taken("team.created")}
        sequences = {each.event["sequence"] for each in receiver.taken("team.created")}
    engines.dispose()
    assert names == made
    assert len(ids) == len(sequences) == EVENTS


def _make_events(work: Work, organisation_id: UUID, receiver: Receiver) -> set[str]:
    wish = webhooks.Receiver(name="Platform", url=receiver.url(), events=["team."])
    work.run(organisation_id, OPERATOR, partial(webhooks.create, receiver=wish))
    names = {f"Team {number}" for number in range(EVENTS)}
    for name in sorted(names):
        work.run(organisation_id, OPERATOR, partial(teams.create, name=name))
    return names


def _start_worker(folder: Path, database: str, key: str, receiver: Receiver) -> Program:
    return Program.start(
        folder,
        "worker",
        base_url="http://localhost",
        database_url=database,
        encryption_keys=key,
        outbound_allow=receiver.address,
    )


def _await_messages(receiver: Receiver, kill: int) -> None:
    """Wait until some more have come in, so that the worker dies in the middle of it."""
    wanted = len(receiver.messages) + 3
    deadline = time.monotonic() + 20
    while len(receiver.messages) < wanted and time.monotonic() < deadline:
        time.sleep(0.01)
    assert len(receiver.messages) >= wanted, f"nothing came before kill {kill}"


def _let_leases_pass(work: Work, receiver: Receiver, *, deliver: bool) -> None:
    """Hours later another worker takes over what killed ones had leased."""
    if not deliver:
        with work.engines.plain.begin() as connection:
            connection.exec_driver_sql("UPDATE webhook_deliveries SET leased_until = NULL")
        return
    later = replace(work, clock=lambda: utc_now() + timedelta(hours=6))
    receiver.delay = 0.0
    Worker(later, mailer=None).seal()
    courier = Courier(later, HTTPClient(Allowed.of([receiver.address])))
    while courier.tick():
        pass
