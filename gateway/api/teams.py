"""Assignment teams and the seats taken in them by hand."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import Field

from gateway.api.endpoint import Endpoints, holds
from gateway.api.models import Answer, Body, Name, Page
from gateway.api.paging import Paging
from gateway.domain.errors import AlreadyExists, ManagedByIdP
from gateway.services import lists, teams
from gateway.storage.unit_of_work import UnitOfWork

routes = Endpoints()
ALL = "/organisations/{organisation}/teams"
ONE = "/organisations/{organisation}/teams/{team}"
Strategy = Literal["round_robin", "load_balanced", "manual"]
READ, MANAGE = holds("teams.read"), holds("teams.manage")


class NewTeam(Body):
    """A team to make."""

    name: Name
    strategy: Strategy = "manual"


class TeamChange(Body):
    """What changes of a team; what is left out stays."""

    name: Name | None = None
    strategy: Strategy | None = None


class Seat(Body):
    """Who takes a seat in a team."""

    member_id: UUID


class Team(Answer):
    """An assignment team."""

    id: UUID
    name: str
    strategy: str
    created_at: datetime
    lacking: list[Literal["members", "strategy"]] = Field(
        description="What is missing before conversations could be assigned by themselves."
    )


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
    rows = lists.teams(uow, page.after, page.fetch)
    lacking = teams.lacking(uow, rows)
    return page.page(rows, lambda row: _shown(row, lacking))


@routes.endpoint(f"GET {ONE}", READ, tagged=True)
def read(uow: UnitOfWork, team: UUID) -> Team:
    """Read a team."""
    row = teams.get(uow, team)
    return _shown(row, teams.lacking(uow, [row]))


@routes.endpoint(f"PATCH {ONE}", MANAGE, tagged=True, errors=(AlreadyExists,))
def change(uow: UnitOfWork, team: UUID, body: TeamChange) -> Team:
    """Give a team another name or strategy."""
    teams.change(uow, team, body.name, body.strategy)
    return read(uow, team)


@routes.endpoint(f"DELETE {ONE}", MANAGE, status=204, tagged=True, errors=(ManagedByIdP,))
def delete(uow: UnitOfWork, team: UUID) -> None:
    """End a team: its seats end, and its conversations wait in their chatbots' queues."""
    teams.delete(uow, team)


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


def _shown(row: Any, lacking: Mapping[UUID, list[str]]) -> Team:
    values = {name: getattr(row, name) for name in ("id", "name", "strategy", "created_at")}
    return Team.model_validate({**values, "lacking": lacking[row.id]})
