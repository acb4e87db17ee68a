"""Assignment teams and the seats taken in them by hand."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from gateway.api.endpoint import Endpoints, holds
from gateway.api.models import Answer, Body, Name, Page
from gateway.api.paging import Paging
from gateway.domain.errors import AlreadyExists, ManagedByIdP
from gateway.services import lists, teams
from gateway.storage.unit_of_work import UnitOfWork

routes = Endpoints()
ALL = "/organisations/{organisation}/teams"
ONE = "/organisations/{organisation}/teams/{team}"
READ, MANAGE = holds("teams.read"), holds("teams.manage")


class NewTeam(Body):
    """A team to make."""

    name: Name
    strategy: Literal["round_robin", "load_balanced", "manual"] = "manual"


class Seat(Body):
    """Who takes a seat in a team."""

    member_id: UUID


class Team(Answer):
    """An assignment team."""

    id: UUID
    name: str
    strategy: str
    created_at: datetime


class TeamMembers(Answer):
    """Members with a seat taken by hand, the longest first; seats that groups give come on top."""

    member_ids: list[UUID]


@routes.endpoint(f"POST {ALL}", MANAGE, status=201, tagged=True, errors=(AlreadyExists,))
def create(uow: UnitOfWork, body: NewTeam) -> Team:
    """Make a team without members."""
    return read(uow, teams.create(uow, body.name, body.strategy))


@routes.endpoint(f"GET {ALL}", READ)
def listing(uow: UnitOfWork, page: Paging) -> Page[Team]:
    """List the teams."""
    return page.page(lists.teams(uow, page.after, page.fetch), Team.model_validate)


@routes.endpoint(f"GET {ONE}", READ, tagged=True)
def read(uow: UnitOfWork, team: UUID) -> Team:
    """Read a team."""
    return Team.model_validate(teams.get(uow, team))


@routes.endpoint(f"GET {ONE}/members", READ)
def members(uow: UnitOfWork, team: UUID) -> TeamMembers:
    """List the members with a seat of their own."""
    return TeamMembers(member_ids=list(teams.members(uow, team)))


@routes.endpoint(f"POST {ONE}/members", MANAGE)
def join(uow: UnitOfWork, team: UUID, body: Seat) -> TeamMembers:
    """Give a member a seat; a second time changes nothing."""
    teams.join(uow, team, body.member_id)
    return members(uow, team)


@routes.endpoint(f"DELETE {ONE}/members/{{member}}", MANAGE, status=204, errors=(ManagedByIdP,))
def leave(uow: UnitOfWork, team: UUID, member: UUID) -> None:
    """Take a member's own seat away; one that a group gives is not taken by hand."""
    teams.leave(uow, team, member)
