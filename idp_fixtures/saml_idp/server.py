"""The provider's site over HTTP, on loopback."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from idp_fixtures.loopback import Conversation, present
from idp_fixtures.saml_idp.provider import SAMLProvider
from idp_fixtures.saml_idp.site import Page, Site


@contextmanager
def serving(
    port: int = 0,
    *,
    host: str = "127.0.0.1",
    entity_id: str | None = None,
    clock: Callable[[], datetime] = present,
) -> Iterator[Site]:
    """Serve a provider of our own until the block ends; its address is `provider.base_url`."""
    server = ThreadingHTTPServer((host, port), BaseHTTPRequestHandler)
    base_url = f"http://{host}:{server.server_address[1]}"
    provider = SAMLProvider(
        entity_id=entity_id or f"{base_url}/metadata", base_url=base_url, clock=clock
    )
    site = Site(provider)
    server.RequestHandlerClass = _conversation(site)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _conversation(site: Site) -> type[BaseHTTPRequestHandler]:
    lock = threading.Lock()

    class Ours(Conversation):
        def answer(self, body: bytes) -> None:
            """Answer what was asked."""
            with lock:
                page: Page = site.answer(self.command, self.path, body)
            content = page.body if isinstance(page.body, bytes) else page.body.encode()
            self.send_response(page.status)
            if page.location is not None:
                self.send_header("Location", page.location)
            self.send_header("Content-Type", page.media_type)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    return Ours
