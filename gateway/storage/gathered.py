"""Pairs of a subquery's rows gathered into one JSON value, which a single row brings along."""

from typing import Any

from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from gateway.storage.types import JSONText


class gathered(FunctionElement[Any]):
    """A list of pairs, in the rows' order; None or empty where there are no rows."""

    name = "gathered"
    type = JSONText()
    inherit_cache = True


@compiles(gathered)
def _in_postgresql(element: gathered, compiler: SQLCompiler, **options: Any) -> str:
    pair = compiler.process(element.clauses, **options)
    return f"CAST(json_agg(json_build_array({pair})) AS TEXT)"


@compiles(gathered, "sqlite")
def _in_sqlite(element: gathered, compiler: SQLCompiler, **options: Any) -> str:
    pair = compiler.process(element.clauses, **options)
    return f"json_group_array(json_array({pair}))"
