"""Decisions: what one member's effective access answers, gate by gate.

`Access` is the whole result of deriving somebody's access. It turns into a plain document and
back without a difference, so that a stored document decides exactly like a fresh derivation.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from gateway.domain import errors
from gateway.domain.gates import CHECKS, Gate, Record, ask
from gateway.domain.mapping import Scope
from gateway.domain.permissions import LEVELS, SECTION_ATOMS, Level, parse_sections
from gateway.domain.sources import (
    HeldRole,
    Origin,
    OwnerBotAccess,
    RoleSource,
    ScopeOrigin,
    levers,
)

ALLOWED = "allowed"
"""The code of a decision that says yes."""

FORMAT = 1
"""Version of the document's shape; a stored document of another one is rebuilt."""


@dataclass(frozen=True, slots=True)
class Decision:
    """Yes, or no with a code; `gates` are the checks in their order, up to the one that refused."""

    allowed: bool
    code: str
    gates: tuple[Gate, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """Everything that one member may do.

    `standing` is the code that closes all of it, if any; then the permissions are empty and the
    role is only shown. `chatbots` holds, under the chatbot's id as text, the levels of a
    narrowed member as words; with scope `all` it is empty and the ceiling holds everywhere.
    `unavailable` are permissions whose plan feature is missing. `suspended` is set while the
    subscription is expired. Nothing of it holds after `valid_until`.
    """

    member_id: UUID
    standing: str | None
    role: HeldRole | None
    source: RoleSource
    managed_by: UUID | None
    owner_of_record: bool
    scope: Scope
    scope_origin: ScopeOrigin
    org_atoms: frozenset[str]
    unavailable: frozenset[str]
    ceiling: Mapping[str, Level]
    bot_atoms: frozenset[str]
    record_scope: Mapping[str, str]
    chatbots: Mapping[str, Mapping[str, str]]
    teams: frozenset[str]
    suspended: OwnerBotAccess | None
    valid_until: datetime | None

    def decide(
        self, action: str, chatbot_id: UUID | None = None, record: Record | None = None
    ) -> Decision:
        """Answer whether the action is allowed; every enforcement point asks here.

        The caller sees to it that the chatbot exists: for an unknown one a yes becomes
        `not_visible`, and a no stays as it is, so that both look alike.

        :raises InvalidRequest: an unknown action, or one on chatbots without a chatbot.
        """
        question = ask(action, chatbot_id, record)
        passed: list[Gate] = []
        for check in CHECKS:
            gate = check(self, question)
            passed.append(gate)
            if gate.code is not None:
                return Decision(allowed=False, code=gate.code, gates=tuple(passed))
        return Decision(allowed=True, code=ALLOWED, gates=tuple(passed))

    def allows(
        self, action: str, chatbot_id: UUID | None = None, record: Record | None = None
    ) -> bool:
        """Whether the action is allowed."""
        return self.decide(action, chatbot_id, record).allowed

    def require(
        self, action: str, chatbot_id: UUID | None = None, record: Record | None = None
    ) -> None:
        """Refuse an action that is not allowed, by the error of the decision's code."""
        decision = self.decide(action, chatbot_id, record)
        if not decision.allowed:
            raise refusal(self, decision.code)

    def level(self, chatbot_id: UUID, section: str) -> Level:
        """Return how far a section of a chatbot is open now."""
        level = self.granted(str(chatbot_id), section)
        if self.suspended is None or not level:
            return level
        return min(level, self.suspended_ceiling())

    def visible(self, chatbot_id: UUID) -> bool:
        """Whether the chatbot appears at all."""
        return self.knows(str(chatbot_id)) and self.suspended_ceiling() > Level.NONE

    def sees_every_chatbot(self) -> bool:
        """Whether lists need no filter by chatbot."""
        return (
            self.standing is None
            and self.scope is Scope.ALL
            and self.opens_chatbots()
            and self.suspended_ceiling() > Level.NONE
        )

    def visible_chatbots(self) -> frozenset[UUID]:
        """Return the chatbots of a narrowed member that appear; nothing where all do."""
        if self.suspended_ceiling() is Level.NONE:
            return frozenset()
        return frozenset(UUID(chatbot) for chatbot in self.chatbots)

    def is_empty(self) -> bool:
        """Whether nothing at all is allowed."""
        return not (self.org_atoms or self.ceiling or self.bot_atoms or self.chatbots)

    def document(self) -> dict[str, Any]:
        """Return all of it as plain JSON values, equal for equal access."""
        role = self.role
        return {
            "format": FORMAT,
            "member": str(self.member_id),
            "standing": self.standing,
            "role": role
            and {
                "id": str(role.id),
                "key": role.key,
                "rank": role.rank,
                "is_owner_role": role.is_owner_role,
            },
            "source": {
                "origin": self.source.origin.value,
                "rule": _text(self.source.rule_id),
                "group": _text(self.source.group_id),
                "grant": _text(self.source.grant_id),
            },
            "managed_by": _text(self.managed_by),
            "owner_of_record": self.owner_of_record,
            "scope": self.scope.value,
            "scope_origin": self.scope_origin.value,
            "org_atoms": sorted(self.org_atoms),
            "unavailable": sorted(self.unavailable),
            "ceiling": {name: self.ceiling[name].word for name in sorted(self.ceiling)},
            "bot_atoms": sorted(self.bot_atoms),
            "record_scope": dict(sorted(self.record_scope.items())),
            "chatbots": {
                chatbot: dict(sorted(self.chatbots[chatbot].items()))
                for chatbot in sorted(self.chatbots)
            },
            "teams": sorted(self.teams),
            "suspended": self.suspended and self.suspended.value,
            "valid_until": self.valid_until and self.valid_until.isoformat(),
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> "Access":
        """Return the access that a document holds; it decides like the one it was made from."""
        role, source, until = document["role"], document["source"], document["valid_until"]
        suspended = document["suspended"]
        return cls(
            member_id=UUID(document["member"]),
            standing=document["standing"],
            role=role
            and HeldRole(UUID(role["id"]), role["key"], role["rank"], role["is_owner_role"]),
            source=RoleSource(
                Origin(source["origin"]),
                _id(source["rule"]),
                _id(source["group"]),
                _id(source["grant"]),
            ),
            managed_by=_id(document["managed_by"]),
            owner_of_record=document["owner_of_record"],
            scope=Scope(document["scope"]),
            scope_origin=ScopeOrigin(document["scope_origin"]),
            org_atoms=frozenset(document["org_atoms"]),
            unavailable=frozenset(document["unavailable"]),
            ceiling={name: LEVELS[word] for name, word in document["ceiling"].items()},
            bot_atoms=frozenset(document["bot_atoms"]),
            record_scope=document["record_scope"],
            chatbots=document["chatbots"],
            teams=frozenset(document["teams"]),
            suspended=suspended and OwnerBotAccess(suspended),
            valid_until=until and datetime.fromisoformat(until),
        )

    def granted(self, chatbot: str, section: str) -> Level:
        if self.scope is Scope.ALL:
            return self.ceiling.get(section, Level.NONE)
        return LEVELS[self.chatbots.get(chatbot, {}).get(section, "none")]

    def opens_chatbots(self) -> bool:
        return bool(self.ceiling) or "chatbot.read" in self.bot_atoms

    def knows(self, chatbot: str) -> bool:
        return self.opens_chatbots() if self.scope is Scope.ALL else chatbot in self.chatbots

    def suspended_ceiling(self) -> Level:
        if self.suspended is None:
            return Level.WRITE
        if self.role is None or not self.role.is_owner_role:
            return Level.NONE
        return _OWNER_CEILING[self.suspended]


_OWNER_CEILING: Mapping[OwnerBotAccess, Level] = {
    OwnerBotAccess.NONE: Level.NONE,
    OwnerBotAccess.READ_ONLY: Level.READ,
    OwnerBotAccess.FULL: Level.WRITE,
}


def role_of(document: Mapping[str, Any]) -> UUID | None:
    """Return the effective role that a document names."""
    role = document["role"]
    return None if role is None else UUID(role["id"])


def powers(document: Mapping[str, Any]) -> frozenset[str]:
    """Return the atoms that a document, or what is told of it, allows at the most."""
    ceiling = parse_sections(document.get("ceiling", {}))
    reached = (
        atom
        for atom, (section, level) in SECTION_ATOMS.items()
        if ceiling.get(section, Level.NONE) >= level
    )
    said = (*document.get("org_atoms", ()), *document.get("bot_atoms", ()))
    return frozenset(reached).union(said)


def widens(before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    """Whether one document allows something that the other does not, on any chatbot."""
    if powers(after) - powers(before):
        return True
    if Scope.ALL in (before["scope"], after["scope"]):
        return before["scope"] != Scope.ALL and bool(after["ceiling"] or after["bot_atoms"])
    held = before["chatbots"]
    return any(
        LEVELS[word] > LEVELS[held.get(chatbot, {}).get(section, "none")]
        for chatbot, sections in after["chatbots"].items()
        for section, word in sections.items()
    )


def refusal(access: Access, code: str) -> errors.GatewayError:
    """Return the error that a decision's code stands for, with what would change it."""
    helpful = tuple(lever.text for lever in levers(code, access.managed_by, access.source))
    error = _ERRORS.get(code, errors.NotPermitted)
    return error(_MESSAGES[code], levers=() if code == "not_visible" else helpful, reason=code)


def _text(value: UUID | None) -> str | None:
    return None if value is None else str(value)


def _id(value: str | None) -> UUID | None:
    return None if value is None else UUID(value)


_ERRORS: Mapping[str, type[errors.GatewayError]] = {
    "not_visible": errors.NotVisible,
    "subscription_expired": errors.SubscriptionExpired,
    "plan_feature": errors.PlanFeature,
}
_MESSAGES: Mapping[str, str] = {
    "not_visible": "There is no such resource.",
    "member_inactive": "This membership is not active.",
    "on_hold": "This membership is on hold.",
    "contained": "This owner was deprovisioned and is contained.",
    "no_role": "This membership has no role.",
    "not_permitted": "Your access does not include this.",
    "subscription_expired": "The subscription has expired.",
    "plan_feature": "The plan does not include this feature.",
}
