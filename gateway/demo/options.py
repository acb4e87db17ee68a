"""What the demo was asked for, and the clock that a file can move."""

import ipaddress
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from gateway.app import utc_now

DEFAULT_PRESET = "pleep"


class DemoFailed(Exception):
    """The demo cannot go on; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The demo's command line."""

    json: bool = False
    play: bool = True
    port: int = 0
    database: str | None = None
    data: Path | None = None
    preset: str = DEFAULT_PRESET
    plan: str | None = None
    clock: Path | None = None
    outbound: tuple[str, ...] = ()


class FileClock:
    """The present moved by the seconds that a file holds; without a file, the present.

    While the file is being rewritten, and where it holds no number, the last good value counts.
    """

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self._offset = timedelta(0)

    def __call__(self) -> datetime:
        """Return the instant that the demo takes for the present."""
        present = utc_now()
        if self._file is not None:
            with suppress(OSError, ValueError, OverflowError):
                offset = timedelta(seconds=float(self._file.read_text()))
                self._offset = (present + offset) - present
        return present + self._offset


def require_address(text: str) -> str:
    """Return an address that may be allowed, with or without a port.

    :raises ValueError: no IP address, or no port.
    """
    host, colon, port = text.rpartition(":")
    if not colon or "]" in port or (":" in host and not host.startswith("[")):
        host, port = text, ""
    ipaddress.ip_address(host.strip("[]"))
    if port and not 0 < int(port) < 65536:
        raise ValueError("a port is 1 to 65535")
    return text
