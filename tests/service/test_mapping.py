"""Mapping rules: which access an identity provider's group gives (semantics §2)."""

from typing import Any
from uuid import UUID

import pytest

from gateway.domain.directory import MemberDelta
from gateway.domain.errors import (
    AlreadyExists,
    InvalidRequest,
    NotFound,
    RoleAboveOwn,
    ScopeUndecided,
)
from gateway.domain.permissions import Level
from gateway.services import chatbots, directory_groups, mapping, teams, terms
from gateway.storage import tables as t
from gateway.storage.unit_of_work import Work
from tests.factories import group_record
from tests.scene import Scene, scene, second_connection


@pytest.fixture
def bot(here: Scene) -> UUID:
    return here.do(lambda uow: chatbots.create(uow, "Sales"))


def test_the_rule_with_the_lowest_number_wins_and_leaving_falls_through(here: Scene) -> None:
    """The worked example: Support is 2, Eng is 1."""
    user = here.post("anna@acme.test")
    support, eng = here.group("Support", user), here.group("Eng", user)
    here.map(support, role_id=here.role("viewer"), priority=2)
    here.map(eng, role_id=here.role("developer"), priority=1)
    assert here.role_of(user.member_id) == "developer"
    here.move(eng, remove=[user])
    assert here.role_of(user.member_id) == "viewer"
    here.move(support, remove=[user])
    assert here.role_of(user.member_id) == "viewer"
    here.configure(unmapped="no_access")
    assert here.access(user.member_id).standing == "no_role"


def test_a_group_is_one_kind_of_target_whoever_tells_of_it(here: Scene) -> None:
    group = here.group("Support")
    here.map(group, role="viewer")
    told = [
        (row.type, target["type"])
        for row in here.rows(t.outbox, channel="feed")
        for target in row.payload["targets"]
        if target["id"] == str(group.id)
    ]
    assert sorted(told) == [
        ("directory.group_created", "directory_group"),
        ("mapping_rule.created", "directory_group"),
    ]


def test_grants_of_several_groups_add_up(here: Scene, bot: UUID) -> None:
    here.configure(bot_scope="selected")
    user = here.post("anna@acme.test")
    here.map(here.group("Developers", user), role="developer")
    g, h = here.group("G", user), here.group("H", user)
    here.map(g, "chatbot", chatbot_id=bot, sections={"knowledge_base": "read"})
    here.map(h, "chatbot", chatbot_id=bot, sections={"knowledge_base": "write"})
    third = here.map(h, "chatbot", chatbot_id=bot, sections={"analytics": "read"})
    held = here.access(user.member_id)
    assert held.level(bot, "knowledge_base") is Level.WRITE
    assert held.level(bot, "analytics") is Level.READ
    here.do(lambda uow: mapping.delete_rule(uow, third))
    assert here.access(user.member_id).level(bot, "analytics") is Level.NONE


def test_the_last_chatbot_rule_leaves_nothing_not_everything(here: Scene, bot: UUID) -> None:
    """Invariant 4."""
    here.configure(bot_scope="selected")
    user = here.post("anna@acme.test")
    rule = here.map(
        here.group("G", user), "chatbot", chatbot_id=bot, sections={"conversations": "read"}
    )
    assert here.access(user.member_id).visible(bot)
    here.do(lambda uow: mapping.delete_rule(uow, rule))
    assert not here.access(user.member_id).visible(bot)


def test_a_rule_gives_no_more_than_the_role_allows(here: Scene, bot: UUID) -> None:
    """Invariant 3, S4-21."""
    here.configure(bot_scope="selected")
    user = here.post("anna@acme.test")
    group = here.group("G", user)
    sections = {"conversations": "write", "analytics": "write"}
    here.map(group, "chatbot", chatbot_id=bot, sections=sections)
    held = here.access(user.member_id)
    assert held.level(bot, "conversations") is Level.READ
    assert held.level(bot, "analytics") is Level.NONE


def test_the_first_chatbot_rule_needs_the_scope_chosen(here: Scene, bot: UUID) -> None:
    group = here.group("G")
    with pytest.raises(ScopeUndecided):
        here.map(group, "chatbot", chatbot_id=bot, sections={"analytics": "read"})
    here.configure(bot_scope="all")
    here.map(group, "chatbot", chatbot_id=bot, sections={"analytics": "read"})


def test_the_winning_rules_scope_beats_the_connections(here: Scene, bot: UUID) -> None:
    here.configure(bot_scope="selected")
    user = here.post("anna@acme.test")
    here.map(here.group("Eng", user), role="developer", bot_scope="all")
    assert here.access(user.member_id).level(bot, "knowledge_base") is Level.WRITE


def test_a_team_follows_the_group(here: Scene) -> None:
    team = here.do(lambda uow: teams.create(uow, "Support"))
    user = here.post("anna@acme.test")
    group = here.group("G", user)
    here.map(group, "team", team_id=team)
    assert here.access(user.member_id).teams == {str(team)}
    here.move(group, remove=[user])
    assert here.access(user.member_id).teams == frozenset()


def test_a_renamed_group_changes_nothing(here: Scene) -> None:
    user = here.post("anna@acme.test")
    group = here.group("Eng", user)
    here.map(group, role="developer")
    before = here.member(user.member_id)
    here.idp(
        lambda uow, c: directory_groups.update_group(
            uow, c, group.id, group_record("Engineers"), MemberDelta()
        )
    )
    assert here.member(user.member_id) == before


def test_a_deleted_group_leaves_its_rules_inert_and_reported(here: Scene) -> None:
    user = here.post("anna@acme.test")
    group = here.group("Eng", user)
    rule = here.map(group, role="developer")
    here.idp(lambda uow, c: directory_groups.delete_group(uow, c, group.id))
    assert here.role_of(user.member_id) == "viewer"
    assert here.attention() == {"mapped_group_deleted": 1}
    again = here.group("Eng", user)
    assert again.id != group.id
    assert here.role_of(user.member_id) == "viewer"
    here.do(lambda uow: mapping.delete_rule(uow, rule))


def test_a_changed_rule_reaches_its_people_and_nobody_else(here: Scene) -> None:
    user, other = here.post("anna@acme.test"), here.post("bert@acme.test")
    rule = here.map(here.group("Eng", user), role="developer")
    before = here.member(user.member_id), here.member(other.member_id)
    here.do(lambda uow: mapping.update_rule(uow, rule, role_id=here.role("admin")))
    assert here.role_of(user.member_id) == "admin"
    assert here.member(user.member_id).access_epoch == before[0].access_epoch + 1
    assert here.member(other.member_id) == before[1]


def test_the_same_rule_again_changes_and_records_nothing(here: Scene) -> None:
    rule = here.map(here.group("Eng"), role="developer")
    before = here.rows(t.mapping_rules), here.rows(t.outbox)
    here.do(lambda uow: mapping.update_rule(uow, rule, role_id=here.role("developer")))
    assert (here.rows(t.mapping_rules), here.rows(t.outbox)) == before


def test_a_priority_is_taken_once_per_connection(here: Scene) -> None:
    role = here.role("viewer")
    first = here.map(here.group("A"), role_id=role, priority=1)
    with pytest.raises(AlreadyExists) as refused:
        here.map(here.group("B"), role_id=role, priority=1)
    assert refused.value.details == {"rule": str(first)}
    other = second_connection(here)
    other.map(other.group("A"), role_id=role, priority=1)
    here.do(lambda uow: mapping.delete_rule(uow, first))
    here.map(here.group("C"), role_id=role, priority=1)


@pytest.mark.parametrize(
    ("kind", "wish"),
    [
        pytest.param("role", {"priority": 1}, id="no-role"),
        pytest.param("role", {"role_id": UUID(int=1), "priority": 1}, id="unknown-role"),
        pytest.param("role", {"role_id": UUID(int=1)}, id="no-priority"),
        pytest.param("chatbot", {"sections": {"analytics": "read"}}, id="no-chatbot"),
        pytest.param(
            "chatbot", {"chatbot_id": UUID(int=1), "sections": {"analytics": "read"}}, id="unknown"
        ),
        pytest.param("chatbot", {"chatbot_id": UUID(int=1), "sections": {}}, id="no-sections"),
        pytest.param("chatbot", {"sections": {"astrology": "read"}}, id="unknown-section"),
        pytest.param("chatbot", {"sections": {"analytics": "own"}}, id="unknown-level"),
        pytest.param("team", {}, id="no-team"),
        pytest.param("team", {"team_id": UUID(int=1)}, id="unknown-team"),
        pytest.param("wish", {}, id="unknown-kind"),
        pytest.param("role", {"colour": "red"}, id="unknown-field"),
        pytest.param("role", {"bot_scope": "some"}, id="unknown-scope"),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(
    here: Scene, kind: str, wish: dict[str, Any]
) -> None:
    """S0-12 for the sections."""
    here.configure(bot_scope="selected")
    group = here.group("G")
    with pytest.raises(InvalidRequest):
        here.map(group, kind, **wish)
    assert here.rows(t.mapping_rules) == []


def test_a_rule_names_nothing_of_another_organisation(here: Scene, bot: UUID) -> None:
    globex = scene(here.work, "globex")
    globex.configure(bot_scope="selected")
    group = globex.group("G")
    with pytest.raises(InvalidRequest):
        globex.map(group, "chatbot", chatbot_id=bot, sections={"analytics": "read"})
    with pytest.raises(InvalidRequest):
        globex.map(group, role_id=here.role("viewer"), priority=1)
    with pytest.raises(InvalidRequest):
        globex.map(here.group("H"), role="viewer")
    with pytest.raises(NotFound):
        globex.do(
            lambda uow: mapping.create_rule(
                uow,
                here.house.connection.id,
                group.id,
                "role",
                role_id=globex.role("viewer"),
                priority=1,
            )
        )


def test_a_rule_names_a_group_of_its_own_connection(here: Scene) -> None:
    other = second_connection(here)
    with pytest.raises(InvalidRequest):
        here.map(other.group("G"), role="viewer")


def test_no_group_gives_a_single_ownership(here: Scene) -> None:
    """Semantics §5: refused where owners is single."""
    with pytest.raises(InvalidRequest):
        here.map(here.group("Owners"), role="owner")


def test_nobody_maps_a_role_above_their_own(shared: Scene) -> None:
    group = shared.group("Owners")
    admin, owner = shared.by(shared.house.successor_id), shared.by(shared.house.owner_id)
    wish: dict[str, Any] = {"role_id": shared.role("owner"), "priority": 1}
    with pytest.raises(RoleAboveOwn):
        shared.do(
            lambda uow: mapping.create_rule(
                uow, shared.house.connection.id, group.id, "role", **wish
            ),
            admin,
        )
    rule = shared.do(
        lambda uow: mapping.create_rule(uow, shared.house.connection.id, group.id, "role", **wish),
        owner,
    )
    with pytest.raises(RoleAboveOwn):
        shared.do(lambda uow: mapping.delete_rule(uow, rule), admin)
    with pytest.raises(RoleAboveOwn):
        shared.do(lambda uow: mapping.update_rule(uow, rule, role_id=shared.role("member")), admin)


def test_a_rule_for_owners_goes_even_when_it_could_not_be_made_any_more(work: Work) -> None:
    here = scene(work, "initech", "members_invitations")
    rule = here.map(here.group("Owners"), role="owner")
    here.do(lambda uow: terms.override(uow, {"owners": "single"}))
    here.do(lambda uow: mapping.delete_rule(uow, rule))
    assert here.see(mapping.listing) == []


def test_a_rule_is_gone_once(here: Scene) -> None:
    rule = here.map(here.group("G"), role="viewer")
    here.do(lambda uow: mapping.delete_rule(uow, rule))
    with pytest.raises(NotFound):
        here.do(lambda uow: mapping.delete_rule(uow, rule))
