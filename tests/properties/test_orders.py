"""Whatever identity providers say of different people comes to the same, in whatever order."""

import os
from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Any
from uuid import UUID

import pytest

from gateway.domain.directory import MemberDelta
from gateway.services import chatbots, directory, directory_groups, teams
from gateway.storage import tables as t
from gateway.storage.unit_of_work import Work
from tests.factories import user_record
from tests.scene import Scene, scene

PEOPLE = tuple(f"p{number}@firm.test" for number in range(8))
ROUNDS = 12 if os.environ.get("HYPOTHESIS_PROFILE") != "soak" else 200

pytestmark = pytest.mark.soak

Step = Callable[["Firm"], None]


class Firm:
    """An organisation with groups that rules name, and what its provider says of people."""

    def __init__(self, work: Work, slug: str) -> None:
        self.here: Scene = scene(work, slug, bot_scope="selected")
        here = self.here
        self.bots = {
            here.do(lambda uow, name=name: chatbots.create(uow, name)): name  # type: ignore[misc]
            for name in ("Sales", "Care")
        }
        team = here.run(teams.create, "Support")
        self.groups = {name: here.group(name) for name in ("Eng", "Leads", "Care", "Night")}
        here.map(self.groups["Eng"], role="developer")
        here.map(self.groups["Leads"], role="admin")
        for bot, group in zip(self.bots, ("Eng", "Care"), strict=True):
            sections = {"conversations": "read", "knowledge_base": "write"}
            here.map(self.groups[group], "chatbot", chatbot_id=bot, sections=sections)
        here.map(self.groups["Night"], "team", team_id=team)
        self.users: dict[str, UUID] = {}

    def end_state(self) -> dict[str, Any]:
        """Everybody's state, groups and access, by name."""
        rows = self.here.rows(t.directory_users)
        seats = self.here.rows(t.directory_memberships, valid_to=None)
        names = {group.id: name for name, group in self.groups.items()}
        counts = {names[row.id]: row.member_count for row in self.here.rows(t.directory_groups)}
        people = {
            (row.user_name, row.external_id, row.deleted_at is None): (
                row.active,
                sorted(names[seat.group_id] for seat in seats if seat.user_id == row.id),
                self.here.member(row.member_id).state,
                self._access(row.member_id),
            )
            for row in rows
        }
        return {"people": people, "counts": counts, "seats": self.here.seats_in_use()}

    def _access(self, member_id: UUID) -> dict[str, Any]:
        held = self.here.access(member_id)
        return {
            "standing": held.standing,
            "role": held.role.key if held.role else None,
            "chatbots": {self.bots[UUID(bot)]: levels for bot, levels in held.chatbots.items()},
            "teams": len(held.teams),
        }


def create(name: str, active: bool) -> Step:
    def step(firm: Firm) -> None:
        record = user_record(name, f"x-{name}", active=active)
        firm.users[name] = firm.here.idp(
            lambda uow, c: directory.create_user(uow, c, record).id  # type: ignore[union-attr]
        )

    return step


def move(name: str, group: str, *, joins: bool) -> Step:
    def step(firm: Firm) -> None:
        people = frozenset({firm.users[name]})
        delta = MemberDelta(add=people) if joins else MemberDelta(remove=people)
        group_id = firm.groups[group].id
        firm.here.idp(lambda u, c: directory_groups.update_group(u, c, group_id, None, delta))

    return step


def say(name: str, active: bool | None, title: str) -> Step:
    def step(firm: Firm) -> None:
        record = user_record(name, f"x-{name}", active=active)
        record = replace(record, document=f"{record.document}{title}")
        firm.here.idp(lambda u, c: directory.update_user(u, c, firm.users[name], record))

    return step


def delete(name: str) -> Step:
    def step(firm: Firm) -> None:
        firm.here.idp(lambda u, c: directory.delete_user(u, c, firm.users[name]))

    return step


def story(rng: Random, name: str) -> list[Step]:
    """One person's time at the firm."""
    groups = ("Eng", "Leads", "Care", "Night")
    steps = [create(name, rng.random() < 0.8)]
    for number in range(rng.randint(2, 8)):
        if rng.random() < 0.6:
            steps.append(move(name, rng.choice(groups), joins=rng.random() < 0.7))
        else:
            steps.append(say(name, rng.choice((True, False, None)), f"{number}"))
    if rng.random() < 0.2:
        steps.append(delete(name))
    return steps


def shuffled(rng: Random, stories: list[list[Step]]) -> list[Step]:
    """An order of all steps that keeps each person's own."""
    turns = [number for number, steps in enumerate(stories) for _ in steps]
    rng.shuffle(turns)
    waiting = [iter(steps) for steps in stories]
    return [next(waiting[number]) for number in turns]


@pytest.mark.parametrize("block", range(3))
def test_the_order_of_what_is_said_of_different_people_does_not_matter(
    work: Work, block: int
) -> None:
    for number in range(ROUNDS):
        rng = Random(block * 1000 + number)  # noqa: S311 - it need be repeatable, not secret
        stories = [story(rng, name) for name in PEOPLE]
        ends = []
        for order in ("one", "two"):
            firm = Firm(work, f"firm-{block}-{number}-{order}")
            for step in shuffled(rng, stories):
                step(firm)
            ends.append(firm.end_state())
        assert ends[0] == ends[1]
