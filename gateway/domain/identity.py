"""Who acts, and from where."""

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID


class ActorType(StrEnum):
    """What kind of principal changed something (audit `actor.type`)."""

    MEMBER = "member"
    PERSON = "person"
    SCIM_CONNECTION = "scim_connection"
    SSO_CONNECTION = "sso_connection"
    API_KEY = "api_key"
    OPERATOR = "operator"
    SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class Actor:
    """A principal as the audit names it; `member_id` is set where a member stands behind it."""

    type: ActorType
    id: str
    name: str
    member_id: UUID | None = None

    def document(self) -> dict[str, str]:
        """Return what rows keep of whoever acted."""
        return {"type": str(self.type), "id": self.id}


SYSTEM = Actor(ActorType.SYSTEM, "system", "Gateway")
INVITED = Actor(ActorType.PERSON, "invited", "")
"""Whoever has an invitation's link; nothing more is known of them."""


@dataclass(frozen=True, slots=True)
class Context:
    """Where a request came from; kept beside its audit events."""

    request_id: str = ""
    ip: str | None = None
    user_agent: str | None = None
    connection_id: UUID | None = None
    cause: str | None = None


NOWHERE = Context()
