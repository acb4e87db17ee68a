"""The whole application in process, with two organisations."""

from collections.abc import Iterator

import pytest

from gateway.app import Gateway, create_app
from gateway.settings import Settings
from gateway.storage.unit_of_work import Work
from tests.factories import House, house
from tests.name_server import NameServer
from tests.service.api import callers
from tests.service.api.callers import Caller
from tests.service.api.products import Product, product


@pytest.fixture(scope="session")
def the_name_server() -> Iterator[NameServer]:
    server = NameServer().start()
    yield server
    server.stop()


@pytest.fixture
def name_server(the_name_server: NameServer) -> NameServer:
    """A name server that knows nothing yet."""
    the_name_server.forget()
    return the_name_server


@pytest.fixture
def settings(database: str, name_server: NameServer) -> Settings:
    return Settings(
        base_url="http://localhost",
        database_url=database,
        dns_servers="127.0.0.1",
        dns_port=name_server.port,
    )


@pytest.fixture
def gateway(settings: Settings, work: Work) -> Gateway:
    return create_app(settings, work)


@pytest.fixture
def acme(work: Work) -> House:
    return house(work, "acme")


@pytest.fixture
def globex(work: Work) -> House:
    return house(work, "globex")


@pytest.fixture
def operator(gateway: Gateway) -> Caller:
    return callers.operator(gateway)


@pytest.fixture
def owner(gateway: Gateway, acme: House) -> Caller:
    """Acme's owner, by API key."""
    return callers.owner(gateway, acme)


@pytest.fixture
def stranger(gateway: Gateway) -> Caller:
    """Somebody without any key."""
    return Caller(gateway, None)


@pytest.fixture
def pleep(gateway: Gateway, work: Work) -> Product:
    return product(gateway, work, "pleep")


@pytest.fixture
def five(gateway: Gateway, work: Work) -> Product:
    return product(gateway, work, "five_role")


@pytest.fixture
def pingback(gateway: Gateway, work: Work) -> Product:
    return product(gateway, work, "pingback")


@pytest.fixture
def invited(gateway: Gateway, work: Work) -> Product:
    return product(gateway, work, "members_invitations")


@pytest.fixture
def whatsapp(gateway: Gateway, work: Work) -> Product:
    return product(gateway, work, "whatsapp")
