"""What identity providers say when people sign in, and how these connections are run."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from gateway.domain.identity import Actor, ActorType
from gateway.domain.signin import AssertedIdentity, Groups, LinkProposed, Trace
from gateway.services import identities, linking, signin, sso_setup
from gateway.storage import tables as t
from gateway.storage.unit_of_work import UnitOfWork
from tests.properties.by_newcomers import signed_in
from tests.properties.hand import Deed, Hand, Pointless, Verb
from tests.properties.town import GROUPS, add_sign_on
from tests.service.signin.lodge import ISSUER

SUBJECTS = ("x1", "x2", "x3", "s1", "s2", "s3")
"""Some are external ids of provisioned people, too."""


def sign_in(hand: Hand) -> Verb:
    """Somebody known or new, with some groups, none, too many, or without a word of them."""
    here, email = hand.named(hand.house.sign_on), hand.address()
    named = Groups.of(hand.rng.sample(GROUPS, hand.rng.randint(0, 3)))
    asserted = AssertedIdentity(
        connection_id=here,
        issuer=ISSUER,
        subject=hand.some((*SUBJECTS, email)),
        email=email,
        display_name="Signed In",
        groups=hand.some((named, named, named, Groups.ABSENT, Groups.OVERAGE)),
        authenticated_at=hand.town.work.clock(),
    )
    hand.actor = Actor(ActorType.SSO_CONNECTION, str(here), "Okta")

    def verb(uow: UnitOfWork) -> signin.Ending:
        begun = signin.begin(uow, here)
        attempt = signin.consume(uow, here, begun.handle, begun.cookie)
        ending = signin.complete(uow, attempt, asserted, None, Trace())
        if isinstance(ending, LinkProposed):
            hand.house.proposed.append((ending.token, email))
        return ending

    return verb


def prove(hand: Hand) -> Verb:
    """Whoever was not known proves by a password that an account here is theirs."""
    if not hand.house.proposed:
        raise Pointless
    token, email = hand.rng.choice(hand.house.proposed)
    hand.wish.append(email)
    return lambda uow: linking.accept(uow, token, signed_in(uow, email))


def unlink(hand: Hand) -> Verb:
    """An account that signed somebody in signs them in no more."""
    i = t.identities
    known = hand.town.rows(
        i.select().where(i.c.organisation_id == hand.house.organisation_id).order_by(i.c.id)
    )
    if not known:
        raise Pointless
    account = hand.rng.choice(known)
    return lambda uow: identities.unlink(uow, account.member_id, account.id)


def configure_sign_on(hand: Hand) -> Verb:
    here = hand.named(hand.house.sign_on)
    wishes: tuple[dict[str, Any], ...] = (
        {"unmapped": "default_role"},
        {"unmapped": "no_access"},
        {"bot_scope": "all"},
        {"bot_scope": "selected"},
        {"jit": False},
        {"jit": True},
    )
    wish = hand.some(wishes)
    return lambda uow: sso_setup.update(uow, here, **wish)


def _on_connection(verb: Callable[[UnitOfWork, UUID], Any], name: str) -> Deed:
    def deed(hand: Hand) -> Verb:
        here = hand.named(hand.house.sign_on)
        return lambda uow: verb(uow, here)

    deed.__name__ = name
    return deed


disable_sign_on = _on_connection(sso_setup.disable, "disable_sign_on")
activate_sign_on = _on_connection(sso_setup.activate, "activate_sign_on")
approve_sign_on = _on_connection(sso_setup.approve, "approve_sign_on")


def enforce(hand: Hand) -> Verb:
    here, enforced = hand.named(hand.house.sign_on), hand.some((True, True, False))
    return lambda uow: sso_setup.set_enforced(uow, here, enforced=enforced)


def end_sign_on(hand: Hand) -> Verb:
    here = hand.rng.choice(hand.house.sign_on)
    people = hand.some(("keep_members", "deactivate_members"))
    hand.wish.append(here)

    def verb(uow: UnitOfWork) -> None:
        sso_setup.delete(uow, here, people)
        add_sign_on(uow, hand.house, hand.rng)
        hand.house.sign_on.remove(here)

    return verb
