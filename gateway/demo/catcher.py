"""A mailbox for every address: takes mail by SMTP and shows it by HTTP.

Forty lines of SMTP rather than a dependency: the demo runs from the installed product, which
needs a mail server to talk to and nothing that a real one is for.
"""

import itertools
import json
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import MIMEPart
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from gateway.app import utc_now

LONGEST_LINE = 65_536


@dataclass
class Mailbox:
    """All mail that was sent, the newest first."""

    _mails: list[dict[str, Any]] = field(default_factory=list)
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def keep(self, recipients: list[str], content: bytes) -> None:
        """Keep one mail."""
        mail = message_from_bytes(content, policy=policy.default)
        plain, html = mail.get_body(("plain",)), mail.get_body(("html",))
        with self._lock:
            self._mails.insert(
                0,
                {
                    "id": str(next(self._numbers)),
                    "to": ", ".join(recipients),
                    "subject": str(mail["Subject"] or ""),
                    "text": _content(plain),
                    "html": _content(html),
                    "headers": {name: str(value) for name, value in mail.items()},
                    "sent_at": utc_now().isoformat(),
                },
            )

    def listing(self) -> list[dict[str, Any]]:
        """Return every mail, the newest first."""
        with self._lock:
            return list(self._mails)


def _content(part: MIMEPart | None) -> str | None:
    return None if part is None else str(part.get_content()).replace("\r\n", "\n")


class Conversation(socketserver.StreamRequestHandler):
    """One SMTP session (RFC 5321) that accepts every mail for everybody."""

    timeout = 60
    mailbox: Mailbox

    def handle(self) -> None:
        """Talk until the client quits."""
        self._say(220, "demo mailbox")
        recipients: list[str] = []
        while line := self.rfile.readline(LONGEST_LINE):
            verb, _, rest = line.decode("utf-8", "replace").strip().partition(" ")
            match verb.upper():
                case "EHLO" | "HELO" | "NOOP":
                    self._say(250, "ok")
                case "MAIL" | "RSET":
                    recipients = []
                    self._say(250, "ok")
                case "RCPT":
                    recipients.append(rest.partition(":")[2].strip().strip("<>"))
                    self._say(250, "ok")
                case "DATA" if recipients:
                    self._say(354, "end with a dot")
                    self.mailbox.keep(recipients, self._content())
                    self._say(250, "kept")
                case "QUIT":
                    self._say(221, "bye")
                    return
                case _:
                    self._say(503 if verb.upper() == "DATA" else 502, "not here")

    def _content(self) -> bytes:
        """Read up to the line with a dot alone; a leading dot was doubled by the sender."""
        lines = []
        while (line := self.rfile.readline(LONGEST_LINE)) not in (b".\r\n", b".\n", b""):
            lines.append(line.removeprefix(b"."))
        return b"".join(lines)

    def _say(self, code: int, text: str) -> None:
        self.wfile.write(f"{code} {text}\r\n".encode())


class Page(BaseHTTPRequestHandler):
    """Answers every GET with the mailbox as a JSON list."""

    mailbox: Mailbox

    def do_GET(self) -> None:
        """Return all mail, the newest first."""
        body = json.dumps(self.mailbox.listing(), ensure_ascii=False).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Say nothing: the demo's terminal is for the story."""


class SMTPServer(socketserver.ThreadingTCPServer):
    """Listens for mail on loopback."""

    allow_reuse_address = True
    daemon_threads = True


@dataclass(frozen=True, slots=True)
class Catcher:
    """The two sockets of the mailbox, listening from the start."""

    mailbox: Mailbox
    smtp: SMTPServer
    page: ThreadingHTTPServer

    @classmethod
    def open(cls) -> "Catcher":
        """Return a catcher on two free ports of loopback."""
        mailbox = Mailbox()
        conversation = type("KeptConversation", (Conversation,), {"mailbox": mailbox})
        page = type("KeptPage", (Page,), {"mailbox": mailbox})
        return cls(
            mailbox,
            SMTPServer(("127.0.0.1", 0), conversation),
            ThreadingHTTPServer(("127.0.0.1", 0), page),
        )

    @property
    def smtp_port(self) -> int:
        """Where mail is taken."""
        return int(self.smtp.server_address[1])

    @property
    def url(self) -> str:
        """Where mail is shown."""
        return f"http://127.0.0.1:{self.page.server_address[1]}/"

    @contextmanager
    def running(self) -> Iterator[None]:
        """Take and show mail meanwhile."""
        servers: tuple[socketserver.BaseServer, ...] = (self.smtp, self.page)
        threads = [threading.Thread(target=x.serve_forever, daemon=True) for x in servers]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            for server in servers:
                server.shutdown()
                server.server_close()
