"""What is old leaves the audit as a prefix of the chain, and the rest is still proved."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import func, select, update

from gateway.delivery.worker import Worker
from gateway.services import audit, outbox, retention
from gateway.services.organisations import change_subscription
from gateway.services.terms import current, override
from gateway.storage import tables as t
from gateway.storage.unit_of_work import UnitOfWork, Work
from tests import factories, mails
from tests.clock import NOON, Clock
from tests.factories import OPERATOR, House
from tests.service.test_audit import verdict
from tests.service.test_sealing import ACME, found, note, seal

DAY = timedelta(days=1)
CHAINS = t.chains.c


@pytest.fixture
def acme(work: Work, clock: Clock) -> UUID:
    """Three old events and two new ones, sealed."""
    found(work, ACME, "acme")
    clock.now = NOON
    note(work, ACME, times=3)
    clock.advance(400 * DAY)
    note(work, ACME, times=2)
    seal(work, ACME)
    return ACME


def count(work: Work, table: Any) -> int:
    with work.platform() as connection:
        return int(connection.execute(select(func.count()).select_from(table)).scalar_one())


def due(work: Work, clock: Clock) -> list[UUID]:
    with work.platform() as connection:
        return [each.organisation_id for each in retention.due(connection, clock.now)]


def test_old_events_go_and_the_checkpoint_proves_the_rest(
    work: Work, acme: UUID, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In passes, each of which leaves a whole chain: a worker may die between them."""
    monkeypatch.setattr(retention, "PASS", 2)
    worker = Worker(work, None)
    assert worker.drop_old_events()
    half = verdict(work)
    assert (half.sealed, half.first_break) == (3, None)
    assert half.checkpoint is not None
    assert half.checkpoint.dropped == 2
    assert not worker.drop_old_events()
    whole = verdict(work)
    assert (whole.sealed, whole.unsealed, whole.first_break) == (2, 0, None)
    assert whole.checkpoint is not None
    assert (whole.checkpoint.dropped, whole.checkpoint.at) == (3, clock.now)
    assert [count(work, x) for x in (t.audit_events, t.audit_details, t.audit_targets)] == [2] * 3
    note(work, acme)
    seal(work, acme)
    assert (verdict(work).sealed, verdict(work).first_break) == (3, None)
    assert due(work, clock) == []


@pytest.mark.parametrize(
    ("forged", "reason"),
    [
        pytest.param({"checkpoint_seq": 4}, "an event is missing", id="one-more-dropped"),
        pytest.param({"checkpoint_seq": 0}, "an event is missing", id="none-dropped"),
        pytest.param(
            {"checkpoint_hash": "0" * 64},
            "it does not follow the event before it",
            id="another-hash",
        ),
    ],
)
def test_a_checkpoint_that_is_not_where_the_chain_goes_on_is_a_break(
    work: Work, acme: UUID, forged: dict[str, Any], reason: str
) -> None:
    Worker(work, None).drop_old_events()
    statement = update(t.chains).where(CHAINS.organisation_id == acme).values(forged)
    work.run_platform(lambda connection, _: connection.execute(statement))
    broken = verdict(work).first_break
    assert broken is not None
    assert broken.reason == reason


def test_only_a_prefix_of_the_sealed_goes(work: Work, acme: UUID, clock: Clock) -> None:
    """What is not sealed yet, or lies behind something newer, waits."""
    clock.now = NOON
    note(work, acme)
    clock.advance(400 * DAY)
    dropped = work.run_unlocked(
        acme, OPERATOR, lambda uow: retention.drop(uow, NOON + timedelta(hours=1))
    )
    assert dropped == 3
    assert verdict(work) == audit.Verdict(2, 1, None, verdict(work).checkpoint)
    everything = work.run_unlocked(acme, OPERATOR, lambda uow: retention.drop(uow, clock.now + DAY))
    assert everything == 2
    found = verdict(work)
    assert (found.sealed, found.unsealed, found.first_break) == (0, 1, None)


def test_the_plan_says_how_long_and_a_shorter_time_waits_a_month(work: Work, clock: Clock) -> None:
    house: House = factories.house(work, preset="pingback")

    def days() -> int:
        with work.read(house.organisation_id) as uow:
            return int(current(uow).policies["audit_days"])

    def buy(plan: str) -> None:
        work.run(house.organisation_id, OPERATOR, lambda uow: change_subscription(uow, plan=plan))

    buy("pro")
    assert days() == 365
    seal(work, house.organisation_id)
    clock.advance(100 * DAY)
    buy("free")
    assert days() == 90
    assert due(work, clock) == []
    clock.advance(30 * DAY)
    assert due(work, clock) == [house.organisation_id]
    buy("pro")
    assert days() == 365
    assert due(work, clock) == [], "the longer one holds at once"


def test_an_organisations_own_retention_outlives_its_plan(work: Work) -> None:
    house: House = factories.house(work, preset="pingback")

    def change(uow: UnitOfWork) -> object:
        override(uow, {"audit_days": 730})
        change_subscription(uow, plan="pro")
        return current(uow).policies["audit_days"]

    assert work.run(house.organisation_id, OPERATOR, change) == 730


def test_mail_is_kept_for_a_month(work: Work, acme: UUID, clock: Clock) -> None:
    def write(uow: UnitOfWork) -> None:
        mails.send(uow, "member.welcome", "ada@acme.test", "Hello", "Hello.")

    work.run(acme, OPERATOR, write)
    work.run(acme, OPERATOR, write)
    clock.advance(timedelta(minutes=1))
    (first, _) = work.run_platform(outbox.claim)
    work.run_platform(lambda connection, now: outbox.finish(connection, now, first))
    clock.advance(29 * DAY)
    assert work.run_platform(retention.forget_mail) == 0
    clock.advance(DAY)
    assert work.run_platform(retention.forget_mail) == 1, "what still waits is not dropped"
