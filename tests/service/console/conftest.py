"""The sign-in pages in process, over plain http."""

import pytest

from gateway.app import Gateway, create_app
from gateway.settings import Settings
from gateway.storage.engine import Engines
from gateway.storage.unit_of_work import Work
from tests.clock import Clock, CountedIds
from tests.service.console.browser import Browser
from tests.service.signin.lodge import VAULT, Lodge, lodge


@pytest.fixture
def work(engines: Engines, clock: Clock) -> Work:
    return Work(engines, clock=clock, new_id=CountedIds(), vault=VAULT)


@pytest.fixture
def settings(database: str) -> Settings:
    return Settings(base_url="http://localhost", database_url=database, plain_http_cookies=True)


@pytest.fixture
def gateway(settings: Settings, work: Work) -> Gateway:
    return create_app(settings, work)


@pytest.fixture
def acme(work: Work) -> Lodge:
    return lodge(work, "acme")


@pytest.fixture
def globex(work: Work) -> Lodge:
    return lodge(work, "globex")


@pytest.fixture
def browser(gateway: Gateway) -> Browser:
    return Browser(gateway)
