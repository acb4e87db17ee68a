"""A SCIM connection as requests and verbs read it."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Self
from uuid import UUID

SETTINGS: Mapping[str, tuple[object, ...]] = {
    "unmapped": ("default_role", "no_access"),
    "bot_scope": ("all", "selected", None),
    "seat_overage": ("refuse", "waitlist", "bill"),
    "last_owner": ("refuse_and_contain", "succeed"),
    "dialect": ("auto", "strict", "okta", "entra", "onelogin", "google", "jumpcloud"),
    "members_clearable": (True, False),
}
"""Settings of a connection, and the values each may have."""


@dataclass(frozen=True, slots=True)
class Connection:
    """Which identity provider speaks, and what was agreed about it.

    `unmapped` says what people without a matching role rule get; `bot_scope` None means that
    nobody chose yet; `members_clearable` allows removing all members of a group at once.
    """

    id: UUID
    organisation_id: UUID
    name: str
    state: str
    unmapped: str
    bot_scope: str | None
    seat_overage: str
    last_owner: str
    successor_id: UUID | None
    dialect: str
    detected_dialect: str | None
    members_clearable: bool

    @classmethod
    def of(cls, row: Any) -> Self:
        """Return the connection of a row that has its columns."""
        return cls(**{field.name: getattr(row, field.name) for field in fields(cls)})
