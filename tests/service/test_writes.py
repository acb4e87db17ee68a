"""The write set means the same as its writes one by one, on both databases."""

from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from gateway.domain.identity import SYSTEM, Actor
from gateway.storage import tables as t
from gateway.storage.unit_of_work import UnitOfWork, Work
from gateway.storage.writes import Insert, Plus, Update, WriteSet, _batches
from tests.factories import found_organisation

pytestmark = pytest.mark.usefixtures("kind")

ROWS = st.integers(0, 3)
WRITES = st.lists(
    st.one_of(
        st.tuples(st.just("rename"), ROWS, st.sampled_from("xyz")),
        st.tuples(st.just("count"), ROWS, st.integers(1, 3)),
        st.tuples(st.just("empty"), ROWS, st.integers(0, 9)),
        st.tuples(st.just("insert"), st.just(0), st.just(0)),
        st.tuples(st.just("all"), st.just(0), st.integers(0, 9)),
    ),
    max_size=30,
)


@settings(
    max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(writes=WRITES)
def test_together_writes_do_what_they_do_one_by_one(
    work: Work, writes: list[tuple[str, int, Any]]
) -> None:
    together, apart = _organisation(work), _organisation(work)
    _play(work, together, writes, flush_each=False)
    _play(work, apart, writes, flush_each=True)
    assert _seen(work, together) == _seen(work, apart)


def test_an_update_meets_the_row_inserted_just_before(work: Work) -> None:
    organisation = _organisation(work)

    def write(uow: UnitOfWork) -> None:
        connection = UUID(int=77)
        uow.insert(t.directory_counts, connection_id=connection, users=0, groups=0)
        uow.update(t.directory_counts, {"connection_id": connection}, users=Plus(2))

    with pytest.raises(Exception, match=r"(?i)foreign"):
        work.run_unlocked(organisation, _actor(), write)


def test_rows_take_the_place_of_others_in_one_statement(work: Work) -> None:
    organisation = _organisation(work)

    def replace(uow: UnitOfWork) -> None:
        teams = [uow.new_id() for _ in range(3)]
        for team in teams:
            _insert(uow, team, f"name of {team}")
        uow.flush()
        for team in teams:
            uow.update(t.teams, {"id": team}, deleted=True)
        _insert(uow, uow.new_id(), f"name of {teams[2]}")
        waiting = list(_batches(uow._pending.writes, together=True))
        assert len(waiting) == 1
        uow.flush()
        live = uow.all(uow.own(t.teams, t.teams.c.name).where(~t.teams.c.deleted))
        assert [row.name for row in live] == [f"name of {teams[2]}"]

    work.run(organisation, _actor(), replace)


def test_neighbouring_counters_add_up_in_one_statement() -> None:
    writes = WriteSet()
    writes.add(Update(t.organisations, {"id": 1}, {"active_members": Plus(1)}))
    writes.add(Update(t.organisations, {"id": 1}, {"active_members": Plus(2), "name": "A"}))
    assert writes.writes == [
        Update(t.organisations, {"id": 1}, {"active_members": Plus(3), "name": "A"})
    ]


def test_an_update_that_moves_rows_out_of_sight_is_not_merged() -> None:
    writes = WriteSet()
    key = {"id": 1, "valid_to": None}
    writes.add(Update(t.members, key, {"valid_to": 5}))
    writes.add(Update(t.members, key, {"state": "active"}))
    assert len(writes.writes) == 2


def test_an_insert_of_other_columns_starts_afresh() -> None:
    writes = WriteSet()
    writes.add(Insert(t.teams, [{"id": 1}]))
    writes.add(Insert(t.teams, [{"id": 2}]))
    writes.add(Insert(t.teams, [{"id": 3, "name": "C"}]))
    assert [len(write.rows) for write in writes.writes if isinstance(write, Insert)] == [2, 1]


def _organisation(work: Work) -> UUID:
    slug = f"o{work.new_id().int}"
    return found_organisation(work, slug)[0]


def _play(
    work: Work, organisation: UUID, writes: list[tuple[str, int, Any]], *, flush_each: bool
) -> None:
    def play(uow: UnitOfWork) -> None:
        teams = [uow.new_id() for _ in range(4)]
        for number, team in enumerate(teams):
            _insert(uow, team, f"team {number}")
        for what, row, value in writes:
            _write(uow, teams[row], what, value)
            if flush_each:
                uow.flush()

    work.run(organisation, _actor(), play)


def _write(uow: UnitOfWork, team: UUID, what: str, value: Any) -> None:
    if what == "rename":
        uow.update(t.teams, {"id": team}, name=value)
    elif what == "count":
        uow.stamp(active_members=Plus(value))
    elif what == "empty":
        uow.update(t.teams, {"id": team, "strategy": "manual"}, strategy=f"s{value}")
    elif what == "all":
        uow.update(t.teams, {"deleted": False}, strategy=f"t{value}")
    else:
        later = uow.new_id()
        _insert(uow, later, f"later {later.int:032x}")


def _insert(uow: UnitOfWork, team: UUID, name: str) -> None:
    uow.insert(
        t.teams,
        id=team,
        name=name,
        name_key=name,
        strategy="manual",
        deleted=False,
        created_at=uow.now,
    )


def _seen(work: Work, organisation: UUID) -> object:
    with work.read(organisation) as uow:
        teams = uow.all(uow.own(t.teams, t.teams.c.strategy, t.teams.c.name).order_by(t.teams.c.id))
        counted = uow.scalar(
            select(t.organisations.c.active_members).where(t.organisations.c.id == organisation)
        )
    names = [(row.strategy, row.name.partition(" ")[0]) for row in teams]
    return names, counted


def _actor() -> Actor:
    return SYSTEM
