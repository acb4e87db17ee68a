"""Whether a text holds another one, as each database finds out fastest; no sign is special."""

from typing import Any

from sqlalchemy import Boolean, ColumnElement, literal
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement


class _Holds(FunctionElement[bool]):
    name = "holds"
    type = Boolean()
    inherit_cache = True

    def self_group(self, against: Any = None) -> Any:  # noqa: ARG002
        """A condition already."""
        return self


@compiles(_Holds)
def _position(element: _Holds, compiler: SQLCompiler, **options: Any) -> str:
    return f"strpos({compiler.process(element.clauses, **options)}) > 0"


@compiles(_Holds, "sqlite")
def _place(element: _Holds, compiler: SQLCompiler, **options: Any) -> str:
    return f"instr({compiler.process(element.clauses, **options)}) > 0"


def holds(column: ColumnElement[Any], part: str) -> ColumnElement[bool]:
    """Return the condition that a column's text holds this part."""
    return _Holds(column, literal(part, column.type))
