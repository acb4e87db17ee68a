"""Where pages by index ended: remembered for a while, by every process, and dropped afterwards."""

from datetime import timedelta

from sqlalchemy import func, select

from gateway.delivery.worker import Worker
from gateway.services.page_ends import LIFE, PageEnds, Walk
from gateway.storage import tables as t
from gateway.storage.unit_of_work import Work
from tests.clock import Clock
from tests.factories import house

END = ["after", "id", None, "01234567-89ab-7cde-8f01-23456789abcd"]


def test_an_end_is_remembered_for_its_walk_until_its_time_is_over(work: Work, clock: Clock) -> None:
    ends, home = PageEnds(work), house(work)
    walk = Walk(home.organisation_id, home.connection.id, "one")
    ends.keep(walk, 101, ["earlier"])
    ends.keep(walk, 101, END)
    assert ends.before(walk, 101) == END
    assert ends.before(walk, 201) is None
    assert ends.before(Walk(home.organisation_id, home.connection.id, "two"), 101) is None
    clock.advance(LIFE + timedelta(seconds=1))
    assert ends.before(walk, 101) is None


def test_the_worker_drops_ends_that_nobody_can_use(work: Work, clock: Clock) -> None:
    ends, home = PageEnds(work), house(work)
    ends.keep(Walk(home.organisation_id, home.connection.id, "one"), 101, END)
    clock.advance(LIFE + timedelta(seconds=1))
    Worker(work, mailer=None).purge()
    with work.platform() as database:
        assert database.execute(select(func.count()).select_from(t.page_ends)).scalar_one() == 0
