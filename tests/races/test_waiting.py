"""Who waits for whom: the organisation's lock holds up nobody who does not count its rows."""

from datetime import timedelta

import pytest
from sqlalchemy import insert

from gateway.services import access
from gateway.storage import tables as t
from gateway.storage.unit_of_work import UnitOfWork, Work
from tests.factories import OPERATOR
from tests.held_lock import HELD, while_locked
from tests.races.conftest import NUMBERS
from tests.scene import Scene, scene


@pytest.fixture
def here(work: Work) -> Scene:
    return scene(work, f"waiting-{next(NUMBERS)}")


@pytest.mark.parametrize("kind", [pytest.param("postgresql", id="postgresql")], indirect=True)
def test_a_session_begins_without_waiting_while_the_organisation_is_locked(here: Scene) -> None:
    """A plain FOR UPDATE would hold up every row that refers to the organisation."""
    person_id = here.member(here.house.owner_id).person_id

    def begin(uow: UnitOfWork) -> None:
        times = dict.fromkeys(("created_at", "last_seen_at", "proved_at", "recorded_at"), uow.now)
        session = {
            "id": uow.new_id(),
            "person_id": person_id,
            "token_hash": "a session",
            "factors": ["password"],
            "expires_at": uow.now + timedelta(hours=1),
            **times,
        }
        known = {name: value for name, value in session.items() if name in t.sessions.c}
        uow.execute(insert(t.sessions).values(**known))
        proof = {
            "session_id": session["id"],
            "member_id": here.house.owner_id,
            "method": "own",
            "break_glass": False,
            "access_epoch": 1,
            "expires_at": session["expires_at"],
            **times,
        }
        known = {name: value for name, value in proof.items() if name in t.session_proofs.c}
        uow.insert(t.session_proofs, **known)

    organisation_id = here.house.organisation_id
    took = while_locked(here.do, lambda: here.work.run_unlocked(organisation_id, OPERATOR, begin))
    assert took < HELD / 3
    assert len(here.rows(t.session_proofs, member_id=here.house.owner_id)) == 1


def test_reading_never_waits(here: Scene) -> None:
    def read() -> None:
        here.access(here.house.owner_id)
        with here.work.snapshot(here.house.organisation_id) as uow:
            access.load(uow, [here.house.owner_id])

    assert while_locked(here.do, read) < HELD / 3


@pytest.mark.parametrize("kind", [pytest.param("postgresql", id="postgresql")], indirect=True)
def test_another_organisation_does_not_wait(here: Scene, work: Work) -> None:
    other = scene(work, f"elsewhere-{next(NUMBERS)}")
    assert while_locked(here.do, lambda: other.post("anna@elsewhere.test")) < HELD / 3


def test_who_changes_the_same_organisation_waits_its_turn(here: Scene) -> None:
    took = while_locked(here.do, lambda: here.post("anna@waiting.test"))
    assert took >= HELD * 0.9
    assert len(here.rows(t.directory_users)) == 1
