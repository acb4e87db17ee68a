"""The HTTP client for addresses that tenants name.

The standard library's client, because everything that matters here happens at the socket: the
address that was checked is the one that is connected to, and one deadline covers all of it.
"""

import http.client
import ipaddress
import queue
import socket
import ssl
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import SplitResult, urlencode, urlsplit

import certifi

from gateway.net.addresses import Address, Allowed, is_public
from gateway.settings import Settings

LARGEST = 1024 * 1024
"""Bytes of a body that is read; a longer one is refused."""

DEADLINE = 10.0
"""Seconds that one exchange may take, from the look-up of the name to the last byte."""

AGENT = "gateway"
PIECE = 64 * 1024


class Unreachable(Exception):
    """Nothing usable came back.

    The message is for the admin who typed the address, and never says what the gateway's own
    network looks like.
    """


@dataclass(frozen=True, slots=True)
class Reply:
    """What a server said, whatever its status; header names are lower-case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def media_type(self) -> str:
        """The content type without parameters."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()


@dataclass(frozen=True)
class HTTPClient:
    """Fetches over https from public addresses, and from `allowed` ones by plain http too.

    No redirect is followed, no proxy of the environment is asked, no cookie is kept.
    """

    allowed: Allowed = field(default_factory=Allowed)
    deadline: float = DEADLINE
    largest: int = LARGEST

    @classmethod
    def of(cls, settings: Settings) -> "HTTPClient":
        """Return the client that an installation's settings allow."""
        return cls(Allowed.of(settings.outbound_allow))

    def get(self, url: str, headers: Mapping[str, str] | None = None) -> Reply:
        """Return what is at a URL.

        :raises Unreachable: a URL, address, certificate, size or delay that is not acceptable.
        """
        return self._ask("GET", url, dict(headers or {}), None)

    def post(
        self, url: str, form: Mapping[str, str], headers: Mapping[str, str] | None = None
    ) -> Reply:
        """Return the answer to a form.

        :raises Unreachable: as `get`.
        """
        sent = {**(headers or {}), "Content-Type": "application/x-www-form-urlencoded"}
        return self._ask("POST", url, sent, urlencode(form).encode())

    def post_body(self, url: str, body: bytes, headers: Mapping[str, str]) -> Reply:
        """Return the answer to a body, whose type is among the headers.

        :raises Unreachable: as `get`.
        """
        return self._ask("POST", url, dict(headers), body)

    def _ask(self, method: str, url: str, headers: dict[str, str], body: bytes | None) -> Reply:
        parts = _parsed(url)
        ends = time.monotonic() + self.deadline
        port = parts.port or (443 if parts.scheme == "https" else 80)
        address = self._address(parts, port, ends)
        connection = _Pinned(parts, port, address, ends)
        watch = threading.Timer(self.deadline, connection.abandon)
        watch.daemon = True
        watch.start()
        try:
            sent = {"User-Agent": AGENT, "Accept-Encoding": "identity", **headers}
            connection.request(method, _target(parts), body, sent)
            return self._read(connection.getresponse(), ends)
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise Unreachable(_reason(error)) from None
        finally:
            watch.cancel()
            connection.close()

    def _address(self, parts: SplitResult, port: int, ends: float) -> Address:
        """Return the address to connect to, which has passed the guard.

        Every address of the name must: one bad among good ones is an attack, not a mistake.
        """
        found = _resolved(parts.hostname or "", port, ends)
        if all(self.allowed.holds(address, port) for address in found):
            return found[0]
        if parts.scheme != "https":
            raise Unreachable("Only https is spoken.")
        if not all(is_public(address) for address in found):
            raise Unreachable("This address is not on the public internet.")
        return found[0]

    def _read(self, response: http.client.HTTPResponse, ends: float) -> Reply:
        if response.headers.get("content-encoding", "identity").lower() != "identity":
            raise Unreachable("The answer is compressed.")
        pieces, size = [], 0
        while piece := response.read1(PIECE):
            size += len(piece)
            if size > self.largest:
                raise Unreachable(f"The answer is larger than {self.largest} bytes.")
            if time.monotonic() > ends:
                raise TimeoutError
            pieces.append(piece)
        if time.monotonic() > ends:
            raise TimeoutError
        if response.length:
            raise http.client.IncompleteRead(b"", response.length)
        headers = {name.lower(): value for name, value in response.headers.items()}
        return Reply(response.status, headers, b"".join(pieces))


class _Pinned(http.client.HTTPConnection):
    """A connection to one address that was checked, whatever its name says a moment later."""

    def __init__(self, parts: SplitResult, port: int, address: Address, ends: float) -> None:
        super().__init__(parts.hostname or "", port)
        self._secure = parts.scheme == "https"
        self._pinned = (str(address), port)
        self._ends = ends

    def connect(self) -> None:
        """Connect, and prove the name by the server's certificate."""
        left = max(self._ends - time.monotonic(), 0.001)
        self.sock = socket.create_connection(self._pinned, timeout=left)
        if self._secure:
            # Kept before the handshake, so that `abandon` can end that as well.
            secured = _TRUST.wrap_socket(
                self.sock, server_hostname=self.host, do_handshake_on_connect=False
            )
            self.sock = secured
            secured.do_handshake()

    def abandon(self) -> None:
        """End whatever the connection is waiting for."""
        taken: Any = self.sock
        if taken is not None:
            try:
                taken.shutdown(socket.SHUT_RDWR)
            except OSError:
                return


def _trust() -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=certifi.where())
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


_TRUST = _trust()


def require_sound(url: str) -> None:
    """Refuse a URL whose form alone keeps it from being fetched, before anybody keeps it.

    Where its name leads is looked at each time that it is fetched.

    :raises Unreachable: it is no http or https URL, or names a user or a fragment.
    """
    _parsed(url)


def _parsed(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise Unreachable("This is no URL.") from None
    proper = url.isascii() and url.isprintable() and " " not in url and "\\" not in url
    if not proper or parts.scheme not in ("https", "http") or not parts.hostname:
        raise Unreachable("This is no https URL.")
    if parts.username is not None or parts.password is not None or port == 0 or parts.fragment:
        raise Unreachable("A URL names host, port, path and query, and nothing else.")
    return parts


def _target(parts: SplitResult) -> str:
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def _resolved(host: str, port: int, ends: float) -> list[Address]:
    """Return the addresses of a name; the system's look-up ends by itself, and nobody waits for it.

    :raises Unreachable: there is none, or none in time.
    """
    answered: queue.SimpleQueue[list[Any] | None] = queue.SimpleQueue()

    def look_up() -> None:
        try:
            answered.put(list(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)))
        except (OSError, UnicodeError):
            answered.put(None)

    threading.Thread(target=look_up, name="look-up", daemon=True).start()
    try:
        found = answered.get(timeout=max(ends - time.monotonic(), 0.001))
    except queue.Empty:
        raise Unreachable("This name's servers did not answer in time.") from None
    if found is None:
        raise Unreachable("This name has no address.")
    addresses = [ipaddress.ip_address(str(entry[4][0]).partition("%")[0]) for entry in found]
    if not addresses:
        raise Unreachable("This name has no address.")
    return list(dict.fromkeys(addresses))


def _reason(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return "The server's certificate does not prove its name."
    if isinstance(error, ssl.SSLError):
        return "The server does not speak TLS as it should."
    if isinstance(error, TimeoutError):
        return "The server did not answer in time."
    if isinstance(error, http.client.HTTPException):
        return "The server does not speak HTTP as it should."
    return "The server cannot be reached."
