"""Whom a connection nominates to succeed the owner is not taken away unnoticed (semantics §5)."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest

from gateway.domain.errors import SuccessorRequired
from gateway.services import connections, leaving, members
from gateway.storage import tables as t
from gateway.storage.unit_of_work import UnitOfWork
from tests.factories import appoint_break_glass
from tests.scene import Scene, second_connection

TAKEN_AWAY: dict[str, Callable[[UnitOfWork, UUID], Any]] = {
    "deactivated": members.deactivate,
    "held": members.hold,
    "removed": members.remove,
    "left": members.leave,
    "removed with heirs": leaving.remove,
    "deactivated with heirs": leaving.deactivate,
}
by_hand = pytest.mark.parametrize("verb", TAKEN_AWAY.values(), ids=TAKEN_AWAY)


def keep_by_break_glass(here: Scene) -> None:
    here.run(appoint_break_glass, here.house.owner_id)


def keep_by_another_successor(here: Scene) -> None:
    other = here.employ("third@acme.test", "viewer")
    second = second_connection(here)
    here.do(lambda uow: connections.update(uow, second.connection.id, successor_id=other))


def keep_by_naming_another(here: Scene) -> None:
    here.configure(successor_id=here.employ("third@acme.test", "viewer"))


def need_nobody(here: Scene) -> None:
    here.do(lambda uow: connections.disable(uow, here.house.connection.id))


def belongings(here: Scene, member_id: UUID) -> leaving.Belongings:
    return here.see(lambda uow: leaving.belongings(uow, member_id))


@by_hand
def test_who_alone_could_succeed_is_not_taken_away_by_hand(
    here: Scene, verb: Callable[[UnitOfWork, UUID], Any]
) -> None:
    successor_id = here.house.successor_id
    with pytest.raises(SuccessorRequired, match="nobody else could") as refusal:
        here.run(verb, successor_id)
    assert refusal.value.details == {"connections": [str(here.house.connection.id)]}
    assert refusal.value.levers
    member = here.member(successor_id)
    assert (member.state, member.admin_hold) == ("active", False)
    assert here.attention() == {}


@by_hand
@pytest.mark.parametrize(
    "keep",
    [keep_by_break_glass, keep_by_another_successor, keep_by_naming_another, need_nobody],
)
def test_where_somebody_else_could_or_nobody_need_they_go(
    here: Scene,
    keep: Callable[[Scene], None],
    verb: Callable[[UnitOfWork, UUID], Any],
) -> None:
    keep(here)
    here.run(verb, here.house.successor_id)
    assert here.access(here.house.successor_id).is_empty()


def test_connections_are_told_that_their_successor_is_gone(here: Scene) -> None:
    keep_by_break_glass(here)
    here.run(members.remove, here.house.successor_id)
    (item,) = here.rows(t.attention_items)
    assert (item.connection_id, item.kind, item.subject) == (
        here.house.connection.id,
        "successor_gone",
        "Sara Second",
    )


def test_the_preview_names_who_would_succeed_and_whether_they_have_to_stay(here: Scene) -> None:
    """S2-23: what stands against a removal is seen before."""
    found = belongings(here, here.house.successor_id)
    named = [(each.connection_id, each.connection_name) for each in found.nominations]
    assert (named, found.alone_succeeds) == ([(here.house.connection.id, "Okta")], True)
    keep_by_break_glass(here)
    found = belongings(here, here.house.successor_id)
    assert (len(found.nominations), found.alone_succeeds) == (1, False)
    nobody = belongings(here, here.employ("third@acme.test", "viewer"))
    assert (nobody.nominations, nobody.alone_succeeds) == ((), False)


def test_the_provider_takes_over_and_takes_away_a_successor_and_its_admins_see_it(
    here: Scene,
) -> None:
    user = here.post("second@acme.test")
    assert user.member_id == here.house.successor_id
    assert here.attention() == {"successor_gone": 1}
    here.delete(user)
    assert here.member(here.house.successor_id).state == "removed"
    assert here.attention() == {"successor_gone": 2}


def test_once_the_owner_is_succeeded_another_successor_is_wanted(here: Scene) -> None:
    here.configure(last_owner="succeed")
    here.delete(here.post("owner@acme.test"))
    assert here.member(here.house.successor_id).owner_of_record
    assert here.attention() == {"successor_gone": 1}


def test_another_role_leaves_the_nomination_as_it_is(here: Scene) -> None:
    """Whoever succeeds gets the owner's role, whatever they had before."""
    here.run(members.set_role, here.house.successor_id, here.role("viewer"))
    assert belongings(here, here.house.successor_id).alone_succeeds
