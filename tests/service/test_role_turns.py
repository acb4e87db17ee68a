"""Members hear of another role, also where the identity provider's groups bring it (S4-14)."""

from collections.abc import Callable

import pytest

from gateway.domain.directory import StoredUser
from gateway.services import directory_groups, funnel, organisations, ownership, policies
from gateway.storage import tables as t
from gateway.storage.unit_of_work import UnitOfWork
from tests.scene import Scene

CROWD = funnel.FEW + 2


@pytest.fixture
def anna(here: Scene) -> StoredUser:
    """Somebody whom the identity provider brought, and who has been here."""
    return known(here, here.post("anna@acme.test"))


def known(here: Scene, user: StoredUser) -> StoredUser:
    """Let a member have been here."""

    def visit(uow: UnitOfWork) -> None:
        uow.update(t.members, {"id": user.member_id}, last_active_at=uow.now)

    here.do(visit)
    return user


def mails(here: Scene) -> list[tuple[str, str]]:
    """Who was told of which role, the earliest first."""
    rows = sorted(
        here.rows(t.outbox, type="member.role_changed"),
        key=lambda row: (row.created_at, row.position, row.payload["to"]),
    )
    return [
        (row.payload["to"], row.payload["text"].partition(" is ")[2].partition(" now.")[0])
        for row in rows
    ]


def test_who_is_moved_by_groups_is_mailed_once_for_each_change(
    here: Scene, anna: StoredUser
) -> None:
    """S4-14: joining, leaving and the end of a group, and nothing for what changes no role."""
    support, eng = here.group("Support"), here.group("Eng")
    here.map(eng, role="developer", priority=1)
    here.map(support, role="admin", priority=2)
    assert mails(here) == []
    here.move(support, add=[anna])
    here.move(support, add=[anna])
    here.move(eng, add=[anna])
    here.move(here.group("Unmapped"), add=[anna])
    here.move(eng, remove=[anna])
    here.idp(lambda uow, c: directory_groups.delete_group(uow, c, support.id))
    assert mails(here) == [
        ("anna@acme.test", "Admin"),
        ("anna@acme.test", "Developer"),
        ("anna@acme.test", "Admin"),
        ("anna@acme.test", "Viewer"),
    ]


def test_who_is_still_being_provisioned_is_told_nothing(here: Scene) -> None:
    group = here.group("Eng", here.post("anna@acme.test"))
    here.map(group, role="developer")
    here.move(group, add=[here.post("bert@acme.test")])
    assert mails(here) == []


def test_of_a_crowd_those_are_mailed_who_have_been_here(here: Scene) -> None:
    crowd = [here.post(f"user{number}@acme.test") for number in range(CROWD)]
    group = here.group("Everybody")
    here.map(group, role="developer")
    told = [known(here, user).user_name for user in crowd[::2]]
    here.move(group, add=crowd)
    assert mails(here) == [(name, "Developer") for name in sorted(told)]


def hush(here: Scene, anna: StoredUser) -> None:
    del anna
    here.do(lambda uow: policies.change(uow, {"notify_role_change": False}))


def rest(here: Scene, anna: StoredUser) -> None:
    here.set_active(anna, False)


def own(here: Scene, anna: StoredUser) -> None:
    here.run(ownership.recover, anna.member_id)


@pytest.mark.parametrize("before", [hush, rest, own], ids=["unwanted", "resting", "owner"])
def test_nobody_is_told_where_it_is_unwanted_or_changes_nothing(
    here: Scene, anna: StoredUser, before: Callable[[Scene, StoredUser], None]
) -> None:
    group = here.group("Eng")
    here.map(group, role="developer")
    before(here, anna)
    here.move(group, add=[anna])
    assert mails(here) == []


def test_a_role_that_is_lost_is_no_other_role(here: Scene, anna: StoredUser) -> None:
    group = here.group("Eng", anna)
    here.map(group, role="developer")
    here.configure(unmapped="no_access")
    here.move(group, remove=[anna])
    assert here.access(anna.member_id).standing == "no_role"
    assert mails(here) == []
    here.move(group, add=[anna])
    assert mails(here) == [("anna@acme.test", "Developer")]


def test_a_mail_names_the_organisation_as_it_is_called_now(here: Scene, anna: StoredUser) -> None:
    group = here.group("Eng")
    here.map(group, role="developer")
    here.move(group, add=[anna])
    here.run(organisations.rename, "Acme Two")
    here.move(group, remove=[anna])
    subjects = [row.payload["subject"] for row in here.rows(t.outbox, type="member.role_changed")]
    assert sorted(subjects) == [
        "Your role in Acme Two has changed",
        "Your role in Acme has changed",
    ]


def test_what_is_no_address_gets_no_mail(here: Scene) -> None:
    """An identity provider may call anything an address."""
    user = known(here, here.post("anna@acme.test;eve@evil.test"))
    group = here.group("Eng")
    here.map(group, role="developer")
    here.move(group, add=[user])
    assert here.role_of(user.member_id) == "developer"
    assert mails(here) == []
