"""Assignment teams and the seats taken in them by hand."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from gateway.domain.errors import AlreadyExists, InvalidRequest, ManagedByIdP, NotFound
from gateway.domain.events import Fact, Target
from gateway.domain.memberships import MemberState
from gateway.domain.text import fold
from gateway.services import access, conversations, funnel
from gateway.storage import tables as t
from gateway.storage.unit_of_work import Record, UnitOfWork

STRATEGIES = ("round_robin", "load_balanced", "manual")


def create(uow: UnitOfWork, name: str, strategy: str = "manual") -> UUID:
    """Make a team without members.

    :raises InvalidRequest: an empty or long name, or an unknown strategy.
    :raises AlreadyExists: the name is taken.
    """
    name = name.strip()
    _require_sound(uow, name, strategy)
    team_id = uow.new_id()
    uow.insert(
        t.teams,
        id=team_id,
        name=name,
        name_key=fold(name),
        strategy=strategy,
        deleted=False,
        created_at=uow.now,
    )
    uow.record(
        Fact("team.created", (_target(team_id, name),), after={"name": name, "strategy": strategy})
    )
    return team_id


def get(uow: UnitOfWork, team_id: UUID) -> Record:
    """Return a team.

    :raises NotFound: absent, deleted or another organisation's.
    """
    row = uow.load(t.teams, team_id)
    if row.deleted:
        raise NotFound("No such team.")
    return row


def change(
    uow: UnitOfWork, team_id: UUID, name: str | None = None, strategy: str | None = None
) -> None:
    """Give a team another name or strategy; what is left out stays.

    :raises AlreadyExists: the name is taken.
    """
    row = get(uow, team_id)
    wanted = {"name": (name or row.name).strip(), "strategy": strategy or row.strategy}
    before = {"name": row.name, "strategy": row.strategy}
    if wanted == before:
        return
    _require_sound(uow, **wanted, but=team_id)
    uow.update(t.teams, {"id": team_id}, **wanted, name_key=fold(wanted["name"]))
    target = _target(team_id, wanted["name"])
    uow.record(Fact("team.updated", (target,), before=before, after=wanted))


def delete(uow: UnitOfWork, team_id: UUID) -> None:
    """End a team: its seats end, and its conversations wait in their chatbots' queues.

    :raises ManagedByIdP: a mapping rule gives seats in it.
    """
    row = get(uow, team_id)
    r = t.mapping_rules.c
    rule = uow.own(t.mapping_rules, r.id).where(r.team_id == team_id, r.valid_to.is_(None))
    if uow.scalar(rule.limit(1)) is not None:
        raise ManagedByIdP(
            "A mapping rule gives seats in this team.", levers=("Delete the mapping rule first.",)
        )
    held = members(uow, team_id)
    for member_id in held:
        seat = _seat(uow, team_id, member_id)
        if seat is not None:
            _close(uow, seat)
    uow.update(t.teams, {"id": team_id}, deleted=True)
    conversations.leave_team(uow, team_id)
    uow.record(Fact("team.deleted", (_target(team_id, row.name),)))
    funnel.recompute(uow, held)


def lacking(uow: UnitOfWork, teams: Sequence[Any]) -> dict[UUID, list[str]]:
    """Return what each team lacks before conversations could be assigned by themselves (S1-29)."""
    ids = [team.id for team in teams]
    s, r = t.team_seats.c, t.mapping_rules.c
    taken = uow.own(t.team_seats, s.team_id).where(s.team_id.in_(ids), s.valid_to.is_(None))
    given = uow.own(t.mapping_rules, r.team_id).where(r.team_id.in_(ids), r.valid_to.is_(None))
    staffed = {row.team_id for query in (taken, given) for row in uow.all(query.distinct())}
    return {
        team.id: [
            *([] if team.id in staffed else ["members"]),
            *(["strategy"] if team.strategy == "manual" else []),
        ]
        for team in teams
    }


def listing(uow: UnitOfWork) -> Sequence[Row[Any]]:
    """Return every team by name."""
    c = t.teams.c
    return uow.all(uow.own(t.teams).where(~c.deleted).order_by(c.name_key))


def join(uow: UnitOfWork, team_id: UUID, member_id: UUID) -> None:
    """Give a member a seat in the team; a second time changes nothing.

    :raises InvalidRequest: the member is not active.
    """
    team = get(uow, team_id)
    if uow.load(t.members, member_id).state != MemberState.ACTIVE:
        raise InvalidRequest("Only active members join a team.")
    if _seat(uow, team_id, member_id) is not None:
        return
    take_seat(uow, team_id, member_id, "manual")
    _record(uow, team, added=[member_id])
    funnel.recompute(uow, [member_id])


def take_seat(uow: UnitOfWork, team_id: UUID, member_id: UUID, source: str) -> None:
    """Write a seat from now on; the caller has looked for one and recomputes."""
    uow.insert(
        t.team_seats,
        team_id=team_id,
        member_id=member_id,
        source=source,
        valid_from=uow.now,
        valid_to=None,
    )


def leave(uow: UnitOfWork, team_id: UUID, member_id: UUID) -> None:
    """Take a member's own seat away.

    :raises ManagedByIdP: a group gives the seat.
    """
    team = get(uow, team_id)
    seat = _seat(uow, team_id, member_id)
    if seat is None:
        _require_no_group_gives(uow, team_id, member_id)
        return
    _close(uow, seat)
    _record(uow, team, removed=[member_id])
    funnel.recompute(uow, [member_id])


def close_seats(uow: UnitOfWork, member_id: UUID, source: str | None = None) -> int:
    """End a member's seats, of one source where given; the caller recomputes. Say how many."""
    c = t.team_seats.c
    mine = uow.own(t.team_seats).where(c.member_id == member_id, c.valid_to.is_(None))
    seats = uow.all(mine if source is None else mine.where(c.source == source))
    for seat in seats:
        _close(uow, seat)
        _record(uow, uow.load(t.teams, seat.team_id), removed=[member_id])
    return len(seats)


def members(uow: UnitOfWork, team_id: UUID) -> Sequence[UUID]:
    """Return the members with a seat taken by hand, the longest first."""
    get(uow, team_id)
    c = t.team_seats.c
    rows = uow.all(
        uow.own(t.team_seats)
        .where(c.team_id == team_id, c.valid_to.is_(None))
        .order_by(c.valid_from, c.member_id)
    )
    return [row.member_id for row in rows]


def _require_sound(uow: UnitOfWork, name: str, strategy: str, but: UUID | None = None) -> None:
    if not 0 < len(name) <= 64:
        raise InvalidRequest("A team's name has 1 to 64 characters.", field="name")
    if strategy not in STRATEGIES:
        raise InvalidRequest(f"A strategy is one of {', '.join(STRATEGIES)}.", field="strategy")
    c = t.teams.c
    taken = uow.one(uow.own(t.teams, c.id).where(c.name_key == fold(name), ~c.deleted))
    if taken is not None and taken.id != but:
        raise AlreadyExists(f"A team is called {name!r} already.")


def _seat(uow: UnitOfWork, team_id: UUID, member_id: UUID) -> Record | None:
    c = t.team_seats.c
    return uow.one(
        uow.own(t.team_seats).where(
            c.team_id == team_id, c.member_id == member_id, c.valid_to.is_(None)
        )
    )


def _require_no_group_gives(uow: UnitOfWork, team_id: UUID, member_id: UUID) -> None:
    held = access.effective(uow, member_id)
    if str(team_id) in held.teams:
        raise ManagedByIdP(
            "A group of the identity provider gives this seat.",
            levers=(
                "Change the person's groups in the identity provider.",
                "Change the mapping rule.",
            ),
            connection=str(held.managed_by),
        )


def _close(uow: UnitOfWork, seat: Record) -> None:
    key = {"team_id": seat.team_id, "member_id": seat.member_id, "valid_to": None}
    uow.update(t.team_seats, key, valid_to=uow.now)


def _record(
    uow: UnitOfWork,
    team: Record,
    added: Sequence[UUID] = (),
    removed: Sequence[UUID] = (),
) -> None:
    after = {"added": [str(x) for x in added], "removed": [str(x) for x in removed]}
    people = [Target("member", str(x)) for x in (*added, *removed)]
    uow.record(Fact("team.members_changed", (_target(team.id, team.name), *people), after=after))


def _target(team_id: UUID, name: str) -> Target:
    return Target("team", str(team_id), name)
