"""What the simulated providers' servers share: quiet conversations, and being run by hand."""

import json
import sys
import threading
import time
from abc import abstractmethod
from collections.abc import Mapping
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler

BODY_LIMIT = 2 * 1024 * 1024
"""Bytes of a posted body that are read."""


class Conversation(BaseHTTPRequestHandler):
    """One connection of a client or a browser; whoever serves says how it is answered."""

    protocol_version = "HTTP/1.1"
    timeout = 60

    def do_GET(self) -> None:
        """Answer without a body."""
        self.answer(b"")

    def do_POST(self) -> None:
        """Answer a posted body."""
        length = min(int(self.headers.get("Content-Length", "0")), BODY_LIMIT)
        self.answer(self.rfile.read(length))

    def log_message(self, format: str, *arguments: object) -> None:
        """Keep quiet."""

    @abstractmethod
    def answer(self, body: bytes) -> None:
        """Answer what was asked."""


def present() -> datetime:
    """Return the present instant."""
    return datetime.fromtimestamp(time.time(), UTC)


def described(user: str) -> tuple[str, str, list[str]]:
    """Return address, name and groups of somebody given as EMAIL[:GROUP,…]."""
    email, _, groups = user.partition(":")
    name = email.partition("@")[0].replace(".", " ").title()
    return email, name, [group for group in groups.split(",") if group]


def stay(ready: Mapping[str, str]) -> None:
    """Say in one line of JSON that the server is ready, and wait until it is interrupted."""
    sys.stdout.write(json.dumps(ready) + "\n")
    sys.stdout.flush()
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        return
