"""The directory behind scim2-server's storage interface: the same changes and pages, as models.

It holds our SQL to that library's contract; the wire is served without building models.
"""

import json
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any

from scim2_models import (
    Context,
    NotFoundException,
    PreconditionFailedException,
    Resource,
    ResourceType,
    ResponseParameters,
    SCIMException,
    SearchRequest,
    UniquenessException,
)
from scim2_server.storage import ScimStorage, SearchPage

from gateway.domain import errors
from gateway.domain.connections import Connection
from gateway.scim.attributes import SCHEMAS
from gateway.scim.changes import Change, Conditions, perform
from gateway.scim.memberships import Named, named
from gateway.scim.pages import Query, find_one, find_page
from gateway.scim.places import parsed_id
from gateway.scim.rendering import Stored, resource
from gateway.storage.unit_of_work import UnitOfWork

EVERYTHING = 2**31 - 1
HERE = "here:"
"""Stands for the base URL, which a storage does not know."""


@dataclass
class DirectoryStorage(ScimStorage):
    """One connection's directory inside one unit of work."""

    uow: UnitOfWork
    connection: Connection

    supports_cursors = True

    def get(
        self,
        resource_type: ResourceType,
        resource_id: str,
        *,
        response_parameters: ResponseParameters[Any] | None = None,  # noqa: ARG002
    ) -> Resource[Any]:
        """Return a resource, whole.

        :raises NotFoundException: none of this type has the id.
        """
        kind, known = str(resource_type.id), parsed_id(resource_id)
        stored = known and find_one(self.uow, self.connection, kind, known, named=True)
        if not stored:
            raise NotFoundException
        return _model(stored)

    def search(
        self,
        resource_types: list[ResourceType],
        search_request: SearchRequest[Any],
        *,
        position: Any = None,
    ) -> SearchPage:
        """Return a page.

        :raises SCIMException: the filter, the sort attribute or the position is not sound.
        """
        wanted = search_request
        query = Query(
            kinds=tuple(str(each.id) for each in resource_types),
            count=EVERYTHING if wanted.count is None else wanted.count,
            start=wanted.start_index or 1,
            filter=str(wanted.filter) if wanted.filter is not None else None,
            sort_by=str(wanted.sort_by) if wanted.sort_by is not None else None,
            descending=wanted.sort_order == SearchRequest.SortOrder.descending,
            by_cursor=wanted.cursor is not None,
            position=position,
            named=True,
        )
        page = find_page(self.uow, self.connection, query)
        return SearchPage(
            page.total, [_model(each) for each in page.rows], page.next, page.previous
        )

    def create(self, resource_type: ResourceType, resource: Resource[Any]) -> Resource[Any]:
        """Store a new resource.

        :raises UniquenessException: a unique value is taken.
        """
        return self._performed(resource_type, self._change("POST", resource_type, resource))

    def update(
        self,
        resource_type: ResourceType,
        resource: Resource[Any],
        *,
        expected_version: str | None = None,
    ) -> Resource[Any]:
        """Replace a resource. :raises SCIMException: absent, changed, or a value is taken."""
        change = self._change("PUT", resource_type, resource)
        return self._performed(resource_type, change, _only_version(expected_version))

    def delete(
        self,
        resource_type: ResourceType,
        resource_id: str,
        *,
        expected_version: str | None = None,
    ) -> None:
        """Delete a resource. :raises SCIMException: absent or changed."""
        change = Change(str(resource_type.id), "DELETE", parsed_id(resource_id))
        with _as_protocol():
            perform(self.uow, self.connection, change, _only_version(expected_version))

    def operation(self) -> AbstractContextManager[None]:
        """Enclose one operation in a savepoint."""
        return self.uow.savepoint()

    def _performed(
        self,
        resource_type: ResourceType,
        change: Change,
        conditions: Conditions | None = None,
    ) -> Resource[Any]:
        with _as_protocol():
            done = perform(self.uow, self.connection, change, conditions)
            if isinstance(done, errors.Refused):
                raise done.error
        assert done is not None  # noqa: S101 - only a deletion leaves nothing
        return self.get(resource_type, str(done.id))

    def _change(self, method: str, resource_type: ResourceType, resource: Resource[Any]) -> Change:
        kind = str(resource_type.id)
        members: list[Any] | None = getattr(resource, "members", None)
        return Change(
            kind,
            method,
            parsed_id(resource.id) if resource.id else None,
            resource.model_dump(),
            members=None if members is None else _named(members),
        )


def _named(members: list[Any]) -> Named:
    return named([each.model_dump() for each in members])


def _model(stored: Stored) -> Resource[Any]:
    """Return a stored resource as a model; references are relative, a location it has none."""
    said = json.loads(resource(stored, HERE))
    for entry in (*said.get("groups", ()), *said.get("members", ())):
        entry["$ref"] = entry["$ref"].removeprefix(f"{HERE}/")
    del said["meta"]["location"]
    model: type[Resource[Any]] = SCHEMAS[stored.kind].model
    return model.model_validate(said, scim_ctx=Context.DEFAULT)


def _only_version(expected: str | None) -> Conditions | None:
    if expected is None:
        return None

    def check(version: str | None, method: str) -> bool:  # noqa: ARG001
        if version != expected:
            raise PreconditionFailedException
        return True

    return check


@contextmanager
def _as_protocol() -> Iterator[None]:
    """Raise the library's exceptions in place of ours."""
    try:
        yield
    except errors.NotFound as error:
        raise NotFoundException(detail=error.message) from error
    except errors.AlreadyExists as error:
        raise UniquenessException(detail=error.message) from error
    except errors.GatewayError as error:
        raise SCIMException(detail=error.message) from error
