"""Somebody about to leave: a member with a web session and an API key, and who looks at them."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from uuid import UUID

from gateway.browser.cookies import Cookies
from gateway.domain.sessions import Factor
from gateway.services import keys, session_openings
from gateway.storage import person_work
from gateway.storage import tables as t
from gateway.storage.unit_of_work import UnitOfWork
from tests.bench.client import Client, UnexpectedAnswer
from tests.bench.stage import Stage
from tests.factories import OPERATOR

SCOPES = ("members.read",)


@contextmanager
def leaver(
    stage: Stage, member: UUID, watcher: Client
) -> Iterator[Mapping[str, Callable[[], bool]]]:
    """Sign a member in and issue a key; yield by whom is looked, and whether the member is out."""
    people = f"/api/v1/organisations/{stage.world.organisation_id}/members"
    token, key = _credentials(stage, member)
    by_session = Client(stage.port, cookie=f"{Cookies(secure=True).session}={token}")
    by_key = Client(stage.port, key)
    looks = {
        "access": lambda: _has_lost(watcher, f"{people}/{member}"),
        "session": lambda: _is_refused(by_session, people),
        "key": lambda: _is_refused(by_key, people),
    }
    try:
        yield looks
    finally:
        by_session.close()
        by_key.close()


def _credentials(stage: Stage, member: UUID) -> tuple[str, str]:
    def issue(uow: UnitOfWork) -> tuple[UUID, str]:
        person_id: UUID = uow.load(t.members, member).person_id
        return person_id, keys.create(uow, "leaver", SCOPES, member_id=member).secret

    with stage.working() as work:
        person_id, key = work.run(stage.world.organisation_id, OPERATOR, issue)
        proved = frozenset({Factor.PASSWORD})
        opened = person_work.run(
            work, lambda here: session_openings.open_by_own(here, person_id, proved)
        )
    return opened.token, key


def _has_lost(watcher: Client, path: str) -> bool:
    answer = watcher.send(watcher.request("GET", path))
    if answer.status != 200:
        raise UnexpectedAnswer(f"a member was answered {answer.status}: {answer.body[:300]!r}")
    return answer.json()["access"]["standing"] is not None


def _is_refused(client: Client, path: str) -> bool:
    status = client.send(client.request("GET", path)).status
    if status not in (200, 401, 403):
        raise UnexpectedAnswer(f"a leaver was answered {status}")
    return status == 401
