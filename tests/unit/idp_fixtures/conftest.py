from collections.abc import Iterator

import pytest

from tests.unit.idp_fixtures.service import Service, running


@pytest.fixture
def service() -> Iterator[Service]:
    with running() as service:
        yield service
