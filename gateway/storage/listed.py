"""Rows of ids that are bound as one list, for statements that change many rows at once."""

import json
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import String, TableValuedAlias, Text, Uuid, literal, literal_column
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement


class _Each(FunctionElement[Any]):
    name = "each"
    inherit_cache = True


@compiles(_Each)
def _each_in_postgresql(element: _Each, compiler: SQLCompiler, **options: Any) -> str:
    return f"json_array_elements(CAST({compiler.process(element.clauses, **options)} AS JSON))"


@compiles(_Each, "sqlite")
def _each_in_sqlite(element: _Each, compiler: SQLCompiler, **options: Any) -> str:
    return f"json_each({compiler.process(element.clauses, **options)})"


class _TextAt(FunctionElement[str]):
    name = "text_at"
    type = Text()
    inherit_cache = True


class _IdAt(FunctionElement[Any]):
    name = "id_at"
    type = Uuid()
    inherit_cache = True


@compiles(_TextAt)
def _text_in_postgresql(element: _TextAt, compiler: SQLCompiler, **options: Any) -> str:
    row, place = (compiler.process(each, **options) for each in element.clauses)
    return f"({row} ->> {place})"


@compiles(_IdAt)
def _id_in_postgresql(element: _IdAt, compiler: SQLCompiler, **options: Any) -> str:
    row, place = (compiler.process(each, **options) for each in element.clauses)
    return f"CAST({row} ->> {place} AS UUID)"


@compiles(_TextAt, "sqlite")
@compiles(_IdAt, "sqlite")
def _at_in_sqlite(element: FunctionElement[Any], compiler: SQLCompiler, **options: Any) -> str:
    row, place = (compiler.process(each, **options) for each in element.clauses)
    return f"json_extract({row}, '$[' || {place} || ']')"


def listed(rows: Sequence[Sequence[UUID | None]]) -> TableValuedAlias:
    """Return rows of ids as something to select from; they are bound as one value."""
    written = [["" if each is None else str(each) for each in row] for row in rows]
    return _Each(literal(json.dumps(written), String())).table_valued("value")


def id_at(rows: TableValuedAlias, place: int) -> FunctionElement[Any]:
    """Return the id at a place of the row at hand, counted from 0."""
    return _IdAt(rows.c.value, literal_column(str(place)))


def text_at(rows: TableValuedAlias, place: int) -> FunctionElement[str]:
    """Return the id at a place of the row at hand as text, empty where there is none."""
    return _TextAt(rows.c.value, literal_column(str(place)))
