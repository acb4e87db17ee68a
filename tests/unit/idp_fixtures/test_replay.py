import json
from typing import Any

import pytest

from idp_fixtures.replay import SEQUENCES, Outcome, Replay, Step, Target, main, parse
from tests.unit.idp_fixtures.service import Misbehaviour, Service


def row(step: str, method: str, path: str, *statuses: int, **more: Any) -> Step:
    expect = {
        "status": list(statuses),
        "json": more.pop("json", {}),
        "headers": more.pop("answer", {}),
    }
    scenario = more.pop("scenario", "s")
    return parse(
        {
            "idp": "any", "scenario": scenario, "step": step, "method": method, "path": path,
            "expect": expect, "class": "must", **more,
        }
    )  # fmt: skip


CREATE = row(
    "create", "POST", "/Users", 201,
    body={"userName": "a-{{run}}"}, json={"userName": "a-{{run}}"}, saves={"id": "id"},
)  # fmt: skip


def outcomes(service: Service, *steps: Step) -> list[str]:
    return [one.outcome for one in Replay(Target(service.base_url, "token"), steps).results()]


def test_steps_of_a_scenario_share_what_they_save(service: Service) -> None:
    read = row("read", "GET", "/Users/{{id}}", 200, json={"id": "{{id}}"})
    lookup = row(
        "lookup", "GET", "/Users?filter=userName%20eq%20%22A-{{run}}%22", 200,
        json={"totalResults": 1, "Resources[0].id": "{{id}}"},
        answer={"Content-Length": {"$exists": True}},
    )  # fmt: skip
    assert outcomes(service, CREATE, read, lookup) == ["pass"] * 3


def test_asking_for_the_last_step_runs_those_before_it_once(service: Service) -> None:
    read = row("read", "GET", "/Users/{{id}}", 200)
    replay = Replay(Target(service.base_url, "token"), [CREATE, read])
    assert replay.result(read).outcome is Outcome.PASS
    assert replay.result(CREATE).outcome is Outcome.PASS
    assert service.methods() == ["POST", "GET"]


def test_a_wrong_status_fails_and_what_hangs_on_it_is_blocked(service: Service) -> None:
    service.script = [Misbehaviour("POST", status=500)]
    read = row("read", "GET", "/Users/{{id}}", 200)
    failed, blocked = Replay(Target(service.base_url, "token"), [CREATE, read]).results()
    assert failed.outcome is Outcome.FAIL
    assert "status 500, want 201" in failed.why
    assert blocked.outcome is Outcome.BLOCKED
    assert "'id'" in blocked.why


def test_values_of_another_scenario_are_not_seen(service: Service) -> None:
    read = row("read", "GET", "/Users/{{id}}", 200, scenario="other")
    assert outcomes(service, CREATE, read) == ["pass", "blocked"]


def test_a_wrong_body_or_header_fails_with_its_place(service: Service) -> None:
    step = row(
        "list", "GET", "/Users", 200, json={"totalResults": 7}, answer={"Allow": {"$exists": True}}
    )
    (result,) = Replay(Target(service.base_url, "token"), [step]).results()
    assert "header Allow: is missing" in result.why
    assert "totalResults: want 7, is 0" in result.why


def test_the_body_of_a_204_is_not_looked_at(service: Service) -> None:
    gone = row("gone", "DELETE", "/Users/{{id}}", 204, json={"id": "{{id}}"})
    assert outcomes(service, CREATE, gone) == ["pass", "pass"]


def test_a_step_that_lacks_what_the_caller_must_give_is_blocked(service: Service) -> None:
    step = row("other", "GET", "{{other_base}}/Users", 200, requires=["other_base"])
    assert outcomes(service, step) == ["blocked"]
    target = Target("http://127.0.0.1:9", "token", other_base_url=service.base_url)
    (result,) = Replay(target, [step]).results()
    assert result.outcome is Outcome.PASS


def test_a_lost_answer_is_a_failure(service: Service) -> None:
    service.script = [Misbehaviour("POST", drop_after_effect=True)]
    assert outcomes(service, CREATE) == ["fail"]


def test_the_command_prints_json_and_returns_one_on_failure(
    service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    service.script = [Misbehaviour("GET", status=500)]
    status = main([service.base_url, "token", "--json", "--scenario", "onelogin-01"])
    printed = json.loads(capsys.readouterr().out)
    assert status == 1
    assert printed["summary"]["idp onelogin"] == {"fail": 1}
    assert printed["results"][0]["scenario"] == "onelogin-01-connect"


def test_the_command_prints_what_did_not_pass(
    service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    service.script = [Misbehaviour("GET", status=500)]
    main([service.base_url, "token", "--scenario", "onelogin-01"])
    assert "FAIL onelogin-01-connect/01-nonexistent-user [must]" in capsys.readouterr().out


def test_the_readme_names_every_key_of_the_sequences() -> None:
    readme = (SEQUENCES / "README.md").read_text()
    keys = {
        key
        for file in SEQUENCES.glob("*.jsonl")
        for line in file.read_text().splitlines()
        for key in json.loads(line)
    }
    assert [key for key in sorted(keys) if f"`{key}" not in readme] == []
