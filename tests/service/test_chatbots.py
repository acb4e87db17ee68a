"""Chatbots: made, renamed, handed over and ended."""

from collections.abc import Callable
from contextlib import suppress
from uuid import UUID

import pytest

from gateway.domain.errors import AlreadyExists, InvalidRequest, NotFound
from gateway.services import chatbots, explaining, members
from gateway.services.explaining import Question
from gateway.storage import tables as t
from gateway.storage.unit_of_work import UnitOfWork
from tests.factories import OPERATOR
from tests.scene import Scene, scene


@pytest.fixture
def bot(here: Scene) -> UUID:
    return here.do(lambda uow: chatbots.create(uow, "Sales"))


def test_who_makes_a_chatbot_owns_it(here: Scene) -> None:
    anna = here.employ("anna@acme.test", "developer")
    bot = here.do(lambda uow: chatbots.create(uow, "Sales"), here.by(anna))
    assert here.rows(t.chatbots, id=bot)[0].owner_id == anna


def test_what_the_operator_makes_belongs_to_the_owner_of_record(here: Scene, bot: UUID) -> None:
    assert here.rows(t.chatbots, id=bot)[0].owner_id == here.house.owner_id


def test_a_chatbot_belongs_to_a_member_of_its_organisation(here: Scene) -> None:
    foreign = scene(here.work, "globex").house.owner_id
    with pytest.raises(NotFound):
        here.do(lambda uow: chatbots.create(uow, "Sales", foreign))


@pytest.mark.parametrize("as_author", [False, True], ids=["named", "acting"])
@pytest.mark.parametrize(
    ("verb", "refusal"),
    [(members.remove, NotFound), (members.deactivate, InvalidRequest)],
    ids=["removed", "deactivated"],
)
def test_a_new_chatbot_belongs_to_nobody_who_has_gone(
    here: Scene,
    verb: Callable[[UnitOfWork, UUID], None],
    refusal: type[NotFound | InvalidRequest],
    as_author: bool,
) -> None:
    anna = here.employ("anna@acme.test", "developer")
    here.run(verb, anna)
    wish, by = (("Sales",), here.by(anna)) if as_author else (("Sales", anna), OPERATOR)
    with pytest.raises(refusal):
        here.run(chatbots.create, *wish, by=by)
    assert here.rows(t.chatbots) == []


@pytest.mark.parametrize("name", ["", "  ", "x" * 101])
def test_a_name_out_of_bounds_is_refused(here: Scene, bot: UUID, name: str) -> None:
    with pytest.raises(InvalidRequest):
        here.do(lambda uow: chatbots.create(uow, name))
    with pytest.raises(InvalidRequest):
        here.do(lambda uow: chatbots.rename(uow, bot, name))


@pytest.mark.usefixtures("bot")
def test_a_name_is_taken_whatever_its_letter_case_and_free_after_deletion(here: Scene) -> None:
    with pytest.raises(AlreadyExists):
        here.do(lambda uow: chatbots.create(uow, " SALES "))
    globex = scene(here.work, "globex")
    globex.do(lambda uow: chatbots.create(uow, "Sales"))
    here.do(lambda uow: chatbots.delete(uow, here.rows(t.chatbots)[0].id))
    here.do(lambda uow: chatbots.create(uow, "sales"))


def test_a_chatbot_may_change_the_letter_case_of_its_name(here: Scene, bot: UUID) -> None:
    here.do(lambda uow: chatbots.rename(uow, bot, "SALES"))
    assert here.rows(t.chatbots, id=bot)[0].name == "SALES"


def test_the_same_name_changes_and_records_nothing(here: Scene, bot: UUID) -> None:
    before = here.rows(t.chatbots), here.rows(t.outbox)
    here.do(lambda uow: chatbots.rename(uow, bot, " Sales "))
    assert (here.rows(t.chatbots), here.rows(t.outbox)) == before


def test_a_deleted_chatbot_is_gone(here: Scene, bot: UUID) -> None:
    here.do(lambda uow: chatbots.delete(uow, bot))
    assert here.see(chatbots.listing) == []
    for verb in (chatbots.get, chatbots.delete):
        with pytest.raises(NotFound):
            here.do(lambda uow, verb=verb: verb(uow, bot))  # type: ignore[misc]
    question = Question(here.house.owner_id, "chatbot.read", bot)
    answer = here.see(lambda uow: explaining.answer(uow, question))
    assert (answer["decision"], answer["code"]) == (False, "not_visible")


def test_what_a_leaver_owned_goes_to_the_owner_of_record(here: Scene) -> None:
    """S2-24."""
    anna = here.employ("anna@acme.test", "developer")
    bot = here.do(lambda uow: chatbots.create(uow, "Sales", anna))
    gone = here.do(lambda uow: chatbots.create(uow, "Gone", anna))
    here.do(lambda uow: chatbots.delete(uow, gone))
    here.do(lambda uow: members.remove(uow, anna))
    assert here.rows(t.chatbots, id=bot)[0].owner_id == here.house.owner_id
    assert len(here.facts("chatbot.updated")) == 1


def test_what_is_taken_back_leaves_the_past_as_it_was(here: Scene, bot: UUID) -> None:
    def verb(uow: UnitOfWork) -> None:
        with suppress(InvalidRequest), uow.savepoint():
            chatbots.rename(uow, bot, "Shop")
            raise InvalidRequest("It is taken back.")
        chatbots.rename(uow, bot, "Care")

    here.do(verb)
    history = here.rows(t.chatbot_versions.history, id=bot)
    told = sorted((row.valid_from, row.name, row.valid_to is None) for row in history)
    assert [x[1:] for x in told] == [("Sales", False), ("Care", True)]
