"""Statements of routine filters are made once; those of long ones fill nobody's memory."""

import pytest

from gateway.scim.filters import compile_filter
from gateway.scim.queries import Shape, count_query, page_query
from gateway.storage import prepared
from gateway.storage.engine import open_engines

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
    engines = open_engines(
        {"sqlite": "sqlite:///none", "postgresql": "postgresql://none"}[database]
    )
    dialect = engines.serving.dialect
    before = prepared._kept.cache_info().currsize
    assert prepared._prepared(dialect, statement).length > prepared.LONGEST_KEPT
    assert prepared._kept.cache_info().currsize == before
