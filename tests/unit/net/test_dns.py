"""TXT records asked of a real name server on loopback."""

import socket
import time
from collections.abc import Iterator

import pytest

from gateway.net.dns import Resolver, Silent
from tests.name_server import NameServer

NAME = "_proof.acme.test"


@pytest.fixture
def server() -> Iterator[NameServer]:
    server = NameServer().start()
    yield server
    server.stop()


def asking(server: NameServer) -> Resolver:
    return Resolver(["127.0.0.1"], server.port, deadline=2)


def test_the_records_of_a_name_are_returned(server: NameServer) -> None:
    server.records[NAME] = ["one", "two"]
    assert sorted(asking(server).txt(NAME)) == ["one", "two"]


def test_a_name_that_does_not_exist_has_none(server: NameServer) -> None:
    assert asking(server).txt(NAME) == []


def test_a_server_that_fails_says_nothing_about_the_record(server: NameServer) -> None:
    server.broken.add(NAME)
    with pytest.raises(Silent):
        asking(server).txt(NAME)


def test_nobody_is_waited_for_beyond_the_deadline() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as mute:
        mute.bind(("127.0.0.1", 0))
        began = time.monotonic()
        with pytest.raises(Silent):
            Resolver(["127.0.0.1"], mute.getsockname()[1], deadline=0.3).txt(NAME)
    assert time.monotonic() - began < 3


def test_what_is_no_name_is_not_asked(server: NameServer) -> None:
    with pytest.raises(Silent):
        asking(server).txt(f"{'x' * 64}.test")
    assert server.asked == []
