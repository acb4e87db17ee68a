"""Every stored row, so that "nothing changed" can be said of all of them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sqlalchemy import select

from gateway.storage import tables as t
from tests.properties.hand import Outcome
from tests.properties.town import House, Town

Rows = Mapping[str, frozenset[str]]


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
    own = [table for table in t.metadata.sorted_tables if "organisation_id" in table.c]
    found: dict[str, frozenset[str]] = {
        table.name: frozenset(
            map(
                str,
                town.rows(select(table).where(table.c.organisation_id == house.organisation_id)),
            )
        )
        for table in own
    }
    itself = select(t.organisations).where(t.organisations.c.id == house.organisation_id)
    return {**found, "organisations": frozenset(map(str, town.rows(itself)))}


def broken(town: Town, before: Stored, after: Stored, deed: Outcome) -> Iterator[str]:
    """Say which rows changed that must not (invariants 5 and 8)."""
    if before.persons - after.persons:
        yield "a person changed"
    for slug, here in before.houses.items():
        if here["audit_events"] - after.houses[slug]["audit_events"]:
            yield f"an audit event of {slug} changed"
    spared = [town.other(deed.house)] if deed.committed else list(town.houses)
    for house in spared:
        yield from _changed(house, before.houses[house.slug], after.houses[house.slug])


def _changed(house: House, before: Rows, after: Rows) -> Iterator[str]:
    for table in before:
        if before[table] != after[table]:
            yield f"rows of {table} changed at {house.slug}"
