"""Stored documents written out as resources, without building a model.

A document is a JSON object's text; id, state, groups or members and meta are text around it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

BASE = "\x01"
"""Stands for the connection's base URL in fragments that the database composes."""

LIST = '{"schemas":["urn:ietf:params:scim:api:messages:2.0:ListResponse"],"totalResults":'


@dataclass(frozen=True, slots=True)
class Stored:
    """A row of the directory as a resource needs it.

    `related` holds the fragments of the user's groups or the group's members, None where
    they were not read; `active` is None for groups.
    """

    kind: str
    id: UUID
    document: str
    version: int
    created_at: datetime
    last_modified: datetime
    active: bool | None = None
    related: str | None = None


RELATED = {"User": "groups", "Group": "members"}


def etag(version: int) -> str:
    """Return the weak entity tag of a version (RFC 7644 §3.14)."""
    return f'W/"{version}"'


def instant(moment: datetime) -> str:
    """Return an instant with its microseconds, so that windows of lastModified miss nothing."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")[:-6] + "Z"


def location(base: str, kind: str, resource_id: UUID) -> str:
    """Return a resource's URL."""
    return f"{base}/{kind}s/{resource_id}"


def resource(stored: Stored, base: str) -> str:
    """Return the JSON text of a resource."""
    row_id = str(stored.id)
    parts = [stored.document[:-1], f',"id":"{row_id}"']
    if stored.active is not None:
        parts.append(',"active":true' if stored.active else ',"active":false')
    if stored.related:
        related = stored.related.replace(BASE, base)
        parts.append(f',"{RELATED[stored.kind]}":[{related}]')
    tag = f'W/\\"{stored.version}\\"'
    parts.append(
        f',"meta":{{"resourceType":"{stored.kind}","created":"{instant(stored.created_at)}",'
        f'"lastModified":"{instant(stored.last_modified)}",'
        f'"location":"{base}/{stored.kind}s/{row_id}","version":"{tag}"}}}}'
    )
    return "".join(parts)


def listing(texts: Iterable[str], total: int | None, **paging: Any) -> str:
    """Return the JSON text of a ListResponse; `paging` may hold startIndex and cursors."""
    texts = list(texts)
    head = f"{LIST}{total}" if total is not None else LIST.rsplit(",", 1)[0]
    extra = "".join(
        f',"{name}":{value}' if isinstance(value, int) else f',"{name}":"{value}"'
        for name, value in paging.items()
        if value is not None
    )
    return f'{head},"itemsPerPage":{len(texts)}{extra},"Resources":[{",".join(texts)}]}}'
