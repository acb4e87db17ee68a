"""The guarded client against real servers on loopback, honest and hostile."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from ipaddress import ip_address

import pytest

from gateway.net.addresses import Allowed
from gateway.net.http import HTTPClient, Unreachable, require_sound

LOOPBACK = ip_address("127.0.0.1")


@contextmanager
def answering(speak: Callable[[socket.socket], None]) -> Iterator[int]:
    """Serve one connection after the other with whatever `speak` sends."""
    listener = socket.create_server(("127.0.0.1", 0))
    over = threading.Event()

    def serve() -> None:
        while not over.is_set():
            try:
                taken, _ = listener.accept()
            except OSError:
                return
            with closing(taken):
                try:
                    taken.recv(65536)
                    speak(taken)
                except OSError:
                    continue

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        over.set()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)


def said(text: bytes) -> Callable[[socket.socket], None]:
    return lambda taken: taken.sendall(text)


def client(port: int, **limits: float) -> HTTPClient:
    return HTTPClient(Allowed(frozenset({(LOOPBACK, port)})), **limits)  # type: ignore[arg-type]


def test_what_an_allowed_address_says_is_returned_with_its_status() -> None:
    with answering(
        said(b"HTTP/1.1 404 No\r\nContent-Type: text/Plain; x=y\r\nContent-Length: 2\r\n\r\nhi")
    ) as port:
        reply = client(port).get(f"http://127.0.0.1:{port}/a?b=c")
    assert (reply.status, reply.body, reply.media_type) == (404, b"hi", "text/plain")


def test_a_form_is_posted() -> None:
    with answering(said(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")) as port:
        assert client(port).post(f"http://127.0.0.1:{port}/", {"a": "b c"}).status == 200


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:{port}/",
        "https://127.0.0.1:{port}/",
        "https://localhost:{port}/",
        "https://2130706433:{port}/",
        "https://0x7f.1:{port}/",
        "https://[::1]:{port}/",
        "https://[::ffff:127.0.0.1]:{port}/",
        "http://example.com/",
        "ftp://example.com/",
        "file:///etc/passwd",
        "https://user@example.com/",
        "https://example.com\\@127.0.0.1/",
        "https://exa mple.com/",
        "https:///path",
        "https://example.com:0/",
        "https://example.com/#x",
        "javascript:alert(1)",
    ],
)
def test_nobody_is_asked_who_is_not_on_the_public_internet(url: str) -> None:
    reached: list[int] = []

    def speak(taken: socket.socket) -> None:
        reached.append(1)
        taken.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    with answering(speak) as port:
        other = HTTPClient(Allowed(frozenset({(LOOPBACK, port + 1)})))
        with pytest.raises(Unreachable):
            other.get(url.format(port=port))
    assert not reached


def test_a_redirect_is_an_answer_and_is_not_followed() -> None:
    moved = b"HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n"
    with answering(said(moved)) as port:
        assert client(port).get(f"http://127.0.0.1:{port}/").status == 302


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(
            b"HTTP/1.1 200 OK\r\nContent-Length: 3000\r\n\r\n" + b"x" * 3000, id="too-large"
        ),
        pytest.param(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 3000, id="too-large-without-a-length"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", id="cut-off"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\nx", id="compressed"),
        pytest.param(b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 200 + b"\r\n", id="too-many-headers"),
        pytest.param(
            b"HTTP/1.1 200 OK\r\na: " + b"b" * 70000 + b"\r\n\r\n", id="a-header-without-end"
        ),
        pytest.param(b"hello\r\n\r\n", id="no-http"),
        pytest.param(b"", id="nothing"),
    ],
)
def test_an_answer_out_of_bounds_is_refused(text: bytes) -> None:
    with answering(said(text)) as port, pytest.raises(Unreachable):
        client(port, largest=2000).get(f"http://127.0.0.1:{port}/")


@pytest.mark.parametrize("start", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n"])
def test_whoever_drips_is_cut_off_at_the_deadline(start: bytes) -> None:
    def drip(taken: socket.socket) -> None:
        taken.sendall(start)
        for _ in range(100):
            taken.sendall(b"x")
            time.sleep(0.05)

    with answering(drip) as port:
        began = time.monotonic()
        with pytest.raises(Unreachable):
            client(port, deadline=0.4).get(f"http://127.0.0.1:{port}/")
    assert time.monotonic() - began < 4  # the drip alone would take five seconds


def test_a_name_whose_servers_hold_back_is_left_at_the_deadline(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The system's own look-up knows no deadline of ours."""
    over = threading.Event()

    def hold_back(*_: object, **__: object) -> list[object]:
        over.wait(5)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", hold_back)
    began = time.monotonic()
    with pytest.raises(Unreachable, match="in time"):
        HTTPClient(deadline=0.3).get("https://slow.example.com/")
    over.set()
    assert time.monotonic() - began < 3


def test_a_url_is_judged_before_anybody_keeps_it() -> None:
    require_sound("https://idp.example.com/metadata?x=1")
    with pytest.raises(Unreachable):
        require_sound("gopher://idp.example.com/")
