import pytest

from idp_fixtures.directory import Directory, generate, scripted


def test_equal_arguments_make_equal_directories() -> None:
    one, other = (generate(300, 20, domain="acme.test") for _ in range(2))
    assert one == other
    assert one != generate(300, 20, domain="acme.test", seed="another")


def test_everybody_has_a_user_name_of_their_own_in_ascii() -> None:
    directory = generate(5000, 0, domain="acme.test")
    user_names = {person.user_name for person in directory.people.values()}
    assert len(user_names) == len(directory.people) == 5000
    assert all(name.isascii() for name in user_names)


def test_a_thousand_people_fill_fifty_groups_of_twenty_once_each() -> None:
    directory = generate(1000, 50, domain="acme.test")
    members = [key for group in directory.groups.values() for key in group.members]
    assert len(members) == len(set(members)) == 1000
    assert len({group.display_name for group in directory.groups.values()}) == 50


def test_a_group_is_never_larger_than_the_company() -> None:
    directory = generate(3, 2, domain="acme.test")
    assert [len(group.members) for group in directory.groups.values()] == [3, 3]


@pytest.fixture
def acme() -> Directory:
    directory = Directory("acme.test")
    directory.hire("Zoë", "Van Dijk")
    directory.hire("Søren", "Łukasz", title="Chief of Support")
    scripted(directory, {"Support": ("zoe.vandijk@acme.test",), "Sales": ()})
    return directory


def test_names_become_mailboxes(acme: Directory) -> None:
    assert acme.person("ZOE.vandijk@acme.test").display_name == "Zoë Van Dijk"
    assert acme.person("soren.lukasz@acme.test").title == "Chief of Support"


def test_a_move_names_only_the_groups_that_changed(acme: Directory) -> None:
    zoe, support, sales = acme.person("zoe.vandijk@acme.test"), acme.group("Support"), "Sales"
    moved = acme.move(zoe.key, leave=[support.key], join=[acme.group(sales).key])
    assert [group.display_name for group in moved.left] == ["Support"]
    assert [group.display_name for group in acme.groups_of(zoe.key)] == ["Sales"]
    again = acme.move(zoe.key, leave=[support.key], join=[acme.group(sales).key])
    assert (again.left, again.joined) == ((), ())


def test_a_rename_keeps_the_key(acme: Directory) -> None:
    zoe = acme.person("zoe.vandijk@acme.test")
    change = acme.rename_user(zoe.key, "zoe.rossi@acme.test")
    assert change.after.key == zoe.key
    assert acme.person("zoe.rossi@acme.test").email == "zoe.rossi@acme.test"
    support = acme.group("Support")
    assert acme.rename_group(support.key, "Care").after.members == support.members


def test_a_deactivated_person_keeps_memberships_and_a_deleted_one_has_none(acme: Directory) -> None:
    zoe = acme.person("zoe.vandijk@acme.test")
    assert not acme.deactivate(zoe.key).person.active
    assert acme.groups_of(zoe.key)
    assert acme.reactivate(zoe.key).person.active
    assert acme.delete(zoe.key).person.active
    assert zoe.key not in acme.people
    assert acme.groups_of(zoe.key) == []


def test_a_rehired_person_has_the_old_key_or_a_new_one(acme: Directory) -> None:
    zoe = acme.person("zoe.vandijk@acme.test")
    acme.delete(zoe.key)
    assert acme.rehire(zoe.key).person == zoe
    acme.deactivate(zoe.key)
    again = acme.rehire_as_new(zoe.key).person
    assert again.key != zoe.key
    assert (again.user_name, again.active) == (zoe.user_name, True)
    assert zoe.key not in acme.people


def test_a_group_comes_and_goes_without_its_people(acme: Directory) -> None:
    support = acme.group("Support")
    assert acme.delete_group(support.key).group == support
    assert len(acme.people) == 2
