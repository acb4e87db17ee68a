"""The identity provider meets the last owner: contained, or succeeded (semantics §5)."""

from uuid import UUID

import pytest

from gateway.domain.errors import LastOwner, NotPermitted, Refused
from gateway.domain.memberships import MemberState
from gateway.services import connections, directory, ownership
from gateway.storage import tables as t
from tests.factories import user_record
from tests.scene import Scene


@pytest.fixture
def owner_user(here: Scene) -> UUID:
    """The SCIM id of the owner, whom the connection has adopted."""
    return here.post("owner@acme.test").id


def deprovision(here: Scene, user_id: UUID) -> Refused | None:
    record = user_record("owner@acme.test", active=False)
    answer = here.idp(lambda uow, c: directory.update_user(uow, c, user_id, record))
    return answer if isinstance(answer, Refused) else None


def provision_again(here: Scene, user_id: UUID) -> None:
    record = user_record("owner@acme.test", active=True)
    here.idp(lambda uow, c: directory.update_user(uow, c, user_id, record))


def test_the_last_owner_is_contained_not_deprovisioned(here: Scene, owner_user: UUID) -> None:
    """S2-25: 400 mutability for SCIM, state unchanged, access ended at once."""
    owner_id = here.house.owner_id
    here.sign_in(owner_id)
    refused = deprovision(here, owner_user)
    assert refused is not None
    assert isinstance(refused.error, LastOwner)
    member = here.member(owner_id)
    assert (member.state, member.contained, member.owner_of_record) == ("active", True, True)
    assert here.access(owner_id).is_empty()
    assert here.live_credentials(owner_id) == 0
    user = here.see(lambda uow: directory.find_user(uow, here.connection, owner_user))
    assert user.active
    assert len(here.facts("scim.owner_protected", owner_id)) == 1


def test_repeated_deprovisioning_of_the_last_owner_is_told_once(
    here: Scene, owner_user: UUID
) -> None:
    for _ in range(3):
        assert deprovision(here, owner_user) is not None
    here.idp(lambda uow, c: directory.delete_user(uow, c, owner_user))
    assert len(here.facts("scim.owner_protected")) == 1


def test_deleting_the_last_owner_contains_as_well(here: Scene, owner_user: UUID) -> None:
    refused = here.idp(lambda uow, c: directory.delete_user(uow, c, owner_user))
    assert isinstance(refused, Refused)
    assert here.member(here.house.owner_id).contained
    assert here.see(lambda uow: directory.find_user(uow, here.connection, owner_user)).active


def test_containment_ends_when_the_provider_says_active(here: Scene, owner_user: UUID) -> None:
    deprovision(here, owner_user)
    provision_again(here, owner_user)
    member = here.member(here.house.owner_id)
    assert not member.contained
    assert here.role_of(here.house.owner_id) == "owner"
    assert not here.access(here.house.owner_id).is_empty()


def test_containment_does_not_end_by_a_word_on_something_else(
    here: Scene, owner_user: UUID
) -> None:
    deprovision(here, owner_user)
    record = user_record("owner@acme.test", "x9", active=None)
    here.idp(lambda uow, c: directory.update_user(uow, c, owner_user, record))
    assert here.member(here.house.owner_id).contained


def test_a_post_of_the_last_owner_as_inactive_is_refused_and_contained(here: Scene) -> None:
    refused = here.try_post("owner@acme.test", active=False)
    assert isinstance(refused, Refused)
    member = here.member(here.house.owner_id)
    assert (member.contained, member.owner_of_record, member.state) == (True, True, "active")
    assert here.rows(t.directory_users) == []
    here.post("owner@acme.test")
    assert not here.member(here.house.owner_id).contained


def test_where_the_connection_lets_the_successor_succeed_the_owner_goes(
    here: Scene, owner_user: UUID
) -> None:
    here.configure(last_owner="succeed")
    assert deprovision(here, owner_user) is None
    old, new = here.member(here.house.owner_id), here.member(here.house.successor_id)
    assert (old.state, old.owner_of_record) == ("deactivated", False)
    assert (new.state, new.owner_of_record) == ("active", True)
    assert here.role_of(new.id) == "owner"
    assert len(here.facts("owner.changed")) == 2


def test_a_containment_that_ends_with_another_owner_tells_the_end_of_the_ownership(
    here: Scene, owner_user: UUID
) -> None:
    deprovision(here, owner_user)
    here.run(ownership.recover, here.house.successor_id)
    assert not here.member(here.house.owner_id).owner_of_record
    (told,) = here.rows(t.audit_events, action="member.containment_ended")
    assert told.before == {"state": "active", "owner_of_record": True, "contained": True}
    assert told.after["owner_of_record"] is False


def test_who_is_contained_passes_nothing_on(here: Scene, owner_user: UUID) -> None:
    deprovision(here, owner_user)
    owner_id, heir_id = here.house.owner_id, here.house.successor_id
    with pytest.raises(NotPermitted):
        here.run(ownership.transfer, heir_id, by=here.by(owner_id))
    assert not here.member(heir_id).owner_of_record
    assert here.member(owner_id).owner_of_record


def test_who_was_succeeded_comes_back_as_no_owner(here: Scene, owner_user: UUID) -> None:
    here.configure(last_owner="succeed")
    deprovision(here, owner_user)
    provision_again(here, owner_user)
    assert here.member(here.house.owner_id).state == "active"
    assert here.role_of(here.house.owner_id) == "viewer"
    here.do(lambda uow: connections.delete(uow, here.house.connection.id))
    assert here.role_of(here.house.owner_id) == "viewer"


def test_a_successor_who_became_the_last_owner_is_contained(here: Scene, owner_user: UUID) -> None:
    here.configure(last_owner="succeed")
    successor = here.post("second@acme.test")
    assert successor.member_id == here.house.successor_id
    deprovision(here, owner_user)
    refused = here.set_active(successor, False)
    assert isinstance(refused, Refused)
    assert here.member(here.house.successor_id).contained


def test_of_several_owners_one_who_is_not_the_last_goes(shared: Scene) -> None:
    second = shared.appoint("other@initech.test")
    user = shared.post("owner@initech.test")
    assert not isinstance(shared.set_active(user, False), Refused)
    assert shared.member(shared.house.owner_id).state == "deactivated"
    assert shared.member(second).owner_of_record
    other = shared.post("other@initech.test")
    assert isinstance(shared.set_active(other, False), Refused)


def test_a_deactivated_owner_is_not_contained_while_the_other_is(shared: Scene) -> None:
    shared.appoint("other@initech.test")
    first, second = shared.post("owner@initech.test"), shared.post("other@initech.test")
    shared.set_active(first, False)
    assert isinstance(shared.set_active(second, False), Refused)
    shared.set_active(second, True)
    shared.set_active(first, True)
    assert shared.role_of(first.member_id) == "owner"
    assert not shared.member(first.member_id).contained
    assert not shared.member(second.member_id).contained


def test_an_owner_through_a_group_follows_the_provider(shared: Scene) -> None:
    """Whoever has the owner's role through a group never counts as the last owner."""
    user = shared.post("anna@initech.test")
    shared.map(shared.group("Owners", user), role="owner")
    assert shared.role_of(user.member_id) == "owner"
    assert not shared.member(user.member_id).owner_of_record
    assert not isinstance(shared.set_active(user, False), Refused)
    assert shared.member(user.member_id).state == MemberState.DEACTIVATED
