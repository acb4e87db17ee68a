"""The product's server with a clock on what judges messages of identity providers.

`python -m tests.bench.judged FILE PORT` serves with the settings of the environment. SIGUSR1
forgets what was counted so far; when told to stop, it writes to FILE the CPU seconds that
verification took, by protocol.
"""

import functools
import json
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gateway import logs
from gateway.app import create_app
from gateway.oidc.signing_in import SigningIn as ByOpenID
from gateway.saml.signing_in import SigningIn as BySAML
from gateway.serving import listen, serve
from gateway.settings import load_settings

PROTOCOLS: dict[str, Any] = {"SAML": BySAML, "OpenID Connect": ByOpenID}


class Clock:
    """CPU seconds of all calls of what it was put on."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._guard = threading.Lock()

    def on(self, judge: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function with this clock on it."""

        @functools.wraps(judge)
        def clocked(*arguments: Any, **named: Any) -> Any:
            started = time.thread_time()
            try:
                return judge(*arguments, **named)
            finally:
                with self._guard:
                    self.seconds += time.thread_time() - started

        return clocked

    def forget(self) -> None:
        """Begin anew."""
        self.seconds = 0.0


def main(file: str, port: str) -> None:
    """Serve until told to stop, then write what verification took, by protocol."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    clocks = {name: Clock() for name in PROTOCOLS}

    def forget(*_: object) -> None:
        for clock in clocks.values():
            clock.forget()

    signal.signal(signal.SIGUSR1, forget)
    for name, clock in clocks.items():
        # All that lies between a message and the verb.
        PROTOCOLS[name]._judged = clock.on(PROTOCOLS[name]._judged)
    settings = load_settings()
    logs.set_up(settings.log_level, settings.log_format)
    app = create_app(settings)
    serve(app, listen("127.0.0.1", int(port)), stop.is_set)
    app.flush()
    Path(file).write_text(json.dumps({name: clock.seconds for name, clock in clocks.items()}))
    app.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
