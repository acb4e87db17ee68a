"""Invitations and what becomes of them, custom roles, ownership passed on, and payments."""

import re
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import insert, select

from gateway.domain.identity import INVITED, Actor, ActorType
from gateway.domain.roles import CustomRole
from gateway.domain.sessions import Factor, Session
from gateway.domain.text import fold
from gateway.services import (
    answering,
    credentials,
    direct_creation,
    invitations,
    invited,
    ownership,
    roles,
    subscriptions,
)
from gateway.storage import tables as t
from gateway.storage.person_work import PersonWork
from gateway.storage.unit_of_work import UnitOfWork
from tests.factories import PASSWORD_HASH
from tests.properties.hand import Hand, Pointless, Verb
from tests.properties.town import NEWCOMERS, Invited

ORIGIN = "http://localhost"
FACTOR = frozenset({Factor.PASSWORD})

# -- invitations ---------------------------------------------------------------------


def _offer(hand: Hand) -> dict[str, Any]:
    """Often by the owner, and mostly to somebody new, something narrow on one chatbot."""
    if hand.rng.random() < 0.3:
        hand.owner()
    fresh = hand.rng.random() < 0.7
    email = hand.some(NEWCOMERS) if fresh else hand.address()
    keys = [key for key in hand.house.roles if not fresh or key != "owner"]
    role = hand.house.roles[hand.some(keys)]
    narrowed = hand.house.chatbots and hand.rng.random() < 0.6
    bots = {hand.named(hand.house.chatbots): hand.sections()} if narrowed else None
    return {"email": email, "role_id": role, "chatbots": bots}


def invite(hand: Hand) -> Verb:
    wish = invitations.Wish(**_offer(hand))

    def verb(uow: UnitOfWork) -> Any:
        made = invitations.create(uow, wish, ORIGIN)
        if isinstance(made, invitations.Issued):
            _note(hand, made, wish.email)
        return made

    return verb


def invite_all(hand: Hand) -> Verb:
    """Several at once, of whom some may be refused."""
    wishes = [invitations.Wish(**_offer(hand)) for _ in range(hand.rng.randint(2, 4))]

    def verb(uow: UnitOfWork) -> None:
        for row in invitations.create_all(uow, wishes, ORIGIN):
            if row.issued is not None:
                _note(hand, row.issued, row.email)

    return verb


def _note(hand: Hand, made: invitations.Issued, email: str) -> None:
    hand.house.invited.append(Invited(made.id, made.link.rpartition("/")[2], email))


def create_directly(hand: Hand) -> Verb:
    """With a first password; who has an account elsewhere is invited instead."""
    new = direct_creation.Newcomer(
        display_name="Direct", password_hash=PASSWORD_HASH, **_offer(hand)
    )
    return lambda uow: direct_creation.create(uow, new, ORIGIN)


def one(hand: Hand) -> Invited:
    """An invitation, pending or not."""
    if not hand.house.invited:
        raise Pointless
    found = hand.rng.choice(hand.house.invited)
    hand.wish.append(found.id)
    return found


def resend(hand: Hand) -> Verb:
    sent = one(hand)
    return lambda uow: invitations.resend(uow, sent.id, ORIGIN)


def copy_link(hand: Hand) -> Verb:
    sent = one(hand)

    def verb(uow: UnitOfWork) -> None:
        link = invitations.copy_link(uow, sent.id, ORIGIN)
        hand.house.invited.append(Invited(sent.id, link.rpartition("/")[2], sent.email))

    return verb


def revoke(hand: Hand) -> Verb:
    sent = one(hand)
    return lambda uow: invitations.revoke(uow, sent.id)


def decline(hand: Hand) -> Verb:
    sent, hand.actor = one(hand), INVITED
    return lambda uow: answering.decline(uow, sent.token)


def accept(hand: Hand) -> Verb:
    """Whoever was invited has an account, or makes one first, and follows a link of theirs."""
    sent, hand.actor = one(hand), INVITED
    token, hand.through = hand.rng.choice((sent.token, mailed(hand, sent))), sent.id
    return lambda uow: answering.accept(uow, token or sent.token, signed_in(uow, sent.email))


def mail_newest(hand: Hand) -> Verb:
    """Whoever has a link, dead or alive, has the newest one mailed to the invited address."""
    sent, hand.actor = one(hand), INVITED
    return lambda uow: answering.mail_newest(uow, sent.token, ORIGIN)


def bounce(hand: Hand) -> Verb:
    """The mail server says that a mail came back."""
    sent = one(hand)
    mail = hand.town.rows(t.invitations.select().where(t.invitations.c.id == sent.id))[0].mail_id
    return lambda uow: invited.note_bounce(uow, mail, "No such mailbox.")


def mailed(hand: Hand, sent: Invited) -> str | None:
    """Return the secret of the link that was mailed last, which proves the mailbox."""
    i, o = t.invitations.c, t.outbox.c
    mail = select(o.payload).join(t.invitations, i.mail_id == o.id).where(i.id == sent.id)
    text = next((row.payload["text"] for row in hand.town.rows(mail)), "")
    found = re.search(r"/invitations/([\w-]+)", text)
    return found[1] if found else None


def signed_in(uow: UnitOfWork, email: str) -> Session:
    """A session of whoever has the address, by their own password a moment ago."""
    here = PersonWork.beside(uow)
    person = credentials.find(here, email)
    person_id = uow.new_id() if person is None else person.id
    if person is None:
        proved = {"email": email, "email_key": fold(email), "email_verified": True}
        here.insert(t.persons, id=person_id, display_name="New", created_at=uow.now, **proved)
    lasts = {
        "proved_at": uow.now,
        "created_at": uow.now,
        "last_seen_at": uow.now,
        "expires_at": uow.now + timedelta(hours=8),
    }
    session_id = uow.new_id()
    row = {"id": session_id, "person_id": person_id, "token_hash": "", "factors": sorted(FACTOR)}
    here.execute(insert(t.sessions).values(**row, **lasts))
    return Session(id=session_id, person_id=person_id, factors=FACTOR, **lasts)


# -- roles ---------------------------------------------------------------------------


def _definition(hand: Hand) -> CustomRole:
    atoms = hand.some(
        (
            (),
            ("contacts.read",),
            ("contacts.read", "templates.write"),
            ("members.invite", "members.update", "members.remove"),
        )
    )
    name = hand.some(("Seller", "Helper", "SELLER"))
    # Analytics is read alone, whatever the preset.
    sections = {each: x for each, x in hand.sections().items() if each != "analytics"}
    rank = hand.rng.choice((hand.rng.randint(1, 30), hand.rng.randint(1, 30), 85))
    return CustomRole(name=name, rank=rank, atoms=atoms, sections=sections)


def make_role(hand: Hand) -> Verb:
    wish = _definition(hand)

    def verb(uow: UnitOfWork) -> None:
        made = roles.create(uow, wish)
        hand.house.roles[f"custom_{made.hex}"] = made
        hand.house.custom.append(made)

    return verb


def change_role(hand: Hand) -> Verb:
    role, wish = hand.named(hand.house.custom), _definition(hand)
    return lambda uow: roles.change(uow, role, wish)


def end_role(hand: Hand) -> Verb:
    role = hand.named(hand.house.custom)
    return lambda uow: roles.delete(uow, role)


# -- owners and payments -------------------------------------------------------------


def pass_on(hand: Hand) -> Verb:
    """An owner of record, or somebody who is none, passes the ownership on."""
    known = hand.view.of(hand.house).values()
    owners = [m.id for m in known if m.owner_of_record]
    giver: UUID = hand.rng.choice([*owners, *owners, hand.house.successor_id])
    hand.actor = Actor(ActorType.MEMBER, str(giver), "Somebody", giver)
    taker = hand.member()
    return lambda uow: ownership.transfer(uow, taker)


def pay(hand: Hand) -> Verb:
    reference = hand.some(("bank-1", "bank-2", "bank-3"))
    return lambda uow: subscriptions.renew(uow, reference)


def end_period(_: Hand) -> Verb:
    return lambda uow: subscriptions.expire(uow)
