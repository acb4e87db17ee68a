"""Administrators hear of what the identity provider did to the last owner."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from gateway.domain.errors import Refused
from gateway.services import directory, outbox
from gateway.storage import tables as t
from gateway.storage.unit_of_work import Work
from tests import factories
from tests.clock import Clock
from tests.factories import House


@pytest.fixture
def acme(work: Work) -> House:
    """An organisation whose owner the identity provider manages."""
    return factories.house(work)


def switch(work: Work, acme: House, user: Any, *, active: bool) -> Any:
    record = factories.user_record("owner@acme.test", "00u1", active=active)
    return work.run(
        acme.organisation_id,
        acme.idp,
        lambda uow: directory.update_user(uow, acme.connection, user.id, record),
    )


def mails(work: Work, acme: House) -> Sequence[Any]:
    with work.read(acme.organisation_id) as uow:
        return uow.all(uow.own(t.outbox).where(t.outbox.c.channel == "mail"))


def test_administrators_are_mailed_once_a_day(work: Work, acme: House, clock: Clock) -> None:
    owner = factories.provision(work, acme, "owner@acme.test", "00u1")
    assert owner.member_id == acme.owner_id
    assert isinstance(switch(work, acme, owner, active=False), Refused)
    (mail,) = mails(work, acme)
    assert mail.payload["to"] == "second@acme.test"
    assert "Olga Acme" in mail.payload["text"]
    switch(work, acme, owner, active=False)
    switch(work, acme, owner, active=True)
    clock.advance(timedelta(hours=23))
    switch(work, acme, owner, active=False)
    assert len(mails(work, acme)) == 1
    switch(work, acme, owner, active=True)
    clock.advance(timedelta(hours=25))
    switch(work, acme, owner, active=False)
    assert len(mails(work, acme)) == 2


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        pytest.param("Zoë O'Brien", "Zoë O'Brien", id="a-name-stays"),
        pytest.param("J. R. Smith", "J. R. Smith", id="initials-stay"),
        pytest.param("https://evil.test/x", "https evil test x", id="an-address-is-no-link"),
        pytest.param("Ada\r\nBcc: eve@evil.test", "Ada Bcc: eve evil test", id="one-line"),
        pytest.param("x" * 80, "x" * 64, id="sixty-four-characters"),
    ],
)
def test_a_name_in_a_mail_carries_no_address(name: str, shown: str) -> None:
    assert outbox.plain_name(name) == shown
