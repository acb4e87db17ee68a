"""Stored documents written out as resources, without building a model.

A document is a JSON object's text; id, state, groups or members and meta are text around it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

BASE = "\x01"
"""Stands for the connection's base URL in fragments that the database composes."""

DIGITS = 32
"""Digits of an id without its dashes."""

LIST = '{"schemas":["urn:ietf:params:scim:api:messages:2.0:ListResponse"],"totalResults":'


@dataclass(frozen=True, slots=True)
class Stored:
    """A row of the directory as a resource needs it, all of it text already.

    `related` holds the fragments of the user's groups or the group's members, or the members'
    ids packed in 32 digits each; it is None where there are none or they were not read.
    `active` is None for groups.
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
    kind, row_id = stored.kind, stored.id
    active = related = ""
    if stored.active is not None:
        active = ',"active":true' if stored.active else ',"active":false'
    if stored.related:
        related = f',"{RELATED[kind]}":[{_entries(stored.related, base)}]'
    return (
        f'{stored.document[:-1]},"id":"{row_id}"{active}{related},"meta":{{"resourceType":"{kind}",'
        f'"created":"{stored.created}","lastModified":"{stored.modified}",'
        f'"location":"{base}/{kind}s/{row_id}","version":"W/\\"{stored.version}\\""}}}}'
    )


def dashed(plain: str) -> str:
    """Return an id in its usual form; one of 32 digits gets its dashes."""
    if len(plain) != DIGITS:
        return plain
    return f"{plain[:8]}-{plain[8:12]}-{plain[12:16]}-{plain[16:20]}-{plain[20:]}"


def _entries(related: str, base: str) -> str:
    if related[0] == "{":
        return related.replace(BASE, base)
    ids = (dashed(related[at : at + DIGITS]) for at in range(0, len(related), DIGITS))
    return ",".join(f'{{"value":"{x}","$ref":"{base}/Users/{x}","type":"User"}}' for x in ids)


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
