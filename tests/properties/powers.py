"""What somebody may do, as one set that two moments can be compared by."""

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from gateway.domain.decisions import Access
from gateway.domain.permissions import BOT_ATOMS, ORG_ATOMS, SECTION_ATOMS

Power = tuple[str, str | None]
"""An action, and the chatbot that it is on."""


def powers(document: Mapping[str, Any], chatbots: Iterable[UUID]) -> frozenset[Power]:
    """Return every action that is allowed, the chatbot ones for each of these chatbots."""
    held = Access.from_document(document)
    if held.standing is not None:
        return frozenset()
    found: set[Power] = {(atom, None) for atom in ORG_ATOMS if held.allows(atom)}
    for chatbot in chatbots:
        for action in (*BOT_ATOMS, *SECTION_ATOMS):
            if held.allows(action, chatbot):
                found.add((action, str(chatbot)))
    return frozenset(found)
