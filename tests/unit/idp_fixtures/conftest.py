from collections.abc import Iterator

import pytest

from idp_fixtures.openid_provider.keys import spare
from idp_fixtures.openid_provider.server import OpenIDServer, serving
from tests.unit.idp_fixtures.openid import MIA, client
from tests.unit.idp_fixtures.service import Service, running


@pytest.fixture
def service() -> Iterator[Service]:
    with running() as service:
        yield service


@pytest.fixture
def server() -> Iterator[OpenIDServer]:
    """An OpenID provider that knows Mia and one client."""
    with serving() as server:
        server.provider.keys = [spare("RS256", kid="ours")]
        server.add(MIA)
        server.register(client())
        yield server
