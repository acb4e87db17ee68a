"""Groups of the identity providers' directories, and who is in them."""

from datetime import datetime
from uuid import UUID

from pydantic import Field

from gateway.api.endpoint import Endpoints, holds
from gateway.api.models import Answer, Page, Query
from gateway.api.paging import Paging
from gateway.services import lists
from gateway.storage.unit_of_work import UnitOfWork

routes = Endpoints()
ALL = "/organisations/{organisation}/groups"
READ = holds("mappings.manage")


class GroupFilter(Query):
    """Which groups are wanted."""

    connection: UUID | None = None


class Group(Answer):
    """A directory group as its identity provider keeps it."""

    id: UUID
    connection_id: UUID
    display_name: str
    external_id: str | None
    member_count: int
    created_at: datetime
    last_modified: datetime


class GroupMember(Answer):
    """A directory user in a group, and the member whom it stands for."""

    id: UUID = Field(description="The SCIM id of the user.")
    member_id: UUID | None
    user_name: str
    display_name: str
    active: bool


@routes.endpoint(f"GET {ALL}", READ)
def listing(uow: UnitOfWork, page: Paging, query: GroupFilter) -> Page[Group]:
    """List the directory groups with their member counts."""
    rows = lists.groups(uow, page.after, page.fetch, query.connection)
    return page.page(rows, Group.model_validate)


@routes.endpoint(f"GET {ALL}/{{group}}", READ, tagged=True)
def read(uow: UnitOfWork, group: UUID) -> Group:
    """Read a directory group."""
    return Group.model_validate(lists.group(uow, group))


@routes.endpoint(f"GET {ALL}/{{group}}/members", READ)
def members(uow: UnitOfWork, group: UUID, page: Paging) -> Page[GroupMember]:
    """List the people of a directory group."""
    rows = lists.group_members(uow, group, page.after, page.fetch)
    return page.page(rows, GroupMember.model_validate)
