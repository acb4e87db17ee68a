"""What identity providers send, step by step, on both databases: each step is a test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.storage.engine import open_engines
from gateway.storage.unit_of_work import Work
from idp_fixtures.replay import Outcome, Replay, Step, Target, load
from tests.clock import Clock, CountedIds
from tests.databases import KINDS, Databases
from tests.factories import house
from tests.wire.scim.conftest import issue_token, serving

STEPS = load()


@pytest.fixture(scope="module", params=[pytest.param(kind, id=kind) for kind in KINDS])
def replay(
    request: pytest.FixtureRequest, databases: Databases, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Replay]:
    """One replay of all sequences, each scenario run when its first step is asked about."""
    folder: Path = tmp_path_factory.mktemp("sequences")
    with databases.migrated(request.param, folder) as url:
        engines = open_engines(url)
        work = Work(engines, clock=Clock(), new_id=CountedIds())
        with serving(work) as served:
            acme = house(work, "acme", "members_invitations", members_clearable=True)
            globex = house(work, "globex")
            yield Replay(
                Target(
                    served.base(acme.connection.id),
                    issue_token(work, acme),
                    served.base(globex.connection.id),
                    issue_token(work, globex),
                ),
                STEPS,
            )
        engines.dispose()


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.id)
def test_every_step_is_answered_as_its_provider_needs(replay: Replay, step: Step) -> None:
    result = replay.result(step)
    assert (result.outcome, result.why) == (Outcome.PASS, "")


@pytest.mark.parametrize("provider", ["okta", "entra", "google"])
def test_all_that_the_three_promised_providers_send_is_answered(
    replay: Replay, provider: str
) -> None:
    """S4-23: from Okta, Azure AD and Google Workspace, under the preset of the fifth product."""
    results = [replay.result(step) for step in STEPS if step.idp == provider]
    assert len(results) > 10
    assert [x.step.id for x in results if x.outcome is not Outcome.PASS] == []
