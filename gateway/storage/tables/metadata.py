"""The metadata that every table joins, and the columns and constraints they share."""

from dataclasses import dataclass

from sqlalchemy import (
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Uuid,
    text,
)

from gateway.storage.types import UTCDateTime

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_1_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}
metadata = MetaData(naming_convention=NAMING)


def organisation_id() -> "Column[object]":
    """Return the first column of every organisation-owned table and of each of its keys."""
    return Column("organisation_id", Uuid, nullable=False)


def instant(name: str, *, nullable: bool = False) -> "Column[object]":
    """Return a column for a UTC instant."""
    return Column(name, UTCDateTime, nullable=nullable)


def reference(
    target: str, column: str, *, name: str | None = None, cascade: bool = False
) -> ForeignKeyConstraint:
    """Return a composite foreign key that cannot leave the organisation."""
    return ForeignKeyConstraint(
        ["organisation_id", column],
        [f"{target}.organisation_id", f"{target}.id"],
        name=name,
        ondelete="CASCADE" if cascade else None,
    )


def owned() -> ForeignKeyConstraint:
    """Return the tie of a row to its organisation."""
    return ForeignKeyConstraint(["organisation_id"], ["organisations.id"])


def only(name: str, *columns: str, where: str) -> Index:
    """Return a unique index over the rows that fulfil `where`."""
    return Index(
        name, *columns, unique=True, postgresql_where=text(where), sqlite_where=text(where)
    )


def lookup(name: str, *columns: str, where: str | None = None) -> Index:
    """Return a plain index, partial where `where` is given."""
    if where is None:
        return Index(name, *columns)
    return Index(name, *columns, postgresql_where=text(where), sqlite_where=text(where))


@dataclass(frozen=True)
class Versioned:
    """A table of current rows and the table of their earlier states.

    `history` holds, for each id, intervals [valid_from, valid_to) of the `tracked`
    columns; the open interval (valid_to null) equals the current row.
    """

    current: Table
    history: Table
    tracked: tuple[str, ...]


def versioned(current: Table, *tracked: str) -> Versioned:
    """Return the pair of `current` and a new `<current>_history` of the tracked columns."""
    columns: list[Column[object]] = [
        Column(name, current.c[name].type, nullable=current.c[name].nullable) for name in tracked
    ]
    name = f"{current.name}_history"
    history = Table(
        name,
        metadata,
        organisation_id(),
        Column("id", Uuid, nullable=False),
        instant("valid_from"),
        instant("valid_to", nullable=True),
        *columns,
        PrimaryKeyConstraint("organisation_id", "id", "valid_from"),
        reference(current.name, "id"),
        only(f"uq_{name}_open", "organisation_id", "id", where="valid_to IS NULL"),
    )
    return Versioned(current, history, tracked)


def text_column(name: str, *, nullable: bool = False) -> "Column[object]":
    """Return a column for text; its bounds are rules and live in the domain."""
    return Column(name, String, nullable=nullable)


def number(name: str, *, default: int | None = None) -> "Column[object]":
    """Return a column for an integer, never null."""
    server_default = None if default is None else text(str(default))
    return Column(name, Integer, nullable=False, server_default=server_default)
