"""What SQLite's planner is told about the tables, before there is anything in them.

Without statistics it takes any first column of an index for nearly unique. Each key here begins
with the organisation, so that it would walk through an organisation's rows where a key names one.
ANALYZE would tell it later, and only as things were then; these figures hold from the first row.
PostgreSQL keeps statistics of its own.
"""

from collections.abc import Sequence

from sqlalchemy import Connection

ROWS = 1_000_000
SHARES = {"organisation_id": 100_000, "connection_id": 50_000}
"""Rows that one value of these leading columns stands for."""

FEW = 10
"""Rows that a value of any other column stands for, unless the key is unique."""

PARTIAL = 2
"""An index of some rows only has so many times fewer: it is preferred where it will do."""


def describe(connection: Connection) -> None:
    """Write the planner's statistics of every index; connections opened later go by them."""
    sql = connection.exec_driver_sql
    sql("ANALYZE")  # makes the table that the figures go into
    sql("DELETE FROM sqlite_stat1")
    indexes = sql(
        "SELECT t.name, i.name, i.'unique', i.partial"
        " FROM sqlite_schema t, pragma_index_list(t.name) i"
        " WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite_%'"
    ).all()
    for table, index, unique, partial in indexes:
        columns = sql("SELECT name FROM pragma_index_info(?)", (index,)).scalars().all()
        figures = _figures(columns, PARTIAL if partial else 1, unique=bool(unique))
        sql("INSERT INTO sqlite_stat1 VALUES (?, ?, ?)", (table, index, figures))


def _figures(columns: Sequence[str], part: int, *, unique: bool) -> str:
    """Rows in all, then the rows that one value of the first columns stands for, column by column.

    Smaller with each column; one where a unique key is complete.
    """
    rows = [ROWS // part]
    for column in columns:
        rows.append(min(rows[-1], SHARES.get(column, FEW) // part))
    if unique:
        rows[-1] = 1
    return " ".join(map(str, rows))
