"""Whoever reads the database takes no link out of it, before its mail has left and after."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import select

from gateway.delivery.worker import Worker
from gateway.demo.catcher import Catcher
from gateway.domain.errors import Refused
from gateway.services import invitations, mailed_links, resealing
from gateway.services.invitations import Wish
from gateway.storage import person_work
from gateway.storage import tables as t
from gateway.storage.unit_of_work import UnitOfWork, Work
from gateway.storage.vault import Vault
from tests import factories
from tests.clock import NOON, Clock
from tests.factories import OPERATOR
from tests.service.test_worker import mailer_to

OLD, NEW = b"1" * 32, b"2" * 32
LINK = re.compile(r"http://gateway\.test/\S*?([\w-]{43})")


@pytest.fixture
def here(work: Work) -> Work:
    return replace(work, vault=Vault([OLD]))


@pytest.fixture
def catcher() -> Iterator[Catcher]:
    catcher = Catcher.open()
    with catcher.running():
        yield catcher


def ask_for_links(work: Work, acme: UUID) -> set[str]:
    """Invite, invite again, and let a stranger and an owner ask for a link; return the copied."""
    origin = "http://gateway.test"

    def invite(uow: UnitOfWork) -> str:
        made = invitations.create(uow, Wish(email="ann@people.test"), origin)
        assert not isinstance(made, Refused)
        invitations.resend(uow, made.id, origin)
        return made.link

    link = work.run(acme, OPERATOR, invite)
    for email in ("owner@acme.test", "nobody@people.test"):
        person_work.run(work, lambda here, email=email: mailed_links.ask(here, email, origin))  # type: ignore[misc]
    return {link.rpartition("/")[2]}


def everything(work: Work) -> str:
    """Every value of every row of every table, as text."""
    with work.platform() as database:
        return "\n".join(
            str(tuple(row))
            for table in t.metadata.sorted_tables
            for row in database.execute(select(table))
        )


def deliver(work: Work, catcher: Catcher) -> set[str]:
    """Let a worker send what waits; return the tokens that arrived."""
    later = replace(work, clock=Clock(NOON + timedelta(minutes=1)))
    worker = Worker(later, mailer_to(catcher.smtp_port))
    while worker.send_mail() or worker.send_letters():
        pass
    mails = catcher.mailbox.listing()
    assert len(mails) == 4
    found = {token for mail in mails for token in LINK.findall(mail["text"])}
    assert len(found) == 4
    return found


def test_no_live_token_lies_in_the_database(here: Work, catcher: Catcher) -> None:
    """S4-09: dumped before the mails leave, and afterwards."""
    copied = ask_for_links(here, factories.found_organisation(here)[0])
    queued = everything(here)
    tokens = deliver(here, catcher) | copied
    assert not [token for token in tokens if token in queued]
    assert "http://gateway.test" not in queued
    sent = everything(here)
    assert not [token for token in tokens if token in sent]
    assert "http://gateway.test" not in sent


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_what_waits_is_sealed_anew_with_the_newest_key(here: Work, catcher: Catcher) -> None:
    ask_for_links(here, factories.found_organisation(here)[0])
    both, newest = replace(here, vault=Vault([NEW, OLD])), replace(here, vault=Vault([NEW]))
    done = both.run_platform(lambda base, now: resealing.reseal(base, now, both.vault))
    assert (done.sealed_again, done.lost) == (4, 0)
    assert deliver(newest, catcher)


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_a_letter_whose_key_is_missing_waits_for_it(here: Work, catcher: Catcher) -> None:
    acme, _ = factories.found_organisation(here)
    ask_for_links(here, acme)
    later = Clock(NOON + timedelta(minutes=1))
    other = replace(here, clock=later, vault=Vault([NEW]))
    assert Worker(other, mailer_to(catcher.smtp_port)).send_mail()
    assert catcher.mailbox.listing() == []
    with here.read(acme) as uow:
        rows = uow.all(uow.own(t.outbox).where(t.outbox.c.channel == "mail"))
    assert {row.given_up_at for row in rows} == {None}
