"""The worker sends, seals and records ends by time; nothing is sent inside a transaction."""

import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import update

from gateway.delivery.mail import Mailer, compose
from gateway.delivery.worker import EXPIRY_EVERY, Worker
from gateway.demo.catcher import Catcher
from gateway.domain.identity import SYSTEM
from gateway.services import audit, funnel, members, people
from gateway.services.outbox import PAUSES, Message
from gateway.storage import tables as t
from gateway.storage.unit_of_work import UnitOfWork, Work
from tests import factories, mails
from tests.clock import NOON, Clock

SECOND = timedelta(seconds=1)


@pytest.fixture
def catcher() -> Iterator[Catcher]:
    catcher = Catcher.open()
    with catcher.running():
        yield catcher


@pytest.fixture
def worker(work: Work, catcher: Catcher) -> Worker:
    return Worker(work, mailer_to(catcher.smtp_port))


@pytest.fixture
def acme(work: Work) -> UUID:
    organisation_id, _ = factories.found_organisation(work)
    return organisation_id


def mailer_to(port: int) -> Mailer:
    return Mailer(
        server="127.0.0.1",
        port=port,
        security="none",
        user=None,
        password=None,
        timeout=timedelta(seconds=2),
        sender="gateway@gateway.test",
        name="gateway.test",
    )


def post(work: Work, organisation_id: UUID, to: str = "ada@acme.test", text: str = "Hi.") -> None:
    work.run(
        organisation_id,
        SYSTEM,
        lambda uow: mails.send(uow, "test", to, "Grüße, Ada", text),
    )


def mail_row(work: Work, organisation_id: UUID) -> Any:
    with work.read(organisation_id) as uow:
        return uow.one(uow.own(t.outbox).where(t.outbox.c.channel == "mail"))


def test_a_committed_mail_arrives_once(
    work: Work, acme: UUID, worker: Worker, catcher: Catcher, clock: Clock
) -> None:
    post(work, acme, text="Grüße.\n.\nA line with a dot alone came before this one.\n")
    clock.advance(SECOND)
    assert worker.send_mail() is True
    assert worker.send_mail() is False
    (mail,) = catcher.mailbox.listing()
    assert (mail["to"], mail["subject"]) == ("ada@acme.test", "Grüße, Ada")
    assert mail["text"].startswith("Grüße.\n.\nA line with a dot alone came before this one.\n")
    assert ">Grüße.\n.\nA line with a dot alone came before this one.<" in mail["html"]
    row = mail_row(work, acme)
    assert mail["headers"]["Message-ID"] == f"<{row.id}@gateway.test>"
    assert row.delivered_at == clock.now


def test_a_mail_server_that_is_away_is_tried_again_later(
    work: Work, acme: UUID, worker: Worker, catcher: Catcher, clock: Clock
) -> None:
    post(work, acme)
    clock.advance(SECOND)
    away = Worker(work, mailer_to(port=1))
    away.send_mail()
    row = mail_row(work, acme)
    assert row.due_at == clock.now + PAUSES[0]
    assert "refused" in row.last_error
    clock.advance(PAUSES[0])
    worker.send_mail()
    assert len(catcher.mailbox.listing()) == 1
    assert mail_row(work, acme).last_error is None


def test_mail_waits_where_no_server_is_set(work: Work, acme: UUID, clock: Clock) -> None:
    post(work, acme)
    clock.advance(SECOND)
    assert Worker(work, None).send_mail() is False
    assert mail_row(work, acme).attempts == 0


def test_what_cannot_be_written_as_mail_is_given_up(
    work: Work, acme: UUID, worker: Worker, clock: Clock
) -> None:
    work.run(acme, SYSTEM, lambda uow: uow.send("mail", "test", {"subject": "To nobody"}))
    clock.advance(SECOND)
    worker.send_mail()
    assert mail_row(work, acme).given_up_at == clock.now


def test_a_worker_that_stops_returns_what_it_claimed(
    work: Work, acme: UUID, worker: Worker, catcher: Catcher, clock: Clock
) -> None:
    post(work, acme)
    clock.advance(SECOND)
    worker.stopping.set()
    worker.send_mail()
    assert catcher.mailbox.listing() == []
    row = mail_row(work, acme)
    assert (row.attempts, row.leased_until) == (0, None)


def test_every_attempt_has_the_same_message_id_and_no_header_breaks() -> None:
    payload = {"to": "a@b.test\r\nBcc: c@d.test", "subject": "x\r\nBcc: c@d.test", "text": "Hi."}
    message = Message(UUID(int=1), UUID(int=2), "test", payload, NOON, 1, NOON)
    first, second = (compose(message, "g@gateway.test", "gateway.test") for _ in range(2))
    assert first["Message-ID"] == second["Message-ID"]
    assert "Bcc" not in first
    assert first["Auto-Submitted"] == "auto-generated"


def test_the_worker_seals_what_was_committed(work: Work, acme: UUID, worker: Worker) -> None:
    worker.tick()
    with work.snapshot(acme) as uow:
        verdict = audit.verify(uow)
    assert verdict.first_break is None
    assert verdict.sealed > 0
    assert verdict.unsealed == 0


def test_access_that_time_ended_is_recorded_within_a_minute(
    work: Work, acme: UUID, worker: Worker, clock: Clock
) -> None:
    def join(uow: UnitOfWork) -> UUID:
        return members.join(uow, _joining(uow))

    member = work.run(acme, factories.OPERATOR, join)
    worker.record_ends()
    ends = clock.now + timedelta(hours=1)
    work.run(acme, factories.OPERATOR, lambda uow: _end_grants_at(uow, member, ends))
    clock.now = ends
    worker.record_ends()
    with work.read(acme) as uow:
        row = uow.load(t.members, member)
        o = t.outbox.c
        changed = uow.own(t.outbox, o.payload).where(o.type == "access.changed")
        told = uow.all(changed.order_by(o.created_at, o.position))
    assert row.access_document["role"] is None
    assert told[-1].payload["data"]["member"] == str(member)
    assert timedelta(minutes=1) > EXPIRY_EVERY


def test_a_worker_that_starts_later_finds_what_ended_before(
    work: Work, acme: UUID, worker: Worker, clock: Clock
) -> None:
    member = work.run(acme, factories.OPERATOR, lambda uow: members.join(uow, _joining(uow)))
    ends = clock.now + timedelta(hours=1)
    work.run(acme, factories.OPERATOR, lambda uow: _end_grants_at(uow, member, ends))
    clock.now = ends + timedelta(days=3)
    worker.record_ends()
    with work.read(acme) as uow:
        assert uow.load(t.members, member).access_document["role"] is None


def test_a_worker_runs_until_it_is_told_to_stop(worker: Worker) -> None:
    running = threading.Thread(target=worker.run)
    running.start()
    worker.stopping.set()
    running.join(timeout=10)
    assert not running.is_alive()


def _joining(uow: UnitOfWork) -> members.Joining:
    role = uow.one(uow.own(t.roles).where(t.roles.c.key == "viewer"))
    assert role is not None
    return members.Joining(
        person_id=people.create(uow, email="temp@acme.test", display_name="Tim Temp"),
        email="temp@acme.test",
        display_name="Tim Temp",
        source="direct",
        role_id=role.id,
    )


def _end_grants_at(uow: UnitOfWork, member: UUID, ends: datetime) -> None:
    """No verb sets an end yet; the column and every reader know it."""
    grants = t.grants
    uow.execute(update(grants).where(grants.c.member_id == member).values(valid_to=ends))
    funnel.recompute(uow, [member])
