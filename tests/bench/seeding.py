"""A directory to measure against, written by the product's own verbs, many to a commit."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import text

from gateway.app import build_work
from gateway.domain.decisions import role_of
from gateway.domain.directory import UserRecord
from gateway.domain.errors import Refused
from gateway.domain.identity import SYSTEM
from gateway.domain.permissions import ACTIONS
from gateway.scim.attributes import GROUPS, USERS
from gateway.scim.bodies import new_state
from gateway.scim.dialects import Reading
from gateway.scim.records import group_record, user_record
from gateway.services import (
    access,
    chatbots,
    directory,
    directory_groups,
    keys,
    mapping,
    members,
    scim_tokens,
    sealing,
    teams,
)
from gateway.settings import Settings
from gateway.storage import schema
from gateway.storage import tables as t
from gateway.storage.engine import open_engines
from gateway.storage.unit_of_work import UnitOfWork, Work
from gateway.storage.unit_of_work.unit import TICK
from idp_fixtures import entra
from idp_fixtures.agent import GROUP
from idp_fixtures.directory import Person, generate
from tests import factories
from tests.factories import OPERATOR, House

BATCH = 200
TEAM_SIZE = 20
SIZES = (10, 1_000, 10_000, 100_000)
"""Groups that are measured on their own, as far as the directory has the people."""

RECENT = 150
"""Users of the window that a query for what changed lately finds."""

ROLES = ("viewer", "billing", "developer", "admin")
Progress = Callable[[int, int], None]
T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class World:
    """What requests need to know of a seeded database."""

    organisation_id: UUID
    connection_id: UUID
    empty_connection_id: UUID
    token: str
    empty_token: str
    api_key: str
    chatbot_id: UUID
    role_id: UUID
    seats_team: UUID
    persons: Sequence[Person]
    users: Sequence[UUID]
    members: Sequence[UUID]
    teams: Sequence[tuple[UUID, str]]
    mapped_team: UUID
    sized: dict[int, UUID]
    recently: datetime
    prefix: str

    @property
    def base(self) -> str:
        """Path of the connection's SCIM service."""
        return f"/scim/v2/{self.connection_id}"


def seed(url: str, users: int, on_progress: Progress) -> World:
    """Migrate an empty database, fill it with so many users and their groups, and return it."""
    engines = open_engines(url)
    schema.migrate(engines)
    engines.dispose()
    work = build_work(Settings(base_url="http://127.0.0.1", database_url=url))
    try:
        return _Seeding(work, users, on_progress).world()
    finally:
        work.engines.dispose()


class _Seeding:
    def __init__(self, work: Work, users: int, on_progress: Progress) -> None:
        self._work = work
        self._on_progress = on_progress
        self._people = generate(users, 0, domain="acme.test", seed="bench")
        self._house = factories.house(work)

    def world(self) -> World:
        persons = list(self._people.people.values())
        made = self._users(persons)
        users = [user_id for user_id, _, _ in made]
        groups = self._teams(users)
        mapped = self._rules(groups)
        sized = {
            size: self._group(f"Everybody of {size}", users[:size])
            for size in SIZES
            if size <= len(users)
        }
        members_here = [member_id for _, member_id, _ in made]
        seats_team = self._habits(members_here)
        empty = factories.house(self._work, "globex")
        world = World(
            organisation_id=self._house.organisation_id,
            connection_id=self._house.connection.id,
            empty_connection_id=empty.connection.id,
            token=self._token(self._house),
            empty_token=self._token(empty),
            api_key=self._api_key(),
            chatbot_id=mapped[1],
            role_id=self._run(lambda uow: _role_of(uow, members_here[-1])),
            seats_team=seats_team,
            persons=persons,
            users=users,
            members=members_here,
            teams=groups[len(ROLES) + 1 :],
            mapped_team=mapped[0],
            sized=sized,
            recently=made[-min(RECENT, len(made))][2],
            prefix=_prefix(persons),
        )
        self._settle()
        return world

    def _run(self, verb: Callable[[UnitOfWork], T]) -> T:
        return self._work.run(self._house.organisation_id, self._house.idp, verb)

    def _users(self, persons: Sequence[Person]) -> list[tuple[UUID, UUID, datetime]]:
        made: list[tuple[UUID, UUID, datetime]] = []
        for batch in _batches(persons, BATCH):
            made += self._run(partial(_create_users, house=self._house, persons=batch))
            self._on_progress(len(made), len(persons))
        return made

    def _teams(self, users: Sequence[UUID]) -> list[tuple[UUID, str]]:
        size = min(TEAM_SIZE, len(users))
        made = []
        for number, inside in enumerate(_batches(users, size)):
            name = f"Team {number:05d}"
            made.append((self._group(name, inside), name))
        return made

    def _group(self, name: str, members: Sequence[UUID]) -> UUID:
        payload = new_state(GROUPS, {"schemas": [GROUP], "displayName": name}, Reading())
        return self._run(
            lambda uow: directory_groups.create_group(
                uow, self._house.connection, group_record(payload), frozenset(members)
            )
        ).id

    def _rules(self, teams: Sequence[tuple[UUID, str]]) -> tuple[UUID, UUID]:
        """Map the first teams to roles and to one chatbot; return the last such team and it."""

        def write(uow: UnitOfWork) -> UUID:
            roles = {role.key: role.id for role in access.roles_at(uow)}
            connection_id = self._house.connection.id
            chatbot_id = chatbots.create(uow, "Support")
            for number, ((team, _), role) in enumerate(zip(teams, ROLES, strict=False), start=1):
                mapping.create_rule(
                    uow, connection_id, team, "role", role_id=roles[role], priority=number
                )
            mapping.create_rule(
                uow,
                connection_id,
                self._mapped(teams),
                "role",
                role_id=roles["developer"],
                priority=100,
                bot_scope="all",
            )
            return chatbot_id

        chatbot_id = self._work.run(self._house.organisation_id, OPERATOR, write)
        return self._mapped(teams), chatbot_id

    def _habits(self, ids: Sequence[UUID]) -> UUID:
        """Let a tenth be away, a third be active, some rest, and ten share a team; return it."""

        def live(uow: UnitOfWork) -> UUID:
            for number, member_id in enumerate(ids):
                kept: dict[str, object] = {}
                if number % 10 == 0:
                    kept["availability"] = "away"
                if number % 3 == 0:
                    kept["last_active_at"] = uow.now + number * TICK
                if kept:
                    uow.update(t.members, {"id": member_id}, **kept)
            # Not the first ones, who sign in, and not the last ones, who leave.
            for member_id in ids[3 * len(ids) // 4 :][:3]:
                members.deactivate(uow, member_id)
            team = teams.create(uow, "Everyday")
            for member_id in ids[4:14]:
                teams.join(uow, team, member_id)
            return team

        return self._work.run(self._house.organisation_id, OPERATOR, live)

    def _mapped(self, teams: Sequence[tuple[UUID, str]]) -> UUID:
        return teams[min(len(ROLES), len(teams) - 1)][0]

    def _token(self, house: House) -> str:
        return self._work.run(
            house.organisation_id,
            OPERATOR,
            lambda uow: scim_tokens.issue(uow, house.connection.id, "bench"),
        ).secret

    def _api_key(self) -> str:
        return self._work.run(
            self._house.organisation_id,
            OPERATOR,
            lambda uow: keys.create(uow, "bench", sorted(ACTIONS), member_id=self._house.owner_id),
        ).secret

    def _settle(self) -> None:
        """Do what a worker and the database would have done long ago."""
        while True:
            with self._work.platform() as connection:
                waiting = sealing.waiting(connection)
            if not waiting:
                break
            for organisation_id in waiting:
                self._work.run_unlocked(organisation_id, SYSTEM, sealing.seal)
        if self._work.engines.dialect == "postgresql":
            with self._work.platform() as connection:
                connection.execute(text("VACUUM ANALYZE"))
        else:
            with self._work.platform() as connection:
                connection.execute(text("PRAGMA wal_checkpoint(TRUNCATE)"))


def record_of(person: Person) -> UserRecord:
    """Return what the directory keeps of a person whom Entra ID creates."""
    payload = new_state(USERS, entra.profile(person), Reading())
    return user_record(payload, active=payload.get("active"))


def _create_users(
    uow: UnitOfWork, *, house: House, persons: Sequence[Person]
) -> list[tuple[UUID, UUID, datetime]]:
    made = []
    for person in persons:
        uow.now += TICK  # each at an instant of its own, as in requests of their own
        user = directory.create_user(uow, house.connection, record_of(person))
        if isinstance(user, Refused) or user.member_id is None:
            raise TypeError("a seeded user was refused")
        made.append((user.id, user.member_id, user.last_modified))
    return made


def _role_of(uow: UnitOfWork, member_id: UUID) -> UUID:
    role = role_of(uow.load(t.members, member_id).access_document)
    assert role is not None
    return role


def _prefix(persons: Sequence[Person]) -> str:
    """Return the beginning of an address that fewest people share, but a page full of them."""
    counts = Counter(
        person.email[:length] for person in persons for length in range(1, len(person.email))
    )
    enough = [(count, prefix) for prefix, count in counts.items() if count >= 100]
    return min(enough, default=(0, "a"))[1]


def _batches(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]


def just_before(instant: datetime) -> str:
    """Return an instant as a filter compares it, a moment earlier."""
    earlier: Any = instant - timedelta(microseconds=1)
    return str(earlier.strftime("%Y-%m-%dT%H:%M:%S.%fZ"))
