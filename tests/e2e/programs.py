"""The product's programs as real processes: started, asked, told to stop, killed."""

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

ROOT = Path(__file__).parents[2]
GATEWAY = [sys.executable, "-m", "gateway.cli"]
PATIENCE = 60.0


def environment(**settings: str) -> dict[str, str]:
    """Return an environment in which these settings, and no others of the product, are set."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GATEWAY_")}
    named = {f"GATEWAY_{name.upper()}": value for name, value in settings.items()}
    return {**kept, "PYTHONUNBUFFERED": "1", **named}


def run(*arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run one command to its end."""
    return subprocess.run(  # noqa: S603 - our own program
        [*GATEWAY, *arguments],
        cwd=ROOT,
        env=environment(**settings),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


@dataclass
class Program:
    """A running program with a process group of its own, its log in a file."""

    process: subprocess.Popen[bytes]
    log: Path

    @classmethod
    def start(cls, folder: Path, *arguments: str, **settings: str) -> "Program":
        """Start a command; its log is appended to."""
        log = folder / f"{arguments[0]}.log"
        with log.open("ab") as file:
            process = subprocess.Popen(  # noqa: S603 - our own program
                [*GATEWAY, *arguments],
                cwd=ROOT,
                env=environment(**settings),
                stdout=file,
                stderr=file,
                start_new_session=True,
            )
        return cls(process, log)

    def terminate(self) -> None:
        """Ask the program to stop."""
        self.process.send_signal(signal.SIGTERM)

    def kill_group(self) -> None:
        """Kill the program and everything that it started, at once."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def wait(self, patience: float = PATIENCE) -> int:
        """Wait for the end; return the exit status."""
        return self.process.wait(patience)

    def children(self) -> list[int]:
        """Return the pids of the processes that it started."""
        pid = self.process.pid
        return [int(x) for x in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@dataclass
class Server:
    """A running server at a port that stays its own across restarts."""

    program: Program
    base_url: str

    @classmethod
    def start(cls, folder: Path, database: str, port: int, *, workers: int = 1) -> "Server":
        """Start a server and wait until it is ready."""
        base_url = f"http://127.0.0.1:{port}"
        program = Program.start(
            folder,
            "serve",
            "--port",
            str(port),
            "--workers",
            str(workers),
            base_url=base_url,
            database_url=database,
        )
        server = cls(program, base_url)
        server.wait_until_ready()
        return server

    def wait_until_ready(self) -> None:
        """Wait for the first answer."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            if self.program.process.poll() is not None:
                break
            with contextlib.suppress(OSError, http.client.HTTPException):
                if ask(f"{self.base_url}/readyz")[0] == 200:
                    return
            time.sleep(0.02)
        raise AssertionError(f"the server is not ready:\n{self.program.log.read_text()}")


@contextlib.contextmanager
def serving(folder: Path, database: str, *, workers: int = 1) -> Iterator[Server]:
    """Run a server meanwhile."""
    server = Server.start(folder, database, free_port(), workers=workers)
    try:
        yield server
    finally:
        server.program.kill_group()


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def ask(
    url: str, key: str = "", method: str = "GET", body: dict[str, Any] | None = None
) -> tuple[int, Any]:
    """Return status and JSON of one request on a connection of its own."""
    address = urlsplit(url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=30)
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    try:
        content = None if body is None else json.dumps(body).encode()
        target = f"{address.path}?{address.query}" if address.query else address.path
        connection.request(method, target, content, headers)
        answer = connection.getresponse()
        text = answer.read()
        return answer.status, json.loads(text) if text else None
    finally:
        connection.close()
