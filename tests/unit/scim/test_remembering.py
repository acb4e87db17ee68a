"""Statements of routine filters are made once; those of long ones fill nobody's memory."""

import pytest
from sqlalchemy.dialects import postgresql, sqlite

from gateway.scim.filters import compile_filter
from gateway.scim.queries import Shape, count_query, page_query
from gateway.storage import prepared

ROUTINE = 'emails.value sw "a"'
LONG = " or ".join(f'emails[type eq "work" and value co "x{n}"]' for n in range(50))
DATABASES = pytest.mark.parametrize("database", ["sqlite", "postgresql"])


@DATABASES
def test_a_routine_filters_statement_is_made_once(database: str) -> None:
    shape = Shape(("User",), database, ROUTINE)
    assert page_query(shape) is page_query(shape)
    assert compile_filter("User", database, ROUTINE, ("User",)) is compile_filter(
        "User", database, ROUTINE, ("User",)
    )


@DATABASES
def test_nothing_of_a_long_filter_is_kept(database: str) -> None:
    shape = Shape(("User",), database, LONG)
    statement = page_query(shape)
    assert statement is not page_query(shape)
    assert count_query(("User",), database, LONG, None) is not count_query(
        ("User",), database, LONG, None
    )
    dialect = {"sqlite": sqlite.dialect, "postgresql": postgresql.dialect}[database]()
    before = prepared._kept.cache_info().currsize
    assert prepared._prepared(dialect, statement).length > prepared.LONGEST_KEPT
    assert prepared._kept.cache_info().currsize == before
