"""`kill -9` at twenty random instants of a sync: nothing acknowledged is lost, nothing is halved.

Three identity providers work on two organisations; the server's processes, now and then the
whole server, and the worker are killed and started again while they do.
"""

import contextlib
import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from gateway.app import TimeOrderedIds, utc_now
from gateway.delivery.mail import Mailer
from gateway.delivery.worker import Worker
from gateway.demo.catcher import Catcher
from gateway.services import audit, mapping, scim_tokens
from gateway.storage import tables as t
from gateway.storage.engine import open_engines
from gateway.storage.unit_of_work import UnitOfWork, Work
from idp_fixtures import names
from idp_fixtures.agent import ProvisioningAgent
from idp_fixtures.directory import Change, Directory
from idp_fixtures.entra import EntraClient
from idp_fixtures.okta import OktaClient
from tests import factories, mails
from tests.e2e.programs import Program, Server, free_port
from tests.e2e.wholeness import require_whole
from tests.factories import House

KILLS = 20
WHOLE_SERVER_EVERY = 15
WORKER_EVERY = 6
GROUP = "Support"


@dataclass
class Provider:
    """An identity provider that goes on changing its directory until it is told to stop."""

    house: House
    agent: ProvisioningAgent
    journal: list[dict[str, Any]]
    chance: random.Random
    failure: BaseException | None = None
    changes: Counter[str] = field(default_factory=Counter)

    @property
    def directory(self) -> Directory:
        return self.agent.directory

    def work_until(self, stop: threading.Event) -> None:
        try:
            while not stop.is_set():
                self.change_something()
        except BaseException as failure:
            self.failure = failure

    def change_something(self) -> None:
        """Carry over one change; what was acknowledged is in the journal."""
        people = list(self.directory.people)
        kinds = ["hire"] if len(people) < 5 else ["hire", "join", "switch", "title", "leave"]
        kind = self.chance.choice(kinds)
        key = self.chance.choice(people) if people else ""
        self.agent.apply(self._made(kind, key))
        self.changes[kind] += 1

    def _made(self, kind: str, key: str) -> Change:
        directory = self.directory
        group = directory.group(GROUP).key
        match kind:
            case "hire":
                given, family = self.chance.choice(names.GIVEN), self.chance.choice(names.FAMILY)
                return directory.hire(given, family)
            case "join":
                inside = key in directory.groups[group].members
                where = {"leave": [group]} if inside else {"join": [group]}
                return directory.move(key, **where)
            case "title":
                return directory.change_profile(key, title=f"Title {self.chance.random()}")
            case "switch" if directory.people[key].active:
                return directory.deactivate(key)
            case "switch":
                return directory.reactivate(key)
            case _ if isinstance(self.agent, EntraClient):
                return directory.delete(key)
            case _:
                return directory.change_profile(key, department="Elsewhere")


@pytest.fixture
def real(database: str) -> Iterator[Work]:
    """Units of work under the real clock, which the killed programs share."""
    engines = open_engines(database)
    yield Work(engines, clock=utc_now, new_id=TimeOrderedIds(utc_now))
    engines.dispose()


def test_twenty_kills_lose_nothing(kind: str, database: str, real: Work, tmp_path: Path) -> None:
    chance = random.Random(20_260_105)  # noqa: S311 - repeatable
    acme, globex = factories.house(real, "acme"), factories.house(real, "globex")
    port, catcher = free_port(), Catcher.open()
    workers = {"sqlite": 1, "postgresql": 2}[kind]
    providers = [
        _provider(real, port, acme, OktaClient, "okta-one"),
        _provider(real, port, acme, OktaClient, "okta-two"),
        _provider(real, port, globex, EntraClient, "entra"),
    ]
    with catcher.running(), contextlib.ExitStack() as programs:
        server = Server.start(tmp_path, database, port, workers=workers)
        programs.callback(lambda: server.program.kill_group())
        worker = _start_worker(tmp_path, database, catcher)
        programs.callback(lambda: worker.kill_group())
        _begin(real, providers)
        stop = threading.Event()
        threads = [threading.Thread(target=each.work_until, args=(stop,)) for each in providers]
        for thread in threads:
            thread.start()
        for number in range(1, KILLS + 1):
            server.wait_until_ready()
            time.sleep(chance.uniform(0.02, 0.4))
            _post(real, acme, number)
            if number % WORKER_EVERY == 0:
                worker.kill_group()
                worker = _start_worker(tmp_path, database, catcher)
            if number % WHOLE_SERVER_EVERY == 0:
                server.program.kill_group()
                server = Server.start(tmp_path, database, port, workers=workers)
            else:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(chance.choice(server.program.children()), signal.SIGKILL)
        stop.set()
        for thread in threads:
            thread.join()
        assert [each.failure for each in providers] == [None, None, None]
        _require_acknowledged(real, providers)
        worker.kill_group()
        _deliver_the_rest(real, catcher)
    for house in (acme, globex):
        _require_sound(real, house)
    _require_mail(real, acme, catcher)


def _provider(
    work: Work, port: int, house: House, kind: type[ProvisioningAgent], seed: str
) -> Provider:
    token = work.run(
        house.organisation_id,
        factories.OPERATOR,
        lambda uow: scim_tokens.issue(uow, house.connection.id, seed),
    )
    journal: list[dict[str, Any]] = []
    # A loaded machine starts a server slowly; whoever provisions must wait for it.
    patient = type("Patient", (kind,), {"wire": replace(kind.wire, patience=180.0)})
    agent = patient(
        f"http://127.0.0.1:{port}/scim/v2/{house.connection.id}",
        token.secret,
        Directory(f"{seed}.{house.connection.name.lower()}.test", seed),
        journal=journal,
    )
    return Provider(house, agent, journal, random.Random(seed))  # noqa: S311 - repeatable


def _begin(work: Work, providers: list[Provider]) -> None:
    """Bring the group over, and map it, before the killing begins."""
    mapped: set[UUID] = set()
    for each in providers:
        each.agent.apply(each.directory.create_group(GROUP))
        if each.house.organisation_id in mapped:
            continue
        mapped.add(each.house.organisation_id)
        group = UUID(each.agent.group_ids[each.directory.group(GROUP).key])
        work.run(
            each.house.organisation_id,
            factories.OPERATOR,
            lambda uow, each=each, group=group: _map(uow, each.house, group),  # type: ignore[misc]
        )


def _map(uow: UnitOfWork, house: House, group: UUID) -> UUID:
    role = uow.one(uow.own(t.roles).where(t.roles.c.key == "developer"))
    assert role is not None
    wish = {"role_id": role.id, "priority": 1, "bot_scope": "all"}
    return mapping.create_rule(uow, house.connection.id, group, "role", **wish)


def _start_worker(folder: Path, database: str, catcher: Catcher) -> Program:
    return Program.start(
        folder,
        "worker",
        base_url="http://gateway.test",
        database_url=database,
        smtp_host="127.0.0.1",
        smtp_port=str(catcher.smtp_port),
        smtp_security="none",
    )


def _post(work: Work, house: House, number: int) -> None:
    work.run(
        house.organisation_id,
        factories.OPERATOR,
        lambda uow: mails.send(uow, "test", "ada@acme.test", f"Mail {number}", "Hi."),
    )


def _deliver_the_rest(work: Work, catcher: Catcher) -> None:
    """Let a worker of a later hour take over what killed ones had leased, and seal everything."""
    later = Work(work.engines, clock=lambda: utc_now() + timedelta(hours=1), new_id=work.new_id)
    mailer = Mailer(
        server="127.0.0.1",
        port=catcher.smtp_port,
        security="none",
        user=None,
        password=None,
        timeout=timedelta(seconds=5),
        sender="gateway@gateway.test",
        name="gateway.test",
    )
    worker = Worker(later, mailer)
    while worker.tick():
        pass


def _require_acknowledged(work: Work, providers: list[Provider]) -> None:
    """Whatever was answered 2xx is there: each resource, its last state, and each change once."""
    for each in providers:
        with work.read(each.house.organisation_id) as uow:
            users = {row.id: row for row in uow.all(uow.own(t.directory_users))}
            events = uow.all(uow.own(t.audit_events))
        for key, person in each.directory.people.items():
            row = users[UUID(each.agent.user_ids[key])]
            assert (row.user_name, row.active) == (person.user_name, person.active)
            assert row.deleted_at is None
            assert person.title in row.document
        created = [UUID(x["id"]) for x in each.journal if x["method"] == "POST"]
        assert set(created) - users.keys() <= {_group_id(each)}
        deleted = [UUID(x["path"][-36:]) for x in each.journal if x["method"] == "DELETE"]
        assert all(users[x].deleted_at is not None for x in deleted)
        _require_once(each, users, events)
    _require_members(work, providers)


def _require_once(provider: Provider, users: dict[UUID, Any], events: Any) -> None:
    """Each acknowledged deactivation happened, and happened once."""
    members = {users[UUID(x)].member_id: x for x in provider.agent.user_ids.values()}
    happened = Counter(
        members[UUID(event.targets[0]["id"])]
        for event in events
        if event.action == "member.deactivated" and UUID(event.targets[0]["id"]) in members
    )
    acknowledged = Counter(
        x["path"][-36:] for x in provider.journal if x["method"] == "PATCH" and _is_end(x["body"])
    )
    assert happened == Counter({x: n for x, n in acknowledged.items() if x in members.values()})


def _is_end(body: dict[str, Any]) -> bool:
    values = [operation.get("value") for operation in body["Operations"]]
    return {"active": False} in values or (
        "False" in values and body["Operations"][0]["path"] == "active"
    )


def _require_members(work: Work, providers: list[Provider]) -> None:
    expected: dict[UUID, set[UUID]] = {}
    for each in providers:
        inside = each.directory.group(GROUP).members
        members = {UUID(each.agent.user_ids[key]) for key in inside}
        expected.setdefault(each.house.organisation_id, set()).update(members)
    for organisation_id, members in expected.items():
        m = t.directory_memberships.c
        with work.read(organisation_id) as uow:
            rows = uow.all(uow.own(t.directory_memberships, m.user_id).where(m.valid_to.is_(None)))
        assert {row.user_id for row in rows} == members


def _require_sound(work: Work, house: House) -> None:
    with work.snapshot(house.organisation_id) as uow:
        require_whole(uow)
        verdict = audit.verify(uow)
    assert (verdict.first_break, verdict.unsealed) == (None, 0)
    assert verdict.sealed > 40


def _require_mail(work: Work, house: House, catcher: Catcher) -> None:
    """Every mail arrived; a second copy, if a worker died in between, has the same id."""
    with work.read(house.organisation_id) as uow:
        rows = uow.all(uow.own(t.outbox).where(t.outbox.c.channel == "mail"))
    assert len(rows) == KILLS
    assert all(row.delivered_at is not None for row in rows)
    arrived = Counter(mail["headers"]["Message-ID"] for mail in catcher.mailbox.listing())
    assert set(arrived) == {f"<{row.id}@gateway.test>" for row in rows}


def _group_id(provider: Provider) -> UUID:
    return UUID(provider.agent.group_ids[provider.directory.group(GROUP).key])
