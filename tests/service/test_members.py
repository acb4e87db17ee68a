"""Members joining, resting and leaving by hand: semantics §5 and §7."""

from datetime import timedelta
from uuid import UUID

import pytest

from gateway.domain.errors import (
    AlreadyMember,
    DeprovisionedByIdP,
    InvalidRequest,
    LastOwner,
    ManagedByIdP,
    NotFound,
    OwnAccess,
    RoleAboveOwn,
)
from gateway.domain.identity import Actor
from gateway.services import chatbots, connections, members, narrowing, roster, teams
from gateway.storage import tables as t
from gateway.storage.unit_of_work import Work
from tests.scene import Scene, scene


@pytest.fixture
def anna(here: Scene) -> UUID:
    """A developer, managed by nobody."""
    return here.employ("anna@acme.test", "developer", "Anna")


@pytest.fixture
def admin(here: Scene) -> Actor:
    """The organisation's admin, who acts."""
    return here.by(here.house.successor_id)


def test_deactivating_ends_everything_live(here: Scene, anna: UUID, admin: Actor) -> None:
    """S1-22, S2-21, S4-16."""
    here.sign_in(anna)
    epoch, before = here.member(anna).access_epoch, here.seats_in_use().active
    here.do(lambda uow: members.deactivate(uow, anna), admin)
    member = here.member(anna)
    assert (member.state, member.deactivated_by) == ("deactivated", "manual")
    assert member.access_epoch == epoch + 1
    assert here.live_credentials(anna) == 0
    assert here.access(anna).is_empty()
    assert here.seats_in_use().active == before - 1
    assert len(here.facts("member.deactivated", anna)) == 1
    assert len(here.facts("access.changed", anna)) == 2


def test_a_deactivated_member_comes_back_with_their_role_and_no_live_key(
    here: Scene, anna: UUID, admin: Actor
) -> None:
    """S1-22: deactivation is reversible; keys are dead for good."""
    here.sign_in(anna)
    here.do(lambda uow: members.deactivate(uow, anna), admin)
    here.do(lambda uow: members.reactivate(uow, anna), admin)
    assert here.role_of(anna) == "developer"
    assert not here.access(anna).is_empty()
    assert here.live_credentials(anna) == 0


@pytest.mark.parametrize("verb", [members.deactivate, members.hold, members.lift_hold])
def test_a_verb_repeated_changes_and_records_nothing(here: Scene, anna: UUID, verb: object) -> None:
    assert callable(verb)
    here.do(lambda uow: verb(uow, anna))
    before = here.rows(t.members), here.rows(t.outbox)
    here.do(lambda uow: verb(uow, anna))
    assert (here.rows(t.members), here.rows(t.outbox)) == before


def test_a_hold_closes_everything_and_keeps_the_seat(here: Scene, anna: UUID) -> None:
    here.sign_in(anna)
    before = here.seats_in_use()
    here.do(lambda uow: members.hold(uow, anna))
    assert here.access(anna).standing == "on_hold"
    assert here.access(anna).is_empty()
    assert here.live_credentials(anna) == 0
    assert here.seats_in_use() == before
    here.do(lambda uow: members.lift_hold(uow, anna))
    assert here.role_of(anna) == "developer"
    assert not here.access(anna).is_empty()


def test_a_hold_outlives_deactivation(here: Scene, anna: UUID) -> None:
    here.do(lambda uow: members.hold(uow, anna))
    here.do(lambda uow: members.deactivate(uow, anna))
    here.do(lambda uow: members.reactivate(uow, anna))
    assert here.access(anna).standing == "on_hold"


def test_a_removed_member_leaves_nothing_behind(here: Scene, anna: UUID, admin: Actor) -> None:
    """S2-20, S2-21, S2-24, S4-15, S4-16, S4-18."""
    bot = here.do(lambda uow: chatbots.create(uow, "Sales", anna))
    team = here.do(lambda uow: teams.create(uow, "Support"))
    here.do(lambda uow: teams.join(uow, team, anna))
    here.sign_in(anna)
    here.do(lambda uow: members.remove(uow, anna), admin)
    member = here.member(anna)
    assert member.state == "removed"
    assert member.removed_at is not None
    assert here.live_credentials(anna) == 0
    assert here.access(anna).is_empty()
    assert here.rows(t.grants, member_id=anna, valid_to=None) == []
    assert here.rows(t.team_seats, member_id=anna, valid_to=None) == []
    assert here.rows(t.chatbots, id=bot)[0].owner_id == here.house.owner_id


def test_the_end_of_a_grant_tells_what_it_gave_as_its_beginning_did(
    here: Scene, anna: UUID
) -> None:
    bot = here.run(chatbots.create, "Sales")
    here.run(narrowing.narrow, anna, {bot: {"conversations": "read"}})
    here.run(members.remove, anna)
    events = here.rows(t.audit_events)
    of_anna = [each for each in events if each.targets and each.targets[0]["id"] == str(anna)]
    given = [(x.after, len(x.targets)) for x in of_anna if x.action == "grant.created"]
    ended = [(x.before, len(x.targets)) for x in of_anna if x.action == "grant.ended"]
    section = {"section": "conversations", "level": "read", "source": "manual"}
    assert (section, 2) in given
    assert sorted(given, key=str) == sorted(ended, key=str)


@pytest.mark.parametrize(
    "verb", [members.remove, members.deactivate, members.reactivate, members.hold]
)
def test_a_removed_membership_is_over_for_good(here: Scene, anna: UUID, verb: object) -> None:
    """S2-22: no verb brings a removed membership back."""
    assert callable(verb)
    here.do(lambda uow: members.remove(uow, anna))
    with pytest.raises(NotFound):
        here.do(lambda uow: verb(uow, anna))


def test_who_was_removed_can_come_again_as_a_new_member(here: Scene, anna: UUID) -> None:
    """S4-20: a new membership id without the old grants."""
    here.do(lambda uow: members.remove(uow, anna))
    again = here.employ("anna@acme.test", "viewer")
    assert again != anna
    assert here.member(again).person_id == here.member(anna).person_id
    assert here.role_of(again) == "viewer"


def test_nobody_is_a_member_twice(here: Scene) -> None:
    here.employ("anna@acme.test", "developer")
    with pytest.raises(AlreadyMember):
        here.employ("Anna@acme.test", "viewer")


# -- leaving -------------------------------------------------------------------------


def test_a_member_leaves_by_their_own_will(here: Scene, anna: UUID) -> None:
    """S0-31."""
    here.do(lambda uow: members.leave(uow, anna), here.by(anna))
    assert here.member(anna).state == "removed"
    assert here.facts("member.removed", anna)[0].payload["data"]["reason"] == "left"


def test_the_last_owner_does_not_leave(here: Scene) -> None:
    owner_id = here.house.owner_id
    with pytest.raises(LastOwner):
        here.do(lambda uow: members.leave(uow, owner_id), here.by(owner_id))


def test_one_of_two_owners_leaves_and_the_other_stays(shared: Scene) -> None:
    second = shared.appoint("other@initech.test")
    shared.do(lambda uow: members.leave(uow, second), shared.by(second))
    owner_id = shared.house.owner_id
    with pytest.raises(LastOwner):
        shared.do(lambda uow: members.leave(uow, owner_id), shared.by(owner_id))


def test_whom_a_live_connection_manages_does_not_leave(here: Scene) -> None:
    user = here.post("anna@acme.test")
    assert user.member_id is not None
    with pytest.raises(ManagedByIdP) as refused:
        here.do(lambda uow: members.leave(uow, user.member_id), here.by(user.member_id))  # type: ignore[arg-type]
    assert refused.value.levers
    here.do(lambda uow: connections.disable(uow, here.house.connection.id))
    here.do(lambda uow: members.leave(uow, user.member_id), here.by(user.member_id))  # type: ignore[arg-type]
    assert here.member(user.member_id).state == "removed"


# -- roles ---------------------------------------------------------------------------


def test_a_new_role_holds_at_once(here: Scene, anna: UUID, admin: Actor) -> None:
    """S1-24, S2-09, S2-10, S4-12, S4-13."""
    here.sign_in(anna)
    epoch = here.member(anna).access_epoch
    here.do(lambda uow: members.set_role(uow, anna, here.role("viewer")), admin)
    assert here.role_of(anna) == "viewer"
    assert here.member(anna).access_epoch == epoch + 1
    assert here.live_credentials(anna) == 2
    grants = here.rows(t.grants, member_id=anna, valid_to=None)
    assert [(grant.source, grant.granted_by["id"]) for grant in grants] == [
        ("manual", str(here.house.successor_id))
    ]


def test_the_same_role_again_changes_and_records_nothing(here: Scene, anna: UUID) -> None:
    before = here.rows(t.members), here.rows(t.grants), here.rows(t.outbox)
    here.do(lambda uow: members.set_role(uow, anna, here.role("developer")))
    assert (here.rows(t.members), here.rows(t.grants), here.rows(t.outbox)) == before


def test_the_last_owner_is_not_demoted(here: Scene) -> None:
    """S2-25, S3-03."""
    owner_id = here.house.owner_id
    with pytest.raises(LastOwner):
        here.do(lambda uow: members.set_role(uow, owner_id, here.role("viewer")))


def test_one_of_two_owners_is_demoted(shared: Scene) -> None:
    second = shared.appoint("other@initech.test")
    shared.do(lambda uow: members.set_role(uow, second, shared.role("member")))
    assert shared.role_of(second) == "member"
    assert not shared.member(second).owner_of_record


def test_a_single_ownership_is_not_given_by_a_role_change(here: Scene, anna: UUID) -> None:
    with pytest.raises(InvalidRequest):
        here.do(lambda uow: members.set_role(uow, anna, here.role("owner")))


def test_where_there_may_be_several_the_owners_role_does_not_make_an_owner_of_record(
    shared: Scene,
) -> None:
    member_id = shared.employ("anna@initech.test", "member")
    admin, owner = shared.by(shared.house.successor_id), shared.by(shared.house.owner_id)
    role = shared.role("owner")
    with pytest.raises(RoleAboveOwn):
        shared.do(lambda uow: members.set_role(uow, member_id, role), admin)
    shared.do(lambda uow: members.set_role(uow, member_id, role), owner)
    assert shared.role_of(member_id) == "owner"
    assert not shared.member(member_id).owner_of_record
    with pytest.raises(LastOwner):
        shared.do(lambda uow: members.remove(uow, shared.house.owner_id))


def test_the_role_of_whom_a_connection_manages_is_not_changed_by_hand(here: Scene) -> None:
    user = here.post("anna@acme.test")
    group = here.group("Engineers", user)
    rule = here.map(group, role="developer")
    member_id = user.member_id
    assert member_id is not None
    with pytest.raises(ManagedByIdP) as refused:
        here.do(lambda uow: members.set_role(uow, member_id, here.role("viewer")))
    assert refused.value.details == {
        "connection": str(here.house.connection.id),
        "rule": str(rule),
        "group": str(group.id),
    }
    assert len(refused.value.levers) == 2
    here.do(lambda uow: connections.disable(uow, here.house.connection.id))
    here.do(lambda uow: members.set_role(uow, member_id, here.role("viewer")))
    assert here.role_of(member_id) == "viewer"


@pytest.mark.parametrize("verb", [members.deactivate, members.hold, members.remove])
def test_taking_access_from_whom_a_connection_manages_stays_possible(
    here: Scene, verb: object
) -> None:
    assert callable(verb)
    user = here.post("anna@acme.test")
    here.do(lambda uow: verb(uow, user.member_id))
    assert here.access(user.member_id).is_empty()


def test_whom_the_provider_deactivated_only_the_provider_brings_back(here: Scene) -> None:
    user = here.post("anna@acme.test")
    here.set_active(user, False)
    member_id = user.member_id
    assert member_id is not None
    with pytest.raises(DeprovisionedByIdP):
        here.do(lambda uow: members.reactivate(uow, member_id))
    here.do(lambda uow: connections.disable(uow, here.house.connection.id))
    here.do(lambda uow: members.reactivate(uow, member_id))
    assert here.member(member_id).state == "active"


# -- acting on others ----------------------------------------------------------------


@pytest.mark.parametrize(
    "verb", [members.deactivate, members.hold, members.remove, members.lift_hold]
)
def test_nobody_acts_on_themselves_or_on_somebody_above(
    here: Scene, anna: UUID, verb: object
) -> None:
    assert callable(verb)
    with pytest.raises(OwnAccess):
        here.do(lambda uow: verb(uow, anna), here.by(anna))
    with pytest.raises(RoleAboveOwn):
        here.do(lambda uow: verb(uow, here.house.successor_id), here.by(anna))


def test_nobody_changes_their_own_role(here: Scene, admin: Actor) -> None:
    with pytest.raises(OwnAccess):
        here.do(
            lambda uow: members.set_role(uow, here.house.successor_id, here.role("viewer")), admin
        )


def test_an_admin_does_not_touch_the_owner(here: Scene, admin: Actor) -> None:
    for verb in (members.deactivate, members.hold, members.remove):
        with pytest.raises(RoleAboveOwn):
            here.do(lambda uow, verb=verb: verb(uow, here.house.owner_id), admin)  # type: ignore[misc]


def test_a_supervisor_manages_agents_alone(work: Work) -> None:
    """S1-11."""
    here = scene(work, "waba", "whatsapp")
    boss = here.by(here.house.successor_id)
    agent = here.employ("agent@waba.test", "agent")
    peer = here.employ("peer@waba.test", "supervisor")
    here.do(lambda uow: members.deactivate(uow, agent), boss)
    with pytest.raises(RoleAboveOwn):
        here.do(lambda uow: members.deactivate(uow, peer), boss)


# -- looking -------------------------------------------------------------------------


def test_members_are_found_by_name_and_address_in_the_order_of_joining(here: Scene) -> None:
    """S1-02, S0-25."""
    for number in range(3):
        here.let_pass(timedelta(seconds=1))
        here.employ(f"p{number}@acme.test", "viewer", f"Person {number}")
    assert names_of(here, "PERSON") == ["Person 0", "Person 1", "Person 2"]
    assert names_of(here, "p1@ACME") == ["Person 1"]


@pytest.mark.parametrize("text", ["%", "_", "\\"])
def test_signs_of_patterns_are_plain_text_in_a_search(here: Scene, text: str) -> None:
    assert names_of(here, text) == []


def names_of(here: Scene, text: str) -> list[str]:
    steps = here.see(lambda uow: roster.listing(uow, roster.Wanted(text=text)))
    return [step.row.display_name for step in steps]
