"""What people do about accounts of their own, and what the operator erases of those who left."""

import re
from typing import Any
from uuid import UUID

from gateway.domain.identity import INVITED
from gateway.domain.text import fold
from gateway.services import answering, credentials, erasure, mailed_links
from gateway.storage import person_work
from gateway.storage import tables as t
from gateway.storage.unit_of_work import Work
from tests.factories import OPERATOR, PASSWORD_HASH
from tests.properties.by_newcomers import ORIGIN, mailed, one
from tests.properties.hand import AtLarge, Hand, Pointless, Verb
from tests.properties.town import NEWCOMERS


def sign_up(hand: Hand) -> AtLarge:
    """By the link of a letter that the sign-in page mails to whoever asks."""
    email = hand.some((*NEWCOMERS, f"{hand.house.slug}@mail.test"))
    if _has_account(hand, email):
        raise Pointless

    def run(work: Work) -> UUID:
        token = _asked(work, email)
        return person_work.run(
            work, lambda here: mailed_links.sign_up(here, token, "Signed Up", PASSWORD_HASH)
        )

    return AtLarge(run)


def set_password(hand: Hand) -> AtLarge:
    """By the same letter, which proves the mailbox; sessions end everywhere."""
    email = fold(hand.address())
    if not _has_account(hand, email):
        raise Pointless

    def run(work: Work) -> UUID:
        token = _asked(work, email)
        return person_work.run(
            work, lambda here: mailed_links.set_password(here, token, PASSWORD_HASH)
        )

    return AtLarge(run, hand.town.houses)


def sign_up_invited(hand: Hand) -> Verb:
    """By the link that was mailed with an invitation; nobody joins by it."""
    sent, hand.actor = one(hand), INVITED
    token = mailed(hand, sent) or sent.token
    return lambda uow: answering.sign_up(uow, token, "Invited", PASSWORD_HASH)


def erase(hand: Hand) -> AtLarge:
    """Somebody who is a member nowhere any more, or of whom only an address is known."""
    gone = _gone(hand)
    person = gone and hand.rng.random() < 0.7
    name = str(hand.some(gone)) if person else fold(hand.some((*NEWCOMERS, hand.address())))
    hand.actor = OPERATOR

    def run(work: Work) -> erasure.Erased:
        with work.platform() as database:
            sought = erasure.find(database, name)
        for each in sought.organisations:
            with work.read(each) as uow:
                erasure.require_no_member(uow, sought)
        person_work.run(work, lambda here: erasure.begin(here, sought))
        for each in sought.organisations:
            work.run(each, OPERATOR, lambda uow: erasure.erase(uow, sought))
        return person_work.run(work, lambda here: erasure.erase_account(here, sought))

    return AtLarge(run, hand.town.houses)


def _gone(hand: Hand) -> list[UUID]:
    """Persons whose memberships have all ended."""
    members = hand.view.members.values()
    here = {m.person_id for m in members if m.state != "removed"}
    return sorted({m.person_id for m in members} - here)


def _has_account(hand: Hand, email: str) -> bool:
    with person_work.read(hand.town.work) as here:
        return credentials.find(here, email) is not None


def _asked(work: Work, email: str) -> str:
    """Ask for a letter, and read the secret in it; of an earlier one if it is not mailed again."""
    person_work.run(work, lambda here: mailed_links.ask(here, email, ORIGIN))
    letters = t.letters.select().order_by(t.letters.c.created_at.desc(), t.letters.c.id.desc())
    with work.platform() as database:
        said: list[Any] = [row.payload for row in database.execute(letters)]
    newest = next(each["text"] for each in said if each["to"] == email)
    found = re.search(r"token=([\w-]+)", newest)
    return found[1] if found else ""
