"""Whatever holds powers, or would give them: members, invitations, keys, rules, defaults, roles.

A member's are those of the title: what they may do as soon as nothing closes it. So nothing but
a giving makes them grow: coming back from rest, a seat or a payment does not.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from uuid import UUID

from sqlalchemy import select

from gateway.domain.permissions import SECTION_ATOMS, Level
from gateway.services.principals import covers
from gateway.storage import tables as t
from tests.properties import oracle
from tests.properties.oracle import Books
from tests.properties.powers import Power
from tests.properties.town import House, Town, View

ANY = str(UUID(int=7))
"""Stands for a chatbot that nobody has made yet."""

OWNERSHIP: Power = ("ownership", None)
Holder = tuple[str, UUID]
Powers = frozenset[Power]


@dataclass(frozen=True)
class Holdings:
    """What everybody and everything of one organisation holds at one moment."""

    books: Books
    members: Mapping[UUID, Any]
    chatbots: frozenset[str]
    invitations: tuple[Any, ...]
    keys: Mapping[UUID, Any]
    _parts: dict[UUID, tuple[Powers, Powers]] = field(default_factory=dict)

    @cached_property
    def held(self) -> Mapping[Holder, Powers]:
        """Holder → powers."""
        here, found = self.books, dict[Holder, Powers]()
        for member_id in self.members:
            found["member", member_id] = self._title(member_id)
        for sent in self.invitations:
            found["invitation", sent.id] = self._offered(sent)
        for key in self.keys.values():
            found["key", key.id] = self._of_key(key)
        for rules in here.rules.values():
            for rule in rules:
                found["rule", rule.id] = self._of_rule(rule)
        for connection in here.connections.values():
            found["default", connection.id] = self._of_unmapped(connection)
        for role_id in here.roles:
            found["role", role_id] = self.of_role(role_id, "all")
        return found

    def of_connection(self, connection_id: UUID | None) -> Powers:
        """Return whatever a connection can give, by its rules or to whom nothing is mapped."""
        if connection_id is None:
            return frozenset()
        given = [
            self.held["rule", rule.id]
            for rules in self.books.rules.values()
            for rule in rules
            if rule.connection_id == connection_id
        ]
        return self.held.get(("default", connection_id), frozenset()).union(*given)

    def member_behind(self, holder: Holder) -> Any:
        """Return the member that a holder is, or whose key it is."""
        kind, holder_id = holder
        if kind == "key":
            return self.members.get(self.keys[holder_id].member_id)
        return self.members.get(holder_id) if kind == "member" else None

    def of_role(
        self, role_id: UUID | None, scope: str, chatbots: Mapping[str, Mapping[str, str]] = {}
    ) -> Powers:
        """Return what a role gives on every chatbot, or on those that are named."""
        role = self.books.roles.get(role_id) if role_id is not None else None
        if role is None or role_id is None:
            return frozenset()
        if role_id not in self._parts:
            self._parts[role_id] = self._own(role), self._everywhere(role)
        own, everywhere = self._parts[role_id]
        if scope == "all" or not role["narrowable"]:
            return own | everywhere
        wished = _on(chatbots)
        return own | (wished & everywhere) if wished else own

    def _own(self, role: Any) -> Powers:
        """Return what of a role lies outside of chatbots: atoms, rank, and who appoints to it."""
        found: set[Power] = {(atom, None) for atom in role["org_atoms"]}
        found |= {(f"rank {rank}", None) for rank in range(1, role["rank"] + 1)}
        if role["grant_only_by"]:
            found.add((" ".join(["appointed by", *role["grant_only_by"]]), None))
        return frozenset(found)

    def _everywhere(self, role: Any) -> Powers:
        atoms = _levels(role["sections"]).union(role["bot_atoms"])
        atoms |= {"chatbot.read"} if role["sections"] else set()
        return frozenset((atom, chatbot) for chatbot in self.chatbots for atom in atoms)

    def _title(self, member_id: UUID) -> Powers:
        member = self.members.get(member_id)
        if member is None:
            return frozenset()
        held = oracle.title(self.books, member)
        powers = self.of_role(held.role_id, held.scope, held.chatbots)
        return powers | {OWNERSHIP} if member.owner_of_record else powers

    def _offered(self, sent: Any) -> Powers:
        powers = self.of_role(sent.role_id, sent.bot_scope, sent.chatbots or {})
        role = self.books.roles.get(sent.role_id)
        return powers | {OWNERSHIP} if role and role["is_owner_role"] else powers

    def _of_key(self, key: Any) -> Powers:
        """Return what a key of the organisation may do; a member's only takes away from theirs."""
        scopes = frozenset(key.scopes)
        if key.member_id is not None:
            ranks = frozenset(x for x in self._title(key.member_id) if x[0].startswith("rank "))
            return ranks.union((f"scope {scope}", None) for scope in scopes)
        powers = self.of_role(key.role_id, "all")
        return frozenset(x for x in powers if " " in x[0] or covers(scopes, x[0]))

    def _of_rule(self, rule: Any) -> Powers:
        if rule.kind == "chatbot":
            return _on({str(rule.chatbot_id): rule.sections})
        return self.of_role(rule.role_id, rule.bot_scope or self._scope(rule.connection_id))

    def _of_unmapped(self, connection: Any) -> Powers:
        if connection.unmapped != "default_role" or connection.state == "deleted":
            return frozenset()
        default = self.books.policies["default_role"]
        role_id = next((i for i, x in self.books.roles.items() if x["key"] == default), None)
        return self.of_role(role_id, self._scope(connection.id))

    def _scope(self, connection_id: UUID) -> str:
        own = self.books.connections[connection_id].bot_scope
        return str(own or self.books.policies["bot_scope_default"])


def holdings(town: Town, house: House, view: View) -> Holdings:
    """Read what everybody and everything holds now."""
    i, k = t.invitations, t.api_keys
    here = house.organisation_id
    pending = select(i).where(i.c.organisation_id == here, i.c.state == "pending")
    live = select(k).where(k.c.organisation_id == here, k.c.revoked_at.is_(None))
    return Holdings(
        oracle.books(town, house),
        {m.id: m for m in view.of(house).values() if m.state != "removed"},
        frozenset({ANY, *map(str, house.chatbots)}),
        tuple(town.rows(pending)),
        {row.id: row for row in town.rows(live)},
    )


def _on(chatbots: Mapping[str, Mapping[str, str]]) -> Powers:
    found: set[Power] = set()
    for chatbot, sections in chatbots.items():
        atoms = _levels(sections)
        found |= {(atom, chatbot) for atom in (*atoms, *(["chatbot.read"] if atoms else []))}
    return frozenset(found)


def _levels(sections: Mapping[str, str]) -> set[str]:
    """Return the atoms of sections at their levels; writing includes reading."""
    words: Iterable[tuple[str, Level]] = (
        (name, Level.parse(word)) for name, word in sections.items()
    )
    reached = dict(words)
    return {
        atom
        for atom, (section, level) in SECTION_ATOMS.items()
        if reached.get(section, Level.NONE) >= level
    }
