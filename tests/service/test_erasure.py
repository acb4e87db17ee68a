"""A person is erased: nothing says who it was, and the audit still proves what was done."""

import json
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import insert, select, update

from gateway.domain.errors import AlreadyMember
from gateway.domain.events import Fact, Target
from gateway.domain.identity import SYSTEM, Actor, ActorType, Context
from gateway.services import (
    audit,
    erasure,
    invitations,
    keys,
    members,
    people,
    policies,
)
from gateway.services.invitations import Wish
from gateway.storage import person_work
from gateway.storage import tables as t
from gateway.storage.unit_of_work import UnitOfWork, Work
from tests import factories, mails
from tests.clock import Clock
from tests.factories import OPERATOR, House
from tests.service.test_audit import verdict
from tests.service.test_sealing import seal

ADDRESS = "zoe.zimmer@acme.test"
SECRETS = (
    "zoe.zimmer",
    "zoë",
    "zo\\u00eb",
    "zimmer",
    "198.51.100.7",
    "zoe's browser",
    "subject-42",
)
FROM = Context(request_id="r-1", ip="198.51.100.7", user_agent="Zoe's browser")


@dataclass(frozen=True)
class Scene:
    """Two houses that know Zoë, who has left both."""

    acme: House
    globex: House
    member_id: UUID
    person_id: UUID


def everything(work: Work) -> dict[str, str]:
    """What each table says, folded."""
    with work.platform() as connection:
        return {
            table.name: json.dumps(
                [list(row) for row in connection.execute(select(table))], default=str
            ).casefold()
            for table in t.metadata.sorted_tables
        }


def told(work: Work) -> dict[str, list[str]]:
    """Which secrets each table tells."""
    said = {name: [x for x in SECRETS if x in text] for name, text in everything(work).items()}
    return {name: found for name, found in said.items() if found}


def left(work: Work, acme: House, clock: Clock) -> tuple[UUID, UUID]:
    """Let Zoë come from the identity provider, leave traces of every kind, and go."""
    user = factories.provision(work, acme, ADDRESS, "external-42")
    assert user.member_id is not None
    member_id = user.member_id
    here = acme.organisation_id
    work.run(here, OPERATOR, lambda uow: members.rename(uow, member_id, "Zoë Zimmer", ADDRESS))
    with work.read(here) as uow:
        person_id = uow.load(t.members, member_id).person_id
    zoe = Actor(ActorType.MEMBER, str(member_id), "Zoë Zimmer", member_id)
    common = {"connection_id": acme.connection.id}
    session_id = UUID(int=4242)

    def live(uow: UnitOfWork) -> None:
        uow.record(Fact("team.created", (Target("team", str(uow.new_id()), "Support"),)))
        identity = uow.new_id()
        uow.insert(
            t.identities, id=identity, **common, issuer="i", subject="subject-42",
            person_id=person_id, member_id=member_id, linked_by="scim", created_at=uow.now,
        )  # fmt: skip
        uow.execute(
            insert(t.sessions).values(
                id=session_id, person_id=person_id, token_hash="x", factors=[], ip=FROM.ip,
                user_agent=FROM.user_agent, created_at=uow.now, last_seen_at=uow.now,
                expires_at=uow.now,
            )
        )  # fmt: skip
        uow.insert(
            t.session_proofs, session_id=session_id, member_id=member_id, method="sso",
            break_glass=False, name_id="subject-42", access_epoch=1, proved_at=uow.now,
            recorded_at=uow.now, expires_at=uow.now,
        )  # fmt: skip
        uow.insert(
            t.signin_traces, id=uow.new_id(), **common, occurred_at=uow.now, expires_at=uow.now,
            test=False, outcome="refused", document={"name_id": "Subject-42", "email": ADDRESS},
        )  # fmt: skip
        uow.insert(
            t.scim_requests, id=uow.new_id(), **common, received_at=uow.now, method="GET",
            path=f"/Users/{user.id}", received={}, deviations={}, changed={}, status=409,
            detail=f"{ADDRESS} is taken.", milliseconds=1.0, request_id="r", ip=FROM.ip,
        )  # fmt: skip
        keys.create(uow, "Zoë Zimmer's key", ["org.read"], member_id=member_id)
        mails.send(uow, "member.welcome", ADDRESS, "Hello", "Hello Zoë Zimmer.")
        mails.send(uow, "notice", "owner@acme.test", "Zoë Zimmer left", "She has.")

    work.run(here, zoe, live, FROM)
    failed = Fact("signin.failed", (Target("member", str(member_id), "Zoë Zimmer"),))
    work.run(here, SYSTEM, lambda uow: uow.record(failed), FROM)
    about = Fact("team.deleted", (Target("team", str(UUID(int=5)), f"Of {ADDRESS}"),))
    work.run(here, OPERATOR, lambda uow: uow.record(about))
    sent = update(t.outbox).where(t.outbox.c.channel == "mail").values(delivered_at=clock.now)
    work.run_platform(lambda connection, _: connection.execute(sent))
    account = update(t.persons).where(t.persons.c.id == person_id).values(
        email=ADDRESS, email_key=ADDRESS, display_name="Zoë Zimmer",
        password_hash=people.hash_password("zoë zimmer zoë"),
    )  # fmt: skip
    work.run_platform(lambda connection, _: connection.execute(account))
    return member_id, person_id


@pytest.fixture
def scene(work: Work, clock: Clock) -> Scene:
    acme, globex = factories.house(work), factories.house(work, "globex")
    member_id, person_id = left(work, acme, clock)

    def invite(uow: UnitOfWork) -> None:
        policies.change(uow, {"invites_when_scim": "on"})
        invitations.create(uow, Wish(email=ADDRESS), "http://localhost")

    work.run(globex.organisation_id, OPERATOR, invite)
    return Scene(acme, globex, member_id, person_id)


def sought(work: Work, name: str = ADDRESS) -> erasure.Sought:
    with work.platform() as connection:
        return erasure.find(connection, name)


def erase(work: Work, who: erasure.Sought) -> list[erasure.Erased]:
    found = [
        work.run(each, OPERATOR, lambda uow: erasure.erase(uow, who)) for each in who.organisations
    ]
    return [*found, person_work.run(work, lambda here: erasure.erase_account(here, who))]


def test_whoever_is_a_member_is_not_erased(work: Work, scene: Scene) -> None:
    who = sought(work)
    with pytest.raises(AlreadyMember):
        work.run(scene.acme.organisation_id, OPERATOR, lambda uow: erasure.erase(uow, who))
    with pytest.raises(AlreadyMember):
        person_work.run(work, lambda here: erasure.erase_account(here, who))


def test_nothing_says_who_it_was_and_the_chain_holds(work: Work, scene: Scene) -> None:
    """S4-19: what was done stays listed, by the id of the membership."""
    here, there = scene.acme.organisation_id, scene.globex.organisation_id
    work.run(here, OPERATOR, lambda uow: members.remove(uow, scene.member_id))
    for each in (here, there):
        seal(work, each)
    before = verdict(work, here)
    assert set(told(work)) >= {"audit_details", "members", "persons", "sessions", "outbox"}

    who = sought(work)
    assert set(who.organisations) == {here, there}
    done = erase(work, who)
    assert not any(each.is_nothing for each in done)
    assert told(work) == {}

    with work.read(here) as uow:
        acted = audit.listing(uow, audit.Filters(actor_id=str(scene.member_id)))
    assert {each.action for each in acted} >= {"team.created", "api_key.created"}
    assert {(each.actor.name, each.context.ip) for each in acted} == {("Erased person", None)}
    for each in (here, there):
        seal(work, each)
        assert verdict(work, each).first_break is None
    after = verdict(work, here)
    assert (after.sealed, after.erased) == (before.sealed + 1, done[0].erased["events"])
    assert done[0].remains["memberships"] == 1
    assert done[0].remains["mails under way"] == 0


def test_a_second_erasure_changes_and_records_nothing(work: Work, scene: Scene) -> None:
    here = scene.acme.organisation_id
    work.run(here, OPERATOR, lambda uow: members.remove(uow, scene.member_id))
    erase(work, sought(work))
    before = {**everything(work), "organisations": ""}
    for name in (ADDRESS, str(scene.person_id)):
        again = erase(work, sought(work, name))
        assert all(each.is_nothing for each in again)
    assert {**everything(work), "organisations": ""} == before, "but for the lock's instant"


def test_an_erased_event_is_proved_all_the_same(work: Work, scene: Scene) -> None:
    here = scene.acme.organisation_id
    work.run(here, OPERATOR, lambda uow: members.remove(uow, scene.member_id))
    erase(work, sought(work))
    seal(work, here)
    forged = update(t.audit_details).where(t.audit_details.c.salt == "").values(digest="0" * 64)
    work.run_platform(lambda connection, _: connection.execute(forged))
    broken: Any = verdict(work, here).first_break
    assert broken.reason == "its content is not what was written"
