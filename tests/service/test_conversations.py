"""Conversations when somebody loses access (semantics §8)."""

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import pytest

from gateway.domain.errors import InvalidRequest, NotEligible, NotFound
from gateway.services import (
    availability,
    chatbots,
    connections,
    conversations,
    mapping,
    members,
    organisations,
    teams,
)
from gateway.storage import tables as t
from tests.scene import Scene, scene


@pytest.fixture
def bot(shared: Scene) -> UUID:
    return shared.do(lambda uow: chatbots.create(uow, "Sales"))


@pytest.fixture
def anna(shared: Scene) -> UUID:
    """Somebody who takes conversations."""
    anna = shared.employ("anna@initech.test", "member")
    shared.go_live(anna)
    return anna


def assigned(here: Scene, bot: UUID, member_id: UUID) -> UUID:
    """A conversation that has waited a minute and has been given to the member."""
    made = here.do(lambda uow: conversations.create(uow, bot, "Hello"))
    here.let_pass(timedelta(minutes=1))
    here.do(lambda uow: conversations.assign(uow, made, member_id))
    return made


@pytest.mark.parametrize(
    "verb", [members.deactivate, members.hold, members.remove], ids=lambda verb: verb.__name__
)
def test_what_a_leaver_had_open_waits_again_as_long_as_it_did(
    shared: Scene, bot: UUID, anna: UUID, verb: Callable[..., None]
) -> None:
    """S1-23, S0-31, S4-17."""
    made = assigned(shared, bot, anna)
    closed = assigned(shared, bot, anna)
    shared.do(lambda uow: conversations.close(uow, closed))
    since = shared.rows(t.conversations, id=made)[0].waiting_since
    shared.do(lambda uow: verb(uow, anna))
    row = shared.rows(t.conversations, id=made)[0]
    assert (row.assignee_id, row.previous_assignee_id) == (None, anna)
    assert row.waiting_since == since
    assert row.queued_at is not None
    assert shared.rows(t.conversations, id=closed)[0].assignee_id == anna
    assert len(shared.facts("conversation.returned", made)) == 1


def test_conversations_are_not_taken_back(shared: Scene, bot: UUID, anna: UUID) -> None:
    made = assigned(shared, bot, anna)
    shared.do(lambda uow: members.deactivate(uow, anna))
    shared.do(lambda uow: members.reactivate(uow, anna))
    assert shared.rows(t.conversations, id=made)[0].assignee_id is None


def test_losing_write_on_one_chatbot_returns_its_conversations_alone(shared: Scene) -> None:
    shared.configure(bot_scope="selected")
    one, two = (shared.do(lambda uow, n=n: chatbots.create(uow, n)) for n in ("One", "Two"))  # type: ignore[misc]
    user = shared.post("bert@initech.test")
    assert user.member_id is not None
    shared.go_live(user.member_id)
    group = shared.group("G", user)
    rules = [
        shared.map(group, "chatbot", chatbot_id=bot, sections={"conversations": "write"})
        for bot in (one, two)
    ]
    first, second = (assigned(shared, bot, user.member_id) for bot in (one, two))
    shared.do(lambda uow: mapping.update_rule(uow, rules[0], sections={"conversations": "read"}))
    assert shared.rows(t.conversations, id=first)[0].assignee_id is None
    assert shared.rows(t.conversations, id=second)[0].assignee_id == user.member_id


def test_an_expired_subscription_takes_nobody_their_conversations(
    shared: Scene, bot: UUID, anna: UUID
) -> None:
    """S0-39: renewing restores everything."""
    made = assigned(shared, bot, anna)
    shared.do(lambda uow: organisations.change_subscription(uow, state="expired"))
    shared.do(lambda uow: organisations.change_subscription(uow, state="active"))
    assert shared.rows(t.conversations, id=made)[0].assignee_id == anna


def test_who_may_not_answer_any_more_loses_them_at_the_latest_on_renewal(
    shared: Scene, bot: UUID
) -> None:
    user = shared.post("bert@initech.test")
    assert user.member_id is not None
    shared.go_live(user.member_id)
    made = assigned(shared, bot, user.member_id)
    shared.do(lambda uow: organisations.change_subscription(uow, state="expired"))
    shared.configure(unmapped="no_access")
    shared.do(lambda uow: organisations.change_subscription(uow, state="active"))
    assert shared.rows(t.conversations, id=made)[0].assignee_id is None


def test_conversations_stay_where_access_stays(shared: Scene, bot: UUID) -> None:
    user = shared.post("bert@initech.test")
    assert user.member_id is not None
    shared.go_live(user.member_id)
    made = assigned(shared, bot, user.member_id)
    shared.do(lambda uow: connections.disable(uow, shared.house.connection.id))
    assert shared.rows(t.conversations, id=made)[0].assignee_id == user.member_id


def lacking(here: Scene, conversation: UUID, member_id: UUID) -> object:
    with pytest.raises(NotEligible) as refusal:
        here.run(conversations.assign, conversation, member_id)
    found = here.see(lambda uow: conversations.candidates(uow, conversation))
    assert member_id not in {each.id for each in found}
    return refusal.value.details["lacking"]


def test_only_who_is_eligible_is_assigned(shared: Scene, here: Scene) -> None:
    """Semantics §9: active, live, in the conversation's team, and allowed to answer; S3-24."""
    bot = here.do(lambda uow: chatbots.create(uow, "Sales"))
    team = here.do(lambda uow: teams.create(uow, "Support"))
    made = here.do(lambda uow: conversations.create(uow, bot, "Hello", team))
    viewer, admin = here.employ("v@acme.test", "viewer"), here.employ("a@acme.test", "admin")
    assert lacking(here, made, viewer) == ["live", "team", "permission"]
    assert lacking(here, made, admin) == ["live", "team"]
    here.go_live(admin)
    assert lacking(here, made, admin) == ["team"]
    here.run(teams.join, team, admin)
    here.run(availability.set_own, admin, "away", by=here.by(admin))
    assert lacking(here, made, admin) == ["live"]
    here.go_live(admin)
    for absent in (shared.house.owner_id, UUID(int=1)):
        assert lacking(here, made, absent) == ["active"]
    here.run(conversations.assign, made, admin)
    here.run(members.hold, admin)
    assert lacking(here, made, admin) == ["team", "permission"]
    here.run(members.deactivate, admin)
    assert lacking(here, made, admin) == ["active"]


def test_whoever_has_a_conversation_keeps_it_while_away(
    shared: Scene, bot: UUID, anna: UUID
) -> None:
    made = assigned(shared, bot, anna)
    shared.run(availability.set_own, anna, "offline", by=shared.by(anna))
    shared.run(conversations.assign, made, anna)
    assert shared.rows(t.conversations, id=made)[0].assignee_id == anna


def test_a_conversation_given_anew_still_shows_who_had_it_before(
    shared: Scene, bot: UUID, anna: UUID
) -> None:
    made = assigned(shared, bot, anna)
    shared.run(members.deactivate, anna)
    bert = shared.employ("bert@initech.test", "member")
    shared.go_live(bert)
    shared.run(conversations.assign, made, bert)
    row = shared.rows(t.conversations, id=made)[0]
    assert (row.assignee_id, row.previous_assignee_id) == (bert, anna)


def test_the_product_itself_returns_conversations(shared: Scene, bot: UUID, anna: UUID) -> None:
    """Semantics §8: the actor is the system, with the cause."""
    made = assigned(shared, bot, anna)
    shared.run(members.deactivate, anna, by=shared.by(shared.house.owner_id))
    (event,) = shared.rows(t.audit_events, action="conversation.returned")
    assert (event.actor_type, event.actor_id) == ("system", "system")
    assert event.after == {"assignee": None, "cause": "deactivated"}
    assert [x["id"] for x in event.targets] == [str(made), str(anna)]
    (cause,) = shared.rows(t.audit_events, action="member.deactivated")
    assert cause.actor_id == str(shared.house.owner_id)


def test_a_closed_conversation_and_one_of_a_deleted_chatbot_are_not_assigned(
    shared: Scene, bot: UUID, anna: UUID
) -> None:
    closed, orphan = (
        shared.do(lambda uow: conversations.create(uow, bot, "Hello")) for _ in range(2)
    )
    shared.do(lambda uow: conversations.close(uow, closed))
    with pytest.raises(InvalidRequest):
        shared.do(lambda uow: conversations.assign(uow, closed, anna))
    shared.do(lambda uow: chatbots.delete(uow, bot))
    with pytest.raises(NotEligible):
        shared.do(lambda uow: conversations.assign(uow, orphan, anna))


def test_assigning_again_changes_and_records_nothing(shared: Scene, bot: UUID, anna: UUID) -> None:
    made = assigned(shared, bot, anna)
    before = shared.rows(t.conversations), shared.rows(t.outbox)
    shared.do(lambda uow: conversations.assign(uow, made, anna))
    assert (shared.rows(t.conversations), shared.rows(t.outbox)) == before


def test_an_absent_chatbot_or_team_has_no_conversations(here: Scene) -> None:
    bot = here.do(lambda uow: chatbots.create(uow, "Sales"))
    foreign = scene(here.work, "globex")
    other = foreign.do(lambda uow: chatbots.create(uow, "Sales"))
    with pytest.raises(NotFound):
        here.do(lambda uow: conversations.create(uow, other, "Hello"))
    with pytest.raises(NotFound):
        here.do(lambda uow: conversations.create(uow, bot, "Hello", UUID(int=1)))


def test_the_queue_shows_who_waits_longest_first(shared: Scene, bot: UUID, anna: UUID) -> None:
    made = []
    for _ in range(3):
        made.append(shared.do(lambda uow: conversations.create(uow, bot, "Hello")))
        shared.let_pass(timedelta(minutes=1))
    shared.do(lambda uow: conversations.assign(uow, made[0], anna))
    shared.do(lambda uow: members.deactivate(uow, anna))
    queue = shared.see(lambda uow: conversations.listing(uow, queued=True))
    assert [row.id for row in queue] == made
