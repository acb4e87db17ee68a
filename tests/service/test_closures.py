"""What nobody can bring back leaves nothing behind, and takes nothing of others with it."""

from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Connection, func, insert, select, update

from gateway.delivery.worker import Worker
from gateway.domain.errors import InvalidRequest, NotFound
from gateway.services import closures, organisations
from gateway.storage import tables as t
from gateway.storage.unit_of_work import Work
from tests import everything, factories
from tests.clock import Clock
from tests.factories import OPERATOR, House
from tests.service.test_sealing import ACME, GLOBEX, found

MONTH = timedelta(days=30)
OWNED = [table for table in t.metadata.sorted_tables if "organisation_id" in table.c]


def rows(work: Work, organisation_id: UUID) -> dict[str, int]:
    """How many rows an organisation has in each table."""
    with work.platform() as connection:
        return {
            table.name: connection.execute(
                select(func.count())
                .select_from(table)
                .where(table.c.organisation_id == organisation_id)
            ).scalar_one()
            for table in OWNED
        }


def state_of(work: Work, organisation_id: UUID) -> Any:
    o = t.organisations.c
    with work.platform() as connection:
        return connection.execute(
            select(o.state, o.name, o.slug, o.preset).where(o.id == organisation_id)
        ).one()


def test_a_purge_empties_every_table_of_the_organisation_alone(
    work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tables come from the metadata, so that a new one cannot be forgotten."""
    monkeypatch.setattr(closures, "PASS", 7)
    for organisation_id, slug in ((ACME, "acme"), (GLOBEX, "globex")):
        found(work, organisation_id, slug)
        work.run_platform(partial(everything.fill, organisation_id=organisation_id))
    assert set(rows(work, ACME).values()) == {1}
    gone = update(t.organisations).where(t.organisations.c.id == ACME).values(state="purging")
    work.run_platform(lambda connection, _: connection.execute(gone))
    worker = Worker(work, None)
    passes = 1
    while worker.purge_organisations():
        passes += 1
    assert passes > 5
    assert set(rows(work, ACME).values()) == {0}
    assert set(rows(work, GLOBEX).values()) == {1}
    assert state_of(work, ACME).state == "purged"


def test_a_closed_organisation_is_purged_when_its_time_is_over(work: Work, clock: Clock) -> None:
    house: House = factories.house(work)
    here = house.organisation_id
    confined = insert(t.persons).values(
        id=UUID(int=77), email="x@acme.test", email_key="x@acme.test", display_name="X",
        confined_to=here, created_at=clock.now,
    )  # fmt: skip
    work.run_platform(lambda connection, _: connection.execute(confined))
    worker = Worker(work, None)
    work.run(here, OPERATOR, closures.close)
    clock.advance(MONTH - timedelta(minutes=1))
    worker.purge_organisations()
    work.run(here, OPERATOR, closures.restore)
    work.run(here, OPERATOR, closures.close)
    clock.advance(MONTH + timedelta(minutes=1))
    with pytest.raises(InvalidRequest):
        work.run(here, OPERATOR, closures.restore)
    while worker.purge_organisations():
        pass
    assert set(rows(work, here).values()) == {0}
    assert tuple(state_of(work, here)) == ("purged", "", str(here), "five_role")
    with pytest.raises(NotFound):
        work.run(here, OPERATOR, closures.restore)
    people = t.persons.c
    with work.platform() as connection:
        left = connection.scalars(select(people.email).order_by(people.email)).all()
        assert organisations.listing(connection) == []
        assert organisations.find_by_slug(connection, str(here)) is None
    assert left == ["owner@acme.test", "second@acme.test"], "accounts stay, confined ones go"
    assert not worker.purge_organisations()
    assert factories.found_organisation(work, "acme", "five_role"), "its slug is free"


def test_a_purge_that_was_interrupted_goes_on(work: Work, clock: Clock) -> None:
    """And meanwhile nobody can restore or read what is left of it."""
    house: House = factories.house(work)
    here = house.organisation_id
    work.run(here, OPERATOR, closures.close)
    clock.advance(MONTH + timedelta(minutes=1))
    work.run(here, OPERATOR, closures.begin_purge)

    def interrupted(connection: Connection, now: Any) -> None:
        closures.purge(connection, now, here)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        work.run_platform(interrupted)
    with pytest.raises(NotFound):
        work.run(here, OPERATOR, closures.restore)
    while Worker(work, None).purge_organisations():
        pass
    assert set(rows(work, here).values()) == {0}
