"""A row of every table, made from the metadata, so that no table can be forgotten."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID, uuid5

from sqlalchemy import Boolean, Column, Connection, Float, Integer, LargeBinary, Table, Uuid, insert

from gateway.storage import tables as t
from gateway.storage.types import JSONDocument, JSONText, UTCDateTime

Row = Mapping[str, Any]


def fill(connection: Connection, now: datetime, organisation_id: UUID) -> None:
    """Write a row of each table about an organisation that has only its own row, and a person."""
    made: dict[str, Row] = {"organisations": {"id": organisation_id}}
    for table in t.metadata.sorted_tables:
        if table is not t.organisations:
            made[table.name] = _row(table, organisation_id, now, made)
            connection.execute(insert(table).values(made[table.name]))


def _row(table: Table, organisation_id: UUID, now: datetime, made: Mapping[str, Row]) -> Row:
    row = {
        column.name: _value(table, column, organisation_id, now)
        for column in table.columns
        if not column.nullable
    }
    for key in table.foreign_key_constraints:
        parent = made[key.referred_table.name]
        wanted = [x for x in key.elements if x.parent.name in row]
        row |= {x.parent.name: parent[x.column.name] for x in wanted}
    if "organisation_id" in table.c:
        row["organisation_id"] = organisation_id
    return row


def _value(table: Table, column: "Column[Any]", organisation_id: UUID, now: datetime) -> Any:
    seed = uuid5(organisation_id, f"{table.name}.{column.name}")
    for types, value in (
        (Uuid, seed),
        (UTCDateTime, now),
        (JSONText | JSONDocument, {}),
        (Boolean, False),
        (Integer | Float, 1),
        (LargeBinary, b"x"),
    ):
        if isinstance(column.type, types):
            return value
    return str(seed)
