"""The whole application in process, over plain http, with organisations of every preset."""

from collections.abc import Callable

import pytest

from gateway.app import Gateway, create_app
from gateway.settings import Settings
from gateway.storage.unit_of_work import Work
from tests.clock import Clock
from tests.service.invitations.stage import ORDINARY, Stage, stage

Founding = Callable[..., Stage]


@pytest.fixture
def gateway(database: str, work: Work) -> Gateway:
    settings = Settings(base_url="http://localhost", database_url=database, plain_http_cookies=True)
    return create_app(settings, work)


@pytest.fixture
def found(gateway: Gateway, clock: Clock) -> Founding:
    """Found an organisation of a preset, a plan and a slug."""
    return lambda preset, plan=None, slug="acme": stage(gateway, clock, preset, plan, slug)


@pytest.fixture(params=sorted(ORDINARY))
def every(request: pytest.FixtureRequest, found: Founding) -> Stage:
    """An organisation of each preset in turn, with room for people."""
    plans = {"pingback": "pro", "whatsapp": "scale"}
    acme = found(request.param, plans.get(request.param))
    acme.policy("invite_requires_account", value=False)
    return acme


@pytest.fixture
def acme(found: Founding) -> Stage:
    """An organisation that has several owners and opens all chatbots."""
    return found("members_invitations")
