"""Statements made once: constants are part of the text, so that nothing is left to expand."""

import pytest
from sqlalchemy import Dialect, String, bindparam, column, select, table
from sqlalchemy.engine import make_url

from gateway.domain.closures import GONE, OrganisationState
from gateway.storage.prepared import _Prepared
from gateway.storage.unit_of_work.work import _LOCK

DIALECTS = [make_url(f"{each}://").get_dialect()() for each in ("sqlite", "postgresql+psycopg")]
HOUSES = table("houses", column("id"), column("state", String()))


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_lock_of_an_organisation_is_finished_sql(dialect: Dialect) -> None:
    prepared = _Prepared(dialect, _LOCK)
    assert prepared.is_finished
    assert "('purging', 'purged')" in prepared.sql


@pytest.mark.parametrize("dialect", DIALECTS)
def test_values_that_come_with_a_request_are_never_spelt_out(dialect: Dialect) -> None:
    state = HOUSES.c.state
    asked = select(HOUSES.c.id).where(
        state.not_in(GONE),
        state != OrganisationState.PURGED,
        state != "it's; DROP TABLE houses",
        state.in_(bindparam("wanted", expanding=True)),
    )
    prepared = _Prepared(dialect, asked)
    assert not prepared.is_finished
    assert "DROP" not in prepared.sql
    assert "('purging', 'purged')" in prepared.sql
    assert "!= 'purged'" in prepared.sql
