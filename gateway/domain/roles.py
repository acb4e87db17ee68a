"""Roles: what a definition holds, how it is stored, and what a custom one may hold."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any
from uuid import UUID

from gateway.domain.errors import InvalidRequest
from gateway.domain.permissions import (
    BASE_ATOMS,
    FORBIDDEN_IN_CUSTOM_ROLES,
    SECTION_ATOMS,
    SECTIONS,
    Level,
    parse_sections,
)

RECORD_SCOPES: Mapping[str, frozenset[str]] = {
    "conversations": frozenset({"assigned_or_team_queue"}),
    "contacts": frozenset({"assigned"}),
}
"""Which rows a role may be limited to, by kind of record."""

NAME_LIMIT = 64
"""Characters of a role's name."""

RANK_LIMIT = 100
"""The highest rank; the owner's in most presets."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleTemplate:
    """A role before an organisation owns it: what it allows and who may hand it out.

    `sections` names only the sections that are open; `manages` and `grant_only_by` are role
    keys, and empty means no restriction.
    """

    key: str
    name: str
    rank: int
    narrowable: bool
    org_atoms: frozenset[str]
    sections: Mapping[str, Level]
    bot_atoms: frozenset[str]
    record_scope: Mapping[str, str]
    invitable: bool
    grant_only_by: frozenset[str]
    manages: frozenset[str]
    is_owner_role: bool
    custom: bool

    def level(self, section: str) -> Level:
        """Return the ceiling of a section."""
        return self.sections.get(section, Level.NONE)

    def atoms(self) -> frozenset[str]:
        """Return every atom that the role can give, sections and chatbot atoms included."""
        reached = {
            atom for atom, (section, level) in SECTION_ATOMS.items() if self.level(section) >= level
        }
        return self.org_atoms | self.bot_atoms | reached

    def owned(self, role_id: UUID) -> "RoleDefinition":
        """Return the same role as an organisation's own, under its id."""
        values = {field.name: getattr(self, field.name) for field in fields(RoleTemplate)}
        return RoleDefinition(id=role_id, **values)

    def document(self) -> dict[str, Any]:
        """Return the definition as plain JSON values, the same for equal roles."""
        return {
            "key": self.key,
            "name": self.name,
            "rank": self.rank,
            "narrowable": self.narrowable,
            "org_atoms": sorted(self.org_atoms),
            "sections": {name: self.sections[name].word for name in sorted(self.sections)},
            "bot_atoms": sorted(self.bot_atoms),
            "record_scope": dict(sorted(self.record_scope.items())),
            "invitable": self.invitable,
            "grant_only_by": sorted(self.grant_only_by),
            "manages": sorted(self.manages),
            "is_owner_role": self.is_owner_role,
            "custom": self.custom,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleDefinition(RoleTemplate):
    """A role of one organisation, as enforcement reads it."""

    id: UUID

    @classmethod
    def of(cls, role_id: UUID, document: Mapping[str, Any]) -> "RoleDefinition":
        """Return the role that a stored definition describes."""
        return cls(
            id=role_id,
            key=document["key"],
            name=document["name"],
            rank=document["rank"],
            narrowable=document["narrowable"],
            org_atoms=frozenset(document["org_atoms"]),
            sections=parse_sections(document["sections"]),
            bot_atoms=frozenset(document["bot_atoms"]),
            record_scope=dict(document["record_scope"]),
            invitable=document["invitable"],
            grant_only_by=frozenset(document["grant_only_by"]),
            manages=frozenset(document["manages"]),
            is_owner_role=document["is_owner_role"],
            custom=document["custom"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomRole:
    """What somebody asks a custom role to be: toggles as atoms, and sections with levels."""

    name: str
    rank: int
    atoms: Iterable[str] = ()
    sections: Mapping[str, object]


def custom_role(key: str, wish: CustomRole, toggles: Mapping[str, frozenset[str]]) -> RoleTemplate:
    """Return the role: the base atoms, the chosen toggles and sections, and nothing else (S1-13).

    `toggles` is what the preset offers, feature → verbs. A feature that is also a section
    bounds that section, so that analytics can be read and never written (S1-20).

    :raises InvalidRequest: an empty or long name, a rank out of bounds, an atom outside.
    """
    name = wish.name.strip()
    if not 0 < len(name) <= NAME_LIMIT:
        raise InvalidRequest(f"A role's name has 1 to {NAME_LIMIT} characters.", field="name")
    if not 0 <= wish.rank <= RANK_LIMIT:
        raise InvalidRequest(f"A rank lies between 0 and {RANK_LIMIT}.", field="rank")
    levels = parse_sections(wish.sections)
    org_atoms = set(BASE_ATOMS)
    for atom in wish.atoms:
        if atom in SECTION_ATOMS:
            section, level = SECTION_ATOMS[atom]
            levels[section] = max(levels.get(section, Level.NONE), level)
        else:
            _require_toggle(atom, toggles)
            org_atoms.add(atom)
    _require_within_toggles(levels, toggles)
    return RoleTemplate(
        key=key,
        name=name,
        rank=wish.rank,
        narrowable=True,
        org_atoms=frozenset(org_atoms),
        sections=levels,
        bot_atoms=frozenset(),
        record_scope={},
        invitable=True,
        grant_only_by=frozenset(),
        manages=frozenset(),
        is_owner_role=False,
        custom=True,
    )


def _require_toggle(atom: str, toggles: Mapping[str, frozenset[str]]) -> None:
    feature, _, verb = atom.partition(".")
    offered = atom in BASE_ATOMS or verb in toggles.get(feature, ())
    if not offered or atom in FORBIDDEN_IN_CUSTOM_ROLES:
        raise InvalidRequest(f"A custom role cannot hold {atom!r}.", atom=atom)


def _require_within_toggles(
    levels: Mapping[str, Level], toggles: Mapping[str, frozenset[str]]
) -> None:
    for section in SECTIONS:
        level = levels.get(section, Level.NONE)
        if level and section in toggles and level.word not in toggles[section]:
            atom = f"{section}.{level.word}"
            raise InvalidRequest(f"A custom role cannot hold {atom!r}.", atom=atom)
