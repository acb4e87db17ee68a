"""The audit is found by filters, paged by keyset, and proved by its hashes."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import delete, update

from gateway.domain.events import Fact, Target
from gateway.domain.identity import SYSTEM, Actor, ActorType, Context
from gateway.services import audit, sealing
from gateway.services.audit import Filters
from gateway.storage import tables as t
from gateway.storage.unit_of_work import UnitOfWork, Work
from tests.clock import NOON, Clock
from tests.service.test_sealing import ACME, GLOBEX, found, note, seal

ADA = Actor(ActorType.MEMBER, "11", "Ada", UUID(int=11))
FROM_HERE = Context(request_id="r-1", ip="192.0.2.7", user_agent="Browser", cause="test")


@pytest.fixture(autouse=True)
def acme(work: Work) -> UUID:
    found(work, ACME, "acme")
    return ACME


def listed(work: Work, **filters: Any) -> list[audit.Event]:
    with work.read(ACME) as uow:
        return audit.listing(uow, Filters(**filters))


def verdict(work: Work, organisation_id: UUID = ACME) -> audit.Verdict:
    with work.snapshot(organisation_id) as uow:
        return audit.verify(uow)


def tamper(work: Work, statement: Any) -> None:
    work.run_platform(lambda connection, _: connection.execute(statement))


def test_an_event_tells_who_what_and_where(work: Work, acme: UUID) -> None:
    target = Target("team", str(UUID(int=9)), "Support")
    fact = Fact("team.updated", (target,), before={"name": "Help"}, after={"name": "Support"})
    work.run(acme, ADA, lambda uow: uow.record(fact), FROM_HERE)
    (event,) = listed(work)
    assert event.actor == audit.EventActor("member", "11", "Ada")
    assert event.targets == [target]
    assert (event.before, event.after) == ({"name": "Help"}, {"name": "Support"})
    assert event.context == audit.EventContext("r-1", "192.0.2.7", "Browser", None, "test")
    assert event.seq is None


@pytest.mark.parametrize(
    ("filters", "actions"),
    [
        pytest.param({}, ["team.deleted", "chatbot.created", "team.created"], id="newest-first"),
        pytest.param({"action": "team.created"}, ["team.created"], id="one-action"),
        pytest.param({"action": "team."}, ["team.deleted", "team.created"], id="a-family"),
        pytest.param({"action": "team"}, [], id="half-a-word-is-no-family"),
        pytest.param({"actor_type": "member"}, ["chatbot.created"], id="actor-type"),
        pytest.param({"actor_id": "11"}, ["chatbot.created"], id="actor"),
        pytest.param({"target_ids": [UUID(int=5)]}, ["chatbot.created"], id="target"),
        pytest.param(
            {"since": NOON + timedelta(hours=1)}, ["team.deleted", "chatbot.created"], id="since"
        ),
        pytest.param({"until": NOON + timedelta(hours=1)}, ["team.created"], id="until"),
    ],
)
def test_filters_narrow_the_list(
    work: Work, acme: UUID, clock: Clock, filters: dict[str, Any], actions: list[str]
) -> None:
    clock.now = NOON - timedelta(minutes=1)
    note(work, acme, action="team.created")
    clock.now = NOON + timedelta(hours=1)
    fact = Fact("chatbot.created", (Target("chatbot", str(UUID(int=5))),))
    work.run(acme, ADA, lambda uow: uow.record(fact))
    clock.advance(timedelta(hours=1))
    note(work, acme, action="team.deleted")
    assert [event.action for event in listed(work, **filters)] == actions


def test_pages_follow_each_other_while_events_arrive(work: Work, acme: UUID) -> None:
    note(work, acme, times=5)
    seen: list[Any] = []
    after = None
    while True:
        with work.read(acme) as uow:
            page = audit.listing(uow, Filters(), after, limit=2)
        if not page:
            break
        seen += [event.after for event in page]
        after = (page[-1].occurred_at, page[-1].id)
        note(work, acme, action="team.deleted")
    assert seen == [{"n": n} for n in (4, 3, 2, 1, 0)]


def test_another_organisations_events_are_out_of_reach(work: Work) -> None:
    found(work, GLOBEX, "globex")
    note(work, GLOBEX)
    assert listed(work) == []
    assert listed(work, target_ids=[UUID(int=9)]) == []


def test_an_untouched_audit_verifies(work: Work, acme: UUID) -> None:
    note(work, acme, times=3)
    seal(work, acme)
    note(work, acme)
    heard: list[tuple[int, int]] = []
    with work.snapshot(acme) as uow:
        found = audit.verify(uow, lambda done, total: heard.append((done, total)))
    assert found == audit.Verdict(sealed=3, unsealed=1, first_break=None)
    assert heard[-1] == (4, 4)


def test_an_organisation_without_events_verifies(work: Work) -> None:
    assert verdict(work) == audit.Verdict(0, 0, None)


EVENTS, DETAILS = t.audit_events, t.audit_details


@pytest.mark.parametrize(
    ("statement", "place", "reason"),
    [
        pytest.param(
            update(EVENTS).where(EVENTS.c.seq == 2).values(action="team.deleted"),
            2,
            "its content is not what was written",
            id="an-action-rewritten",
        ),
        pytest.param(
            update(EVENTS).where(EVENTS.c.seq == 2).values(after={"n": 7}),
            2,
            "its content is not what was written",
            id="a-value-rewritten",
        ),
        pytest.param(
            update(DETAILS).values(details={"actor_name": "Eve"}),
            1,
            "its content is not what was written",
            id="a-name-rewritten",
        ),
        pytest.param(delete(DETAILS), 1, "its details are gone", id="details-deleted"),
        pytest.param(
            update(EVENTS).where(EVENTS.c.seq == 3).values(prev_hash="0" * 64),
            3,
            "it does not follow the event before it",
            id="a-link-bent",
        ),
        pytest.param(
            update(EVENTS).where(EVENTS.c.seq == 4).values(hash="f" * 64),
            4,
            "its hash is not that of its content and place",
            id="a-hash-rewritten",
        ),
        pytest.param(
            update(EVENTS).where(EVENTS.c.seq == 2).values(seq=9),
            2,
            "an event is missing",
            id="an-event-moved-to-the-end",
        ),
        pytest.param(
            update(EVENTS).where(EVENTS.c.seq == 4).values(seq=None, hash=None, prev_hash=None),
            4,
            "the chain ends at 3; 4 events were sealed",
            id="the-end-cut-off",
        ),
    ],
)
def test_the_first_break_is_found(
    work: Work, acme: UUID, statement: Any, place: int, reason: str
) -> None:
    note(work, acme, times=4)
    seal(work, acme)
    tamper(work, statement)
    found = verdict(work).first_break
    assert found is not None
    assert (found.seq, found.reason) == (place, reason)


def test_a_rewritten_unsealed_event_is_found(work: Work, acme: UUID) -> None:
    note(work, acme)
    tamper(work, update(EVENTS).values(outcome="failure"))
    found = verdict(work).first_break
    assert found is not None
    assert found.seq is None


def test_rewriting_content_and_its_hash_breaks_the_link(work: Work, acme: UUID) -> None:
    note(work, acme, times=2)
    seal(work, acme)
    tamper(work, update(EVENTS).where(EVENTS.c.seq == 1).values(content_hash="a" * 64))
    assert verdict(work).first_break is not None


def test_verifying_writes_nothing(work: Work, acme: UUID) -> None:
    note(work, acme)
    work.run_unlocked(acme, SYSTEM, sealing.seal)

    def verify(uow: UnitOfWork) -> bool:
        audit.verify(uow)
        return uow.wrote

    assert work.run_unlocked(acme, SYSTEM, verify) is False
