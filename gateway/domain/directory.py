"""What an identity provider says about people and groups, in the product's own terms."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID


@dataclass(frozen=True, slots=True)
class UserRecord:
    """A user as an identity provider wants it to be.

    `document` is the canonical JSON object text without `id`, `meta` and `groups`;
    `search` the same values keyed and folded as filters compare them. `email` is the address
    the product would write to, `emails` every address folded. `active` None: not said.
    """

    user_name: str
    external_id: str | None
    active: bool | None
    display_name: str
    email: str | None
    emails: tuple[str, ...]
    document: str
    search: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class GroupRecord:
    """A group as an identity provider wants it to be; `document` as in `UserRecord`."""

    display_name: str
    external_id: str | None
    document: str
    search: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class MemberDelta:
    """What a request does to a group's members: directory user ids, kept apart from text.

    `replace` says that exactly `add` is wanted; otherwise `add` joins and `remove` leaves,
    and an id in both ends as the later operation said (the adapter folds them in order).
    """

    add: frozenset[UUID] = frozenset()
    remove: frozenset[UUID] = frozenset()
    replace: bool = False

    def __bool__(self) -> bool:
        """Whether the request says anything about members."""
        return bool(self.add or self.remove or self.replace)


@dataclass(frozen=True, slots=True)
class StoredUser:
    """A live user of the directory; `version` grows with each effective change."""

    id: UUID
    connection_id: UUID
    user_name: str
    external_id: str | None
    active: bool
    member_id: UUID | None
    document: str
    version: int
    created_at: datetime
    last_modified: datetime


@dataclass(frozen=True, slots=True)
class StoredGroup:
    """A live group of the directory; its members are read apart."""

    id: UUID
    connection_id: UUID
    display_name: str
    external_id: str | None
    document: str
    member_count: int
    version: int
    created_at: datetime
    last_modified: datetime
