"""What identity providers send, step by step, on both databases."""

from collections.abc import Iterator

import pytest

from gateway.storage.unit_of_work import Work
from idp_fixtures.replay import Outcome, Replay, Step, Target, load
from tests.factories import house
from tests.wire.scim.conftest import Served, issue_token

STEPS = load()


@pytest.fixture
def replay(served: Served, work: Work) -> Iterator[Replay]:
    acme, globex = house(work, members_clearable=True), house(work, "globex")
    yield Replay(
        Target(
            served.base(acme.connection.id),
            issue_token(work, acme),
            served.base(globex.connection.id),
            issue_token(work, globex),
        )
    )


def test_every_step_of_every_sequence_is_answered_as_its_provider_needs(replay: Replay) -> None:
    results = replay.results()
    bad = {
        result.step.id: f"[{result.step.obligation}] {result.why}"
        for result in results
        if result.outcome is not Outcome.PASS
    }
    assert bad == {}
    assert len(results) == len(STEPS)
