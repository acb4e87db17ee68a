"""The catalogue of permissions: atoms of the organisation, of a chatbot, and the eight sections.

An *atom* is one dotted name that a decision can be asked about. A section has a level, and
its two atoms are `<section>.read` and `<section>.write`; writing includes reading.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum

from gateway.domain.errors import InvalidRequest

SECTIONS = (
    "conversations",
    "knowledge_base",
    "testing",
    "improvement",
    "broadcasts",
    "integrations",
    "extensions",
    "analytics",
)
"""Exactly these eight (S0-12)."""


class Level(IntEnum):
    """How far a section of a chatbot is open: each level includes the lower ones."""

    NONE = 0
    READ = 1
    WRITE = 2

    @property
    def word(self) -> str:
        """The level as data and APIs spell it."""
        return LEVEL_WORDS[self]

    @classmethod
    def parse(cls, word: object) -> "Level":
        """Return the level that a word names; a level stands for itself.

        :raises InvalidRequest: not one of none, read, write.
        """
        if isinstance(word, Level):
            return word
        level = LEVELS.get(word) if isinstance(word, str) else None
        if level is None:
            raise InvalidRequest(f"A level is none, read or write, not {word!r}.", level=word)
        return level


LEVEL_WORDS = ("none", "read", "write")
LEVELS: Mapping[str, Level] = {"none": Level.NONE, "read": Level.READ, "write": Level.WRITE}

ORG_ATOMS = frozenset(
    {
        "org.read",
        "org.update",
        "org.delete",
        "org.transfer",
        "members.read",
        "members.invite",
        "members.update",
        "members.remove",
        "members.leave",
        "roles.read",
        "roles.manage",
        "teams.read",
        "teams.manage",
        "billing.read",
        "billing.manage",
        "audit.read",
        "audit.export",
        "activity.read",
        "settings.read",
        "settings.write",
        "sso.manage",
        "scim.manage",
        "mappings.manage",
        "webhooks.manage",
        "apikeys.manage",
        "conversations.assign",
        "decisions.evaluate",
        "availability.update_own",
        "contacts.read",
        "contacts.read_assigned",
        "contacts.write",
        "contacts.delete",
        "campaigns.read",
        "campaigns.write",
        "templates.read",
        "templates.use",
        "templates.write",
        "chatbots.create",
    }
)
"""What a role allows in the organisation as a whole."""

BOT_ATOMS = frozenset({"chatbot.read", "chatbot.update", "chatbot.rename", "chatbot.delete"})
"""What a role allows on a chatbot itself, beside its sections."""

SECTION_ATOMS: Mapping[str, tuple[str, Level]] = {
    f"{section}.{level.word}": (section, level)
    for section in SECTIONS
    for level in (Level.READ, Level.WRITE)
}
"""`<section>.<level>` → what it asks for."""

ACTIONS = ORG_ATOMS | BOT_ATOMS | frozenset(SECTION_ATOMS)
"""Every name that a decision can be asked about."""

BASE_ATOMS = frozenset({"org.read", "members.leave", "availability.update_own"})
"""What every role carries, a custom one too."""

FORBIDDEN_IN_CUSTOM_ROLES = frozenset({"org.delete", "org.transfer", "billing.manage"})
"""What no custom role holds, whoever makes it."""

PLATFORM_ATOMS = frozenset(
    {
        "conversations.assign",
        "contacts.read",
        "contacts.read_assigned",
        "contacts.write",
        "contacts.delete",
        "campaigns.read",
        "campaigns.write",
        "templates.read",
        "templates.use",
        "templates.write",
        "chatbots.create",
    }
)
"""Organisation atoms that work with chatbots: an expired subscription closes them too."""

READING_ATOMS = frozenset(
    {"contacts.read", "contacts.read_assigned", "campaigns.read", "templates.read"}
)
"""Of those, the ones that a read-only owner keeps."""

FEATURES_OF_ATOM: Mapping[str, frozenset[str]] = {
    "sso.manage": frozenset({"sso"}),
    "scim.manage": frozenset({"scim"}),
    "mappings.manage": frozenset({"scim", "sso"}),
}
"""Atoms that need the plan to have at least one of these features."""


@dataclass(frozen=True, slots=True)
class Ceiling:
    """The most that a role allows on any chatbot: a level for each section, and chatbot atoms."""

    sections: Mapping[str, Level]
    atoms: frozenset[str]


def require_action(action: str) -> None:
    """Refuse a name that no decision can be asked about."""
    if action not in ACTIONS:
        raise InvalidRequest(f"There is no action {action!r}.", action=action)


def require_section(section: str) -> None:
    """Refuse a section that is not one of the eight (S0-12)."""
    if section not in SECTIONS:
        raise InvalidRequest(
            f"There is no section {section!r}; the sections are {', '.join(SECTIONS)}.",
            section=section,
        )


def parse_sections(sections: Mapping[str, object]) -> dict[str, Level]:
    """Return section → level in the catalogue's order, without the sections left at none."""
    for section in sections:
        require_section(section)
    levels = {name: Level.parse(sections[name]) for name in SECTIONS if name in sections}
    return {name: level for name, level in levels.items() if level}


def expand_org(notation: Iterable[str]) -> frozenset[str]:
    """Return the organisation atoms that a preset's list means: names, `*`, and `-name`."""
    atoms: set[str] = set()
    for item in notation:
        name = item.removeprefix("-")
        if item == "*":
            atoms |= ORG_ATOMS
        elif name not in ORG_ATOMS:
            raise InvalidRequest(f"There is no organisation permission {name!r}.", atom=name)
        elif item.startswith("-"):
            atoms.discard(name)
        else:
            atoms.add(name)
    return frozenset(atoms)


def expand_bot(notation: Iterable[str]) -> Ceiling:
    """Return the ceiling that a preset's list means.

    `*` is every chatbot atom and every section at write, `sections:*` the latter alone,
    `<section>.<level>` one section, `chatbot.<verb>` one atom.
    """
    levels = dict.fromkeys(SECTIONS, Level.NONE)
    atoms: set[str] = set()
    for item in notation:
        if item in ("*", "sections:*"):
            levels = dict.fromkeys(SECTIONS, Level.WRITE)
            atoms |= BOT_ATOMS if item == "*" else frozenset()
        elif item in BOT_ATOMS:
            atoms.add(item)
        elif item in SECTION_ATOMS:
            section, level = SECTION_ATOMS[item]
            levels[section] = max(levels[section], level)
        else:
            raise InvalidRequest(f"There is no chatbot permission {item!r}.", atom=item)
    return Ceiling(levels, frozenset(atoms))
