"""Replays recorded request sequences against a SCIM base URL and judges each answer.

    python -m idp_fixtures.replay BASE TOKEN [--other-base URL --other-token TOKEN] [--json]

The sequences lie in `sequences/`, one JSON object a line; its README names the keys. A scenario is
a run of steps that share the values they save; it needs no other scenario.

**Invariant:** a step is sent at most once, after all earlier steps of its scenario.
"""

import argparse
import http.client
import json
import re
import secrets
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit
from uuid import UUID

from idp_fixtures.matchers import MISSING, at, mismatch

SEQUENCES = Path(__file__).with_name("sequences")
TIMEOUT = 30.0
"""Seconds until a step without an answer has failed."""

_VARIABLE = re.compile(r"\{\{(\w+)\}\}")


class Outcome(StrEnum):
    """How a step ended."""

    PASS = "pass"  # noqa: S105 - an outcome, not a secret.
    FAIL = "fail"
    BLOCKED = "blocked"
    """Not sent: a value is lacking that an earlier step or the caller should have given."""


@dataclass(frozen=True)
class Step:
    """One request and what its answer must be."""

    idp: str
    scenario: str
    name: str
    method: str
    path: str
    statuses: tuple[int, ...]
    headers: Mapping[str, str | None] = field(default_factory=dict)
    body: Any = MISSING
    """A JSON value, or text to be sent as it is."""
    expected_body: Mapping[str, Any] = field(default_factory=dict)
    expected_headers: Mapping[str, Any] = field(default_factory=dict)
    saves: Mapping[str, str] = field(default_factory=dict)
    requires: tuple[str, ...] = ()
    obligation: str = "must"
    """`must`, `rfc`, `quirk` or `goal`: who would notice if it failed."""
    note: str = ""

    @property
    def id(self) -> str:
        """Scenario and step, as a test is named."""
        return f"{self.scenario}/{self.name.replace(' ', '-')}"


@dataclass(frozen=True)
class StepResult:
    """How one step ended, and why if it did not pass."""

    step: Step
    outcome: Outcome
    why: str = ""


@dataclass(frozen=True)
class Target:
    """Where sequences are replayed; the other connection is another organisation's."""

    base_url: str
    token: str
    other_base_url: str = ""
    other_token: str = ""


@dataclass(frozen=True)
class _Answer:
    status: int
    headers: Mapping[str, str]
    body: Any
    text: bytes


class Replay:
    """One replay of some sequences against one target, in which every scenario runs once."""

    def __init__(self, target: Target, steps: Sequence[Step] | None = None) -> None:
        self._target = target
        self.steps = list(load() if steps is None else steps)
        self._results: dict[str, list[StepResult]] = {}
        values = {
            "run": secrets.token_hex(3),
            "guid": str(UUID(bytes=secrets.token_bytes(16), version=4)),
            "base": target.base_url,
            "token": target.token,
            "other_base": target.other_base_url,
            "other_token": target.other_token,
        }
        self._values = {name: value for name, value in values.items() if value}

    def result(self, step: Step) -> StepResult:
        """Return how this step ended, after running its scenario if that has not been done."""
        if step.scenario not in self._results:
            self._results[step.scenario] = self._run(step.scenario)
        return next(one for one in self._results[step.scenario] if one.step == step)

    def results(self) -> list[StepResult]:
        """Return how every step ended, in the order of the sequences."""
        return [self.result(step) for step in self.steps]

    def _run(self, scenario: str) -> list[StepResult]:
        values = dict(self._values)
        steps = [step for step in self.steps if step.scenario == scenario]
        return [_play(step, self._target, values) for step in steps]


def load(folder: Path = SEQUENCES) -> list[Step]:
    """Return the steps of every sequence file in this folder."""
    lines = [line for file in sorted(folder.glob("*.jsonl")) for line in _lines(file)]
    return [parse(json.loads(line)) for line in lines]


def parse(row: Mapping[str, Any]) -> Step:
    """Return the step that a row of a sequence file describes."""
    expect = row["expect"]
    return Step(
        idp=row["idp"],
        scenario=row["scenario"],
        name=row["step"],
        method=row["method"],
        path=row["path"],
        statuses=tuple(expect["status"]),
        headers=row.get("headers", {}),
        body=row.get("body", MISSING),
        expected_body=expect.get("json", {}),
        expected_headers=expect.get("headers", {}),
        saves=row.get("saves", {}),
        requires=tuple(row.get("requires", ())),
        obligation=row["class"],
        note=row.get("note", ""),
    )


def _lines(file: Path) -> list[str]:
    return [line for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]


def _play(step: Step, target: Target, values: dict[str, str]) -> StepResult:
    try:
        send = _prepared(step, target, values)
        expected = _filled([step.expected_headers, step.expected_body], values)
    except KeyError as lacking:
        return StepResult(step, Outcome.BLOCKED, f"no value for {lacking}")
    try:
        answer = send()
    except (OSError, http.client.HTTPException) as failure:
        return StepResult(step, Outcome.FAIL, f"no answer: {failure!r}")
    complaints = _complaints(step, answer, *expected)
    if answer.status < 300:
        values |= _saved(step, answer)
    if complaints:
        text = answer.text[:300].decode("utf-8", "replace")
        return StepResult(step, Outcome.FAIL, f"{'; '.join(complaints)} | {text}")
    return StepResult(step, Outcome.PASS)


def _prepared(step: Step, target: Target, values: Mapping[str, str]) -> Callable[[], _Answer]:
    lacking = [name for name in step.requires if name not in values]
    if lacking:
        raise KeyError(lacking[0])
    bases = {"base", "other_base"}
    in_path = {
        name: text if name in bases else quote(text, safe="") for name, text in values.items()
    }
    path = _filled(step.path, in_path)
    url = path if path.startswith("http") else target.base_url.rstrip("/") + path
    headers = {"Authorization": f"Bearer {target.token}", **step.headers}
    sent = {name: _filled(text, values) for name, text in headers.items() if text is not None}
    return partial(_send, step.method, url, sent, _content(_filled(step.body, values)))


def _filled(template: Any, values: Mapping[str, str]) -> Any:
    if isinstance(template, str):
        return _VARIABLE.sub(lambda found: values[found.group(1)], template)
    if isinstance(template, list):
        return [_filled(element, values) for element in template]
    if isinstance(template, Mapping):
        return {_filled(key, values): _filled(value, values) for key, value in template.items()}
    return template


def _content(body: Any) -> bytes | None:
    if body is MISSING:
        return None
    return (body if isinstance(body, str) else json.dumps(body)).encode()


def _send(method: str, url: str, headers: Mapping[str, str], content: bytes | None) -> _Answer:
    parts = urlsplit(url)
    secure = parts.scheme == "https"
    kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=TIMEOUT)
    target = f"{parts.path}?{parts.query}" if parts.query else parts.path
    try:
        connection.request(method, target, body=content, headers=dict(headers))
        response = connection.getresponse()
        text = response.read()
    finally:
        connection.close()
    received = {name.lower(): value for name, value in response.getheaders()}
    return _Answer(response.status, received, _parsed(text), text)


def _parsed(text: bytes) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return MISSING


def _complaints(
    step: Step, answer: _Answer, headers: Mapping[str, Any], body: Mapping[str, Any]
) -> list[str]:
    if answer.status not in step.statuses:
        return [f"status {answer.status}, want {' or '.join(map(str, step.statuses))}"]
    found = [
        (f"header {name}", mismatch(wanted, answer.headers.get(name.lower(), MISSING)))
        for name, wanted in headers.items()
    ]
    # An answer without a body proves nothing about it; a later read does.
    if answer.status not in (204, 304):
        found += [(path, mismatch(wanted, at(answer.body, path))) for path, wanted in body.items()]
    return [f"{where}: {complaint}" for where, complaint in found if complaint]


def _saved(step: Step, answer: _Answer) -> dict[str, str]:
    found = {
        name: answer.headers.get(source.removeprefix("header:").lower(), MISSING)
        if source.startswith("header:")
        else at(answer.body, source)
        for name, source in step.saves.items()
    }
    return {name: str(value) for name, value in found.items() if value is not MISSING}


def summary(results: Iterable[StepResult]) -> dict[str, dict[str, int]]:
    """Return how many steps ended how: in all, by identity provider, by obligation."""
    counts: dict[str, Counter[str]] = {}
    for result in results:
        step = result.step
        for name in ("all", f"idp {step.idp}", f"class {step.obligation}"):
            counts.setdefault(name, Counter())[result.outcome.value] += 1
    return {name: dict(counter) for name, counter in counts.items()}


def main(arguments: Sequence[str] | None = None) -> int:
    """Replay, print, and return 1 if a step failed."""
    parser = argparse.ArgumentParser(prog="python -m idp_fixtures.replay", description=__doc__)
    parser.add_argument("base", help="SCIM base URL of a connection")
    parser.add_argument("token", help="its bearer token")
    parser.add_argument("--other-base", default="", help="base URL of another organisation's")
    parser.add_argument("--other-token", default="", help="the other connection's token")
    parser.add_argument("--scenario", default="", help="only scenarios whose name begins so")
    parser.add_argument("--json", action="store_true", help="print every result as JSON")
    chosen = parser.parse_args(arguments)
    steps = [step for step in load() if step.scenario.startswith(chosen.scenario)]
    target = Target(chosen.base, chosen.token, chosen.other_base, chosen.other_token)
    results = Replay(target, steps).results()
    sys.stdout.write(_as_json(results) if chosen.json else _as_text(results))
    return int(any(result.outcome is Outcome.FAIL for result in results))


def _as_json(results: Sequence[StepResult]) -> str:
    rows = [
        {
            "scenario": result.step.scenario,
            "step": result.step.name,
            "class": result.step.obligation,
            "outcome": result.outcome,
            "why": result.why,
        }
        for result in results
    ]
    return json.dumps({"summary": summary(results), "results": rows}, indent=1) + "\n"


def _as_text(results: Sequence[StepResult]) -> str:
    lines = [
        f"{result.outcome.upper()} {result.step.id} [{result.step.obligation}] {result.why}"
        for result in results
        if result.outcome is not Outcome.PASS
    ]
    lines += [f"{name}: {counts}" for name, counts in summary(results).items()]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
