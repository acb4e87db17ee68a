"""What is measured: each operation as requests, its yardstick and its budget."""

import itertools
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import quote

from idp_fixtures import entra
from idp_fixtures.agent import ENTERPRISE, PATCH_OP, USER
from tests.bench.client import Answer, Client, UnexpectedAnswer
from tests.bench.seeding import World, just_before

PAGE = 100
Yardstick = Literal["read", "write"]
Step = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Budget:
    """Multiples of the yardstick, SQLite and PostgreSQL: to reach, and never above."""

    reach: tuple[float, float]
    floor: tuple[float, float]


@dataclass
class Session:
    """One connection to the server, in one seeded world."""

    world: World
    client: Client
    names: Iterator[int]
    chance: random.Random = field(default_factory=lambda: random.Random(7))  # noqa: S311

    def ask(self, method: str, path: str, body: Any = None, expect: int = 200) -> Answer:
        """Send a SCIM request.

        :raises UnexpectedAnswer: another status than expected.
        """
        return self.send(method, self.world.base + path, body, expect)

    def send(self, method: str, path: str, body: Any, expect: int) -> Answer:
        """Send any request.

        :raises UnexpectedAnswer: another status than expected.
        """
        answer = self.client.send(self.client.request(method, path, body))
        if answer.status != expect:
            said = answer.body[:500].decode(errors="replace")
            raise UnexpectedAnswer(f"{method} {path} was answered {answer.status}: {said}")
        return answer


@dataclass(frozen=True, slots=True)
class Operation:
    """A kind of request.

    `steps` returns what sends the next request; `needs` is the size of directory below which
    there is nothing to measure. `weight` says how many requests one measured run sends,
    relative to others. `by_key` takes an API key instead of the connection's token.
    """

    name: str
    yardstick: Yardstick
    steps: Callable[[Session], Step]
    budget: Budget | None = None
    needs: int = 0
    weight: float = 1.0
    by_key: bool = False


READ = Budget((1.2, 1.6), (1.5, 2.0))
LOOKUP = Budget((1.7, 2.3), (2.2, 3.0))
PAGED = Budget((3.0, 4.5), (6.0, 6.0))
DEEP = Budget((6.0, 8.0), (12.0, 16.0))
WHOLE_GROUP = Budget((1.8, 2.5), (2.5, 3.0))
EVALUATION = Budget((1.2, 2.0), (1.5, 2.5))
CREATE = Budget((3.3, 2.5), (4.0, 4.0))
CHANGE = Budget((3.0, 3.0), (3.5, 4.0))
ONE_MEMBER = Budget((2.3, 3.0), (3.0, 4.0))
FURTHER_MEMBER = Budget((0.10, 0.08), (0.2, 0.2))


def _get_user(session: Session) -> Step:
    users = session.world.users
    return lambda: done(session.ask("GET", f"/Users/{session.chance.choice(users)}"))


def _get_group(session: Session) -> Step:
    teams = session.world.teams or [(session.world.mapped_team, "")]
    return lambda: done(
        session.ask("GET", f"/Groups/{session.chance.choice(teams)[0]}?excludedAttributes=members")
    )


def _get_whole_group(size: int) -> Callable[[Session], Step]:
    def steps(session: Session) -> Step:
        path = f"/Groups/{session.world.sized[size]}"
        return lambda: _counted(session.ask("GET", path), b'"$ref"', size)

    return steps


def _find_user(session: Session) -> Step:
    persons = session.world.persons
    return lambda: _found(session, _equals("userName", session.chance.choice(persons).user_name))


def _miss_user(session: Session) -> Step:
    def step() -> None:
        nobody = f"nobody{next(session.names)}@acme.test"
        _found(session, _equals("userName", nobody), hits=0)

    return step


def _find_group(session: Session) -> Step:
    teams = session.world.teams or [(session.world.mapped_team, "Team 00000")]

    def step() -> None:
        condition = _equals("displayName", session.chance.choice(teams)[1])
        path = f"/Groups?excludedAttributes=members&filter={condition}"
        _total(session.ask("GET", path), 1)

    return step


def _first_page(session: Session) -> Step:
    return lambda: _full(session, session.ask("GET", f"/Users?startIndex=1&count={PAGE}"))


def _cursor_page(session: Session) -> Step:
    cursors: list[str] = [""]

    def step() -> None:
        cursor = quote(cursors[0], safe="")
        answer = session.ask("GET", f"/Users?cursor={cursor}&count={PAGE}")
        cursors[0] = _next_cursor(answer) or ""

    return step


def _page_of(condition: str) -> Callable[[Session], Step]:
    def steps(session: Session) -> Step:
        world = session.world
        text = condition.format(recently=just_before(world.recently), prefix=world.prefix)
        path = f"/Users?filter={quote(text)}&count={PAGE}"
        return lambda: done(session.ask("GET", path))

    return steps


def _deep_page(session: Session) -> Step:
    start = max(1, len(session.world.users) - PAGE)
    path = f"/Users?startIndex={start}&count={PAGE}"
    return lambda: _full(session, session.ask("GET", path))


def _create_user(session: Session) -> Step:
    def step() -> None:
        number = next(session.names)
        person = session.world.persons[number % len(session.world.persons)]
        body = entra.profile(person)
        body["userName"] = f"new{number}@acme.test"
        body["externalId"] = f"new-{number}"
        body["emails"] = [{"primary": True, "type": "work", "value": body["userName"]}]
        session.ask("POST", "/Users", body, expect=201)

    return step


def _switch_user(session: Session) -> Step:
    """Off and on again, so that each run deprovisions as often as it restores."""
    moves = ((user, on) for user in itertools.cycle(session.world.users) for on in (False, True))

    def step() -> None:
        user, on = next(moves)
        session.ask("PATCH", f"/Users/{user}", _patch("Replace", "active", str(on)))

    return step


def _change_attributes(session: Session) -> Step:
    users = itertools.cycle(session.world.users)

    def step() -> None:
        number = next(session.names)
        body = {
            "schemas": [PATCH_OP],
            "Operations": [
                {"op": "Replace", "path": "title", "value": f"Title {number}"},
                {"op": "Replace", "path": f"{ENTERPRISE}:department", "value": f"Dep {number}"},
            ],
        }
        session.ask("PATCH", f"/Users/{next(users)}", body)

    return step


def _put_user(session: Session) -> Step:
    pairs = itertools.cycle(zip(session.world.users, session.world.persons, strict=True))

    def step() -> None:
        user, person = next(pairs)
        body = {**entra.profile(person), "title": f"Title {next(session.names)}"}
        body["schemas"] = [USER, ENTERPRISE]
        session.ask("PUT", f"/Users/{user}", body)

    return step


def _one_member(size: int) -> Callable[[Session], Step]:
    """Somebody leaves and comes back; everybody else of the group stays."""

    def steps(session: Session) -> Step:
        group, user = session.world.sized[size], session.world.users[size // 2]
        return _come_and_go(session, group, user)

    return steps


def _mapped_member(session: Session) -> Step:
    return _come_and_go(session, session.world.mapped_team, session.world.users[-1], first="Add")


def _come_and_go(session: Session, group: Any, user: Any, first: str = "Remove") -> Step:
    both = ("Remove", "Add") if first == "Remove" else ("Add", "Remove")
    verbs = itertools.cycle(both)
    value = [{"value": str(user)}]
    path = f"/Groups/{group}"
    return lambda: done(
        session.ask("PATCH", path, _patch(next(verbs), "members", value), expect=204)
    )


def _many_members(session: Session) -> Step:
    team = session.world.teams[0][0] if session.world.teams else session.world.mapped_team
    value = [{"value": str(user)} for user in session.world.users[-PAGE:]]
    verbs = itertools.cycle(("Add", "Remove"))
    return lambda: done(
        session.ask("PATCH", f"/Groups/{team}", _patch(next(verbs), "members", value), expect=204)
    )


def _explain(session: Session) -> Step:
    world = session.world
    asked = f"explain?action=conversations.write&chatbot={world.chatbot_id}"
    base = f"/api/v1/organisations/{world.organisation_id}/members"

    def step() -> None:
        member = session.chance.choice(world.members)
        path = f"{base}/{member}/{asked}"
        session.send("GET", path, None, 200)

    return step


def _evaluate(session: Session) -> Step:
    world = session.world

    def step() -> None:
        asked = {
            "subject": {"type": "member", "id": str(session.chance.choice(world.members))},
            "action": {"name": "conversations.read"},
            "resource": {"type": "chatbot", "id": str(world.chatbot_id)},
        }
        session.send("POST", "/access/v1/evaluation", asked, 200)

    return step


MANY = f"group PATCH, {PAGE} members"
ONE = "group PATCH, one member of 10"

PROVISIONING: tuple[Operation, ...] = (
    Operation("GET user", "read", _get_user, READ),
    Operation("GET group without members", "read", _get_group, READ),
    Operation("userName eq, hit", "read", _find_user, LOOKUP),
    Operation("userName eq, miss", "read", _miss_user, LOOKUP),
    Operation("group displayName eq", "read", _find_group, LOOKUP),
    Operation("page of 100, first", "read", _first_page, PAGED, needs=PAGE, weight=0.3),
    Operation("page of 100, by cursor", "read", _cursor_page, PAGED, needs=PAGE, weight=0.3),
    Operation(
        "page of 100, meta.lastModified gt",
        "read",
        _page_of('meta.lastModified gt "{recently}"'),
        PAGED,
        needs=PAGE,
        weight=0.3,
    ),
    Operation(
        "page of 100, emails.value sw",
        "read",
        _page_of('emails.value sw "{prefix}"'),
        PAGED,
        needs=PAGE,
        weight=0.3,
    ),
    Operation("page of 100, deep startIndex", "read", _deep_page, DEEP, needs=PAGE, weight=0.3),
    Operation(
        "GET group of 1 000",
        "read",
        _get_whole_group(1_000),
        WHOLE_GROUP,
        needs=1_000,
        weight=0.3,
    ),
    Operation("AuthZEN evaluation", "read", _evaluate, EVALUATION, by_key=True),
    Operation("explain access", "read", _explain, weight=0.3, by_key=True),
    Operation("POST user", "write", _create_user, CREATE),
    Operation("PATCH user, active", "write", _switch_user, CHANGE),
    Operation("PATCH user, attributes", "write", _change_attributes, CHANGE),
    Operation("PUT user", "write", _put_user, CHANGE),
    Operation(ONE, "write", _one_member(10), ONE_MEMBER, needs=10),
    Operation("group PATCH, one of 1 000", "write", _one_member(1_000), ONE_MEMBER, needs=1_000),
    Operation("group PATCH, one of 10 000", "write", _one_member(10_000), ONE_MEMBER, needs=10_000),
    Operation(
        "group PATCH, one of 100 000", "write", _one_member(100_000), ONE_MEMBER, needs=100_000
    ),
    Operation("group PATCH, one member, mapped to a role", "write", _mapped_member, needs=10),
    Operation(MANY, "write", _many_members, needs=PAGE, weight=0.3),
)


def _patch(op: str, path: str, value: Any) -> dict[str, Any]:
    return {"schemas": [PATCH_OP], "Operations": [{"op": op, "path": path, "value": value}]}


def _equals(attribute: str, value: str) -> str:
    return quote(f'{attribute} eq "{value}"')


def _found(session: Session, condition: str, hits: int = 1) -> None:
    _total(session.ask("GET", f"/Users?filter={condition}"), hits)


def done(_: Answer) -> None:
    return None


def _total(answer: Answer, hits: int) -> None:
    if f'"totalResults":{hits},'.encode() not in answer.body.replace(b" ", b""):
        raise UnexpectedAnswer(f"{hits} wanted: {answer.body[:200]!r}")


def _counted(answer: Answer, mark: bytes, times: int) -> None:
    if answer.body.count(mark) < times - 1:
        raise UnexpectedAnswer(f"{times} entries wanted, {answer.body.count(mark)} came")


def _full(session: Session, answer: Answer) -> None:
    del session
    if f'"itemsPerPage":{PAGE},'.encode() not in answer.body:
        raise UnexpectedAnswer(f"a full page was wanted: {answer.body[:200]!r}")


def _next_cursor(answer: Answer) -> str | None:
    _, found, rest = answer.body.partition(b'"nextCursor":"')
    return rest.split(b'"', 1)[0].decode() if found else None
