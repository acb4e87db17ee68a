"""What scim2-server does for us: routes, discovery, conditions, Bulk's order, sealed cursors.

**Invariant:** besides `storage`, no other module knows that library.
"""

import hashlib
import json
from collections.abc import Mapping
from copy import copy
from typing import Any

from scim2_models import NotFoundException, ScimProvider
from scim2_server.bulk import BulkPlan, BulkStep
from scim2_server.conditions import Conditions
from scim2_server.cursor import Cursors
from scim2_server.responses import ScimResponse
from scim2_server.routing import Operation, Target, match
from scim2_server.service import ScimService

from gateway.scim.models import CURSOR_LIFE, provider

KINDS = {"users": "User", "groups": "Group"}
PLACES = {
    "service_provider_config": "/ServiceProviderConfig",
    "resource_types": "/ResourceTypes",
    "resource_type": "/ResourceTypes",
    "schemas": "/Schemas",
    "schema": "/Schemas",
}
"""The discovery endpoints, by the operation that reads them."""

PLAIN = {
    ("GET", 0): Operation.search,
    ("POST", 0): Operation.create,
    ("GET", 1): Operation.query,
    ("PUT", 1): Operation.replace,
    ("PATCH", 1): Operation.patch,
    ("DELETE", 1): Operation.delete,
}
"""What a method means at a resource type's endpoint, and one segment below it."""

MOST_KNOWN = 10_000
"""Discovery answers that a process keeps; they never change."""
__all__ = ["BulkPlan", "BulkStep", "Conditions", "Engine", "Operation", "Target", "kind_at"]


class _Service(ScimService):
    def service_provider_config(self, location: str, query: Mapping[str, str]) -> ScimResponse:
        """RFC 7644 §4 wants no 403 here; Entra and others send every query they know."""
        return super().service_provider_config(
            location, {k: v for k, v in query.items() if k != "filter"}
        )


class Engine:
    """The protocol's machinery, made once for all connections."""

    def __init__(self) -> None:
        self.provider: ScimProvider = provider()
        # Cursors are sealed per token (`seal`); the service itself never seals any.
        self._service = _Service(self.provider, secret="unused")  # noqa: S106
        self._known: dict[tuple[str, str], tuple[str, dict[str, str]]] = {}

    def route(self, method: str, path: str) -> Target:
        """Return what a request is about.

        :raises SCIMException: 404 for an unknown path, 405 with the allowed methods.
        """
        target = _plain(method, path) or match(method, path)
        if target.endpoint is not None:
            kind_at(target.endpoint)
        return target

    def discover(
        self, base: str, target: Target, query: Mapping[str, str]
    ) -> tuple[str, dict[str, str]]:
        """Return the body and headers of a discovery endpoint (RFC 7644 §4).

        :raises SCIMException: no such resource type or schema, or a filter where none is.
        """
        name = target.operation.value
        key = (base, f"{name} {target.resource_id}")
        if "filter" not in query and key in self._known:
            return self._known[key]
        asked = (target.resource_id,) if target.resource_id is not None else ()
        with self.provider:
            answer = getattr(self._service, name)(f"{base}{PLACES[name]}", *asked, query)
        found = (json.dumps(answer.body, ensure_ascii=False), answer.headers)
        if len(self._known) < MOST_KNOWN:
            self._known[key] = found
        return found


def _plain(method: str, path: str) -> Target | None:
    """Return the target of nearly every request; matching all routes takes ten times as long."""
    endpoint, *rest = path.strip("/").split("/")
    operation = PLAIN.get((method, len(rest)))
    if operation is None or endpoint.lower() not in KINDS or ".search" in rest:
        return None
    return Target(operation, endpoint, rest[0] if rest else None)


def kind_at(endpoint: str) -> str:
    """Return the resource type that an endpoint serves.

    :raises NotFoundException: none is served there.
    """
    kind = KINDS.get(endpoint.lower())
    if kind is None:
        raise NotFoundException(detail=f"No SCIM endpoint at '/{endpoint}'.")
    return kind


def lists_members(target: Target) -> bool:
    """Whether the body of a request may list the members of a group."""
    written = (Operation.create, Operation.replace, Operation.patch)
    return target.operation in written and (target.endpoint or "").lower() == "groups"


def conditions(if_match: str | None, if_none_match: str | None) -> Conditions | None:
    """Return the conditions of a request (RFC 7644 §3.14), None where it has none."""
    if not if_match and not if_none_match:
        return None
    return Conditions(if_match=if_match, if_none_match=if_none_match)


def plan(operations: list[Any], fail_on_errors: int | None) -> BulkPlan:
    """Return the order in which operations run, and the bulkIds between them (§3.7.2)."""
    return BulkPlan(operations, fail_on_errors)


def resumed(plan: BulkPlan) -> BulkPlan:
    """Return a plan that goes on where another is, which it leaves as it is."""
    copied = copy(plan)
    copied.results, copied.created = dict(plan.results), dict(plan.created)
    return copied


def seal(secret: str, query: Mapping[str, Any], count: int, position: Any) -> str | None:
    """Return a cursor that opens for this token, query and page size only."""
    if position is None:
        return None
    return Cursors(secret).seal(digest(query), count, position)


def unseal(secret: str, query: Mapping[str, Any], count: int, cursor: str) -> Any:
    """Return the position that a cursor holds; an empty cursor is the beginning.

    :raises SCIMException: another token's, another query's, another page size, or too old.
    """
    if not cursor:
        return None
    return Cursors(secret).open(cursor, digest(query), count, CURSOR_LIFE)


def digest(query: Mapping[str, Any]) -> str:
    """Return what tells one query from every other."""
    canonical = json.dumps(query, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode(errors="surrogatepass")).hexdigest()[:32]
