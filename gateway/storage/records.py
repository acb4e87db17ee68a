"""Rows that a unit has read, followed through the unit's own writes."""

from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any

from sqlalchemy import Table

from gateway.storage.prepared import Record
from gateway.storage.writes import Plus

Place = tuple[Table, tuple[tuple[str, object], ...]]


def place_of(table: Table, key: Mapping[str, object]) -> Place:
    """Return where a row is kept: its table, and its key whatever the order of the columns."""
    return table, tuple(sorted(key.items()))


class Records:
    """What is known of rows by their keys; None is known to be absent."""

    def __init__(self) -> None:
        self._kept: dict[Place, Record | None] = {}
        self._lists: dict[Place, Sequence[Any]] = {}
        self._sources: dict[Place, tuple[Table, ...]] = {}

    def __contains__(self, place: Place) -> bool:
        """Whether anything is known of the row."""
        return place in self._kept

    def __getitem__(self, place: Place) -> Record | None:
        """Return what is known of the row."""
        return self._kept[place]

    def keep(self, place: Place, row: Any) -> None:
        """Remember a row as it was read, or that there is none."""
        self._kept[place] = None if row is None else SimpleNamespace(**row._asdict())

    def keep_record(self, place: Place, record: Record | None) -> None:
        """Remember a row that came with others."""
        self._kept[place] = record

    def keep_rows(self, place: Place, rows: Sequence[Any], tables: tuple[Table, ...]) -> None:
        """Remember what a query of these tables returned, until one of them is written to."""
        self._lists[place] = rows
        self._sources[place] = tables

    def rows(self, place: Place) -> Sequence[Any] | None:
        """Return what a query returned, None where it is not known any more."""
        return self._lists.get(place)

    def outdate(self, table: object) -> None:
        """Forget what queries of a table returned."""
        for place in [place for place, tables in self._sources.items() if table in tables]:
            del self._lists[place], self._sources[place]

    def follow(self, table: Table, key: Mapping[str, object], values: Mapping[str, Any]) -> None:
        """Show a write in the record that it names; forget those that it may have touched.

        A record that somebody holds is left as it is and replaced here.
        """
        self.outdate(table)
        written = place_of(table, key)
        counted = any(isinstance(value, Plus) for value in values.values())
        columns = key.keys()
        for place, record in list(self._kept.items()):
            if place[0] is not table:
                continue
            if place == written and record is not None and not counted:
                self._kept[place] = SimpleNamespace(**{**vars(record), **values})
            elif place == written or {name for name, _ in place[1]} != columns:
                del self._kept[place]

    def forget_absent(self, table: Table) -> None:
        """Forget which rows of a table are absent: one is being inserted."""
        self.outdate(table)
        for place, record in list(self._kept.items()):
            if record is None and place[0] is table:
                del self._kept[place]

    def forget(self, table: object) -> None:
        """Forget every row of a table: something wrote past the keys."""
        self.outdate(table)
        for place in [place for place in self._kept if place[0] is table]:
            del self._kept[place]

    def clear(self) -> None:
        """Forget everything: something wrote past the keys."""
        self._kept.clear()
        self._lists.clear()
        self._sources.clear()
