"""Every stored row, so that "nothing changed" can be said of all of them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sqlalchemy import TextClause, bindparam, select, text

from gateway.storage import tables as t
from tests.properties.hand import Outcome
from tests.properties.town import House, Town

Rows = Mapping[str, frozenset[str]]

OWN_BUSINESS = frozenset({"sign_up", "erase"})
"""Deeds that are about a person: nobody else's word changes one."""


@dataclass(frozen=True)
class Stored:
    """All rows of both organisations by slug and table, and everybody's person."""

    houses: Mapping[str, Rows]
    persons: frozenset[str]


def stored(town: Town) -> Stored:
    """Read everything."""
    persons = frozenset(map(str, town.rows(select(t.persons))))
    return Stored({house.slug: _rows(town, house) for house in town.houses}, persons)


def _rows(town: Town, house: House) -> Rows:
    own = [table.name for table in t.metadata.sorted_tables if "organisation_id" in table.c]
    places = {**dict.fromkeys(own, "organisation_id"), "organisations": "id"}
    return {
        name: frozenset(map(str, town.rows(_as_stored(name, column, house))))
        for name, column in places.items()
    }


def _as_stored(name: str, column: str, house: House) -> TextClause:
    """Return a query whose rows nobody turns into values first: they are only compared."""
    here = bindparam("here", house.organisation_id, type_=t.organisations.c.id.type)
    return text(f"SELECT * FROM {name} WHERE {column} = :here").bindparams(here)  # noqa: S608


def broken(town: Town, before: Stored, after: Stored, deed: Outcome) -> Iterator[str]:
    """Say which rows changed that must not (invariants 5 and 8)."""
    if before.persons - after.persons and deed.deed not in OWN_BUSINESS:
        yield "a person changed"
    for slug, here in before.houses.items():
        if here["audit_events"] - after.houses[slug]["audit_events"]:
            yield f"an audit event of {slug} changed"
    spared = [house for house in town.houses if house not in deed.where or not deed.committed]
    for house in spared:
        yield from _changed(house, before.houses[house.slug], after.houses[house.slug])


def _changed(house: House, before: Rows, after: Rows) -> Iterator[str]:
    for table in before:
        if before[table] != after[table]:
            yield f"rows of {table} changed at {house.slug}"
