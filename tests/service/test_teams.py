"""Assignment teams and the seats taken in them by hand."""

from uuid import UUID

import pytest

from gateway.domain.errors import AlreadyExists, InvalidRequest, ManagedByIdP, NotFound
from gateway.services import chatbots, conversations, members, teams
from gateway.storage import tables as t
from tests.scene import Scene, scene


@pytest.fixture
def team(here: Scene) -> UUID:
    return here.do(lambda uow: teams.create(uow, "Support", "round_robin"))


@pytest.fixture
def anna(here: Scene) -> UUID:
    return here.employ("anna@acme.test", "developer")


@pytest.mark.parametrize("strategy", ["round_robin", "load_balanced", "manual"])
def test_a_team_has_one_of_three_strategies(here: Scene, strategy: str) -> None:
    """S1-26, S1-28."""
    team = here.do(lambda uow: teams.create(uow, "Support", strategy))
    assert here.rows(t.teams, id=team)[0].strategy == strategy


@pytest.mark.parametrize(
    ("name", "strategy"), [("", "manual"), ("x" * 65, "manual"), ("A", "random")]
)
def test_a_team_out_of_bounds_is_refused(here: Scene, name: str, strategy: str) -> None:
    with pytest.raises(InvalidRequest):
        here.do(lambda uow: teams.create(uow, name, strategy))


def test_a_deleted_teams_conversations_go_back_to_their_chatbots_and_it_is_told(
    here: Scene, team: UUID
) -> None:
    bot = here.run(chatbots.create, "Sales")
    waiting, ended = (here.run(conversations.create, bot, "Hello", team) for _ in range(2))
    here.run(conversations.close, ended)
    here.run(teams.delete, team)
    of = {row.id: row.team_id for row in here.rows(t.conversations)}
    assert of == {waiting: None, ended: team}
    (told,) = here.rows(t.audit_events, action="conversation.moved")
    assert told.targets[0]["id"] == str(waiting)
    assert (told.before, told.after) == ({"team": str(team)}, {"team": None})


@pytest.mark.usefixtures("team")
def test_a_name_is_taken_whatever_its_letter_case(here: Scene) -> None:
    with pytest.raises(AlreadyExists):
        here.do(lambda uow: teams.create(uow, " SUPPORT "))


def test_a_seat_shows_in_the_members_access(here: Scene, team: UUID, anna: UUID) -> None:
    """S1-27."""
    here.do(lambda uow: teams.join(uow, team, anna))
    assert here.access(anna).teams == {str(team)}
    assert here.see(lambda uow: teams.members(uow, team)) == [anna]
    here.do(lambda uow: teams.leave(uow, team, anna))
    assert here.access(anna).teams == frozenset()


def test_joining_and_leaving_twice_changes_and_records_nothing(
    here: Scene, team: UUID, anna: UUID
) -> None:
    for verb in (teams.join, teams.leave):
        here.do(lambda uow, verb=verb: verb(uow, team, anna))  # type: ignore[misc]
        before = here.rows(t.team_seats), here.rows(t.outbox)
        here.do(lambda uow, verb=verb: verb(uow, team, anna))  # type: ignore[misc]
        assert (here.rows(t.team_seats), here.rows(t.outbox)) == before


def test_only_active_members_of_the_organisation_join(here: Scene, team: UUID, anna: UUID) -> None:
    """S1-27."""
    here.do(lambda uow: members.deactivate(uow, anna))
    with pytest.raises(InvalidRequest):
        here.do(lambda uow: teams.join(uow, team, anna))
    stranger = scene(here.work, "globex").house.owner_id
    with pytest.raises(NotFound):
        here.do(lambda uow: teams.join(uow, team, stranger))


def test_a_seat_that_a_group_gives_is_not_taken_by_hand(here: Scene, team: UUID) -> None:
    """Semantics §2: team seats that come from the identity provider are locked."""
    user = here.post("bert@acme.test")
    here.map(here.group("G", user), "team", team_id=team)
    with pytest.raises(ManagedByIdP):
        here.do(lambda uow: teams.leave(uow, team, user.member_id))  # type: ignore[arg-type]
    assert here.access(user.member_id).teams == {str(team)}


def test_seats_rest_with_the_member_and_end_with_the_membership(
    here: Scene, team: UUID, anna: UUID
) -> None:
    here.do(lambda uow: teams.join(uow, team, anna))
    here.do(lambda uow: members.deactivate(uow, anna))
    assert here.access(anna).teams == frozenset()
    here.do(lambda uow: members.reactivate(uow, anna))
    assert here.access(anna).teams == {str(team)}
    here.do(lambda uow: members.remove(uow, anna))
    assert here.rows(t.team_seats, valid_to=None) == []
