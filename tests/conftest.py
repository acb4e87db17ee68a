"""What every test gets: fresh databases, a still clock, counted ids and no way out."""

import ipaddress
import logging
import os
import shutil
import signal
import socket
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import structlog

from gateway.storage import engine
from gateway.storage.engine import Engines
from gateway.storage.unit_of_work import Work
from tests import parts
from tests.clock import Clock, CountedIds
from tests.databases import KINDS, Databases, fluent_engines
from tests.taking_away import take_away

hypothesis.settings.register_profile("test", deadline=None, print_blob=True)
hypothesis.settings.register_profile("soak", deadline=None, print_blob=True, max_examples=3000)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "test"))

FOLDER = pytest.StashKey[Path]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let a run take away from each test what it says that it requires."""
    parser.addoption("--taken-away", action="store_true", help="Each test then has to fail.")


def pytest_configure(config: pytest.Config) -> None:
    """Refuse to start without a required part; lay the folder all processes of the run share."""
    absent = [part for part in parts.required() if not parts.available(part)]
    if absent:
        raise pytest.UsageError(f"required, but not installed: {', '.join(absent)}")
    # Told to end, end as on Ctrl-C: the database server must not outlive the run.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    worker = getattr(config, "workerinput", None)
    # Short, because a socket's path may be no longer than 107 characters.
    folder = Path(worker["folder"] if worker else tempfile.mkdtemp(prefix="gateway-"))
    config.stash[FOLDER] = folder


def pytest_configure_node(node: Any) -> None:
    """Tell each worker of the run where the shared folder is."""
    node.workerinput["folder"] = str(node.config.stash[FOLDER])


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop the database server with the run that started it."""
    if FOLDER in config.stash and not hasattr(config, "workerinput"):
        Databases(config.stash[FOLDER]).stop()
        shutil.rmtree(config.stash[FOLDER], ignore_errors=True)


def pytest_make_parametrize_id(val: object) -> str | None:
    """Name a set by its sorted members: all processes of a run must agree on a test's name."""
    if isinstance(val, set | frozenset):
        return "+".join(sorted(map(str, val)))
    return None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the tests of a part that is not installed; the summary says so."""
    absent = parts.missing()
    gone = [item for item in items if _part_of(item) in absent]
    if not gone:
        return
    config.hook.pytest_deselected(items=gone)
    items[:] = [item for item in items if item not in gone]


def _part_of(item: pytest.Item) -> str | None:
    """The optional part that a test needs."""
    if Path(__file__).parent / "peers" in item.path.parents:
        return "peers"
    parameters = getattr(item, "callspec", None)
    needs_postgres = parameters is not None and "postgresql" in parameters.params.values()
    return "postgres" if needs_postgres else None


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say loudly which parts were left out."""
    for part in parts.missing():
        terminalreporter.write_sep("!", f"LEFT OUT: {part} is not installed", red=True, bold=True)


@pytest.fixture(autouse=True)
def _taken_away(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything else of the test is made."""
    if request.config.getoption("--taken-away"):
        for marker in request.node.iter_markers("requires"):
            take_away(monkeypatch, *marker.args)


@pytest.fixture(scope="session")
def databases(pytestconfig: pytest.Config) -> Iterator[Databases]:
    databases = Databases(pytestconfig.stash[FOLDER])
    yield databases
    databases.close()


@pytest.fixture(params=[pytest.param(kind, id=kind) for kind in KINDS])
def kind(request: pytest.FixtureRequest) -> str:
    """The database's kind; parametrize it indirectly where a test is about one of them."""
    name: str = request.param
    return name


@pytest.fixture
def database(kind: str, databases: Databases, tmp_path: Path) -> Iterator[str]:
    """The URL of a migrated, empty database of this test alone."""
    with databases.migrated(kind, tmp_path) as url:
        yield url


@pytest.fixture
def blank_database(kind: str, databases: Databases, tmp_path: Path) -> Iterator[str]:
    """The URL of a database without tables."""
    with databases.blank(kind, tmp_path) as url:
        yield url


@pytest.fixture
def logging_kept() -> Iterator[None]:
    """Leave logging as it was."""
    root = logging.getLogger()
    before = root.handlers[:], root.level
    configured = structlog.get_config()
    yield
    root.handlers[:], root.level = before
    structlog.configure(**configured)


@pytest.fixture(autouse=True, scope="session")
def _in_no_fear_of_power_cuts() -> Iterator[None]:
    """Wait for no disk, as the tests' PostgreSQL does not; programs that tests start do wait."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine, "SYNCHRONOUS", "OFF")
        yield


@pytest.fixture
def engines(database: str) -> Iterator[Engines]:
    engines = fluent_engines(database)
    yield engines
    engines.dispose()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def work(engines: Engines, clock: Clock) -> Work:
    """Units of work on an empty database, under a still clock and with counted ids."""
    return Work(engines, clock=clock, new_id=CountedIds())


class OutsideWorld(RuntimeError):
    """A test tried to leave the machine."""


@pytest.fixture(autouse=True, scope="session")
def _only_loopback() -> Iterator[None]:
    """Refuse every internet connection but loopback's."""

    def guarded(real: Callable[..., Any]) -> Callable[..., Any]:
        def connect(self: socket.socket, address: Any) -> Any:
            if self.family in (socket.AF_INET, socket.AF_INET6) and not _is_loopback(address[0]):
                raise OutsideWorld(f"tests reach loopback only, not {address[0]}")
            return real(self, address)

        return connect

    with pytest.MonkeyPatch.context() as patch:
        for name in ("connect", "connect_ex"):
            patch.setattr(socket.socket, name, guarded(getattr(socket.socket, name)))
        yield


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
