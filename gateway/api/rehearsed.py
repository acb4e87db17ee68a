"""What previews say of people: who would be able to do more or less, all alike together."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from gateway.api.models import Answer
from gateway.domain.decisions import powers
from gateway.services.rehearsals import Effect


class Somebody(Answer):
    """A member by id and name."""

    id: UUID
    name: str


class Change(Answer):
    """What the same change means for each of these members."""

    from_role: str | None
    to_role: str | None
    from_scope: str | None
    to_scope: str | None
    gains: list[str]
    losses: list[str]
    members: list[Somebody]


def grouped(effects: Iterable[Effect]) -> list[Change]:
    """Return what becomes of members, those together for whom it is the same."""
    found: dict[tuple[Any, ...], list[Somebody]] = {}
    for effect in effects:
        before, after = powers(effect.before), powers(effect.after)
        change = (
            effect.before.get("role"),
            effect.after.get("role"),
            effect.before.get("scope"),
            effect.after.get("scope"),
            tuple(sorted(after - before)),
            tuple(sorted(before - after)),
        )
        somebody = Somebody(id=effect.member_id, name=effect.name)
        found.setdefault(change, []).append(somebody)
    return [
        Change(
            from_role=change[0],
            to_role=change[1],
            from_scope=change[2],
            to_scope=change[3],
            gains=list(change[4]),
            losses=list(change[5]),
            members=members,
        )
        for change, members in found.items()
    ]
