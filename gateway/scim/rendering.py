"""Stored documents written out as resources, without building a model.

A document is a JSON object's text; id, state, groups or members and meta are text around it.
"""

import json
from collections.abc import Sequence
from typing import Any, NamedTuple
from uuid import UUID

BASE = "\x01"
"""Stands for the connection's base URL in fragments that the database composes."""

LIST = '{"schemas":["urn:ietf:params:scim:api:messages:2.0:ListResponse"],"totalResults":'


class Stored(NamedTuple):
    """A row of the directory as a resource needs it, all of it text already.

    `related` holds the fragments of the user's groups or the group's members, or the members'
    ids, separated by commas; it is None where there are none or they were not read. `active`
    is None for groups.
    """

    kind: str
    id: str
    document: str
    version: int
    created: str
    modified: str
    active: bool | None = None
    related: str | None = None


RELATED = {"User": "groups", "Group": "members"}


def etag(version: int) -> str:
    """Return the weak entity tag of a version (RFC 7644 §3.14)."""
    return f'W/"{version}"'


def location(base: str, kind: str, resource_id: UUID | str) -> str:
    """Return a resource's URL."""
    return f"{base}/{kind}s/{resource_id}"


def resource(stored: Stored, base: str) -> str:
    """Return the JSON text of a resource."""
    kind, row_id, document, version, created, modified, active, related = stored
    state = shown = ""
    if active is not None:
        state = ',"active":true' if active else ',"active":false'
    if related:
        shown = f',"{RELATED[kind]}":[{_entries(related, base)}]'
    return (
        f'{document[:-1]},"id":"{row_id}"{state}{shown},"meta":{{"resourceType":"{kind}",'
        f'"created":"{created}","lastModified":"{modified}",'
        f'"location":"{base}/{kind}s/{row_id}","version":"W/\\"{version}\\""}}}}'
    )


def _entries(related: str, base: str) -> str:
    if related[0] == "{":
        return related.replace(BASE, base)
    return ",".join(
        [f'{{"value":"{x}","$ref":"{base}/Users/{x}","type":"User"}}' for x in related.split(",")]
    )


def group_entry(group_id: str, name: str) -> str:
    """Return the fragment that shows a group among its member's groups."""
    shown = json.dumps(name, ensure_ascii=False)
    return (
        f'{{"value":"{group_id}","$ref":"{BASE}/Groups/{group_id}","display":{shown},'
        '"type":"direct"}'
    )


def listing(texts: Sequence[str], total: int | None, **paging: Any) -> str:
    """Return the JSON text of a ListResponse; `paging` may hold startIndex and cursors."""
    head = f"{LIST}{total}" if total is not None else LIST.rsplit(",", 1)[0]
    extra = "".join(
        f',"{name}":{value}' if isinstance(value, int) else f',"{name}":"{value}"'
        for name, value in paging.items()
        if value is not None
    )
    return f'{head},"itemsPerPage":{len(texts)}{extra},"Resources":[{",".join(texts)}]}}'
