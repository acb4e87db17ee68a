"""The shape of the code base, checked like any other behaviour."""

import ast
import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCES = sorted(
    path for room in ("gateway", "idp_fixtures", "tests") for path in (ROOT / room).rglob("*.py")
)
GATEWAY = [path for path in SOURCES if path.is_relative_to(ROOT / "gateway")]
MAX_LINES = 400
BANNED_NAMES = re.compile(
    r"(^|_)(manager|helper|helpers|util|utils|handler|data|info|tenant|workspace)(_|$)"
    r"|(Manager|Helper|Util|Utils|Handler|Info|Tenant|Workspace)($|[A-Z])"
)
ALLOWED_NAMES = {
    "data": "what the event envelope and Standard Webhooks call the payload",
    "manager": "the attribute of RFC 7643 §4.3",
    "Manager": "the attribute of RFC 7643 §4.3",
    "get_security_data": "what python3-saml calls its keys",
}


MIGRATIONS = ROOT / "gateway/storage/migrations/versions"
"""Written by Alembic, and never changed once released."""


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_no_module_outgrows_a_sitting() -> None:
    lengths = {
        relative(path): len(path.read_text().splitlines())
        for path in SOURCES
        if path.parent != MIGRATIONS
    }
    assert {path: length for path, length in lengths.items() if length > MAX_LINES} == {}


def test_only_the_unit_of_work_commits() -> None:
    transaction = re.compile(r"\.commit\(|(plain|serving|connection|engine)\.begin\(|\bwriting\(")
    guilty = {relative(path) for path in GATEWAY if transaction.search(path.read_text())}
    assert guilty == {
        "gateway/storage/schema.py",  # migrations change no row of a live release
        "gateway/storage/transactions.py",
        "gateway/storage/unit_of_work/work.py",
    }


def test_every_package_states_its_purpose() -> None:
    silent = [
        relative(path)
        for path in GATEWAY
        if path.name == "__init__.py"
        and path.parent != MIGRATIONS
        and not ast.get_docstring(ast.parse(path.read_text()))
    ]
    assert silent == []


def test_names_follow_the_product_not_the_machinery() -> None:
    guilty = [
        f"{relative(path)}: {name}"
        for path in GATEWAY
        for name in _own_names(path)
        if BANNED_NAMES.search(name) and name not in ALLOWED_NAMES
    ]
    assert guilty == []


def _own_names(path: Path) -> set[str]:
    """Names of ours: the module, its classes, functions and module-level constants."""
    tree = ast.parse(path.read_text())
    defined = {
        node.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
    }
    assigned = {
        target.id
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    return defined | assigned | {path.stem}


def test_nothing_is_left_undone_or_left_out() -> None:
    unfinished = re.compile(
        r"\bTODO\b|\bFIXME\b|\bXXX\b|raise NotImplementedError|pytest\.(skip|xfail|importorskip)\b"
        r"|mark\.(skip|xfail)"
    )
    guilty = [
        f"{relative(path)}:{number}"
        for path in SOURCES
        if path != Path(__file__)
        for number, line in enumerate(path.read_text().splitlines(), start=1)
        if unfinished.search(line)
    ]
    assert guilty == []


def test_the_repository_speaks_of_the_product_alone() -> None:
    """No registry's address, and no machine that it was written on."""
    foreign = re.compile(
        r"pypi\.org|pythonhosted|registry\.npmjs|deb\.debian|/work/|/root/|\bfor helpers\b", re.I
    )
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],  # noqa: S607
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    guilty = [
        name
        for name in listed.stdout.splitlines()
        if (path := ROOT / name).is_file()
        and path != Path(__file__)
        and foreign.search(path.read_text(errors="ignore"))
    ]
    assert guilty == []
