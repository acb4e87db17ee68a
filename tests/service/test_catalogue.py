"""The catalogue of messages: each has a sender, and whoever is concerned gets it by SMTP."""

import ast
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from html import escape
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

import gateway
from gateway.delivery.worker import Worker
from gateway.demo.catcher import Catcher
from gateway.domain.errors import Refused
from gateway.domain.identity import Context
from gateway.domain.sessions import Factor
from gateway.services import (
    break_glass,
    credentials,
    invitations,
    mailed_links,
    members,
    messages,
    notices,
    ownership,
    session_openings,
    terms,
    token_warnings,
)
from gateway.services import subscriptions as money
from gateway.services.invitations import Wish
from gateway.services.messages.writing import TYPES
from gateway.storage import person_work
from gateway.storage import tables as t
from gateway.storage.person_work import PersonWork
from gateway.storage.unit_of_work import UnitOfWork, Work
from tests import factories
from tests.clock import Clock
from tests.scene import Scene, scene
from tests.service.test_worker import mailer_to

SENDERS = {"post", "post_to_all", "send", "tell", "to_member", "_mail"}
"""Functions that a message's name is given to where it is sent."""


def test_every_message_of_the_catalogue_is_sent_by_something() -> None:
    sent = {mailed_links.SIGN_UP, mailed_links.SET_PASSWORD}  # sent under the link's purpose
    sent |= {notices.OWNER_PROTECTED, token_warnings.EXPIRING, *notices.OF_A_DOMAIN.values()}
    for _, call in _calls(SENDERS):
        sent |= {x.value for x in call.args if isinstance(x, ast.Constant)}  # type: ignore[misc]
    assert TYPES - sent == set()


def test_no_mail_is_sent_whose_words_are_not_in_the_catalogue() -> None:
    """A letter comes from the catalogue alone, and rows of mail are written at two places."""
    written = {path for path, _ in _calls({"Letter"})}
    assert written - {"saml/bindings.py"} == {"services/messages/writing.py"}  # SAML's are no mail
    writers = {
        path
        for path, call in _calls({"send", "insert"})
        if call.args and ast.unparse(call.args[0]) in {"'mail'", "L", "t.letters"}
    }
    assert writers == {"services/outbox.py", "services/letters.py"}
    with pytest.raises(KeyError):
        messages.write("nobody.knows", {}, voice={})


def _calls(names: set[str]) -> Iterator[tuple[str, ast.Call]]:
    """Every call of something with one of these names, with the module that it stands in."""
    root = Path(gateway.__file__).parent
    for module in root.rglob("*.py"):
        for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and _name(node.func) in names:
                yield module.relative_to(root).as_posix(), node


def _name(function: ast.expr) -> str:
    return getattr(function, "attr", getattr(function, "id", ""))


@pytest.fixture
def catcher() -> Iterator[Catcher]:
    catcher = Catcher.open()
    with catcher.running():
        yield catcher


_earlier: dict[int, Counter[tuple[str, str]]] = defaultdict(Counter)


def arrived(here: Scene, catcher: Catcher) -> Counter[tuple[str, str]]:
    """Let a worker send what waits; return (to, subject) of what came since the last time."""
    here.let_pass(timedelta(minutes=6))
    worker = Worker(here.work, mailer_to(catcher.smtp_port))
    worker.settle_subscriptions()
    worker.warn_of_subscriptions()
    here.let_pass(timedelta(seconds=1))
    while worker.send_mail() or worker.send_letters():
        pass
    mails = catcher.mailbox.listing()
    for mail in mails:
        assert mail["text"].strip()
        assert "</html>" in mail["html"]
    told = Counter((mail["to"], mail["subject"]) for mail in mails)
    fresh = told - _earlier[catcher.smtp_port]
    _earlier[catcher.smtp_port] = told
    return fresh


def test_people_are_mailed_what_was_done_to_them(here: Scene, catcher: Catcher) -> None:
    """S4-14: what changes nothing is not told."""
    ann = here.employ("ann@acme.test", "viewer", "Ann")
    developer = here.role("developer")
    for _ in range(2):
        here.run(members.set_role, ann, developer)
    assert arrived(here, catcher) == {("ann@acme.test", "Your role in Acme has changed"): 1}
    here.run(members.remove, ann)
    assert arrived(here, catcher) == {("ann@acme.test", "You are no longer a member of Acme"): 1}
    _prove_mailbox(here, here.house.successor_id)
    owner = here.by(here.house.owner_id)
    here.run(ownership.transfer, here.house.successor_id, by=owner)
    assert arrived(here, catcher) == {
        ("second@acme.test", "You own Acme now"): 1,
        ("owner@acme.test", "You no longer own Acme"): 1,
    }
    here.run(ownership.recover, here.house.owner_id)
    assert arrived(here, catcher) == {("owner@acme.test", "You own Acme now"): 1}


def _prove_mailbox(here: Scene, member_id: UUID) -> None:
    person_id = here.member(member_id).person_id
    person_work.run(here.work, lambda base: base.change(t.persons, person_id, email_verified=True))


ADMINISTRATORS: dict[str, tuple[Callable[[UnitOfWork, Any], None], str, tuple[str, ...]]] = {
    "a token ends": (
        lambda uow, _: notices.token_expiring(
            uow, token_warnings.EXPIRING, "Okta", "First", uow.now
        ),
        "A SCIM token of Acme ends soon",
        ('"First"', '"Okta"', "UTC"),
    ),
    "a domain's proof is missing": (
        lambda uow, _: notices.domain_unproved(uow, "a.test", "_x.a.test", lapsed=False),
        "The proof of your domain a.test is missing",
        ("_x.a.test", "within a week", "Acme"),
    ),
    "a domain proves nothing": (
        lambda uow, _: notices.domain_unproved(uow, "a.test", "_x.a.test", lapsed=True),
        "Your domain a.test proves nothing any more",
        ("_x.a.test", "verify the domain again"),
    ),
    "a certificate ends": (
        lambda uow, _: notices.certificate_expiring(uow, "Okta", uow.now),
        "A single sign-on certificate of Acme ends soon",
        ('"Okta"', "UTC"),
    ),
    "a webhook is disabled": (
        lambda uow, _: notices.webhook_disabled(uow, "https://evil.test/x"),
        "A webhook of Acme is disabled",
        ('"https evil test x"', "five days"),
    ),
    "a break-glass owner": (
        break_glass.announce,
        "A break-glass owner of Acme",
        ("Olga Acme", "end it if it is not wanted"),
    ),
    "a break-glass owner came": (
        break_glass.used,
        "A break-glass owner of Acme signed in",
        ("Olga Acme", "UTC"),
    ),
}


@pytest.mark.parametrize("what", ADMINISTRATORS)
def test_administrators_are_mailed_what_they_must_look_at(
    here: Scene, catcher: Catcher, what: str
) -> None:
    notice, subject, facts = ADMINISTRATORS[what]
    here.do(lambda uow: notice(uow, uow.load(t.members, here.house.owner_id)))
    people = ("owner@acme.test", "second@acme.test")
    assert arrived(here, catcher) == {(each, subject): 1 for each in people}
    for mail in catcher.mailbox.listing():
        for fact in facts:
            assert fact in mail["text"]
            assert escape(fact) in mail["html"]


def test_whoever_looks_after_the_money_is_mailed_of_seats(work: Work, catcher: Catcher) -> None:
    """At 80 % and at the last one."""
    here = scene(work, "waba", "whatsapp")
    here.limit_seats(5)
    for email, used in (("a@waba.test", 0), ("b@waba.test", 4), ("c@waba.test", 5)):
        here.employ(email, "agent")
        told = {("owner@waba.test", f"Waba uses {used} of 5 seats"): 1} if used else {}
        assert arrived(here, catcher) == told


def test_whoever_looks_after_the_money_is_mailed_of_the_period(
    work: Work, catcher: Catcher
) -> None:
    """14 and 3 days ahead, on the day, at the payment and at the end."""
    here = scene(work, "shop", "pleep")
    period = here.see(money.standing).renews_at
    assert period is not None
    ends = f"The subscription of Shop ends on {period:%Y-%m-%d} at {period:%H:%M} UTC"
    for days in (14, 3):
        _be_at(here, period - timedelta(days=days))
        assert arrived(here, catcher) == {("owner@shop.test", ends): 1}
    _be_at(here, period)
    first, second = sorted(subject for _, subject in arrived(here, catcher))
    assert first.startswith("Shop: a payment is due by ")
    assert second == ends
    here.run(money.renew, "bank-1")
    assert arrived(here, catcher) == {("owner@shop.test", "The subscription of Shop is paid"): 1}
    here.run(money.expire)
    assert arrived(here, catcher) == {("owner@shop.test", "The subscription of Shop has ended"): 1}


def _be_at(here: Scene, instant: datetime) -> None:
    clock = here.work.clock
    assert isinstance(clock, Clock)
    clock.now = instant


def test_changes_of_ones_own_proofs_are_mailed_to_the_account(
    here: Scene, catcher: Catcher
) -> None:
    person_id = here.member(here.house.owner_id).person_id

    def change(base: PersonWork) -> None:
        credentials.set_password(base, person_id, factories.PASSWORD_HASH)
        credentials.new_recovery_codes(base, person_id)

    person_work.run(here.work, change)
    assert arrived(here, catcher) == {
        ("owner@acme.test", "Your password was changed"): 1,
        ("owner@acme.test", "The ways to prove your account have changed"): 1,
    }


def test_sign_ins_from_new_places_are_mailed_to_the_account(here: Scene, catcher: Catcher) -> None:
    person_id = here.member(here.house.owner_id).person_id
    for ip in ("192.0.2.1", "198.51.100.1"):
        person_work.run(
            here.work,
            lambda base: session_openings.open_by_own(
                base, person_id, frozenset({Factor.PASSWORD})
            ),
            Context(ip=ip, user_agent="Firefox/1"),
        )
    assert arrived(here, catcher) == {("owner@acme.test", "A new sign-in to your account"): 1}


def test_invitations_and_reminders_carry_the_newest_link(here: Scene, catcher: Catcher) -> None:
    """S0-09, S4-08."""

    def invite(uow: UnitOfWork) -> UUID:
        made = invitations.create(uow, Wish(email="new@people.test"), "http://gateway.test")
        assert not isinstance(made, Refused)
        return made.id

    here.run(terms.override, {"invites_when_scim": "on"})
    made = here.do(invite)
    here.run(invitations.resend, made, "http://gateway.test")
    subjects = Counter(subject for _, subject in arrived(here, catcher))
    assert subjects == {
        "Acme invites you to Acme": 1,
        "Reminder: Acme invites you to Acme": 1,
    }
