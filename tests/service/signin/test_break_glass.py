"""Break-glass owners: who comes in whatever becomes of the identity provider (semantics §5)."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from gateway.domain.errors import (
    InvalidRequest,
    NotPermitted,
    OwnershipTransferDisabled,
    SuccessorRequired,
)
from gateway.domain.identity import Actor, ActorType
from gateway.domain.sessions import Factor
from gateway.domain.signin import Link
from gateway.services import (
    break_glass,
    connections,
    identities,
    members,
    organisations,
    ownership,
    sign_in_upkeep,
    sso_setup,
    terms,
)
from gateway.storage import tables as t
from gateway.storage.unit_of_work import UnitOfWork, Work
from tests.clock import Clock
from tests.factories import appoint_break_glass, found_organisation, second_role
from tests.scene import Scene
from tests.service.signin.lodge import Lodge

BOTH = (Factor.PASSWORD, Factor.RECOVERY_CODE)


@pytest.fixture
def here(acme: Lodge) -> Scene:
    """Acme, where several may own: its owner is a break-glass owner."""
    acme.do(lambda uow: terms.override(uow, {"owners": "multi"}))
    acme.do(lambda uow: appoint_break_glass(uow, acme.house.owner_id))
    return Scene(acme.work, acme.house)


def mails(here: Scene, kind: str) -> list[str]:
    """Whom mail of a kind goes to."""
    return sorted(row.payload["to"] for row in here.rows(t.outbox, channel="mail", type=kind))


def bare(work: Work, preset: str) -> Callable[..., Any]:
    """An organisation without any connection: a function that turns provisioning on."""
    organisation_id, owner_id = found_organisation(work, "bare", preset, seat_overage="bill")

    def turn_on(uow: UnitOfWork, *, armed: bool = False, named: bool = False) -> Any:
        if armed:
            appoint_break_glass(uow, owner_id)
        role = second_role(preset)
        successor = organisations.add_member(
            uow, email="second@bare.test", display_name="Sara", role=role
        )
        return connections.create(uow, "Okta", successor if named else None)

    return lambda **wish: work.run(
        organisation_id,
        Actor(ActorType.OPERATOR, "operator", "Operator"),
        lambda uow: turn_on(uow, **wish),
    )


# -- the gate ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("preset", "wish", "refusal"),
    [
        ("five_role", {}, SuccessorRequired),
        ("five_role", {"named": True}, None),
        ("five_role", {"armed": True}, None),
        ("pingback", {}, SuccessorRequired),
        ("pingback", {"named": True}, OwnershipTransferDisabled),
        ("pingback", {"armed": True, "named": True}, OwnershipTransferDisabled),
        ("pingback", {"armed": True}, None),
    ],
)
def test_provisioning_needs_somebody_who_stays(
    work: Work, preset: str, wish: dict[str, bool], refusal: type[Exception] | None
) -> None:
    turn_on = bare(work, preset)
    if refusal is None:
        assert turn_on(**wish)
        return
    with pytest.raises(refusal):
        turn_on(**wish)


def test_enforcement_needs_the_same(acme: Lodge) -> None:
    def proved(uow: UnitOfWork) -> None:
        uow.update(t.sso_connections, {"id": acme.connection_id}, owner_proved_at=uow.now)

    acme.do(proved)
    for policy, passes in (("forbidden", False), ("allowed", True)):
        acme.do(partial(terms.override, wishes={"transfer": policy}))
        if passes:
            acme.do(lambda uow: sso_setup.set_enforced(uow, acme.connection_id, enforced=True))
            continue
        with pytest.raises(SuccessorRequired):
            acme.do(lambda uow: sso_setup.set_enforced(uow, acme.connection_id, enforced=True))


def test_whoever_lost_a_factor_holds_no_gate_open(work: Work) -> None:
    """The owner of this preset is the only one who can keep it."""
    turn_on = bare(work, "pingback")
    turn_on(armed=True)
    with work.platform() as database:
        organisation_id = database.execute(t.break_glass_owners.select()).one().organisation_id
    here = Actor(ActorType.OPERATOR, "operator", "Operator")
    work.run(organisation_id, here, lambda uow: uow.apply(t.recovery_codes.delete()))
    with pytest.raises(SuccessorRequired):
        work.run(organisation_id, here, lambda uow: connections.create(uow, "Entra"))


# -- appointment ---------------------------------------------------------------------


def test_only_an_owner_of_record_with_two_factors_is_appointed(acme: Lodge) -> None:
    for member_id in (acme.house.owner_id, acme.house.successor_id):
        with pytest.raises(InvalidRequest):
            acme.do(partial(break_glass.appoint, member_id=member_id))
    admin = Scene(acme.work, acme.house).by(acme.house.successor_id)
    with pytest.raises(NotPermitted):
        acme.do(lambda uow: appoint_break_glass(uow, acme.house.owner_id), admin)


def test_there_are_at_most_two(here: Scene) -> None:
    for name in ("third", "fourth"):
        member_id = here.appoint(f"{name}@acme.test")
        if name == "third":
            here.do(partial(appoint_break_glass, owner_id=member_id))
            continue
        with pytest.raises(InvalidRequest):
            here.do(partial(appoint_break_glass, owner_id=member_id))


def test_an_appointment_is_announced_until_another_owner_confirms_it(
    here: Scene, clock: Clock
) -> None:
    """At once, then every ninety days."""
    everybody = ["owner@acme.test", "second@acme.test"]
    assert mails(here, "break_glass.appointed") == everybody
    for days, times in ((89, 1), (2, 2), (88, 2), (3, 3)):
        clock.advance(timedelta(days=days))
        here.do(sign_in_upkeep.settle)
        assert mails(here, "break_glass.appointed") == sorted(everybody * times)
    owner = here.house.owner_id
    with pytest.raises(NotPermitted):
        here.do(lambda uow: break_glass.confirm(uow, owner), here.by(owner))
    other = here.appoint("third@acme.test")
    here.do(lambda uow: break_glass.confirm(uow, owner), here.by(other))
    clock.advance(timedelta(days=200))
    here.do(sign_in_upkeep.settle)
    assert len(mails(here, "break_glass.appointed")) == 6
    assert len(here.facts("break_glass.confirmed")) == 1


def test_each_use_is_recorded_and_mailed(here: Scene, acme: Lodge) -> None:
    person_id = here.member(here.house.owner_id).person_id
    for _ in range(2):
        assert acme.organisation_id in acme.by_password(person_id, *BOTH).organisations
    assert len(here.facts("break_glass.used", here.house.owner_id)) == 2
    assert mails(here, "break_glass.used") == sorted(["owner@acme.test", "second@acme.test"] * 2)
    assert acme.by_password(person_id).organisations == (), "one factor is none"


def test_another_owner_or_the_operator_ends_it_and_its_sessions(here: Scene, acme: Lodge) -> None:
    owner = here.house.owner_id
    opened = acme.by_password(here.member(owner).person_id, *BOTH)
    admin = here.by(here.house.successor_id)
    with pytest.raises(NotPermitted):
        here.do(lambda uow: break_glass.end(uow, owner), admin)
    other = here.appoint("third@acme.test")
    here.do(lambda uow: break_glass.end(uow, owner), here.by(other))
    proofs = here.rows(t.session_proofs, session_id=opened.id)
    assert [row.revoked_because for row in proofs] == ["break_glass_ended"]
    assert here.see(break_glass.listing) == []


@pytest.mark.parametrize("leaves", ["transfer", "remove"])
def test_it_ends_with_the_ownership_that_it_rests_on(here: Scene, leaves: str) -> None:
    owner = here.house.owner_id
    if leaves == "transfer":
        here.do(lambda uow: terms.override(uow, {"owners": "single"}))
    here.appoint("third@acme.test")
    if leaves == "remove":
        here.do(lambda uow: members.remove(uow, owner))
    assert here.see(break_glass.listing) == []
    assert len(here.facts("break_glass.ended", owner)) == 1


# -- the provider reaches for one ------------------------------------------------------


def test_provisioning_never_matches_one_and_the_claim_is_told(here: Scene) -> None:
    user = here.post("Owner@Acme.test")
    assert user.member_id is None
    assert here.attention() == {"break_glass_matched": 1}
    assert len(here.facts("break_glass.threatened", here.house.owner_id)) == 1
    assert here.member(here.house.owner_id).managed_by is None


@pytest.mark.parametrize("how", ["deactivate", "delete", "created inactive"])
def test_a_deprovisioning_that_names_one_raises_the_alarm_and_changes_nothing(
    here: Scene, how: str
) -> None:
    if how == "created inactive":
        here.post("owner@acme.test", active=False)
    else:
        user = here.post("owner@acme.test")
        here.set_active(user, False) if how == "deactivate" else here.delete(user)
    owner = here.member(here.house.owner_id)
    assert (owner.state, owner.contained, owner.owner_of_record) == ("active", False, True)
    told = len(here.facts("break_glass.threatened", owner.id))
    assert told == (1 if how == "created inactive" else 2), "the claim, and the deprovisioning"
    assert len(mails(here, "break_glass.threatened")) == told * 2


def test_an_account_that_signs_one_in_counts_as_one_of_their_names(
    here: Scene, acme: Lodge
) -> None:
    """The user name is no address of theirs; the provider's subject is."""
    asserted = acme.says("00u17", None)
    owner = here.member(here.house.owner_id)
    here.do(lambda uow: identities.link(uow, asserted, owner, Link.PROOF))
    user = here.post("somebody.else@elsewhere.test", "00u17")
    assert here.facts("break_glass.threatened") == []
    here.set_active(user, False)
    here.set_active(user, False)
    assert len(here.facts("break_glass.threatened", owner.id)) == 1


def test_another_persons_deprovisioning_raises_no_alarm(here: Scene) -> None:
    here.set_active(here.post("ann@acme.test", "e1"), False)
    assert here.facts("break_glass.threatened") == []


def test_what_the_provider_of_another_house_says_is_no_alarm_here(
    here: Scene, globex: Lodge
) -> None:
    Scene(globex.work, globex.house).post("owner@acme.test", active=False)
    assert here.facts("break_glass.threatened") == []


def test_enforcement_and_containment_leave_the_way_in_open(here: Scene, acme: Lodge) -> None:
    def enforce(uow: UnitOfWork) -> None:
        uow.update(t.sso_connections, {"id": acme.connection_id}, owner_proved_at=uow.now)
        sso_setup.set_enforced(uow, acme.connection_id, enforced=True)
        ownership.contain(uow, uow.load(t.members, here.house.owner_id))

    here.do(enforce)
    person_id = here.member(here.house.owner_id).person_id
    assert acme.by_password(person_id, *BOTH).organisations == (acme.organisation_id,)
    assert acme.by_password(person_id).closed == {acme.organisation_id: "factor_required"}
