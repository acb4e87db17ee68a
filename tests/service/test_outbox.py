"""Mail leaves the outbox once its change is committed: leased, retried, given up."""

import threading
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from gateway.domain.errors import BadEmail
from gateway.domain.identity import SYSTEM
from gateway.services import outbox
from gateway.services.outbox import LEASE, PAUSES, Message
from gateway.storage import tables as t
from gateway.storage.unit_of_work import UnitOfWork, Work
from tests import mails
from tests.clock import NOON, Clock
from tests.service.test_sealing import ACME, found

SECOND = timedelta(seconds=1)


@pytest.fixture(autouse=True)
def acme(work: Work) -> UUID:
    found(work, ACME, "acme")
    return ACME


def post(work: Work, *subjects: str) -> None:
    """Commit one unit that sends a mail with each subject."""

    def send(uow: UnitOfWork) -> None:
        for subject in subjects:
            mails.send(uow, "test", "ada@acme.test", subject, "Hello.")

    work.run(ACME, SYSTEM, send)


def claim(work: Work, limit: int = 20) -> Sequence[Message]:
    return work.run_platform(lambda c, now: outbox.claim(c, now, limit))


def subjects(messages: Sequence[Message]) -> list[str]:
    return [message.payload["subject"] for message in messages]


def row(work: Work) -> Any:
    with work.read(ACME) as uow:
        return uow.one(uow.own(t.outbox))


def test_a_message_waits_for_its_commit(work: Work) -> None:
    with pytest.raises(LookupError):
        work.run(ACME, SYSTEM, _send_and_fail)
    assert claim(work) == []


def test_messages_are_claimed_oldest_first_and_by_one_worker(work: Work, clock: Clock) -> None:
    post(work, "one")
    clock.advance(SECOND)
    post(work, "two")
    clock.advance(SECOND)
    assert subjects(claim(work)) == ["one", "two"]
    assert claim(work) == []


def test_a_claim_is_bounded(work: Work, clock: Clock) -> None:
    for subject in ("one", "two", "three"):
        post(work, subject)
        clock.advance(SECOND)
    assert subjects(claim(work, limit=2)) == ["one", "two"]
    assert subjects(claim(work, limit=2)) == ["three"]


def test_a_lease_that_ended_passes_to_another_worker(work: Work, clock: Clock) -> None:
    post(work, "one")
    clock.advance(SECOND)
    (first,) = claim(work)
    clock.advance(LEASE)
    (second,) = claim(work)
    assert (first.id, first.attempts, second.attempts) == (second.id, 1, 2)
    assert work.run_platform(lambda c, now: outbox.finish(c, now, first)) is False
    assert work.run_platform(lambda c, now: outbox.finish(c, now, second)) is True


def test_what_is_sent_is_never_claimed_again(work: Work, clock: Clock) -> None:
    post(work, "one")
    clock.advance(SECOND)
    (message,) = claim(work)
    work.run_platform(lambda c, now: outbox.finish(c, now, message))
    clock.advance(timedelta(days=30))
    assert claim(work) == []
    assert row(work).delivered_at == NOON + SECOND


def test_a_failure_pauses_longer_each_time_and_ends(work: Work, clock: Clock) -> None:
    post(work, "one")
    clock.advance(SECOND)
    for pause in PAUSES:
        (message,) = claim(work)
        work.run_platform(lambda c, now, m=message: outbox.retry(c, now, m, "greylisted"))  # type: ignore[misc]
        clock.advance(pause - SECOND)
        assert claim(work) == []
        clock.advance(SECOND)
    (last,) = claim(work)
    work.run_platform(lambda c, now: outbox.retry(c, now, last, "greylisted"))
    clock.advance(timedelta(days=30))
    assert claim(work) == []
    assert row(work).last_error == f"{len(PAUSES) + 1} attempts: greylisted"
    assert row(work).given_up_at is not None


def test_giving_up_says_why(work: Work, clock: Clock) -> None:
    post(work, "one")
    clock.advance(SECOND)
    (message,) = claim(work)
    work.run_platform(lambda c, now: outbox.give_up(c, now, message, "550 no\r\nsuch user"))
    assert row(work).last_error == "550 no such user"


def test_a_released_message_is_due_at_once_and_costs_no_attempt(work: Work, clock: Clock) -> None:
    post(work, "one")
    clock.advance(SECOND)
    (message,) = claim(work)
    work.run_platform(lambda c, now: outbox.release(c, now, message))
    (again,) = claim(work)
    assert again.attempts == 1


def test_asking_whether_anything_is_due(work: Work, clock: Clock) -> None:
    with work.platform() as connection:
        assert not outbox.is_due(connection, clock())
    post(work, "one")
    clock.advance(SECOND)
    with work.platform() as connection:
        assert outbox.is_due(connection, clock())


def test_workers_side_by_side_share_the_messages(work: Work, clock: Clock) -> None:
    post(work, *(str(n) for n in range(40)))
    clock.advance(SECOND)
    claimed: list[str] = []

    def take() -> None:
        while batch := claim(work, limit=3):
            claimed.extend(subjects(batch))

    threads = [threading.Thread(target=take) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(claimed, key=int) == [str(n) for n in range(40)]


@pytest.mark.parametrize(
    "address",
    ["ada@acme.test\r\nBcc: eve@evil.test", "ada@acme.test, eve@evil.test", "ada", "a@b@c", ""],
)
def test_an_address_cannot_carry_a_second_one(work: Work, address: str) -> None:
    with pytest.raises(BadEmail):
        work.run(ACME, SYSTEM, lambda uow: outbox.post(uow, "subscription.renewed", address))


def test_a_subject_stays_one_line(work: Work, clock: Clock) -> None:
    said = {"used": "1\r\nBcc: eve@evil.test", "limit": "2"}
    work.run(ACME, SYSTEM, lambda uow: outbox.post(uow, "seats.warning", "ada@acme.test", **said))
    clock.advance(SECOND)
    assert subjects(claim(work)) == ["acme uses 1 Bcc: eve evil test of 2 seats"]


def _send_and_fail(uow: UnitOfWork) -> None:
    mails.send(uow, "test", "ada@acme.test", "Hello", "Hello.")
    raise LookupError
