"""Who acts, by what they held before the deed, and what is theirs to give."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from gateway.domain.identity import Actor, ActorType
from gateway.domain.permissions import BASE_ATOMS, SECTION_ATOMS
from gateway.services.principals import covers
from tests.properties.holdings import OWNERSHIP, Holdings, Powers
from tests.properties.powers import Power

ON_CHATBOTS = frozenset({"chatbot.read", *SECTION_ATOMS})


@dataclass(frozen=True, kw_only=True)
class Author:
    """A member or a key that acts; without a role nothing is theirs to give."""

    id: UUID
    powers: Powers = frozenset()
    managed: Powers = frozenset()
    role: Mapping[str, Any] | None = None
    sees_all: bool = False
    owns: bool = False
    scopes: frozenset[str] | None = None

    @property
    def rank(self) -> int:
        """The rank of their role."""
        return self.role["rank"] if self.role is not None else 0

    def gives(self, power: Power) -> bool:
        """Whether a power is theirs to give.

        Of a role that they manage they give all, on the chatbots that they see. Who sees every
        chatbot gives any section of a role that is not above their own (S4-26): inviting alone
        suffices to invite.
        """
        atom, chatbot = power
        kind, _, rest = atom.partition(" ")
        if self.role is None or power == OWNERSHIP:
            return self.owns
        if kind == "rank":
            return int(rest) <= self.rank
        if kind == "appointed":
            return self.role["key"] in rest.split()
        if kind == "scope":
            return any(covers(frozenset({held}), rest) for held, _ in self.powers)
        if atom in ON_CHATBOTS:
            sees = ("chatbot.read", chatbot) in self.powers
            return self.sees_all or power in self.powers or (sees and power in self.managed)
        return atom in BASE_ATOMS or power in self.powers | self.managed

    def may_write_down(self, power: Power) -> bool:
        """Whether the key that acts, if it is one, is for what a key or role would hold."""
        atom = power[0].removeprefix("scope ")
        beside = " " in atom or atom in BASE_ATOMS
        return self.scopes is None or beside or covers(self.scopes, atom)


def author(before: Holdings, actor: Actor) -> Author:
    """Return a member or key as it was before the deed; one without access gives nothing."""
    key = before.keys.get(UUID(actor.id)) if actor.type is ActorType.API_KEY else None
    scopes = frozenset(key.scopes) if key is not None else None
    if actor.member_id is None:
        return _of_service(before, key, scopes) if key is not None else Author(id=UUID(actor.id))
    member = before.members.get(actor.member_id)
    if member is None or member.access_document["standing"] is not None:
        return Author(id=actor.member_id)
    document = member.access_document
    role = before.books.roles[UUID(document["role"]["id"])]
    return Author(
        id=member.id,
        powers=before.held["member", member.id],
        managed=_managed(before, role),
        role=role,
        sees_all=document["scope"] == "all",
        owns=member.owner_of_record,
        scopes=scopes,
    )


def _of_service(before: Holdings, key: Any, scopes: frozenset[str] | None) -> Author:
    role = before.books.roles[key.role_id]
    powers = before.of_role(key.role_id, "all")
    managed = _managed(before, role)
    return Author(
        id=key.id, powers=powers, managed=managed, role=role, sees_all=True, scopes=scopes
    )


def _managed(before: Holdings, role: Mapping[str, Any]) -> Powers:
    keys = role["manages"]
    managed = (i for i, each in before.books.roles.items() if each["key"] in keys)
    return frozenset().union(*(before.of_role(role_id, "all") for role_id in managed))
