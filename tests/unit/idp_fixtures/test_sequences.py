"""The sequences themselves: whole, self-contained, and understood by the runner."""

import re
from collections import Counter
from collections.abc import Iterator
from itertools import groupby
from typing import Any

from idp_fixtures.matchers import MATCHERS
from idp_fixtures.replay import Step, load

STEPS = load()
GIVEN = {"run", "guid", "base", "token", "other_base", "other_token"}


def test_there_are_sequences_of_every_identity_provider() -> None:
    steps = Counter(step.idp for step in STEPS)
    assert set(steps) == {"okta", "entra", "onelogin", "google", "jumpcloud", "ping", "any"}
    assert steps.total() >= 1000


def test_a_step_has_a_name_of_its_own() -> None:
    assert [name for name, times in Counter(step.id for step in STEPS).items() if times > 1] == []


def test_the_steps_of_a_scenario_stand_together() -> None:
    runs = [scenario for scenario, _ in groupby(STEPS, key=lambda step: step.scenario)]
    assert len(runs) == len(set(runs))


def test_a_step_uses_only_what_its_scenario_saved_before() -> None:
    unknown = []
    for _, steps in groupby(STEPS, key=lambda step: step.scenario):
        known = set(GIVEN)
        for step in steps:
            unknown += [(step.id, name) for name in _names(step) if name not in known]
            known |= set(step.saves)
    assert unknown == []


def test_what_another_organisation_must_give_is_declared() -> None:
    needy = [
        (step.id, name)
        for step in STEPS
        for name in _names(step)
        if name.startswith("other_") and name not in step.requires
    ]
    assert needy == []


def test_every_matcher_is_known() -> None:
    used = {
        key
        for step in STEPS
        for value in (step.expected_body, step.expected_headers)
        for key in _matchers(value)
    }
    assert used <= set(MATCHERS)


def test_every_step_says_who_would_notice() -> None:
    assert {step.obligation for step in STEPS} == {"must", "rfc", "quirk", "goal"}


def _names(step: Step) -> list[str]:
    sent = [step.path, step.body, step.headers]
    return re.findall(r"\{\{(\w+)\}\}", str([*sent, step.expected_body, step.expected_headers]))


def _matchers(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            if key.startswith("$") and key != "$ref":
                yield key
            yield from _matchers(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _matchers(inner)
