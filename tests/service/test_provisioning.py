"""What an identity provider does to a membership: the state table of semantics §7, row by row."""

from dataclasses import replace
from uuid import UUID

import pytest
from sqlalchemy import select

from gateway.domain.errors import AlreadyExists, NotFound, Refused
from gateway.services import connections, directory, members, people
from gateway.storage import tables as t
from gateway.storage.unit_of_work import UnitOfWork
from tests.factories import OPERATOR, user_record
from tests.scene import Scene, scene, second_connection


def person(here: Scene, member_id: UUID | None) -> UUID:
    found: UUID = here.member(member_id).person_id
    return found


def test_a_new_user_becomes_an_active_member_with_the_default_role(here: Scene) -> None:
    user = here.post("anna@acme.test", "x1")
    member = here.member(user.member_id)
    assert (member.state, member.source, member.managed_by) == (
        "active",
        "scim",
        here.house.connection.id,
    )
    assert here.role_of(user.member_id) == "viewer"
    assert len(here.facts("member.created", user.member_id)) == 1
    assert len(here.facts("access.changed", user.member_id)) == 1


def test_a_user_without_a_word_on_activity_is_active(here: Scene) -> None:
    user = here.post("anna@acme.test", active=None)
    assert user.active
    assert here.member(user.member_id).state == "active"


def test_a_user_created_inactive_becomes_a_deactivated_member_without_a_seat(here: Scene) -> None:
    before = here.seats_in_use()
    user = here.post("anna@acme.test", active=False)
    assert here.member(user.member_id).state == "deactivated"
    assert here.access(user.member_id).is_empty()
    assert here.seats_in_use() == before


@pytest.mark.parametrize("user_name", ["anna@acme.test", "ANNA@acme.test"])
def test_a_live_user_name_is_taken_whatever_its_letter_case(here: Scene, user_name: str) -> None:
    user = here.post("anna@acme.test", "x1")
    with pytest.raises(AlreadyExists) as refused:
        here.post(user_name, "x2")
    assert refused.value.details["id"] == str(user.id)
    assert str(user.id) in refused.value.message


def test_a_live_external_id_is_taken(here: Scene) -> None:
    user = here.post("anna@acme.test", "x1")
    with pytest.raises(AlreadyExists) as refused:
        here.post("other@acme.test", "x1")
    assert refused.value.details["id"] == str(user.id)


def test_a_post_that_hits_two_users_is_refused(here: Scene) -> None:
    here.set_active(here.post("anna@acme.test", "x1"), False)
    here.set_active(here.post("bert@acme.test", "x2"), False)
    with pytest.raises(AlreadyExists):
        here.post("anna@acme.test", "x2")


# -- adoption ------------------------------------------------------------------------


def test_an_active_manual_member_in_a_proved_domain_is_adopted(here: Scene) -> None:
    member_id = here.employ("anna@acme.test", "developer")
    before = here.seats_in_use()
    grants = here.rows(t.grants, member_id=member_id)
    user = here.post("anna@acme.test")
    assert user.member_id == member_id
    assert here.member(member_id).managed_by == here.house.connection.id
    assert here.seats_in_use() == before
    assert here.rows(t.grants, member_id=member_id) == grants
    assert here.role_of(member_id) == "viewer"
    assert len(here.facts("member.adopted", member_id)) == 1
    assert here.facts("member.created", member_id) == here.facts("member.created", member_id)[:1]


def test_adopting_changes_neither_the_persons_name_nor_address(here: Scene) -> None:
    here.employ("anna@acme.test", "developer", "Anna the First")
    here.post("anna@acme.test")
    found = here.see(
        lambda uow: uow.one(select(t.persons).where(t.persons.c.email_key == "anna@acme.test"))
    )
    assert found is not None
    assert found.display_name == "Anna the First"


def test_an_adopted_owner_of_record_stays_owner(here: Scene) -> None:
    user = here.post("owner@acme.test")
    assert user.member_id == here.house.owner_id
    assert here.member(user.member_id).owner_of_record
    assert here.role_of(user.member_id) == "owner"


def test_whom_a_person_deactivated_stays_deactivated_when_the_provider_creates_them(
    here: Scene,
) -> None:
    member_id = here.employ("anna@acme.test", "developer")
    here.do(lambda uow: members.deactivate(uow, member_id))
    user = here.post("anna@acme.test")
    assert user.member_id == member_id
    assert user.active
    assert here.member(member_id).state == "deactivated"
    assert here.attention() == {"deactivated_by_hand": 1}
    here.set_active(user, False)
    here.set_active(user, True)
    assert here.member(member_id).state == "deactivated"


def test_a_member_of_another_live_connection_stays_with_it(here: Scene) -> None:
    first = here.post("anna@acme.test")
    other = second_connection(here)
    user = other.post("anna@acme.test")
    assert user.member_id is None
    assert other.attention() == {"already_managed": 1}
    other.set_active(user, False)
    other.delete(user)
    assert here.member(first.member_id).state == "active"
    assert here.member(first.member_id).managed_by == here.house.connection.id


def test_a_member_of_a_disabled_connection_is_adopted_with_the_new_ones_groups_alone(
    here: Scene,
) -> None:
    user = here.post("anna@acme.test")
    here.map(here.group("Engineers", user), role="developer")
    here.do(lambda uow: connections.disable(uow, here.house.connection.id))
    assert here.role_of(user.member_id) == "developer"
    other = second_connection(here)
    adopted = other.post("anna@acme.test")
    assert adopted.member_id == user.member_id
    assert other.role_of(user.member_id) == "viewer"


def test_the_former_connection_has_no_word_on_whom_another_took_over(here: Scene) -> None:
    user = here.post("anna@acme.test")
    here.do(lambda uow: connections.disable(uow, here.house.connection.id))
    other = second_connection(here)
    adopted = other.post("anna@acme.test")
    here.do(lambda uow: connections.enable(uow, here.house.connection.id))
    here.set_active(user, False)
    assert other.member(adopted.member_id).state == "active"
    here.delete(user)
    assert other.member(adopted.member_id).state == "active"
    assert other.member(adopted.member_id).managed_by == other.house.connection.id


def test_outside_a_proved_domain_nothing_tells_whether_a_person_exists(here: Scene) -> None:
    globex = scene(here.work, "globex")
    known = globex.employ("anna@elsewhere.test", "viewer")
    user = here.post("anna@elsewhere.test")
    assert person(here, user.member_id) != person(globex, known)
    confined = here.see(
        lambda uow: uow.scalar(
            select(t.persons.c.confined_to).where(t.persons.c.id == person(here, user.member_id))
        )
    )
    assert confined == here.house.organisation_id
    assert here.see(lambda uow: people.find(uow, "anna@elsewhere.test")) == person(globex, known)


def test_inside_a_proved_domain_a_person_known_elsewhere_becomes_a_member_here(
    here: Scene,
) -> None:
    globex = scene(here.work, "globex")
    known = globex.employ("anna@acme.test", "viewer")
    user = here.post("anna@acme.test")
    assert person(here, user.member_id) == person(globex, known)
    assert globex.member(known).managed_by is None


def test_a_second_user_with_the_address_of_the_first_is_somebody_else(here: Scene) -> None:
    first = here.post("anna@acme.test")
    record = replace(user_record("anna@acme.test", "x2"), user_name="anna.two")
    second = here.idp(lambda uow, c: directory.create_user(uow, c, record))
    assert not isinstance(second, Refused)
    assert second.member_id != first.member_id
    assert here.attention() == {"email_shared": 1}


# -- coming back ---------------------------------------------------------------------


@pytest.mark.parametrize("active", [True, None])
@pytest.mark.parametrize(("stored", "posted"), [("x1", "x1"), (None, "x1"), ("x1", None)])
def test_an_inactive_user_comes_back_in_place(
    here: Scene, stored: str | None, posted: str | None, active: bool | None
) -> None:
    user = here.post("anna@acme.test", stored)
    group = here.group("Engineers", user)
    here.map(group, role="developer")
    here.set_active(user, False)
    back = here.post("anna@acme.test", posted, active=active)
    assert (back.id, back.member_id) == (user.id, user.member_id)
    assert back.active
    assert here.member(user.member_id).state == "active"
    assert here.role_of(user.member_id) == "developer"


def test_a_user_comes_back_by_its_external_id_under_another_name(here: Scene) -> None:
    user = here.post("anna@acme.test", "x1")
    here.set_active(user, False)
    back = here.post("anna.married@acme.test", "x1")
    assert back.id == user.id
    assert back.user_name == "anna.married@acme.test"


def test_another_human_takes_over_a_reused_user_name(here: Scene) -> None:
    first = here.post("anna@acme.test", "x1")
    here.map(here.group("Engineers", first), role="developer")
    here.set_active(first, False)
    second = here.post("anna@acme.test", "x2")
    assert second.id != first.id
    assert second.member_id != first.member_id
    assert here.member(first.member_id).state == "removed"
    assert here.role_of(second.member_id) == "viewer"
    assert here.rows(t.grants, member_id=second.member_id) == []
    assert here.attention() == {"username_reused": 1}
    with pytest.raises(NotFound):
        here.see(lambda uow: directory.find_user(uow, here.connection, first.id))


# -- active and inactive -------------------------------------------------------------


def test_deactivation_ends_everything_live_and_keeps_grants_and_groups(here: Scene) -> None:
    """S1-22, S2-21."""
    user = here.post("anna@acme.test")
    group = here.group("Engineers", user)
    here.map(group, role="developer")
    here.sign_in(user.member_id)
    epoch = here.member(user.member_id).access_epoch
    before = here.seats_in_use().active
    here.set_active(user, False)
    member = here.member(user.member_id)
    assert (member.state, member.availability) == ("deactivated", "offline")
    assert member.access_epoch == epoch + 1
    assert here.live_credentials(user.member_id) == 0
    assert here.access(user.member_id).is_empty()
    assert here.seats_in_use().active == before - 1
    assert len(here.rows(t.directory_memberships, user_id=user.id, valid_to=None)) == 1
    assert [row.user_id for row in here.rows(t.directory_memberships, group_id=group.id)] == [
        user.id
    ]


def test_reactivation_derives_access_from_groups_as_they_are_now(here: Scene) -> None:
    user = here.post("anna@acme.test")
    engineers = here.group("Engineers", user)
    here.map(engineers, role="developer")
    here.map(here.group("Leads"), role="admin")
    here.set_active(user, False)
    here.move(engineers, remove=[user])
    here.set_active(user, True)
    assert here.role_of(user.member_id) == "viewer"
    assert here.live_credentials(user.member_id) == 0


def test_a_hold_is_not_lifted_by_the_provider(here: Scene) -> None:
    user = here.post("anna@acme.test")
    member_id = user.member_id
    assert member_id is not None
    here.do(lambda uow: members.hold(uow, member_id))
    here.set_active(user, False)
    here.set_active(user, True)
    member = here.member(member_id)
    assert (member.state, member.admin_hold) == ("active", True)
    assert here.access(member_id).is_empty()


def test_whom_a_person_deactivated_the_provider_does_not_bring_back(here: Scene) -> None:
    user = here.post("anna@acme.test")
    member_id = user.member_id
    assert member_id is not None
    here.do(lambda uow: members.deactivate(uow, member_id))
    here.set_active(user, False)
    here.set_active(user, True)
    assert here.member(member_id).state == "deactivated"
    assert here.attention() == {"deactivated_by_hand": 1}
    here.do(lambda uow: members.reactivate(uow, member_id))
    assert here.member(member_id).state == "active"


def test_an_update_without_a_word_on_activity_keeps_it(here: Scene) -> None:
    user = here.post("anna@acme.test")
    here.set_active(user, False)
    record = user_record("anna.new@acme.test", active=None)
    after = here.idp(lambda uow, c: directory.update_user(uow, c, user.id, record))
    assert not isinstance(after, Refused)
    assert not after.active
    assert here.member(user.member_id).state == "deactivated"


def test_the_same_word_twice_changes_and_records_nothing(here: Scene) -> None:
    user = here.post("anna@acme.test")
    here.set_active(user, False)
    before = (len(here.rows(t.outbox)), here.rows(t.directory_users), here.rows(t.members))
    again = here.set_active(user, False)
    assert not isinstance(again, Refused)
    assert again.version == user.version + 1
    assert (len(here.rows(t.outbox)), here.rows(t.directory_users), here.rows(t.members)) == before


def test_a_changed_name_reaches_the_member_and_not_the_person(here: Scene) -> None:
    user = here.post("anna@acme.test")
    record = user_record("anna.new@acme.test")
    here.idp(lambda uow, c: directory.update_user(uow, c, user.id, record))
    member = here.member(user.member_id)
    assert (member.display_name, member.email) == ("Anna New", "anna.new@acme.test")
    email = here.see(
        lambda uow: uow.scalar(select(t.persons.c.email).where(t.persons.c.id == member.person_id))
    )
    assert email == "anna@acme.test"


# -- gone ----------------------------------------------------------------------------


def test_a_deleted_user_leaves_nothing_behind(here: Scene) -> None:
    """S2-22, S4-18."""
    user = here.post("anna@acme.test")
    group = here.group("Engineers", user)
    here.sign_in(user.member_id)
    here.delete(user)
    member = here.member(user.member_id)
    assert member.state == "removed"
    assert here.live_credentials(user.member_id) == 0
    assert here.rows(t.grants, member_id=user.member_id, valid_to=None) == []
    assert here.rows(t.directory_memberships, user_id=user.id, valid_to=None) == []
    assert here.rows(t.directory_groups, id=group.id)[0].member_count == 0
    with pytest.raises(NotFound):
        here.delete(user)


def test_after_a_deletion_the_same_person_comes_as_a_new_member(here: Scene) -> None:
    """S4-20."""
    first = here.post("anna@acme.test", "x1")
    here.map(here.group("Engineers", first), role="developer")
    here.delete(first)
    second = here.post("anna@acme.test", "x1")
    assert second.id != first.id
    assert second.member_id != first.member_id
    assert person(here, second.member_id) == person(here, first.member_id)
    assert here.role_of(second.member_id) == "viewer"


def test_removing_a_member_by_hand_ends_the_user_for_ever(here: Scene) -> None:
    """Semantics §7: SCIM DELETE, remove and leave do the same; the SCIM id answers 404."""
    user = here.post("anna@acme.test", "x1")
    member_id = user.member_id
    assert member_id is not None
    group = here.group("Engineers", user)
    here.do(lambda uow: members.remove(uow, member_id))
    with pytest.raises(NotFound):
        here.set_active(user, True)
    assert here.rows(t.directory_groups, id=group.id)[0].member_count == 0
    counts = here.rows(t.directory_counts, connection_id=here.house.connection.id)[0]
    assert counts.users == 0
    again = here.post("anna@acme.test", "x1")
    assert again.id != user.id
    assert again.member_id != member_id


def test_an_unknown_provider_never_reaches_a_member_by_id(here: Scene) -> None:
    globex = scene(here.work, "globex")
    user = here.post("anna@acme.test")

    def foreign(uow: UnitOfWork) -> None:
        directory.find_user(uow, globex.house.connection, user.id)

    with pytest.raises(NotFound):
        globex.do(foreign, OPERATOR)
