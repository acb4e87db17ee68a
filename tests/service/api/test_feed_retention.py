"""The feed is kept for its days; whoever comes too late is told, and receivers lose nothing."""

from datetime import timedelta
from functools import partial

import pytest

from gateway.delivery.worker import Worker
from gateway.domain.identity import SYSTEM
from gateway.services import feed_retention, policies, retention, teams, webhooks
from gateway.storage import tables as t
from gateway.storage.engine import Engines
from gateway.storage.unit_of_work import Work
from tests.clock import Clock, CountedIds
from tests.factories import OPERATOR, House
from tests.service.api.callers import Caller
from tests.service.api.test_forms import problem
from tests.service.signin.lodge import VAULT

DAY = timedelta(days=1)


@pytest.fixture
def work(engines: Engines, clock: Clock) -> Work:
    return Work(engines, clock=clock, new_id=CountedIds(), vault=VAULT)


def happen(work: Work, acme: House, *names: str) -> None:
    for name in names:
        work.run(acme.organisation_id, SYSTEM, partial(teams.create, name=name))
    Worker(work, None).seal()


def drop(work: Work) -> None:
    worker = Worker(work, None)
    while worker.drop_old_feed():
        pass


def numbers(work: Work, acme: House) -> list[int]:
    """Numbers of the events that the database has still."""
    with work.read(acme.organisation_id) as uow:
        rows = uow.all(uow.own(t.outbox, t.outbox.c.sequence).order_by(t.outbox.c.sequence))
    return [row.sequence for row in rows if row.sequence is not None]


def last(owner: Caller, after: int = 0) -> int:
    """Number of the newest event, read to the end."""
    while True:
        found = owner.get(f"events?after={after}&limit=200").get_json()
        if found["last"] == after:
            return after
        after = found["last"]


@pytest.fixture
def half(
    work: Work, owner: Caller, acme: House, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> int:
    """Number of the last event that is 91 days old; two more are new."""
    happen(work, acme, "Old", "Older")
    old = last(owner)
    clock.advance(91 * DAY)
    happen(work, acme, "New", "Newer")
    monkeypatch.setattr(retention, "PASS", 3)
    return old


@pytest.mark.requires("GET /organisations/{organisation}/events")
def test_who_reads_from_before_the_feed_begins_is_told_where_to_go_on(
    work: Work, owner: Caller, acme: House, half: int
) -> None:
    assert owner.get("events?after=0").status_code == 200, "nothing is gone before it is dropped"
    drop(work)
    for after in (0, half - 1):
        gone = problem(owner.get(f"events?after={after}"), 410, "feed_dropped")
        assert gone["details"] == {"first": half + 1, "after": half}
        assert f"after={half}" in gone["levers"][0]
    kept = owner.get(f"events?after={half}").get_json()
    assert [each["data"]["name"] for each in kept["items"]] == ["New", "Newer"]
    assert [each["sequence"] for each in kept["items"]] == [half + 1, half + 2]
    assert numbers(work, acme) == [half + 1, half + 2]
    happen(work, acme, "Newest")
    assert last(owner, half) == half + 3, "numbers go on"


def test_a_feed_that_is_all_old_ends_and_goes_on_with_its_numbers(
    work: Work, owner: Caller, acme: House, half: int, clock: Clock
) -> None:
    clock.advance(91 * DAY)
    drop(work)
    assert numbers(work, acme) == []
    gone = problem(owner.get("events?after=0"), 410, "feed_dropped")
    assert gone["details"]["first"] == half + 3
    assert owner.get(f"events?after={half + 2}").get_json() == {"items": [], "last": half + 2}


def test_the_policy_says_how_long_and_a_shorter_time_waits_a_month(
    work: Work, acme: House, half: int, clock: Clock
) -> None:
    def keep(days: int) -> None:
        verb = partial(policies.change, wishes={"feed_days": days})
        work.run(acme.organisation_id, OPERATOR, verb)

    keep(400)
    drop(work)
    assert numbers(work, acme)[0] == 1
    keep(31)
    drop(work)
    assert numbers(work, acme)[0] == 1, "the longer one holds for a month"
    clock.advance(31 * DAY)
    drop(work)
    assert numbers(work, acme)[0] > half


def test_what_a_receiver_has_not_taken_stays_for_it_and_for_nobody_else(
    work: Work, owner: Caller, acme: House, clock: Clock
) -> None:
    wish = webhooks.Receiver(name="Away", url="https://away.test/", events=["team."])
    made = work.run(acme.organisation_id, OPERATOR, partial(webhooks.create, receiver=wish))
    happen(work, acme, "Wanted")
    wanted = last(owner)
    clock.advance(91 * DAY)
    drop(work)
    assert wanted in numbers(work, acme)
    hook = made.id
    (log,) = owner.get(f"webhooks/{hook}/deliveries").get_json()["items"]
    assert (log["sequence"], log["delivered_at"]) == (wanted, None)
    problem(owner.get(f"events?after={wanted - 1}"), 410, "feed_dropped")
    assert owner.delete(f"webhooks/{hook}").status_code == 204
    drop(work)
    assert wanted not in numbers(work, acme), "it is dropped once nobody waits for it"


def test_two_workers_drop_once_and_a_third_finds_nothing(
    work: Work, acme: House, half: int, clock: Clock
) -> None:
    with work.platform() as connection:
        (one,) = feed_retention.due(connection, clock.now)
    assert one.organisation_id == acme.organisation_id
    verb = partial(feed_retention.drop, kept_since=one.kept_since)
    dropped = [work.run_unlocked(acme.organisation_id, SYSTEM, verb) for _ in range(half)]
    assert sum(dropped) == half
    with work.platform() as connection:
        assert feed_retention.due(connection, clock.now) == []
