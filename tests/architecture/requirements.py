"""Which promise is shown by which test: read from the tests' own names and docstrings."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

from tests.architecture.markdown import code, table

HERE = Path(__file__).parent
TESTS = HERE.parent
ROOT = TESTS.parent
STATEMENTS = HERE / "requirements.yaml"
WAITING = HERE / "waiting.yaml"
ID = re.compile(r"\bS[0-4]-\d\d\b")
MOST_IDS = 3
"""Ids that one test may name: more, and it shows none of them."""

PUBLIC = (
    "service/api",
    "service/console",
    "service/invitations",
    "service/scim",
    "service/signin",
    "service/test_commands.py",
    "wire",
    "isolation",
    "peers",
    "e2e",
)
"""Tests that see the product from outside: over HTTP, by mail, or on the command line."""


@dataclass(frozen=True, slots=True)
class Test:
    """A test that shows promises, and what it said it cannot do without."""

    path: str
    name: str
    ids: tuple[str, ...]
    requires: tuple[str, ...]

    __test__ = False

    @property
    def node(self) -> str:
        """Its name for pytest."""
        return f"{self.path}::{self.name}"


@cache
def statements() -> dict[str, str]:
    """Return id → promise."""
    found: dict[str, str] = yaml.safe_load(STATEMENTS.read_text())
    return found


def waiting() -> dict[str, str]:
    """Return id → what it waits for, of promises that no test shows yet."""
    found: dict[str, str] = yaml.safe_load(WAITING.read_text()) or {}
    return found


@cache
def tests() -> tuple[Test, ...]:
    """Return the tests from outside that name promises."""
    return tuple(each for path in sorted(_files()) for each in _tests_of(path) if each.ids)


def shown() -> dict[str, list[Test]]:
    """Return id → tests."""
    found: dict[str, list[Test]] = {}
    for test in tests():
        for name in test.ids:
            found.setdefault(name, []).append(test)
    return found


def requirements_page() -> str:
    """Return the page of every promise with its tests."""
    carried, awaited = shown(), waiting()
    rows = [
        (
            name,
            statement,
            ", ".join(_link(test) for test in carried.get(name, ()))
            or f"waits: {awaited.get(name, 'for a test')}",
        )
        for name, statement in statements().items()
    ]
    return (
        "# Requirements\n\n"
        "What the five products promise, each under its preset, and the tests that show it from"
        " outside: over HTTP, by mail or on the command line."
        f" {len(carried)} of {len(rows)} are shown; the others say what they wait for.\n\n"
        + table(("id", "promise", "shown by"), rows)
    )


def write_waiting() -> None:
    """Take off the list whatever a test shows by now."""
    left = {name: why for name, why in waiting().items() if name not in shown()}
    note = "# Promises that no test shows from outside yet. `make docs` takes off what is shown.\n"
    WAITING.write_text(note + "".join(f"{name}: {why}\n" for name, why in sorted(left.items())))


def _files() -> Iterator[Path]:
    for place in PUBLIC:
        path = TESTS / place
        yield from [path] if path.suffix else path.rglob("test_*.py")


def _tests_of(path: Path) -> Iterator[Test]:
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            said = f"{node.name} {ast.get_docstring(node) or ''}"
            ids = tuple(dict.fromkeys(ID.findall(said)))
            yield Test(str(path.relative_to(ROOT)), node.name, ids, tuple(_requires(node)))


def _requires(node: ast.FunctionDef) -> Iterator[str]:
    for mark in node.decorator_list:
        if isinstance(mark, ast.Call) and ast.unparse(mark.func) == "pytest.mark.requires":
            yield from (ast.unparse(each) for each in mark.args)


def _link(test: Test) -> str:
    return f"[{code(test.name.removeprefix('test_'))}](../../{test.path})"
