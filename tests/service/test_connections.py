"""SCIM connections: made, changed, disabled, enabled and ended (semantics §2, last part)."""

from uuid import UUID

import pytest

from gateway.domain.errors import (
    InvalidRequest,
    NotFound,
    OwnershipTransferDisabled,
    PlanFeature,
    RoleAboveOwn,
    SuccessorRequired,
    TokenInvalid,
)
from gateway.domain.permissions import Level
from gateway.services import (
    chatbots,
    connections,
    mapping,
    members,
    organisations,
    scim_tokens,
    teams,
)
from gateway.storage import tables as t
from gateway.storage.unit_of_work import Work
from tests.scene import Scene, scene, second_connection


def disable(here: Scene) -> None:
    here.do(lambda uow: connections.disable(uow, here.house.connection.id))


def enable(here: Scene) -> None:
    here.do(lambda uow: connections.enable(uow, here.house.connection.id))


def delete(here: Scene, people: str = "keep_members") -> None:
    here.do(lambda uow: connections.delete(uow, here.house.connection.id, people))


# -- making --------------------------------------------------------------------------


def test_a_connection_needs_the_feature(here: Scene) -> None:
    """S4-22."""
    here.do(lambda uow: organisations.change_subscription(uow, add_ons=frozenset()))
    with pytest.raises(PlanFeature):
        here.do(lambda uow: connections.create(uow, "Entra", here.house.successor_id))


def test_a_connection_needs_somebody_fit_to_succeed(here: Scene) -> None:
    managed = here.post("anna@acme.test").member_id
    resting, held = here.employ("r@acme.test", "viewer"), here.employ("h@acme.test", "viewer")
    here.do(lambda uow: members.deactivate(uow, resting))
    here.do(lambda uow: members.hold(uow, held))
    foreign = scene(here.work, "globex").house.successor_id
    for unfit in (None, UUID(int=1), managed, resting, held, here.house.owner_id, foreign):
        with pytest.raises(SuccessorRequired):
            here.run(connections.create, "Entra", unfit)


@pytest.mark.parametrize(
    "settings",
    [
        {"unmapped": "everything"},
        {"bot_scope": "some"},
        {"seat_overage": "evict"},
        {"dialect": "klingon"},
        {"members_clearable": "yes"},
        {"colour": "red"},
        {"name": " "},
        {"name": "x" * 65},
    ],
)
def test_a_setting_out_of_bounds_is_refused(here: Scene, settings: dict[str, object]) -> None:
    with pytest.raises(InvalidRequest):
        here.configure(**settings)


def test_where_ownership_is_tied_to_the_creator_nobody_succeeds(work: Work) -> None:
    """S3-04."""
    here = scene(work, "ping", "pingback")
    with pytest.raises(OwnershipTransferDisabled):
        here.configure(last_owner="succeed")


def test_the_same_settings_again_change_and_record_nothing(here: Scene) -> None:
    here.configure(unmapped="no_access", name="Okta")
    before = here.rows(t.connections), here.rows(t.outbox)
    here.configure(unmapped="no_access", name="Okta")
    assert (here.rows(t.connections), here.rows(t.outbox)) == before


def test_what_unmapped_people_get_follows_the_setting_at_once(here: Scene) -> None:
    user = here.post("anna@acme.test")
    here.configure(unmapped="no_access")
    assert here.access(user.member_id).is_empty()
    here.configure(unmapped="default_role")
    assert here.role_of(user.member_id) == "viewer"


def test_a_connection_is_judged_by_the_strongest_role_it_can_give(shared: Scene) -> None:
    """Semantics §2 (e)."""
    shared.map(shared.group("Owners"), role="owner")
    admin = shared.by(shared.house.successor_id)
    for verb in (connections.disable, connections.delete):
        with pytest.raises(RoleAboveOwn):
            shared.run(verb, shared.house.connection.id, by=admin)
    with pytest.raises(RoleAboveOwn):
        shared.do(
            lambda uow: connections.update(uow, shared.house.connection.id, bot_scope="all"), admin
        )


# -- disabling -----------------------------------------------------------------------


def furnished(here: Scene) -> tuple[UUID, UUID]:
    """A developer by group, narrowed to one chatbot, in a team; all by rules."""
    here.configure(bot_scope="selected")
    bot = here.do(lambda uow: chatbots.create(uow, "Sales"))
    team = here.do(lambda uow: teams.create(uow, "Support"))
    user = here.post("anna@acme.test")
    group = here.group("Eng", user)
    here.map(group, role="developer")
    here.map(group, "chatbot", chatbot_id=bot, sections={"knowledge_base": "write"})
    here.map(group, "team", team_id=team)
    assert user.member_id is not None
    return user.member_id, bot


def powers(here: Scene, member_id: UUID) -> dict[str, object]:
    document = here.access(member_id).document()
    return {
        name: document[name]
        for name in ("standing", "role", "scope", "org_atoms", "ceiling", "chatbots", "teams")
    }


def test_disabling_keeps_what_people_have_and_lets_hands_edit_it(here: Scene) -> None:
    member_id, bot = furnished(here)
    before = powers(here, member_id)
    disable(here)
    assert powers(here, member_id) == before
    grants = here.rows(t.grants, member_id=member_id, valid_to=None)
    assert {grant.source for grant in grants} == {"converted"}
    here.do(lambda uow: members.set_role(uow, member_id, here.role("viewer")))
    assert here.access(member_id).level(bot, "knowledge_base") is Level.READ


def test_disabling_ends_manual_grants_from_before(here: Scene) -> None:
    member_id = here.employ("anna@acme.test", "admin")
    here.post("anna@acme.test")
    assert here.role_of(member_id) == "viewer"
    disable(here)
    assert here.role_of(member_id) == "viewer"


def test_disabling_brings_nobody_back(here: Scene) -> None:
    user = here.post("anna@acme.test")
    here.set_active(user, False)
    disable(here)
    assert here.member(user.member_id).state == "deactivated"
    assert here.access(user.member_id).is_empty()


def test_a_disabled_connection_takes_no_request(here: Scene) -> None:
    token = here.do(lambda uow: scim_tokens.issue(uow, here.house.connection.id, "T"))
    here.work.run_platform(
        lambda db, now: scim_tokens.authenticate(db, now, here.house.connection.id, token.secret)
    )
    disable(here)
    with pytest.raises(TokenInvalid):
        here.work.run_platform(
            lambda db, now: scim_tokens.authenticate(
                db, now, here.house.connection.id, token.secret
            )
        )


def test_disabling_and_enabling_twice_changes_and_records_nothing(here: Scene) -> None:
    furnished(here)
    for verb in (disable, enable):
        verb(here)
        before = here.rows(t.members), here.rows(t.outbox), here.rows(t.grants)
        verb(here)
        assert (here.rows(t.members), here.rows(t.outbox), here.rows(t.grants)) == before


def test_enabled_again_groups_decide_and_what_was_converted_ends(here: Scene) -> None:
    member_id, _ = furnished(here)
    before = powers(here, member_id)
    disable(here)
    enable(here)
    assert powers(here, member_id) == before
    assert here.rows(t.grants, member_id=member_id, valid_to=None) == []


def test_a_team_seat_that_was_converted_ends_with_the_group(here: Scene) -> None:
    member_id, _ = furnished(here)
    disable(here)
    enable(here)
    group = here.rows(t.directory_groups)[0]
    user = here.rows(t.directory_users)[0]
    here.move(group, remove=[user])  # type: ignore[arg-type,list-item]
    assert here.access(member_id).teams == frozenset()


def test_what_a_rule_gave_meanwhile_counts_from_the_enabling_on(here: Scene) -> None:
    user = here.post("anna@acme.test")
    group = here.group("Eng", user)
    disable(here)
    here.map(group, role="developer")
    assert here.role_of(user.member_id) == "viewer"
    enable(here)
    assert here.role_of(user.member_id) == "developer"


# -- ending --------------------------------------------------------------------------


def test_deleting_kills_tokens_and_keeps_people_with_what_they_have(here: Scene) -> None:
    member_id, _ = furnished(here)
    before = powers(here, member_id)
    here.do(lambda uow: scim_tokens.issue(uow, here.house.connection.id, "T"))
    delete(here)
    assert powers(here, member_id) == before
    assert here.member(member_id).managed_by is None
    assert [row.revoked_at is None for row in here.rows(t.scim_tokens)] == [False]
    with pytest.raises(NotFound):
        here.do(lambda uow: connections.get(uow, here.house.connection.id))


def test_deleting_may_deactivate_people_but_not_the_last_owner(here: Scene) -> None:
    user = here.post("anna@acme.test")
    here.post("owner@acme.test")
    here.sign_in(user.member_id)
    delete(here, "deactivate_members")
    assert here.member(user.member_id).state == "deactivated"
    assert here.live_credentials(user.member_id) == 0
    assert here.member(here.house.owner_id).state == "active"
    assert here.role_of(here.house.owner_id) == "owner"


def test_a_deleted_connections_rules_give_nothing_to_whom_another_adopts(here: Scene) -> None:
    user = here.post("anna@acme.test")
    here.map(here.group("Eng", user), role="developer")
    other = second_connection(here)
    delete(here)
    assert here.role_of(user.member_id) == "developer"
    adopted = other.post("anna@acme.test")
    assert adopted.member_id == user.member_id
    assert other.role_of(user.member_id) == "viewer"


def test_deleting_a_disabled_connection_keeps_what_hands_made_of_it(here: Scene) -> None:
    user = here.post("anna@acme.test")
    member_id = user.member_id
    assert member_id is not None
    disable(here)
    here.do(lambda uow: members.set_role(uow, member_id, here.role("developer")))
    delete(here)
    assert here.role_of(member_id) == "developer"


def test_a_deleted_connection_is_gone(here: Scene) -> None:
    rule = here.map(here.group("Eng"), role="developer")
    delete(here)
    for verb in (connections.disable, connections.enable, connections.delete, connections.get):
        with pytest.raises(NotFound):
            here.run(verb, here.house.connection.id)
    here.do(lambda uow: mapping.delete_rule(uow, rule))


def test_people_are_kept_or_deactivated_and_nothing_else(here: Scene) -> None:
    with pytest.raises(InvalidRequest):
        delete(here, "forget_members")
