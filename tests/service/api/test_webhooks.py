"""Webhooks and the feed, from an HTTP request to a receiver on the other side."""

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from pydantic import HttpUrl, SecretStr
from standardwebhooks import Webhook, WebhookVerificationError

from gateway.app import Gateway, create_app
from gateway.delivery.courier import Courier
from gateway.delivery.worker import Worker
from gateway.domain.identity import SYSTEM
from gateway.domain.webhooks import PATIENCE, PAUSES
from gateway.net.addresses import Allowed
from gateway.net.http import HTTPClient
from gateway.services import teams
from gateway.settings import Settings
from gateway.storage import tables as t
from gateway.storage.engine import Engines
from gateway.storage.unit_of_work import Work
from tests.clock import Clock, CountedIds
from tests.factories import House
from tests.receiver import Receiver, receiving
from tests.service.api.callers import Caller
from tests.service.api.test_forms import problem
from tests.service.signin.lodge import VAULT

SECOND = timedelta(seconds=1)
TEAMS = ["team."]


@pytest.fixture
def work(engines: Engines, clock: Clock) -> Work:
    return Work(engines, clock=clock, new_id=CountedIds(), vault=VAULT)


@pytest.fixture
def gateway(work: Work) -> Gateway:
    settings = Settings.model_construct(
        base_url=HttpUrl("http://localhost"), database_url=SecretStr("unused")
    )
    return create_app(settings, work)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def courier(work: Work, receiver: Receiver) -> Courier:
    return Courier(work, HTTPClient(Allowed.of([receiver.address]), deadline=2))


def listen(caller: Caller, receiver: Receiver, **wish: Any) -> tuple[str, str]:
    """Make a webhook, and return its place and secret."""
    body = {"name": "Platform", "url": receiver.url(), "events": TEAMS, **wish}
    answer = caller.post("webhooks", body)
    assert answer.status_code == 201, answer.text
    made = answer.get_json()
    return f"webhooks/{made['id']}", made["secret"]


def happen(caller: Caller, *names: str) -> None:
    for name in names:
        assert caller.post("teams", {"name": name}).status_code == 201


def seal(work: Work) -> None:
    Worker(work, mailer=None).seal()


def now_verified(secret: str, headers: dict[str, str], body: bytes) -> dict[str, Any]:
    """What a receiver's library makes of a message; its clock is ours, moved to the present."""
    signed = Webhook(secret)
    sent = int(headers["webhook-timestamp"])
    mine = signed.sign(headers["webhook-id"], _instant(sent), body.decode())
    assert mine in headers["webhook-signature"].split()
    present = int(time.time())
    again = signed.sign(headers["webhook-id"], _instant(present), body.decode())
    moved = {**headers, "webhook-timestamp": str(present), "webhook-signature": again}
    found: dict[str, Any] = signed.verify(body, moved)
    return found


def _instant(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def test_an_event_arrives_signed_and_in_its_envelope(
    work: Work, owner: Caller, courier: Courier, receiver: Receiver, acme: House
) -> None:
    place, secret = listen(owner, receiver)
    happen(owner, "Support")
    seal(work)
    assert courier.tick() == 1
    (message,) = receiver.messages
    event = now_verified(secret, message.headers, message.body)
    assert set(event) == {
        "id", "type", "created_at", "organisation", "sequence", "data", "previous_attributes",
    }  # fmt: skip
    assert (event["type"], event["organisation"]) == ("team.created", str(acme.organisation_id))
    assert event["data"]["name"] == "Support"
    (logged,) = owner.get(f"{place}/deliveries").get_json()["items"]
    assert (logged["state"], logged["last_status"], logged["attempts"]) == ("delivered", 204, 1)
    (told,) = owner.get("events?type=team.created").get_json()["items"]
    assert told == event
    assert courier.tick() == 0


def test_nobody_else_can_sign(
    work: Work, owner: Caller, courier: Courier, receiver: Receiver
) -> None:
    _, secret = listen(owner, receiver)
    happen(owner, "Support")
    seal(work)
    courier.tick()
    (message,) = receiver.messages
    with pytest.raises(AssertionError):
        now_verified(secret, message.headers, message.body.replace(b"Support", b"Sapport"))
    with pytest.raises(WebhookVerificationError):
        Webhook("whsec_AAAA").verify(message.body, message.headers)


def test_a_rotated_secret_signs_beside_the_new_one_until_the_overlap_ends(
    work: Work, owner: Caller, courier: Courier, receiver: Receiver, clock: Clock
) -> None:
    place, old = listen(owner, receiver)
    answer = owner.post(f"{place}:rotate-secret", {"overlap_seconds": 60})
    new = answer.get_json()["secret"]
    happen(owner, "One")
    seal(work)
    courier.tick()
    for secret in (old, new):
        now_verified(secret, receiver.messages[-1].headers, receiver.messages[-1].body)
    clock.advance(timedelta(seconds=61))
    happen(owner, "Two")
    seal(work)
    courier.tick()
    assert len(receiver.messages[-1].headers["webhook-signature"].split()) == 1
    now_verified(new, receiver.messages[-1].headers, receiver.messages[-1].body)
    with work.read(owner.organisation_id) as uow:  # type: ignore[arg-type]
        (row,) = uow.all(uow.own(t.webhooks))
    assert new not in str(row)
    assert old not in str(row)


def test_a_filter_lets_through_what_it_names(
    work: Work, owner: Caller, courier: Courier, receiver: Receiver
) -> None:
    listen(owner, receiver, events=["team.created"], url=receiver.url("/teams"))
    listen(owner, receiver, events=["chatbot."], url=receiver.url("/bots"))
    listen(owner, receiver, events=[], url=receiver.url("/all"))
    happen(owner, "Support")
    owner.post("chatbots", {"name": "Shop"})
    seal(work)
    courier.tick()
    seen = {path: {x.event["type"] for x in receiver.messages if x.path == path} for path in
            ("/teams", "/bots", "/all")}  # fmt: skip
    assert seen["/teams"] == {"team.created"}
    assert seen["/bots"] == {"chatbot.created"}
    assert seen["/all"] > {"team.created", "chatbot.created"}
    body = {"name": "X", "url": receiver.url(), "events": ["no.such"]}
    problem(owner.post("webhooks", body), 422, "invalid_request")


def test_retries_follow_the_timetable_and_end(
    work: Work, owner: Caller, courier: Courier, receiver: Receiver, clock: Clock
) -> None:
    place, _ = listen(owner, receiver)
    happen(owner, "Support")
    seal(work)
    receiver.status = 500
    assert courier.tick() == 1
    for pause in PAUSES:
        clock.advance(pause - SECOND)
        assert courier.tick() == 0
        clock.advance(SECOND)
        assert courier.tick() == 1
    clock.advance(timedelta(days=1))
    assert courier.tick() == 0
    assert len({each.id for each in receiver.messages}) == 1
    assert len(receiver.messages) == len(PAUSES) + 1 == 8
    (logged,) = owner.get(f"{place}/deliveries").get_json()["items"]
    assert (logged["state"], logged["last_status"]) == ("given_up", 500)


def test_a_receiver_that_is_down_for_hours_gets_every_event(
    work: Work, owner: Caller, courier: Courier, receiver: Receiver, clock: Clock
) -> None:
    listen(owner, receiver)
    receiver.status = 503
    names = [f"Team {number}" for number in range(12)]
    for name in names:
        happen(owner, name)
        seal(work)
        courier.tick()
        clock.advance(timedelta(minutes=20))
    receiver.status = 200
    receiver.messages.clear()
    for _ in range(40):
        courier.tick()
        clock.advance(timedelta(minutes=30))
    assert {each.event["data"]["name"] for each in receiver.messages} == set(names)
    sequences = {each.event["sequence"] for each in receiver.messages}
    assert len(sequences) == len(names)


def test_a_receiver_that_only_fails_for_five_days_is_disabled_and_told_of(
    work: Work, owner: Caller, courier: Courier, receiver: Receiver, clock: Clock
) -> None:
    place, _ = listen(owner, receiver)
    receiver.status = 500
    happen(owner, "One")
    seal(work)
    courier.tick()
    clock.advance(PATIENCE - SECOND)
    courier.tick()
    assert owner.get(place).get_json()["state"] == "active"
    clock.advance(SECOND)
    courier.tick()
    assert owner.get(place).get_json()["state"] == "disabled"
    with work.read(owner.organisation_id) as uow:  # type: ignore[arg-type]
        mails = uow.all(uow.own(t.outbox).where(t.outbox.c.type == "webhook.disabled",
                                                t.outbox.c.channel == "mail"))  # fmt: skip
    assert {mail.payload["to"] for mail in mails} >= {"owner@acme.test"}
    receiver.status = 200
    assert owner.post(f"{place}:enable").get_json()["failing_since"] is None
    happen(owner, "Two")
    seal(work)
    courier.tick()
    assert "Two" in {each.event["data"]["name"] for each in receiver.messages}


def test_a_delivery_is_made_again_on_request_under_the_same_id(
    work: Work, owner: Caller, courier: Courier, receiver: Receiver, clock: Clock
) -> None:
    place, _ = listen(owner, receiver)
    happen(owner, "Support")
    seal(work)
    courier.tick()
    (logged,) = owner.get(f"{place}/deliveries").get_json()["items"]
    again = owner.post(f"{place}/deliveries/{logged['id']}:redeliver").get_json()
    assert (again["state"], again["attempts"]) == ("pending", 0)
    clock.advance(SECOND)
    courier.tick()
    first, second = receiver.messages
    assert (first.id, first.body) == (second.id, second.body)


def test_whoever_dies_between_sending_and_saying_so_sends_again_under_the_same_id(
    work: Work, owner: Caller, courier: Courier, receiver: Receiver, clock: Clock
) -> None:
    listen(owner, receiver)
    happen(owner, "Support")
    seal(work)

    class Killed(BaseException):
        """What `kill -9` leaves undone."""

    def die(_verb: Any) -> None:
        raise Killed

    dying = Courier(work, courier.client)
    dying._settle = die  # type: ignore[method-assign,assignment]
    with pytest.raises(Killed):
        dying.tick()
    assert courier.tick() == 0
    clock.advance(timedelta(minutes=2))
    assert courier.tick() == 1
    assert [each.id for each in receiver.messages] == [receiver.messages[0].id] * 2


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:1/", "https://10.0.0.7/", "https://[::1]/", "https://localhost/"]
)
def test_nothing_is_sent_into_our_own_network(
    work: Work, owner: Caller, receiver: Receiver, url: str
) -> None:
    place, _ = listen(owner, receiver, url=url)
    happen(owner, "Support")
    seal(work)
    Courier(work, HTTPClient(deadline=1)).tick()
    (logged,) = owner.get(f"{place}/deliveries").get_json()["items"]
    assert (logged["state"], logged["last_status"]) == ("pending", None)
    assert logged["last_error"] in {
        "Only https is spoken.", "This address is not on the public internet.",
    }  # fmt: skip


@pytest.mark.parametrize("url", ["ftp://x.test/", "https://a:b@x.test/", "https://x.test/#f", "x"])
def test_what_is_no_address_is_refused_at_once(owner: Caller, url: str) -> None:
    problem(owner.post("webhooks", {"name": "X", "url": url}), 422, "invalid_request")


@pytest.mark.requires("GET /organisations/{organisation}/events")
def test_a_change_of_access_is_told_of_each_person_with_what_they_may_do_now(
    work: Work, owner: Caller, acme: House
) -> None:
    roles = {x["key"]: x["id"] for x in owner.get("roles").get_json()["items"]}
    seal(work)
    after = owner.get("events?limit=200").get_json()["last"]
    owner.patch(f"members/{acme.successor_id}", {"role_id": roles["viewer"]})
    seal(work)
    items = owner.get(f"events?after={after}&type=access.changed").get_json()["items"]
    (told,) = items
    assert told["data"]["member"] == str(acme.successor_id)
    assert told["data"]["access"]["role"]["key"] == "viewer"
    assert told["previous_attributes"]["role"]["key"] == "admin"


@dataclass
class FeedReader:
    """Reads the feed on and keeps what it saw."""

    caller: Caller
    after: int = 0
    seen: list[dict[str, Any]] = field(default_factory=list)

    def read_on(self) -> bool:
        """Read the next page; whether there was anything."""
        answer = self.caller.get(f"events?after={self.after}&limit=17").get_json()
        self.seen += answer["items"]
        before, self.after = self.after, answer["last"]
        return before != self.after


WRITERS, EACH = 8, 12


@pytest.mark.requires("GET /organisations/{organisation}/events")
def test_eight_writers_and_one_reader_of_the_feed_each_event_once_and_no_gap(
    work: Work, owner: Caller, acme: House
) -> None:
    done = threading.Event()

    def write(number: int) -> None:
        for turn in range(EACH):
            verb = partial(teams.create, name=f"{number}-{turn}")
            work.run(acme.organisation_id, SYSTEM, verb)

    def keep_sealing() -> None:
        while not done.is_set():
            seal(work)
        seal(work)

    writers = [threading.Thread(target=write, args=(number,)) for number in range(WRITERS)]
    sealer = threading.Thread(target=keep_sealing)
    for thread in (*writers, sealer):
        thread.start()
    reader = FeedReader(owner)
    while any(thread.is_alive() for thread in writers):
        reader.read_on()
    done.set()
    sealer.join()
    while reader.read_on():
        pass
    assert [each["sequence"] for each in reader.seen] == list(range(1, len(reader.seen) + 1))
    names = [each["data"]["name"] for each in reader.seen if each["type"] == "team.created"]
    assert sorted(names) == sorted(f"{n}-{turn}" for n in range(WRITERS) for turn in range(EACH))
