"""Members who are alike: access derived and written out once for all whose ids alone differ.

A rule on a group of ten thousand gives most of them the same. What differs is who they are and
which grant of theirs gives the role, so these two ids are left open in the text and filled in.
"""

import json
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from gateway.domain.access import AccessFacts, resolve
from gateway.domain.decisions import Access
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

    def turn(self, facts: AccessFacts, stored: str) -> Turn | None:
        """Return how the access of a member changes; None where the stored document stands."""
        now, before = self._likeness(facts), _opened(stored, facts)
        if before == now.text:
            return None
        found = self._turns.get((before, now))
        if found is None:
            found = self._turns[before, now] = Turn(json.loads(stored), now)
        return found

    def _likeness(self, facts: AccessFacts) -> Likeness:
        key = _sameness(facts)
        found = self._likenesses.get(key)
        if found is None:
            access = resolve(facts)
            document = access.document()
            found = Likeness(access, document, _opened(canonical(document), facts))
            self._likenesses[key] = found
        return found


def only_grant(facts: AccessFacts) -> UUID | None:
    """Return the grant that gives the role if there is one alone; several have ages to compare."""
    return facts.role_grants[0].id if len(facts.role_grants) == 1 else None


def _opened(text: str, facts: AccessFacts) -> str:
    text = text.replace(str(facts.member.id), MEMBER)
    grant = only_grant(facts)
    return text if grant is None else text.replace(str(grant), GRANT)


def _sameness(facts: AccessFacts) -> Hashable:
    """Return all that `resolve` reads of one member and of no other."""
    member = facts.member
    return (
        member.state,
        member.admin_hold,
        member.contained,
        member.owner_of_record,
        member.bot_scope,
        member.managed_by,
        tuple(group.id for group in facts.groups if group.id in facts.rules),
        tuple(
            (grant.role_id, grant.valid_to, None if only_grant(facts) else grant.id)
            for grant in facts.role_grants
        ),
        frozenset(
            (grant.chatbot_id, grant.section, grant.level, grant.valid_to)
            for grant in facts.chatbot_grants
        ),
        facts.teams,
    )
