"""A place on loopback that nobody outside may make us go to."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Thread


@dataclass
class Inside:
    """A place that nobody outside may make us go to."""

    url: str
    visitors: list[str] = field(default_factory=list)


@contextmanager
def inside() -> Iterator[Inside]:
    """Listen on loopback and note who comes."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        place = Inside(f"http://127.0.0.1:{listener.getsockname()[1]}")

        def listen() -> None:
            while True:
                try:
                    visitor, where = listener.accept()
                except OSError:
                    return
                place.visitors.append(str(where))
                visitor.close()

        Thread(target=listen, daemon=True).start()
        yield place
        listener.shutdown(socket.SHUT_RDWR)
