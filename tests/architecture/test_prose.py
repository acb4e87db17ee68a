"""Prose that names the code names what is there."""

import importlib
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

import gateway
from gateway.domain.events import CATALOGUE
from gateway.domain.permissions import ACTIONS
from gateway.storage.unit_of_work import UnitOfWork, Work

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "docs/architecture.md", *sorted((ROOT / "docs/explanation").glob("*.md"))]
SPAN = re.compile(r"`([^`\n]+)`")
DOTTED = re.compile(r"[a-z_]+(?:\.[A-Za-z_]+)+")
SOURCE = re.compile(r"[\w./-]+\.py")
OPENED = {"uow": UnitOfWork, "work": Work}
"""What units are called in the prose, as in the code."""

FOREIGN = frozenset({"pyproject.toml", "meta.lastModified"})


def modules() -> Iterator[str]:
    for found in pkgutil.walk_packages(gateway.__path__, "gateway."):
        if ".migrations" not in found.name and not found.name.endswith("__main__"):
            yield found.name


MODULES = list(modules())


def exists(name: str) -> bool:
    """Whether a dotted name leads to a permission, an event, a module, or something in one."""
    if name in ACTIONS or name in CATALOGUE or name in FOREIGN:
        return True
    first, _, rest = name.partition(".")
    if first in OPENED:
        return hasattr(OPENED[first], rest)
    return any(leads(module, name) for module in MODULES)


def leads(module: str, name: str) -> bool:
    """Whether the last parts of a module's name begin the name, and it holds the remainder."""
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        if f".{module}".endswith("." + ".".join(parts[:length])):
            return holds(importlib.import_module(module), parts[length:])
    return False


def holds(found: ModuleType | object, path: list[str]) -> bool:
    for part in path:
        annotated = getattr(found, "__annotations__", {})
        if not hasattr(found, part) and part not in annotated:
            return False
        found = getattr(found, part, None)
    return True


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_name_of_the_code_in_the_prose_exists(page: Path) -> None:
    spans = SPAN.findall(page.read_text())
    dotted = {span for span in spans if DOTTED.fullmatch(span) and not SOURCE.fullmatch(span)}
    assert sorted(name for name in dotted if not exists(name)) == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_source_file_in_the_prose_exists(page: Path) -> None:
    files = {span for span in SPAN.findall(page.read_text()) if SOURCE.fullmatch(span)}
    assert sorted(name for name in files if not (ROOT / name).exists()) == []
