"""The demo's processes: the product's server and worker, ended with the demo whatever happens."""

import os
import select
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from gateway.demo.options import DemoFailed

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)
PATIENCE = 40.0
"""Seconds for a process to end by itself, longer than the server's own grace."""


@dataclass
class Processes:
    """Programs forked off before the demo has threads or connections of its own."""

    _pids: dict[int, str] = field(default_factory=dict)
    _lifeline: tuple[int, int] = field(default_factory=os.pipe)

    def start(self, name: str, program: Callable[[Callable[[], bool]], None]) -> None:
        """Fork a process that runs `program`, which hears whether the demo has died."""
        sys.stdout.flush()
        sys.stderr.flush()
        pid = os.fork()
        if pid:
            self._pids[pid] = name
            return
        os.close(self._lifeline[1])
        # Ctrl-C reaches the whole terminal; the demo alone decides when its processes end.
        os.setpgid(0, 0)
        try:
            program(self._is_orphan)
        except KeyboardInterrupt:
            os._exit(0)
        except BaseException as error:
            sys.stderr.write(f"gateway: the demo's {name} failed: {error!r}\n")
            os._exit(1)
        os._exit(0)

    def require_alive(self) -> None:
        """Refuse to go on when a process has ended by itself.

        :raises DemoFailed: names it.
        """
        for pid, name in list(self._pids.items()):
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                del self._pids[pid]
                code = os.waitstatus_to_exitcode(status)
                raise DemoFailed(f"The demo's {name} ended by itself (status {code}).")

    def stop(self) -> None:
        """End every process: politely, and after a while by force."""
        for pid in self._pids:
            os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + PATIENCE
        while self._pids and time.monotonic() < deadline:
            for pid in list(self._pids):
                if os.waitpid(pid, os.WNOHANG)[0]:
                    del self._pids[pid]
            time.sleep(0.02)
        for pid in self._pids:
            os.kill(pid, signal.SIGKILL)

    def _is_orphan(self) -> bool:
        return bool(select.select([self._lifeline[0]], [], [], 0)[0])
