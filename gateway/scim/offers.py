"""`/Roles` and `/Entitlements`: read-only, and without any effect on access.

The attributes are those of draft-ietf-scim-roles-entitlements, beside `displayName`, which Okta's
schemas `urn:okta:scim:schemas:core:1.0:Role` and `…:Entitlement` want. The two are described
to whoever asks for them by name; lists of resource types and schemas name them, and the
configuration announces them, in Okta's dialect only: other clients, conformance suites among them,
take every listed type for one that they may write, and refuse what no RFC has.
"""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from scim2_models import (
    InvalidFilterException,
    InvalidValueException,
    NotFoundException,
    SCIMException,
)

from gateway.scim.models import MAX_PAGE_SIZE
from gateway.scim.rendering import listing
from gateway.services import offers
from gateway.services.offers import Offer
from gateway.storage.unit_of_work import UnitOfWork

CORE = "urn:ietf:params:scim:schemas:core:2.0:"
OKTA = "urn:okta:scim:schemas:core:1.0:"
TYPE_SCHEMA = f"{CORE}ResourceType"
SCHEMA_SCHEMA = f"{CORE}Schema"
Source = Callable[[UnitOfWork], list[Offer]]
SOURCES: Mapping[str, tuple[str, Source]] = {
    "roles": ("Role", offers.roles),
    "entitlements": ("Entitlement", offers.entitlements),
}
LISTS = ("resource_types", "schemas")
ENDPOINTS = {"Role": "/Roles", "Entitlement": "/Entitlements"}
EQUALS = re.compile(r'\s*(id|value|display|displayName|type)\s+eq\s+("(?:[^"\\]|\\.)*")\s*', re.I)


class ReadOnly(SCIMException):
    """Nothing is written here (RFC 7644 §3.12)."""

    status = 405
    _default_detail = "Roles and entitlements are read only."
    allowed = ("GET",)


def find(path: str) -> tuple[str, str | None] | None:
    """Return endpoint and resource id where a path lies in /Roles or /Entitlements."""
    first, _, rest = path.strip("/").partition("/")
    return (first.lower(), rest or None) if first.lower() in SOURCES else None


def read(
    uow: UnitOfWork, base: str, place: tuple[str, str | None], query: Mapping[str, str]
) -> str:
    """Return the body of a GET.

    :raises SCIMException: none has the id, or a filter other than one equality.
    """
    kind, source = SOURCES[place[0]]
    found = [_shown(offer, kind, base) for offer in source(uow)]
    if place[1] is not None:
        one = next((each for each in found if each["id"] == place[1]), None)
        if one is None:
            raise NotFoundException(detail=f"No such {kind.lower()}.")
        return json.dumps(one, ensure_ascii=False)
    found = [each for each in found if _matches(each, query.get("filter"))]
    start, count = _number(query, "startindex", 1), _number(query, "count", MAX_PAGE_SIZE)
    page = found[max(start, 1) - 1 :][: max(count, 0)]
    texts = [json.dumps(each, ensure_ascii=False) for each in page]
    return listing(texts, len(found), startIndex=max(start, 1))


def told_too(operation: str, body: str, base: str) -> str:
    """Return what discovery says with our types at its end, or in the configuration (§3.1)."""
    if operation == "service_provider_config":
        return _announced(body)
    return _listed_too(operation, body, base) if operation in LISTS else body


def _announced(body: str) -> str:
    """A user holds any number of both, with `type` and `primary`: kept as words, never access."""
    shape = {"supported": True, "primarySupported": True, "typeSupported": True}
    offered = {
        "roles": {**shape, "multipleRolesSupported": True},
        "entitlements": {**shape, "multipleEntitlementsSupported": True},
    }
    return json.dumps({**json.loads(body), "RolesAndEntitlements": offered}, ensure_ascii=False)


def _listed_too(operation: str, body: str, base: str) -> str:
    more = _types(base) if operation == "resource_types" else _schemas(base)
    said = json.loads(body)
    said["Resources"] = [*said["Resources"], *more]
    said["totalResults"] = len(said["Resources"])
    said["itemsPerPage"] = len(said["Resources"])
    return json.dumps(said, ensure_ascii=False)


def described(operation: str, name: str | None, base: str) -> dict[str, Any] | None:
    """Return a resource type or schema of ours by its name, None where it is no other's."""
    known = {
        "resource_type": {each["id"]: each for each in _types(base)},
        "schema": {each["id"]: each for each in _schemas(base)},
    }
    return known.get(operation, {}).get(name or "")


def _shown(offer: Offer, kind: str, base: str) -> dict[str, Any]:
    said: dict[str, Any] = {
        "schemas": [f"{OKTA}{kind}", f"{CORE}{kind}"],
        "id": offer.id,
        "value": offer.value,
        "display": offer.display,
        "displayName": offer.display,
        "type": offer.type,
        "supported": offer.supported,
        "limitedAssignmentsPermitted": offer.limit is not None,
    }
    if offer.limit is not None:
        said["totalAssignmentsPermitted"] = offer.limit
    if offer.used is not None:
        said["totalAssignmentsUsed"] = offer.used
    place = f"{base}{ENDPOINTS[kind]}/{offer.id}"
    return {**said, "meta": {"resourceType": kind, "location": place}}


def _matches(shown: Mapping[str, Any], text: str | None) -> bool:
    if text is None:
        return True
    found = EQUALS.fullmatch(text)
    if found is None:
        raise InvalidFilterException(detail="Here a filter compares one attribute by 'eq'.")
    values = {name.lower(): value for name, value in shown.items()}
    wanted, present = json.loads(found[2]), values[found[1].lower()]
    return str(present).lower() == str(wanted).lower()


def _number(query: Mapping[str, str], name: str, default: int) -> int:
    try:
        return int(query.get(name, default))
    except ValueError:
        raise InvalidValueException(detail=f"'{name}' is a whole number.") from None


def _types(base: str) -> list[dict[str, Any]]:
    return [
        {
            "schemas": [TYPE_SCHEMA],
            "id": kind,
            "name": kind,
            "description": kind,
            "endpoint": endpoint,
            "schema": f"{OKTA}{kind}",
            "meta": {"resourceType": "ResourceType", "location": f"{base}/ResourceTypes/{kind}"},
        }
        for kind, endpoint in ENDPOINTS.items()
    ]


ATTRIBUTES: Mapping[str, tuple[str, str]] = {
    "value": ("string", "Name by which the product knows it."),
    "display": ("string", "Name to show."),
    "displayName": ("string", "Name to show."),
    "type": ("string", "What it is about."),
    "supported": ("boolean", "Whether a provider may give it."),
    "limitedAssignmentsPermitted": ("boolean", "Whether only so many may hold it."),
    "totalAssignmentsPermitted": ("integer", "How many may hold it."),
    "totalAssignmentsUsed": ("integer", "How many hold it now."),
}


def _schemas(base: str) -> list[dict[str, Any]]:
    return [_schema(f"{space}{kind}", kind, base) for space in (OKTA, CORE) for kind in ENDPOINTS]


def _schema(urn: str, kind: str, base: str) -> dict[str, Any]:
    attributes = [
        {
            "name": name,
            "type": type_,
            "multiValued": False,
            "description": meaning,
            "required": name == "value",
            "caseExact": False,
            "mutability": "readOnly",
            "returned": "default",
            "uniqueness": "none",
        }
        for name, (type_, meaning) in ATTRIBUTES.items()
    ]
    return {
        "schemas": [SCHEMA_SCHEMA],
        "id": urn,
        "name": kind,
        "description": f"{kind}, read only.",
        "attributes": attributes,
        "meta": {"resourceType": "Schema", "location": f"{base}/Schemas/{urn}"},
    }
