"""What changes the access of many members at once is written for all of them in one go."""

from uuid import UUID

import pytest
from sqlalchemy import delete

from gateway.domain.directory import StoredUser
from gateway.domain.roles import CustomRole
from gateway.services import chatbots, conversations, funnel, mapping, roles
from gateway.storage import tables as t
from gateway.storage.unit_of_work import UnitOfWork, Work
from tests.e2e.wholeness import require_agreement
from tests.scene import Scene, scene, second_connection

CROWD = funnel.FEW + 2


@pytest.fixture
def crowd(here: Scene) -> list[StoredUser]:
    return [here.post(f"user{number}@acme.test") for number in range(CROWD)]


def _require_agreement(here: Scene) -> None:
    with here.work.snapshot(here.house.organisation_id) as uow:
        require_agreement(uow)


def _told(here: Scene, since: int) -> dict[UUID, tuple[str, int, str]]:
    """Whom `access.changed` was told of, but for the first: person, epoch and new role."""
    told = {}
    for row in here.facts("access.changed")[since:]:
        data = row.payload["data"]
        assert row.payload["targets"] == [{"type": "member", "id": data["member"]}]
        assert row.payload["previous_attributes"]["role"] != data["access"]["role"]
        told[UUID(data["member"])] = (data["person"], data["epoch"], data["access"]["role"]["key"])
    return told


def test_a_rule_on_a_large_group_is_stored_and_told_of_each_member(
    here: Scene, crowd: list[StoredUser]
) -> None:
    group = here.group("Everybody", *crowd)
    told = len(here.facts("access.changed"))
    rule = here.map(group, role="developer")
    _require_agreement(here)
    rows = [here.member(user.member_id) for user in crowd]
    assert _told(here, told) == {
        row.id: (str(row.person_id), row.access_epoch, "developer") for row in rows
    }
    told += CROWD
    here.run(mapping.delete_rule, rule)
    _require_agreement(here)
    assert {role for _, _, role in _told(here, told).values()} == {"viewer"}
    assert {here.member(user.member_id).access_epoch for user in crowd} == {3}


def test_of_many_only_those_are_told_whose_access_differs(
    here: Scene, crowd: list[StoredUser]
) -> None:
    first, *others = crowd
    here.map(here.group("Admins", first), role="admin", priority=1)
    told = len(here.facts("access.changed"))
    here.map(here.group("Everybody", *crowd), role="developer", priority=2)
    _require_agreement(here)
    assert _told(here, told).keys() == {user.member_id for user in others}


def test_a_crowd_is_derived_by_the_groups_of_the_connection_that_manages_each(
    here: Scene, crowd: list[StoredUser]
) -> None:
    other = second_connection(here)
    others = [other.post(f"other{number}@acme.test") for number in range(CROWD)]
    here.map(here.group("Staff", *crowd), role="billing", priority=1)
    here.map(here.group("Leads", *crowd[::2]), role="admin", priority=2)
    other.map(other.group("Staff", *others), role="developer")
    roles_of = [here.role_of(user.member_id) for user in (*crowd, *others)]
    assert roles_of == ["billing"] * CROWD + ["developer"] * CROWD
    assert here.do(funnel.recompute_all) == 0

    def end_all(uow: UnitOfWork) -> int:
        rules = t.mapping_rules
        uow.apply(delete(rules).where(rules.c.organisation_id == uow.organisation_id))
        uow.terms_changed()
        return funnel.recompute_all(uow)

    assert here.do(end_all) == 2 * CROWD
    assert {here.role_of(user.member_id) for user in (*crowd, *others)} == {"viewer"}


def test_conversations_that_a_crowd_may_no_longer_answer_wait_for_others(
    here: Scene, crowd: list[StoredUser]
) -> None:
    bot = here.do(lambda uow: chatbots.create(uow, "Sales"))
    rule = here.map(here.group("Everybody", *crowd), role="admin")
    talk = here.do(lambda uow: conversations.create(uow, bot, "Hello"))
    agent = here.member(crowd[0].member_id).id
    here.go_live(agent)
    here.run(conversations.assign, talk, agent)
    viewer = here.role("viewer")
    here.do(lambda uow: mapping.update_rule(uow, rule, role_id=viewer))
    (row,) = here.rows(t.conversations)
    assert (row.assignee_id, row.previous_assignee_id) == (None, agent)
    _require_agreement(here)


def test_a_role_that_many_hold_by_hand_changes_for_each_by_their_own_grant(
    work: Work,
) -> None:
    desk = scene(work, "desk", "whatsapp")
    wish = CustomRole(name="Sales", rank=15, sections={"conversations": "read"})
    role = desk.do(lambda uow: roles.create(uow, wish))
    key = desk.see(lambda uow: roles.get(uow, role).key)
    people = [desk.employ(f"p{number}@desk.test", key) for number in range(CROWD)]
    more = CustomRole(name="Sales", rank=15, sections={"conversations": "write"})
    desk.do(lambda uow: roles.change(uow, role, more))
    _require_agreement(desk)
    sources = [desk.member(each).access_document["source"]["grant"] for each in people]
    assert len(set(sources)) == CROWD
    assert {desk.member(each).access_document["ceiling"]["conversations"] for each in people} == {
        "write"
    }
