"""Sign-in on both databases, with secrets sealed."""

import pytest

from gateway.storage.engine import Engines
from gateway.storage.unit_of_work import Work
from tests.clock import Clock, CountedIds
from tests.service.signin.lodge import VAULT, Lodge, lodge


@pytest.fixture
def work(engines: Engines, clock: Clock) -> Work:
    return Work(engines, clock=clock, new_id=CountedIds(), vault=VAULT)


@pytest.fixture
def acme(work: Work) -> Lodge:
    """Acme, whose people are provisioned and sign in through Okta."""
    return lodge(work, "acme")


@pytest.fixture
def globex(work: Work) -> Lodge:
    """Globex, another organisation."""
    return lodge(work, "globex")
