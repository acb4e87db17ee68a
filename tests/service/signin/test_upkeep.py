"""What the worker does for sign-in: letters leave, failures are told, what is over is forgotten."""

from datetime import timedelta

from gateway.delivery.mail import Mailer
from gateway.delivery.worker import Worker
from gateway.services import mailed_links, own_signin
from gateway.services.outbox import Message
from gateway.storage import tables as t
from tests.clock import Clock
from tests.service.signin.lodge import Lodge


class Postbox(Mailer):
    """Takes every message, at the edge of the network."""

    def send(self, message: Message) -> None:
        taken.append(message)


taken: list[Message] = []


def worker(acme: Lodge) -> Worker:
    taken.clear()
    box = Postbox("mail.test", 25, "none", None, None, timedelta(seconds=1), "g@mail.test", "mail")
    return Worker(acme.work, box)


def test_a_letter_leaves_once_and_its_link_is_forgotten(acme: Lodge) -> None:
    acme.person(lambda here: mailed_links.ask(here, "nina@example.org", "https://gateway.test"))
    runner = worker(acme)
    assert runner.send_letters()
    assert not runner.send_letters()
    assert ["token=" in message.payload["text"] for message in taken] == [True]
    with acme.work.platform() as database:
        kept = database.execute(t.letters.select()).one()
    assert kept.delivered_at is not None
    assert kept.payload["text"] == ""


def test_failures_are_told_by_the_worker(acme: Lodge) -> None:
    acme.person(lambda here: own_signin.wrong(here, "owner@acme.test"))
    runner = worker(acme)
    assert runner.tell_failures()
    assert not runner.tell_failures()
    assert len(acme.rows(t.audit_events, action="signin.failed")) == 1


def test_what_is_over_is_forgotten(acme: Lodge, clock: Clock) -> None:
    acme.end(acme.says("nobody"), "message-1")
    acme.person(lambda here: mailed_links.ask(here, "nina@example.org", "https://gateway.test"))
    clock.advance(timedelta(days=8))
    assert not worker(acme).keep_up()
    over = (t.signin_attempts, t.replay_keys, t.signin_traces, t.link_proposals, t.mailed_links)
    assert set(acme.counted(*over).values()) == {0}
