"""Availability: whether somebody takes conversations at the moment, by their own word alone."""

from typing import Any
from uuid import UUID

from gateway.domain.errors import InvalidRequest, NotPermitted
from gateway.domain.events import Fact, Target
from gateway.domain.memberships import MemberState
from gateway.storage import tables as t
from gateway.storage.unit_of_work import UnitOfWork

CHOICES = ("live", "away", "offline")
"""Live takes conversations; away is gone for a while, and offline does not work now."""


OFFLINE = CHOICES[-1]


def ended(member: Any) -> tuple[dict[str, str], dict[str, str]]:
    """Return what to tell, before and after, of whoever is made offline with something else."""
    if member.availability == OFFLINE:
        return {}, {}
    return {"availability": member.availability}, {"availability": OFFLINE}


def set_own(uow: UnitOfWork, member_id: UUID, availability: str) -> None:
    """Say whether one takes conversations; the same word changes and records nothing.

    :raises NotFound: no such member.
    :raises NotPermitted: the member is somebody else.
    :raises InvalidRequest: another word, or the member is not active.
    """
    row = uow.load(t.members, member_id)
    if uow.actor.member_id != member_id:
        raise NotPermitted(
            "Everybody sets their own availability.", levers=("Ask the member themselves.",)
        )
    if availability not in CHOICES:
        raise InvalidRequest(f"It is one of {', '.join(CHOICES)}.", field="availability")
    if row.state != MemberState.ACTIVE:
        raise InvalidRequest("Only active members are available.")
    if row.availability == availability:
        return
    uow.update(t.members, {"id": member_id}, availability=availability)
    uow.record(
        Fact(
            "member.availability_changed",
            (Target("member", str(member_id), row.display_name),),
            before={"availability": row.availability},
            after={"availability": availability},
        )
    )
