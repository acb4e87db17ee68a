"""The bench runs, and what it measures finds its rows by their keys. No time is asserted."""

import itertools
import re
from pathlib import Path

import pytest
from flask import Flask

from gateway.app import create_app
from gateway.settings import Settings
from idp_fixtures.entra import FirstSync
from tests.bench import lanes, report, scenes, sign_in
from tests.bench.__main__ import measure
from tests.bench.catalogue import OPERATIONS, named
from tests.bench.client import Answer, Client
from tests.bench.measuring import Pace
from tests.bench.operations import Operation, Session
from tests.bench.profiled import Statements
from tests.bench.seeding import World, seed

USERS = 120
"""Enough for a page of 100."""

GROWING = "conversations|directory_emails|directory_memberships|directory_users|grants|members"
SMALL = "ix_members_owners|ix_members_waiting"
"""Indexes that hold a few rows of an organisation only."""

WALK = re.compile(
    rf"(SCAN|SEARCH) ({GROWING})\b(?!.*\b({SMALL})\b)"
    r"(?!.*organisation_id=\? AND (connection_id=\? AND )?(?!connection_id)\w+[=<>])"
)
"""A plan that reads a table from end to end, or all of an organisation or connection."""


@pytest.mark.parametrize(
    ("line", "walks"),
    [
        ("SCAN members", True),
        ("SEARCH members USING INDEX a (organisation_id=?)", True),
        ("SEARCH directory_users USING INDEX a (organisation_id=? AND connection_id=?)", True),
        ("SEARCH directory_users USING INDEX a (organisation_id=? AND member_id=?)", False),
        (
            "SEARCH directory_users USING INDEX a (organisation_id=? AND connection_id=? AND id>?)",
            False,
        ),
        ("SEARCH members USING INDEX ix_members_owners (organisation_id=?)", False),
        ("SCAN roles", False),
    ],
)
def test_a_walk_is_recognised(line: str, walks: bool) -> None:
    assert bool(WALK.match(line)) is walks


PAGE = re.compile(
    r"FROM directory_users.* ORDER BY directory_users\.id (ASC|DESC)\s+LIMIT"
    r"|FROM members.* ORDER BY members\.\w+ (ASC|DESC)(, members\.id (ASC|DESC))?\s+LIMIT"
    r"|SELECT members\.id\s+FROM members\s+WHERE .* instr\(.*\s+LIMIT",
    re.S,
)
"""A page goes through the people in the order of an index, and stops when it is full."""


class InProcess(Client):
    """Hands requests to the application without a socket."""

    def __init__(self, app: Flask, token: str) -> None:
        super().__init__(0, token)
        self._app = app.test_client()

    def send(self, request: bytes) -> Answer:
        head, _, content = request.partition(b"\r\n\r\n")
        first, *lines = head.decode().split("\r\n")
        method, path, _ = first.split(" ")
        headers = [tuple(line.split(": ", 1)) for line in lines]
        answer = self._app.open(path, method=method, headers=headers, data=content)
        return Answer(answer.status_code, answer.data)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> tuple[Settings, World]:
    url = f"sqlite:///{tmp_path_factory.mktemp('bench') / 'gateway.db'}"
    settings = Settings(base_url="http://127.0.0.1", database_url=url, log_level="error")
    return settings, seed(url, USERS, lambda *_: None)


@pytest.mark.parametrize(
    "operation",
    [pytest.param(each, id=each.name) for each in OPERATIONS if each.needs <= USERS],
)
def test_no_request_walks_through_the_directory_on_sqlite(
    house: tuple[Settings, World], operation: Operation
) -> None:
    settings, world = house
    app = create_app(settings)
    statements = Statements((app.work.engines.serving, app.work.engines.plain))
    credential = world.api_key if operation.by_key else world.token
    session = Session(world, InProcess(app, credential), itertools.count(1_000))
    step = operation.steps(session)
    step()
    step()
    walks = [
        (statement, line)
        for statement in list(statements.seen)
        for line in statements.plan(statement, app.work.engines.serving)
        if WALK.match(line) and not PAGE.search(statement)
    ]
    app.close()
    assert walks == []


def test_the_latest_changes_are_found_by_their_time_on_sqlite(
    house: tuple[Settings, World],
) -> None:
    settings, world = house
    app = create_app(settings)
    statements = Statements((app.work.engines.serving, app.work.engines.plain))
    (operation,) = named("meta.lastModified gt")
    operation.steps(Session(world, InProcess(app, world.token), itertools.count()))()
    plans = [
        line
        for statement in list(statements.seen)
        for line in statements.plan(statement, app.work.engines.serving)
        if "directory_users USING" in line
    ]
    app.close()
    assert plans
    assert all("ix_directory_users_modified" in line for line in plans)


def test_the_bench_measures_real_servers_and_prints_its_table(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scenes, "WATCHED", 3)
    for name, few in (("PEOPLE", 2), ("TIMES", 2), ("RUNS", 1), ("LANES", 2)):
        monkeypatch.setattr(sign_in, name, few)
    monkeypatch.setitem(sign_in.WORKERS, "postgresql", (2,))
    operations = [*named("GET user"), *named("POST user"), *named("explain")]
    small = FirstSync(users=4, groups=1, group_size=2, lanes=2)
    alone = FirstSync(users=3, groups=1, group_size=1, lanes=1)
    results = measure(kind, [32, 40], operations, Pace(rounds=1, reads=2, writes=2), small, alone)
    text = report.text([results])
    assert set(results.multiples[40]) == {each.name for each in operations}
    assert [each.beside for each in results.syncs] == [32, 40, 1]
    assert [each.requests for each in results.syncs] == [small.requests] * 2 + [alone.requests]
    assert results.offboardings[40].late == 0
    assert set(results.offboardings[40].refused) == {"access", "session", "key"}
    assert (results.crowds[32].members, results.consequences[32].members) == (32, 32)
    assert set(results.crowding[32]) == set(lanes.MEASURED)
    assert set(results.sign_ins[32]) == {"SAML", "OpenID Connect"}
    assert all(x.verification > 0 for x in results.sign_ins[32].values())
    for operation in operations:
        assert f"| {operation.name} | " in text


def test_every_operation_has_a_name_of_its_own() -> None:
    assert len({each.name for each in OPERATIONS}) == len(OPERATIONS)


def test_the_bench_has_no_timed_assertion() -> None:
    own = Path(__file__).read_text()
    assert not re.search(r"assert .*\.(cpu|wall|answered|visible)\b", own)
