"""Programs that call the API in process, each with a key of its own."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from werkzeug.test import TestResponse

from gateway.app import Gateway
from gateway.domain.permissions import ACTIONS
from gateway.services import keys
from gateway.storage import tables as t
from gateway.storage.unit_of_work import UnitOfWork, Work
from tests.factories import OPERATOR, House

EVERYTHING = tuple(sorted(ACTIONS))


@dataclass(frozen=True)
class Caller:
    """A program with a bearer secret; paths are relative to the API."""

    gateway: Gateway
    secret: str | None
    organisation_id: UUID | None = None

    def call(self, method: str, path: str, json: Any = None, **rest: Any) -> TestResponse:
        headers = dict(rest.pop("headers", {}))
        if self.secret is not None:
            headers.setdefault("Authorization", f"Bearer {self.secret}")
        if json is not None:
            rest["json"] = json
        where = f"/api/v1{self.within(path)}"
        with self.gateway.test_client() as client:
            return client.open(where, method=method, headers=headers, **rest)

    def within(self, path: str) -> str:
        """A path without a slash in front lies inside the caller's organisation."""
        return path if path.startswith("/") else f"/organisations/{self.organisation_id}/{path}"

    def get(self, path: str, **rest: Any) -> TestResponse:
        return self.call("GET", path, **rest)

    def post(self, path: str, json: Any = None, **rest: Any) -> TestResponse:
        return self.call("POST", path, json, **rest)

    def patch(self, path: str, json: Any = None, **rest: Any) -> TestResponse:
        return self.call("PATCH", path, json, **rest)

    def delete(self, path: str, **rest: Any) -> TestResponse:
        return self.call("DELETE", path, **rest)


def operator(gateway: Gateway) -> Caller:
    """A caller with an operator key."""
    issued = gateway.work.run_platform(
        lambda database, now: keys.issue_operator_key(database, now, gateway.work.new_id, "Ops")
    )
    return Caller(gateway, issued.secret)


def owned_by(
    gateway: Gateway,
    organisation_id: UUID,
    member_id: UUID,
    scopes: tuple[str, ...] = EVERYTHING,
) -> Caller:
    """A caller with a member's key."""
    issued = gateway.work.run(
        organisation_id,
        OPERATOR,
        lambda uow: keys.create(uow, "Script", scopes, member_id=member_id),
    )
    return Caller(gateway, issued.secret, organisation_id)


def with_role(
    gateway: Gateway, house: House, role: str, scopes: tuple[str, ...] = EVERYTHING
) -> Caller:
    """A caller with a service key of the organisation."""

    def issue(uow: UnitOfWork) -> str:
        return keys.create(uow, "Service", scopes, role_id=role_id(uow, role)).secret

    secret = gateway.work.run(house.organisation_id, OPERATOR, issue)
    return Caller(gateway, secret, house.organisation_id)


def role_id(uow: UnitOfWork, key: str) -> UUID:
    """The id of a role by its key."""
    found: UUID = uow.scalar(uow.own(t.roles, t.roles.c.id).where(t.roles.c.key == key))
    return found


def role_of(work: Work, organisation_id: UUID, key: str) -> UUID:
    """The id of a role by its key."""
    with work.read(organisation_id) as uow:
        return role_id(uow, key)


def owner(gateway: Gateway, house: House) -> Caller:
    """A caller with the owner's key."""
    return owned_by(gateway, house.organisation_id, house.owner_id)
