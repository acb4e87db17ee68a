"""A keep-alive HTTP client that costs next to nothing, so that what is measured is the server."""

import json
import socket
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Answer:
    """Status and body."""

    status: int
    body: bytes

    def json(self) -> Any:
        """Return the body's JSON value."""
        return json.loads(self.body)


class UnexpectedAnswer(RuntimeError):
    """The server answered something else than the measurement needs."""


class Client:
    """One connection to a server on loopback."""

    def __init__(
        self,
        port: int,
        token: str | None = None,
        patience: float = 60.0,
        cookie: str | None = None,
    ) -> None:
        self._patience = patience
        self._address = ("127.0.0.1", port)
        authorization = f"Authorization: Bearer {token}\r\n" if token else ""
        kept = f"Cookie: {cookie}\r\n" if cookie else ""
        self._headers = (
            f"Host: 127.0.0.1:{port}\r\n{authorization}{kept}"
            "Accept: application/scim+json, application/json\r\n"
        )
        self._socket: socket.socket | None = None

    def request(self, method: str, path: str, body: Any = None) -> bytes:
        """Return a request as it goes over the wire."""
        head = f"{method} {path} HTTP/1.1\r\n{self._headers}"
        if body is None:
            return f"{head}\r\n".encode()
        content = json.dumps(body, separators=(",", ":")).encode()
        kind = "application/scim+json" if "/scim/" in path else "application/json"
        head += f"Content-Type: {kind}\r\nContent-Length: {len(content)}\r\n\r\n"
        return head.encode() + content

    def send(self, request: bytes) -> Answer:
        """Send a request and return the whole answer; a connection that was closed is opened."""
        if self._socket is None:
            self._socket = socket.create_connection(self._address, self._patience)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.sendall(request)
        received = b""
        while (end := received.find(b"\r\n\r\n")) < 0:
            received += self._more()
        head = received[:end].decode("latin-1").lower()
        status = int(head[9:12])
        length = 0
        for line in head.split("\r\n")[1:]:
            name, _, value = line.partition(":")
            if name == "content-length":
                length = int(value)
            elif name == "transfer-encoding":
                raise UnexpectedAnswer("a body without a length")
        parts = [received[end + 4 :]]
        have = len(parts[0])
        while have < length:
            parts.append(self._more())
            have += len(parts[-1])
        if "connection: close" in head:
            self.close()
        return Answer(status, b"".join(parts))

    def close(self) -> None:
        """Close the connection; the next request opens one."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _more(self) -> bytes:
        if self._socket is None:
            raise OSError("not connected")
        received = self._socket.recv(1 << 16)
        if not received:
            self.close()
            raise OSError("the server closed the connection")
        return received
