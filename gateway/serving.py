"""The built-in server: processes that share one listening socket, each with a few threads.

The supervisor holds the socket, starts the processes and replaces one that dies. Told to stop
(SIGTERM, or Ctrl-C) it passes that on, and each process finishes the requests that it has
begun. If the supervisor itself is killed, its processes notice and end as well.
"""

import gc
import logging
import os
import select
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from waitress.server import create_server  # type: ignore[import-untyped]
from waitress.task import ThreadedTaskDispatcher  # type: ignore[import-untyped]

from gateway.app import Gateway
from gateway.logs import logger
from gateway.settings import Settings
from gateway.turns import ABROAD, Owners, Turns
from gateway.wsgi import Environ

BACKLOG = 1024
COLLECT_AFTER = 20_000
"""Objects made since the last search for cycles: a change of thousands of members is full of live
ones, and a request leaves hardly any cycle behind."""

POLL = 0.2
"""Seconds until a process notices that it should stop."""

SETTLED = 0.5
"""Seconds without a byte after which a connection counts as idle when the server stops."""

EARLY = 2.0
"""A process that ends itself with an error so many seconds after its start cannot start."""

EARLY_ENDS = 5
"""So many of them in a row, and the server gives up; one that is killed is always replaced."""

BODY_ROOM = 4
"""Bodies up to so many times the limit are read, to be refused in the protocol's own form."""

SWITCH = 0.001
"""Seconds that a thread computes before another may; Python's own 5 ms add up, switch by switch."""

STOP_SIGNALS = frozenset({signal.SIGTERM, signal.SIGINT})
_log = logger("server")


class StartFailed(Exception):
    """The server cannot run; the message says why."""


def listen(host: str, port: int, patience: float = 5.0) -> socket.socket:
    """Return a listening socket; port 0 takes a free one.

    Waits a little for a port that a server just killed has not left yet.

    :raises StartFailed: the address cannot be had.
    """
    deadline = time.monotonic() + patience
    while True:
        try:
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            listener = socket.create_server((host, port), family=family, backlog=BACKLOG)
        except OSError as error:
            if time.monotonic() > deadline:
                raise StartFailed(f"Cannot listen on {host}:{port}: {error.strerror}.") from error
            time.sleep(0.1)
        else:
            return listener


@dataclass
class Supervisor:
    """Keeps the processes of one server alive.

    `build` makes the application; it runs in each process, so that no connection to the
    database is shared. `is_orphan` says whether whoever started the server is gone.
    """

    settings: Settings
    listener: socket.socket
    build: Callable[[], Gateway]
    processes: int
    is_orphan: Callable[[], bool] = lambda: False
    _alive: dict[int, float] = field(default_factory=dict)
    _early_ends: int = 0
    _lifeline: tuple[int, int] = field(default_factory=os.pipe)

    def run(self) -> None:
        """Serve until told to stop, then let every process finish its requests.

        :raises StartFailed: the processes die as soon as they start.
        """
        signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS | {signal.SIGCHLD})
        for _ in range(self.processes):
            self._start()
        host, port = self.listener.getsockname()[:2]
        _log.info("listening", host=host, port=port, processes=self.processes)
        try:
            while not self.is_orphan():
                told = signal.sigtimedwait(STOP_SIGNALS | {signal.SIGCHLD}, 0.5)
                if told is not None and told.si_signo in STOP_SIGNALS:
                    break
                self._replace_dead()
        finally:
            self._stop()

    def _start(self) -> None:
        started = time.monotonic()
        pid = os.fork()
        if pid == 0:
            os.close(self._lifeline[1])
            os._exit(self._be_a_process())
        self._alive[pid] = started

    def _be_a_process(self) -> int:
        stop = threading.Event()
        for number in STOP_SIGNALS:
            signal.signal(number, lambda *_: stop.set())
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS | {signal.SIGCHLD})
        try:
            app = self.build()
            serve(app, self.listener, lambda: stop.is_set() or self._is_abandoned())
            app.close()
        except Exception as error:
            _log.critical("a process failed", exc_info=error)
            return 1
        return 0

    def _is_abandoned(self) -> bool:
        """Whether the supervisor is gone: nobody holds the other end of the pipe any more."""
        return bool(select.select([self._lifeline[0]], [], [], 0)[0])

    def _replace_dead(self) -> None:
        for pid, status in _reaped():
            lived = time.monotonic() - self._alive.pop(pid, 0.0)
            failed = status > 0 and lived < EARLY
            self._early_ends = self._early_ends + 1 if failed else 0
            if self._early_ends >= EARLY_ENDS:
                raise StartFailed("The server's processes die as soon as they start.")
            _log.error("a process died and is replaced", pid=pid, status=status)
            self._start()

    def _stop(self) -> None:
        _log.info("stopping")
        self.listener.close()
        for pid in self._alive:
            os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + self.settings.shutdown_grace.total_seconds() + 5
        while self._alive and time.monotonic() < deadline:
            for pid, _ in _reaped():
                self._alive.pop(pid, None)
            time.sleep(0.02)
        for pid in self._alive:
            _log.error("a process did not end in time and is killed", pid=pid)
            os.kill(pid, signal.SIGKILL)
        _log.info("stopped")


def serve(app: Gateway, listener: socket.socket, told_to_stop: Callable[[], bool]) -> None:
    """Serve the socket in this process until told to stop, then finish what was begun."""
    settings = app.settings
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)
    sockets: dict[int, Any] = {}
    proxy: dict[str, Any] = {}
    if settings.trusted_proxy is not None:
        proxy["trusted_proxy"] = settings.trusted_proxy
        proxy["trusted_proxy_headers"] = {"x-forwarded-for", "x-forwarded-proto"}
    owners = Owners()
    # One request at work holds the others' up no longer than this, should it only compute.
    sys.setswitchinterval(SWITCH)

    def application(environ: Environ, start_response: Any) -> Any:
        body = app(environ, start_response)
        owners.note(environ)
        return body

    server: Any = create_server(
        application,
        _dispatcher=_dispatcher(settings.request_threads, owners),
        map=sockets,
        sockets=[listener],
        ident="gateway",
        backlog=BACKLOG,
        connection_limit=1000,
        channel_timeout=60,
        max_request_body_size=max(settings.max_body, settings.scim_max_body) * BODY_ROOM,
        clear_untrusted_proxy_headers=True,
        **proxy,
    )
    # What the application is made of stays for good: no collection walks through it again.
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER, *gc.get_threshold()[1:])
    with _flushing(app):
        while not told_to_stop():
            server.asyncore.loop(timeout=POLL, use_poll=True, map=sockets, count=1)
        _drain(server, sockets, settings.shutdown_grace.total_seconds())


def _dispatcher(threads: int, owners: Owners) -> ThreadedTaskDispatcher:
    """Return the threads that serve requests, whose queue lets organisations take turns."""
    dispatcher = ThreadedTaskDispatcher()
    dispatcher.queue = Turns(threads, dispatcher.lock, owners.lane_of, owners.abroad)
    dispatcher.set_thread_count(threads + ABROAD)
    return dispatcher


def _drain(server: Any, sockets: dict[int, Any], grace: float) -> None:
    """Take no new connection, finish every request of which a byte has arrived, and end."""
    while select.select([server.socket], [], [], 0)[0]:
        # Connected already, and told so by the kernel: theirs are requests in flight too.
        server.handle_accept()
    server.accepting = False
    server.del_channel(sockets)
    server.socket.close()
    deadline = time.monotonic() + grace
    while server.active_channels and time.monotonic() < deadline:
        # What a client has sent already is read before its connection counts as idle.
        server.asyncore.loop(timeout=0.02, use_poll=True, map=sockets, count=1)
        for channel in list(server.active_channels.values()):
            busy = channel.requests or channel.request or channel.total_outbufs_len
            # Who has just connected is about to ask: its first bytes may still be on the way.
            if not busy and time.time() - channel.last_activity > SETTLED:
                channel.will_close = True
    if server.active_channels:
        _log.warning("requests were cut off", connections=len(server.active_channels))
    server.task_dispatcher.shutdown(timeout=max(1.0, deadline - time.monotonic()))


@contextmanager
def _flushing(app: Gateway) -> Iterator[None]:
    """Call `app.flush` every second from a thread of its own."""
    done = threading.Event()

    def run() -> None:
        while not done.wait(1.0):
            try:
                app.flush()
            except Exception as error:
                _log.warning("flush failed", exc_info=error)

    thread = threading.Thread(target=run, name="flush", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join(timeout=10)


def _reaped() -> list[tuple[int, int]]:
    """Return pid and exit status of every process that has ended."""
    found: list[tuple[int, int]] = []
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return found
        if pid == 0:
            return found
        found.append((pid, os.waitstatus_to_exitcode(status)))
