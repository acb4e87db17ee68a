"""Whoever was there throughout is on exactly one page, whatever is created and deleted meanwhile.

Every request comes on a connection of its own, so that a walk passes through all processes.
"""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.e2e.bonds import WORKERS, Bond, bond, bulk_of_users, opened
from tests.e2e.programs import serving

STAYING = 30
GOING = 60
COUNT = 7
Walk = Callable[[Bond], Iterator[dict[str, str]]]


def by_index(of: Bond, query: str = "") -> Iterator[dict[str, str]]:
    """Yield every user as a client finds them that counts what it was given."""
    start, total = 1, 1
    while start <= total:
        status, page = of.ask("GET", f"/Users?startIndex={start}&count={COUNT}{query}")
        assert status == 200, page
        yield from page["Resources"]
        if not page["Resources"]:
            break
        start, total = start + len(page["Resources"]), page["totalResults"]


def by_index_filtered(of: Bond) -> Iterator[dict[str, str]]:
    """The same through a filter that everybody fits, in the order of the names."""
    everybody = quote('userName co "u"')
    return by_index(of, f"&filter={everybody}&sortBy=userName")


def by_cursor(of: Bond) -> Iterator[dict[str, str]]:
    """Yield every user from cursor to cursor."""
    cursor: str | None = ""
    while cursor is not None:
        status, page = of.ask("GET", f"/Users?cursor={quote(cursor)}&count={COUNT}")
        assert status == 200, page
        yield from page["Resources"]
        cursor = page.get("nextCursor")


def test_a_walk_misses_and_doubles_nobody_who_was_there_throughout(
    kind: str, database: str, tmp_path: Path
) -> None:
    with (
        opened(database) as work,
        serving(tmp_path, database, workers=WORKERS[kind]) as server,
    ):
        acme = bond(work, server, "acme")
        status, made = acme.ask("POST", "/Bulk", bulk_of_users("u", STAYING + GOING))
        assert status == 200, made
        ids = [each["location"][-36:] for each in made["Operations"]]
        staying = set(ids[:: len(ids) // STAYING])
        going = [each for each in ids if each not in staying]
        walks: tuple[Walk, ...] = (by_index, by_index_filtered, by_cursor)
        rounds = 0
        writing = _Writer(acme, going)
        writing.start()
        while writing.is_alive():
            for walk in walks:
                seen = Counter(each["id"] for each in walk(acme))
                assert staying - seen.keys() == set(), walk.__name__
                assert max(seen.values()) == 1, walk.__name__
            rounds += 1
        writing.join()
        assert writing.failure is None
        assert rounds >= 2


@pytest.mark.parametrize("kind", ["postgresql"], indirect=True)
def test_a_walk_without_changes_ends_at_the_total(database: str, tmp_path: Path) -> None:
    with opened(database) as work, serving(tmp_path, database, workers=2) as server:
        acme = bond(work, server, "acme")
        acme.ask("POST", "/Bulk", bulk_of_users("u", 3 * COUNT))
        assert len(list(by_index(acme))) == 3 * COUNT
        _, page = acme.ask("GET", f"/Users?startIndex={2 * COUNT + 1}&count={COUNT}")
        assert (page["totalResults"], page["itemsPerPage"]) == (3 * COUNT, COUNT)


class _Writer(threading.Thread):
    """Deletes whoever is to go, from the front and from the back, and creates others."""

    def __init__(self, of: Bond, going: list[str]) -> None:
        super().__init__()
        self._bond = of
        self._going = going
        self.failure: BaseException | None = None

    def run(self) -> None:
        try:
            for number, each in enumerate(self._going):
                status, body = self._bond.ask("DELETE", f"/Users/{each}")
                assert status == 204, body
                self._bond.make_user(f"{'au'[number % 2]}u-late{number}")
        except BaseException as failure:
            self.failure = failure
