"""The provider's site over HTTP, on loopback."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from http.server import ThreadingHTTPServer

from idp_fixtures.loopback import Conversation, present
from idp_fixtures.openid_provider.accounts import Account
from idp_fixtures.openid_provider.pages import Page
from idp_fixtures.openid_provider.provider import Client, OpenIDProvider
from idp_fixtures.openid_provider.site import Site, visit_of


class OpenIDServer:
    """A provider of our own on loopback: people are added, clients registered, then it serves.

    The port is taken at once, so that `url` is known before `start`. The issuer is `url` with what
    `path` names.
    """

    def __init__(
        self,
        port: int = 0,
        *,
        host: str = "127.0.0.1",
        path: str = "",
        clock: Callable[[], datetime] = present,
    ) -> None:
        self._server = _Server((host, port), _Ours)
        self.url = f"http://{host}:{self._server.server_address[1]}"
        self.site = Site(OpenIDProvider(issuer=self.url + path, base_url=self.url, clock=clock))
        self._server.RequestHandlerClass = type("Ours", (_Ours,), {"site": self.site})
        self._thread: threading.Thread | None = None

    @property
    def provider(self) -> OpenIDProvider:
        """What signs and publishes."""
        return self.site.provider

    @property
    def issuer(self) -> str:
        """The issuer that clients are configured with."""
        return self.provider.issuer

    def add(self, *people: Account) -> None:
        """Let people sign in here."""
        self.site.add(*people)

    def register(self, client: Client) -> Client:
        """Know a client."""
        return self.site.register(client)

    def start(self) -> None:
        """Serve until `stop`."""
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Take no more requests, and give the port back."""
        if self._thread is not None:
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()


@contextmanager
def serving(
    port: int = 0,
    *,
    host: str = "127.0.0.1",
    path: str = "",
    clock: Callable[[], datetime] = present,
) -> Iterator[OpenIDServer]:
    """Serve a provider of our own until the block ends."""
    server = OpenIDServer(port, host=host, path=path, clock=clock)
    server.start()
    try:
        yield server
    finally:
        server.stop()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False


class _Ours(Conversation):
    """A conversation with one site."""

    site: Site

    def answer(self, body: bytes) -> None:
        """Answer what was asked."""
        page = self.site.answer(visit_of(self.command, self.path, body, dict(self.headers)))
        content = page.body if isinstance(page.body, bytes) else page.body.encode()
        self.send_response(page.status)
        own = (("Location", page.location), ("Set-Cookie", page.cookie))
        for name, value in (*own, *page.headers):
            if value is not None:
                self.send_header(name, value)
        self.send_header("Content-Type", page.media_type)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        try:
            self._write(page, content)
        except ConnectionError:
            self.close_connection = True

    def _write(self, page: Page, content: bytes) -> None:
        if not page.pause:
            self.wfile.write(content)
            return
        for place in range(len(content)):
            self.wfile.write(content[place : place + 1])
            self.wfile.flush()
            time.sleep(page.pause)
