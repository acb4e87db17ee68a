"""`kill -9` of the worker in the middle of sending invitations: each arrives, under one id."""

import re
import time
from collections import defaultdict
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from gateway.app import TimeOrderedIds, utc_now
from gateway.delivery.worker import Worker
from gateway.demo.catcher import Catcher
from gateway.domain.errors import Refused
from gateway.services import answering, invitations
from gateway.services.invitations import Wish
from gateway.storage import tables as t
from gateway.storage.engine import open_engines
from gateway.storage.unit_of_work import UnitOfWork, Work
from gateway.storage.vault import Vault, new_key
from tests import factories
from tests.e2e.programs import Program
from tests.factories import OPERATOR
from tests.service.test_worker import mailer_to

PEOPLE = 40
KILLS = 1
LINK = re.compile(r"/invitations/([\w-]{43})")


def test_every_invitation_arrives_though_the_worker_is_killed(
    database: str, tmp_path: Path
) -> None:
    """S0-09: at least once, each copy with the same Message-ID and the same link."""
    key, engines = new_key(), open_engines(database)
    work = Work(engines, clock=utc_now, new_id=TimeOrderedIds(utc_now), vault=Vault.of(key))
    acme, _ = factories.found_organisation(work)
    catcher = Catcher.open()
    with catcher.running():
        invited = work.run(acme, OPERATOR, _invite)
        for kill in range(KILLS):
            worker = _start_worker(tmp_path, database, key, catcher)
            try:
                _await_mails(catcher, kill)
            finally:
                worker.kill_group()
            with engines.plain.begin() as connection:
                connection.exec_driver_sql("UPDATE outbox SET leased_until = NULL")
        later = replace(work, clock=lambda: utc_now() + timedelta(hours=1))
        rest = Worker(later, mailer_to(catcher.smtp_port))
        while rest.send_mail():
            pass
        mails = catcher.mailbox.listing()
    with work.read(acme) as uow:
        shown = uow.all(uow.own(t.invitations))
        assert {row.delivery for row in shown} == {"sent"}
        ids: dict[str, set[tuple[str, str]]] = defaultdict(set)
        for mail in mails:
            (token,) = set(LINK.findall(mail["text"]))
            assert answering.look(uow, token).email == mail["to"]
            ids[mail["to"]].add((mail["headers"]["Message-ID"], token))
        assert {f"<{row.mail_id}@gateway.test>" for row in shown} == {
            message_id for copies in ids.values() for message_id, _ in copies
        }
    engines.dispose()
    assert ids.keys() == invited
    assert {len(copies) for copies in ids.values()} == {1}


def _invite(uow: UnitOfWork) -> set[str]:
    addresses = {f"person{number}@people.test" for number in range(PEOPLE)}
    for address in sorted(addresses):
        made = invitations.create(uow, Wish(email=address), "http://gateway.test")
        assert not isinstance(made, Refused)
    return addresses


def _start_worker(folder: Path, database: str, key: str, catcher: Catcher) -> Program:
    return Program.start(
        folder,
        "worker",
        base_url="http://gateway.test",
        database_url=database,
        encryption_keys=key,
        smtp_host="127.0.0.1",
        smtp_port=str(catcher.smtp_port),
        smtp_security="none",
    )


def _await_mails(catcher: Catcher, kill: int) -> None:
    """Wait until a few more have come in, so that the worker dies in the middle of it."""
    wanted = len(catcher.mailbox.listing()) + 2
    deadline = time.monotonic() + 60
    while len(catcher.mailbox.listing()) < wanted and time.monotonic() < deadline:
        time.sleep(0.002)
    assert len(catcher.mailbox.listing()) >= wanted, f"nothing came before kill {kill}"
