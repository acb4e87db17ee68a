"""A web server on loopback that says what a test wants it to."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class WebServer:
    """One document, at every path; it counts how often it was asked."""

    url: str = ""
    document: bytes = b""
    status: int = 200
    asked: int = 0

    @property
    def address(self) -> str:
        """Host and port, as they are allowed to be reached."""
        return self.url.removeprefix("http://").partition("/")[0]


@contextmanager
def serving() -> Iterator[WebServer]:
    """Serve until the block ends."""
    shelf = WebServer()

    class Conversation(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            shelf.asked += 1
            self.send_response(shelf.status)
            self.send_header("Content-Length", str(len(shelf.document)))
            self.end_headers()
            self.wfile.write(shelf.document)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Conversation)
    shelf.url = f"http://127.0.0.1:{server.server_address[1]}/metadata"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield shelf
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
