"""`kill -9` in the middle of an erasure or a purge: the next run finishes, and nothing is left."""

import json
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

from sqlalchemy import Connection, func, insert, select, update

from gateway.app import TimeOrderedIds, utc_now
from gateway.delivery.worker import Worker
from gateway.services import closures, invitations, members, organisations, sealing
from gateway.services.invitations import Wish
from gateway.storage import tables as t
from gateway.storage.engine import open_engines
from gateway.storage.unit_of_work import UnitOfWork, Work
from tests import factories
from tests.e2e.programs import Program, run
from tests.factories import OPERATOR
from tests.service.test_audit import verdict

HOUSES = 24
ADDRESS, ALIAS = "zoe.zimmer@people.test", "z.alias@people.test"
SECRETS = ("zoe.zimmer", "z.alias", "zimmer")
BASE_URL = "http://localhost"


def test_an_erasure_that_is_killed_is_finished_by_any_name(database: str, tmp_path: Path) -> None:
    """The alias is known in the first organisation alone, where it is erased before the kill."""
    work = _work(database)
    houses = [_left(work, number) for number in range(HOUSES)]
    _write_to_alias(work, houses[-1])
    assert _told(work) >= {"members", "persons", "invitations", "audit_details"}
    settings = {"base_url": BASE_URL, "database_url": database}
    command = Program.start(tmp_path, "person", "erase", ALIAS, **settings)
    try:
        _wait_for(lambda: _erased(work) > 0)
    finally:
        command.kill_group()
    done = _erased(work)
    assert 0 < done < HOUSES, "it was killed in the middle"
    assert _told(work) >= {"persons", "invitations"}, "nothing is halved, and something is left"
    again = run("person", "erase", ALIAS, "--json", **settings)
    assert again.returncode == 0, again.stderr
    document = json.loads(again.stdout)
    assert (document["resumed"], len(document["organisations"])) == (True, HOUSES)
    assert _told(work) == set()
    assert _erased(work) == HOUSES, "each organisation tells of it once"
    for house in houses:
        work.run_unlocked(house, OPERATOR, sealing.seal)
        assert verdict(work, house).first_break is None
    third = run("person", "erase", ALIAS, "--json", **settings)
    assert json.loads(third.stdout)["resumed"] is False
    work.engines.dispose()


def _work(database: str) -> Work:
    return Work(open_engines(database), clock=utc_now, new_id=TimeOrderedIds(utc_now))


def _left(work: Work, number: int) -> UUID:
    """Make an organisation that Zoë has been in and left."""
    organisation_id, _ = factories.found_organisation(work, f"house-{number}")

    def come_and_go(uow: UnitOfWork) -> None:
        member_id = organisations.add_member(
            uow, email=ADDRESS, display_name="Zoë Zimmer", role="viewer"
        )
        if number == 0:
            members.rename(uow, member_id, "Zoë Zimmer", ALIAS)
        uow.flush()
        members.remove(uow, member_id)

    work.run(organisation_id, OPERATOR, come_and_go)
    return organisation_id


def _write_to_alias(work: Work, organisation_id: UUID) -> None:
    """Let the last organisation know the alias by an invitation alone."""
    wish = Wish(email=ALIAS)
    work.run(organisation_id, OPERATOR, lambda uow: invitations.create(uow, wish, BASE_URL))


def _told(work: Work) -> set[str]:
    """Tables that say who it was."""
    with work.platform() as connection:
        said = {
            table.name: json.dumps(
                [list(row) for row in connection.execute(select(table))],
                default=str,
                ensure_ascii=False,
            ).casefold()
            for table in t.metadata.sorted_tables
        }
    return {name for name, text in said.items() if any(x in text for x in SECRETS)}


def _erased(work: Work) -> int:
    """How many organisations tell that somebody was erased."""
    e = t.audit_events.c
    with work.platform() as connection:
        told = select(func.count()).where(e.action == "person.erased")
        return int(connection.execute(told).scalar_one())


def _wait_for(what: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not what():
        assert time.monotonic() < deadline, "nothing happens"
        time.sleep(0.002)


ROWS = 30_000


def test_a_purge_that_is_killed_is_finished_by_the_next_worker(
    database: str, tmp_path: Path
) -> None:
    work = _work(database)
    gone, other = (_closed(work, slug) for slug in ("gone", "other"))
    work.run(other, OPERATOR, closures.restore)
    h = t.organisations_history.c
    before = utc_now() - timedelta(days=31)
    long_ago = update(t.organisations_history).where(
        h.organisation_id == gone, h.valid_to.is_(None)
    )
    work.run_platform(lambda here, _: here.execute(long_ago.values(valid_from=before)))
    kept = _rows(work, other)
    worker = Program.start(tmp_path, "worker", base_url=BASE_URL, database_url=database)
    try:
        _wait_for(lambda: _rows(work, gone) < ROWS)
    finally:
        worker.kill_group()
    assert 0 < _rows(work, gone) < ROWS, "it was killed in the middle"
    assert _state(work, gone) == ("purging", "")
    next_one = Worker(work, None)
    while next_one.purge_organisations():
        pass
    assert (_rows(work, gone), _state(work, gone)) == (0, ("purged", ""))
    assert (_rows(work, other), _state(work, other)) == (kept, ("live", "Other"))
    work.engines.dispose()


def _closed(work: Work, slug: str) -> UUID:
    """Make an organisation with many rows, and close it."""
    organisation_id, _ = factories.found_organisation(work, slug)

    def fill(database: Connection, now: datetime) -> None:
        made = {"strategy": "manual", "deleted": True, "created_at": now}
        names = [f"Team {number}" for number in range(ROWS)]
        database.execute(
            insert(t.teams),
            [
                {
                    "organisation_id": organisation_id,
                    "id": uuid4(),
                    "name": x,
                    "name_key": x,
                    **made,
                }
                for x in names
            ],
        )

    work.run_platform(fill)
    work.run(organisation_id, OPERATOR, closures.close)
    return organisation_id


def _rows(work: Work, organisation_id: UUID) -> int:
    teams = t.teams.c.organisation_id
    with work.platform() as connection:
        wanted = select(func.count()).where(teams == organisation_id)
        return int(connection.execute(wanted).scalar_one())


def _state(work: Work, organisation_id: UUID) -> tuple[str, str]:
    o = t.organisations.c
    with work.platform() as connection:
        wanted = select(o.state, o.name).where(o.id == organisation_id)
        row = connection.execute(wanted).one()
        return row.state, row.name
