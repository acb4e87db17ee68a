"""A column's value among ids that are bound as one list, so that the statement is made once."""

import json
from collections.abc import Callable, Iterable
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    Boolean,
    ColumnElement,
    Dialect,
    String,
    TypeDecorator,
    Uuid,
    literal,
    types,
)
from sqlalchemy import bindparam as bound
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement


class IdList(TypeDecorator[Iterable[UUID | str]]):
    """Ids as one value: an array on PostgreSQL, a JSON list on SQLite, written out as text.

    Of a list, the driver would look at each element to see whether it needs quotes.
    """

    impl = String
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> types.TypeEngine[Any]:
        """PostgreSQL's uuid[], SQLite's text."""
        if dialect.name == "postgresql":
            return dialect.type_descriptor(ARRAY(Uuid(as_uuid=False)))
        return dialect.type_descriptor(String())

    def bind_processor(self, dialect: Dialect) -> Callable[[Iterable[UUID | str] | None], str]:
        """Write the ids out."""
        return _array if dialect.name == "postgresql" else _json


def _array(ids: Iterable[UUID | str] | None) -> str:
    return f"{{{','.join(map(str, ids or ()))}}}"


def _json(ids: Iterable[UUID | str] | None) -> str:
    return json.dumps([*map(str, ids or ())])


class _Among(FunctionElement[bool]):
    name = "among"
    type = Boolean()
    inherit_cache = True

    def self_group(self, against: Any = None) -> Any:  # noqa: ARG002
        """A condition already: SQLite would not see its index behind a comparison with 1."""
        return self


@compiles(_Among)
def _in_array(element: _Among, compiler: SQLCompiler, **options: Any) -> str:
    column, ids = (compiler.process(each, **options) for each in element.clauses)
    return f"{column} = ANY ({ids})"


@compiles(_Among, "sqlite")
def _in_json(element: _Among, compiler: SQLCompiler, **options: Any) -> str:
    column, ids = (compiler.process(each, **options) for each in element.clauses)
    return f"{column} IN (SELECT value FROM json_each({ids}))"  # noqa: S608 - compiled parts


def among(column: ColumnElement[Any], name: str) -> ColumnElement[bool]:
    """Whether a column's id is in the list that is bound to `name`."""
    return _Among(column, bound(name, type_=IdList()))


def among_these(column: ColumnElement[Any], ids: Iterable[UUID]) -> ColumnElement[bool]:
    """Whether a column's id is in this list, however long."""
    return _Among(column, literal(ids, IdList()))
