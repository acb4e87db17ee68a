"""Members who are alike: access derived and written out once for all whose ids alone differ.

A rule on a group of ten thousand gives most of them the same. What differs is who they are and
which grant of theirs gives the role, so these two ids are left open in the text and filled in.
"""

import json
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from gateway.domain.access import resolve
from gateway.domain.decisions import Access
from gateway.services.access import FactsOfMany
from gateway.storage.types import canonical

# Raw control characters are in no JSON text, so that these stand for nothing else.
MEMBER, GRANT, PERSON, EPOCH = "\1", "\2", "\3", "\4"


@dataclass(frozen=True, slots=True, eq=False)
class Likeness:
    """What members who are alike have in common; of `access`, the ids are the first one's."""

    access: Access
    document: Mapping[str, Any]
    text: str


@dataclass(frozen=True, slots=True, eq=False)
class Turn:
    """A change that members have in common: the document before, and what is instead."""

    before: Mapping[str, Any]
    now: Likeness


@dataclass
class Alike:
    """Remembers what was derived in one unit, whose rules and roles stay as they are meanwhile."""

    _likenesses: dict[Hashable, Likeness] = field(default_factory=dict)
    _turns: dict[tuple[str, Likeness], Turn] = field(default_factory=dict)

    def turn(self, facts: FactsOfMany, row: Any) -> Turn | None:
        """Return how the access of a member changes; None where the stored document stands.

        A row is as the funnel reads it: the columns that access follows from, and `stored`.
        """
        grant = only_grant(facts, row.id)
        now, before = self._likeness(facts, row, grant), _opened(row.stored, row.id, grant)
        if before == now.text:
            return None
        found = self._turns.get((before, now))
        if found is None:
            found = self._turns[before, now] = Turn(json.loads(row.stored), now)
        return found

    def _likeness(self, facts: FactsOfMany, row: Any, grant: UUID | None) -> Likeness:
        key = _sameness(facts, row, grant)
        found = self._likenesses.get(key)
        if found is None:
            access = resolve(facts.of(row))
            document = access.document()
            found = Likeness(access, document, _opened(canonical(document), row.id, grant))
            self._likenesses[key] = found
        return found


def only_grant(facts: FactsOfMany, member_id: UUID) -> UUID | None:
    """Return the grant that gives the role if there is one alone; several have ages to compare."""
    grants = facts.role_grants.get(member_id, ())
    return grants[0].id if len(grants) == 1 else None


def _opened(text: str, member_id: UUID, grant: UUID | None) -> str:
    text = text.replace(str(member_id), MEMBER)
    return text if grant is None else text.replace(str(grant), GRANT)


def _sameness(facts: FactsOfMany, row: Any, grant: UUID | None) -> Hashable:
    """Return all that `resolve` reads of one member and of no other."""
    return (
        row.state,
        row.admin_hold,
        row.contained,
        row.owner_of_record,
        row.bot_scope,
        row.managed_by,
        tuple(group for group in facts.groups.get(row.id, ()) if group in facts.rules),
        tuple(
            (each.role_id, each.valid_to, None if grant else each.id)
            for each in facts.role_grants.get(row.id, ())
        ),
        frozenset(
            (each.chatbot_id, each.section, each.level, each.valid_to)
            for each in facts.chatbot_grants.get(row.id, ())
        ),
        facts.seats.get(row.id),
    )
