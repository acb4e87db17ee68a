"""A token's end is announced 30, 7 and 1 days ahead, once each."""

from datetime import timedelta
from uuid import UUID

import pytest

from gateway.delivery.worker import Worker
from gateway.services import scim_tokens
from gateway.storage import tables as t
from gateway.storage.unit_of_work import Work
from tests.clock import Clock
from tests.factories import OPERATOR, House, house

DAY = timedelta(days=1)


@pytest.fixture
def acme(work: Work) -> House:
    return house(work)


def issue(work: Work, acme: House, life: timedelta | None) -> UUID:
    expires_at = None if life is None else work.clock() + life
    return work.run(
        acme.organisation_id,
        OPERATOR,
        lambda uow: scim_tokens.issue(uow, acme.connection.id, "Okta", expires_at=expires_at),
    ).id


def told(work: Work, acme: House) -> tuple[int, list[str]]:
    """How many facts, and to whom the mails go."""
    with work.read(acme.organisation_id) as uow:
        facts = uow.all(
            uow.own(t.audit_events).where(t.audit_events.c.action == "scim_token.expiring")
        )
        mails = uow.all(
            uow.own(t.outbox).where(
                t.outbox.c.channel == "mail", t.outbox.c.type == "scim_token.expiring"
            )
        )
    return len(facts), sorted(mail.payload["to"] for mail in mails)


def test_each_warning_is_given_once_to_everybody_who_manages_scim(
    work: Work, acme: House, clock: Clock
) -> None:
    issue(work, acme, 60 * DAY)
    issue(work, acme, None)
    worker = Worker(work, mailer=None)
    for days, warnings in ((0, 0), (29, 0), (1, 1), (1, 1), (22, 2), (5, 2), (1, 3), (0.9, 3)):
        clock.advance(days * DAY + timedelta(minutes=6))
        worker.warn()
        Worker(work, mailer=None).warn()
        facts, mails = told(work, acme)
        assert facts == warnings
        assert mails == ["owner@acme.test"] * warnings + ["second@acme.test"] * warnings
    clock.advance(DAY)
    worker.warn()
    assert told(work, acme)[0] == 3


def test_a_late_worker_gives_only_the_nearest_warning(
    work: Work, acme: House, clock: Clock
) -> None:
    issue(work, acme, 60 * DAY)
    clock.advance(59.5 * DAY)
    Worker(work, mailer=None).warn()
    assert told(work, acme)[0] == 1


def test_nobody_is_warned_of_what_they_have_just_decided(
    work: Work, acme: House, clock: Clock
) -> None:
    """A short life, a rotation's overlap and a revocation are known to those who chose them."""
    short, rotated = issue(work, acme, 5 * DAY), issue(work, acme, 90 * DAY)
    work.run(
        acme.organisation_id,
        OPERATOR,
        lambda uow: scim_tokens.rotate(uow, acme.connection.id, rotated, DAY),
    )
    Worker(work, mailer=None).warn()
    assert told(work, acme)[0] == 0
    work.run(
        acme.organisation_id,
        OPERATOR,
        lambda uow: scim_tokens.revoke(uow, acme.connection.id, short),
    )
    clock.advance(4.5 * DAY)
    Worker(work, mailer=None).warn()
    assert told(work, acme)[0] == 0
