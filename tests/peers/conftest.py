"""What every peer meets: a gateway with one organisation."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.databases import Databases
from tests.peers.stage import Stage, staged


@pytest.fixture
def stage(databases: Databases, tmp_path: Path) -> Iterator[Stage]:
    with databases.migrated("sqlite", tmp_path) as database, staged(database) as stage:
        yield stage
