"""Owners of record: an organisation always keeps one who can act (semantics §5)."""

from uuid import UUID

import pytest

from gateway.domain.errors import InvalidRequest, LastOwner, Refused
from gateway.services import directory, members, ownership
from gateway.storage import tables as t
from tests.factories import appoint_break_glass, user_record
from tests.scene import Scene


def owners(here: Scene) -> set[UUID]:
    return {row.id for row in here.rows(t.members) if row.owner_of_record}


@pytest.mark.parametrize("verb", [members.deactivate, members.hold, members.remove])
def test_no_verb_takes_the_last_owner(here: Scene, verb: object) -> None:
    """S2-25, S3-03."""
    assert callable(verb)
    with pytest.raises(LastOwner) as refused:
        here.do(lambda uow: verb(uow, here.house.owner_id))
    assert refused.value.levers
    assert here.member(here.house.owner_id).state == "active"


@pytest.mark.parametrize("verb", [members.deactivate, members.hold, members.remove])
def test_of_two_owners_the_second_to_go_is_refused(shared: Scene, verb: object) -> None:
    assert callable(verb)
    second = shared.appoint("other@initech.test")
    shared.do(lambda uow: verb(uow, shared.house.owner_id))
    with pytest.raises(LastOwner):
        shared.do(lambda uow: verb(uow, second))


def test_an_owner_who_cannot_act_does_not_count(shared: Scene) -> None:
    second = shared.appoint("other@initech.test")
    shared.do(lambda uow: members.hold(uow, second))
    with pytest.raises(LastOwner):
        shared.do(lambda uow: members.remove(uow, shared.house.owner_id))


def test_an_owner_who_cannot_act_may_still_be_removed(shared: Scene) -> None:
    second = shared.appoint("other@initech.test")
    shared.do(lambda uow: members.deactivate(uow, second))
    shared.do(lambda uow: members.remove(uow, second))
    assert owners(shared) == {shared.house.owner_id}


def test_a_removed_owner_is_no_owner(shared: Scene) -> None:
    second = shared.appoint("other@initech.test")
    shared.do(lambda uow: members.remove(uow, second))
    assert owners(shared) == {shared.house.owner_id}
    assert len(shared.facts("owner.changed", second)) == 2


def test_recovery_moves_a_single_ownership(here: Scene) -> None:
    """Invariant 1: exactly one owner of record where the preset says so."""
    here.do(lambda uow: ownership.recover(uow, here.house.successor_id))
    assert owners(here) == {here.house.successor_id}
    assert here.role_of(here.house.successor_id) == "owner"
    assert here.role_of(here.house.owner_id) == "admin"
    assert len(here.facts("access.changed", here.house.owner_id)) == 2
    here.do(lambda uow: members.remove(uow, here.house.owner_id))


def test_recovery_adds_an_owner_where_there_may_be_several(shared: Scene) -> None:
    shared.do(lambda uow: ownership.recover(uow, shared.house.successor_id))
    assert owners(shared) == {shared.house.owner_id, shared.house.successor_id}


def test_recovery_ends_the_containment_of_the_owner_it_names(here: Scene) -> None:
    contain(here)
    here.do(lambda uow: ownership.recover(uow, here.house.owner_id))
    assert not here.member(here.house.owner_id).contained
    assert not here.access(here.house.owner_id).is_empty()


def test_another_owner_ends_containment_by_doing_what_was_refused(here: Scene) -> None:
    contain(here)
    before = here.seats_in_use()
    here.do(lambda uow: ownership.recover(uow, here.house.successor_id))
    old = here.member(here.house.owner_id)
    assert (old.state, old.contained, old.owner_of_record) == ("deactivated", False, False)
    assert owners(here) == {here.house.successor_id}
    after = here.seats_in_use()
    assert (after.active, after.owners) == (before.active - 1, 1)


@pytest.mark.parametrize("verb", [members.deactivate, members.hold])
def test_only_somebody_who_can_act_is_recovered_to(here: Scene, verb: object) -> None:
    assert callable(verb)
    here.run(appoint_break_glass, here.house.owner_id)
    here.do(lambda uow: verb(uow, here.house.successor_id))
    with pytest.raises(InvalidRequest):
        here.do(lambda uow: ownership.recover(uow, here.house.successor_id))


def contain(here: Scene) -> None:
    user = here.post("owner@acme.test")
    record = user_record("owner@acme.test", active=False)
    answer = here.idp(lambda uow, c: directory.update_user(uow, c, user.id, record))
    assert isinstance(answer, Refused)
