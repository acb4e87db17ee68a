"""Organisations in motion, on both databases."""

import pytest

from gateway.storage.unit_of_work import Work
from tests.scene import Scene, scene


@pytest.fixture
def here(work: Work) -> Scene:
    """An organisation with a single owner: five roles, scope all."""
    return scene(work)


@pytest.fixture
def shared(work: Work) -> Scene:
    """An organisation that may have several owners."""
    return scene(work, "initech", "members_invitations")
