"""The sealer numbers what was committed, once, in the order of commits."""

import threading
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import insert, select

from gateway.domain.events import Fact, Target
from gateway.domain.identity import SYSTEM
from gateway.services import sealing
from gateway.storage import tables as t
from gateway.storage.unit_of_work import UnitOfWork, Work
from tests.clock import NOON, Clock

ACME, GLOBEX = UUID(int=1), UUID(int=2)


def found(work: Work, organisation_id: UUID, slug: str) -> None:
    """Write the organisation's row alone: all that facts hang on."""
    work.run_platform(
        lambda connection, now: connection.execute(
            insert(t.organisations).values(
                id=organisation_id,
                slug=slug,
                name=slug,
                preset="pleep",
                state="live",
                created_at=now,
                last_change=now,
            )
        )
    )


def note(work: Work, organisation_id: UUID, times: int = 1, action: str = "team.created") -> None:
    """Commit one unit with this many facts."""
    target = Target("team", str(UUID(int=9)), "Support")

    def record(uow: UnitOfWork) -> None:
        for number in range(times):
            uow.record(Fact(action, (target,), after={"n": number}))

    work.run(organisation_id, SYSTEM, record)


def seal(work: Work, organisation_id: UUID) -> sealing.Sealed:
    return work.run_unlocked(organisation_id, SYSTEM, sealing.seal)


def chain(work: Work, organisation_id: UUID) -> list[tuple[int | None, str | None, str | None]]:
    rows = t.audit_events.c
    with work.read(organisation_id) as uow:
        found = uow.all(
            uow.own(t.audit_events, rows.seq, rows.prev_hash, rows.hash, rows.after).order_by(
                rows.occurred_at, rows.position
            )
        )
    return [(row.seq, row.prev_hash, row.hash) for row in found]


def feed(work: Work, organisation_id: UUID) -> list[int | None]:
    rows = t.outbox.c
    with work.read(organisation_id) as uow:
        found = uow.all(uow.own(t.outbox, rows.sequence).order_by(rows.created_at, rows.position))
    return [row.sequence for row in found]


@pytest.fixture
def acme(work: Work) -> UUID:
    found(work, ACME, "acme")
    return ACME


def test_facts_get_their_place_in_the_order_of_commits(work: Work, acme: UUID) -> None:
    for _ in range(3):
        note(work, acme, times=2)
    assert seal(work, acme) == sealing.Sealed(events=6, feed=6)
    assert [seq for seq, _, _ in chain(work, acme)] == [1, 2, 3, 4, 5, 6]
    assert feed(work, acme) == [1, 2, 3, 4, 5, 6]


def test_each_link_follows_the_one_before_across_passes(work: Work, acme: UUID) -> None:
    note(work, acme)
    seal(work, acme)
    note(work, acme, times=2)
    seal(work, acme)
    links = chain(work, acme)
    assert links[0][1] == sealing.GENESIS
    assert [previous for _, previous, _ in links[1:]] == [own for _, _, own in links[:-1]]


def test_a_numbered_feed_row_is_delivered(work: Work, acme: UUID, clock: Clock) -> None:
    note(work, acme)
    clock.advance(timedelta(seconds=1))
    seal(work, acme)
    with work.read(acme) as uow:
        row = uow.one(uow.own(t.outbox))
    assert row is not None
    assert row.delivered_at == NOON + timedelta(seconds=1)


def test_a_fact_of_the_feed_alone_has_no_audit_row(work: Work, acme: UUID) -> None:
    note(work, acme, action="access.changed")
    assert seal(work, acme) == sealing.Sealed(events=0, feed=1)


def test_sealing_again_changes_nothing(work: Work, acme: UUID) -> None:
    note(work, acme)
    seal(work, acme)
    before = chain(work, acme)
    assert seal(work, acme) == sealing.NOTHING
    assert chain(work, acme) == before


def test_organisations_are_sealed_apart(work: Work, acme: UUID) -> None:
    found(work, GLOBEX, "globex")
    note(work, acme)
    note(work, GLOBEX)
    with work.platform() as connection:
        assert sorted(sealing.waiting(connection)) == [acme, GLOBEX]
    seal(work, acme)
    with work.platform() as connection:
        assert sealing.waiting(connection) == [GLOBEX]
    assert feed(work, GLOBEX) == [None]


def test_one_pass_is_bounded(work: Work, acme: UUID, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealing, "PASS", 4)
    note(work, acme, times=6)
    first, second = seal(work, acme), seal(work, acme)
    assert first.is_partial
    assert second == sealing.Sealed(events=2, feed=2)
    assert [seq for seq, _, _ in chain(work, acme)] == [1, 2, 3, 4, 5, 6]


def test_what_a_rolled_back_change_recorded_is_never_sealed(work: Work, acme: UUID) -> None:
    with pytest.raises(LookupError):
        work.run(acme, SYSTEM, _record_and_fail)
    assert seal(work, acme) == sealing.NOTHING


def test_writers_and_sealers_together_leave_no_gap(work: Work, acme: UUID) -> None:
    """Two sealers beside four writers: every fact numbered exactly once."""
    stop = threading.Event()

    def seal_on() -> None:
        while not stop.is_set():
            seal(work, acme)

    sealers = [threading.Thread(target=seal_on) for _ in range(2)]

    def write() -> None:
        for _ in range(10):
            note(work, acme)

    writers = [threading.Thread(target=write) for _ in range(4)]
    for thread in (*sealers, *writers):
        thread.start()
    for thread in writers:
        thread.join()
    stop.set()
    for thread in sealers:
        thread.join()
    seal(work, acme)
    with work.read(acme) as uow:
        numbers = uow.all(select(t.audit_events.c.seq).order_by(t.audit_events.c.seq))
    assert [row.seq for row in numbers] == list(range(1, 41))
    assert sorted(x for x in feed(work, acme) if x is not None) == list(range(1, 41))


def _record_and_fail(uow: UnitOfWork) -> None:
    uow.record(Fact("team.created", ()))
    raise LookupError
