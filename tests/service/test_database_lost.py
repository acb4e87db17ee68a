"""The database restarts, or its network fails: requests go on by themselves once it is back."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import text

from gateway.domain.errors import TryAgain
from gateway.domain.identity import SYSTEM
from gateway.services import chatbots
from gateway.storage import tables as t
from gateway.storage.engine import Engines, open_engines
from gateway.storage.transactions import is_open
from gateway.storage.unit_of_work import UnitOfWork, Work
from gateway.storage.unit_of_work.unit import COUNTERS
from tests.databases import KEEPER
from tests.factories import House, house

pytestmark = pytest.mark.parametrize("kind", ["postgresql"], indirect=True)

Break = Callable[[], None]
END = text(
    "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    " AND application_name <> :keeper"
)


@pytest.fixture
def somewhere(work: Work) -> House:
    return house(work)


@pytest.fixture
def end_all(database: str) -> Break:
    """Ends every connection of others to the database, as its restart would."""

    def end() -> None:
        engines = open_engines(database)
        with engines.serving.connect() as connection:
            connection.execute(END, {"keeper": KEEPER})
        engines.dispose()

    return end


def _names(work: Work, of: House) -> list[str]:
    with work.read(of.organisation_id) as uow:
        return sorted(row.name for row in uow.all(uow.own(t.chatbots, t.chatbots.c.name)))


def _counted(work: Work, of: House) -> int:
    with work.read(of.organisation_id) as uow:
        found: int = uow.all(COUNTERS, organisation=of.organisation_id)[0].active_members
        return found


def _create(work: Work, of: House, name: str) -> None:
    work.run(of.organisation_id, SYSTEM, lambda uow: chatbots.create(uow, name))


def _fill_pool(engines: Engines, connections: int = 3) -> None:
    opened = [engines.serving.connect() for _ in range(connections)]
    for connection in opened:
        connection.execute(text("SELECT 1"))
        connection.close()


def test_the_next_read_is_answered_over_a_new_connection(
    work: Work, somewhere: House, end_all: Break
) -> None:
    before = _counted(work, somewhere)
    _fill_pool(work.engines)
    end_all()
    assert [_counted(work, somewhere) for _ in range(4)] == [before] * 4


def test_the_next_change_is_made_over_a_new_connection(
    work: Work, somewhere: House, end_all: Break
) -> None:
    _create(work, somewhere, "One")
    _fill_pool(work.engines)
    end_all()
    for name in ("Two", "Three"):
        _create(work, somewhere, name)
    assert _names(work, somewhere) == ["One", "Three", "Two"]


def test_a_change_cut_off_in_the_middle_is_made_once(
    work: Work, somewhere: House, end_all: Break
) -> None:
    tries: list[int] = []

    def verb(uow: UnitOfWork) -> None:
        chatbots.create(uow, "One")
        uow.flush()
        tries.append(1)
        if len(tries) == 1:
            end_all()

    work.run(somewhere.organisation_id, SYSTEM, verb)
    assert len(tries) == 2
    assert _names(work, somewhere) == ["One"]


def test_where_the_commit_itself_is_cut_off_it_is_not_made_twice(
    work: Work, somewhere: House, end_all: Break, monkeypatch: pytest.MonkeyPatch
) -> None:
    driver: Any = work.engines.serving.dialect.loaded_dbapi
    commit, tries = driver.Connection.commit, []

    def cut_off(connection: Any) -> None:
        tries.append(1)
        if len(tries) == 1:
            end_all()
        commit(connection)

    monkeypatch.setattr(driver.Connection, "commit", cut_off)
    with pytest.raises(TryAgain, match="look whether the change was made"):
        _create(work, somewhere, "One")
    assert len(tries) == 1
    _create(work, somewhere, "Two")
    assert _names(work, somewhere) == ["Two"]


def test_a_reading_that_is_of_one_instant_is_answered_with_try_again(
    work: Work, somewhere: House, end_all: Break
) -> None:
    def look() -> None:
        with work.snapshot(somewhere.organisation_id) as uow:
            end_all()
            uow.all(COUNTERS, organisation=somewhere.organisation_id)

    before = _counted(work, somewhere)
    with pytest.raises(TryAgain, match="went away"):
        look()
    assert _counted(work, somewhere) == before


def test_a_commit_that_is_refused_leaves_the_connection_as_it_was(
    work: Work, somewhere: House
) -> None:
    """As by a rule that is checked at the end; what follows is read and written one by one."""
    table = "CREATE TEMPORARY TABLE alone (id int UNIQUE DEFERRABLE INITIALLY DEFERRED)"
    with work.platform() as connection:
        connection.exec_driver_sql(table)

        def twice(uow: UnitOfWork) -> None:
            uow.connection.exec_driver_sql("INSERT INTO alone VALUES (1), (1)")

        with pytest.raises(work.engines.driver_error, match="alone_id_key"):
            work.run(somewhere.organisation_id, SYSTEM, twice, on=connection)
        connection.exec_driver_sql("INSERT INTO alone VALUES (1)")
        assert not is_open(connection)
        assert connection.exec_driver_sql("SELECT count(*) FROM alone").scalar() == 1
