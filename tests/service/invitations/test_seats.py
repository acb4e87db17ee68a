"""Seats, limits and many at once: what an invitation keeps, and how many there may be."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from gateway.domain.invitations import DAILY_LIMIT, PENDING_FLOOR
from gateway.services import organisations
from gateway.storage import tables as t
from tests.clock import Clock
from tests.service.invitations.stage import Stage, code

NINA = "nina@example.org"
Founding = Callable[..., Stage]


@pytest.mark.parametrize(
    ("preset", "plan", "room"),
    [
        pytest.param("pingback", "free", 0, id="S3-25-free"),
        pytest.param("pingback", "mini", 2, id="S3-26-mini"),
        pytest.param("pingback", "pro", 5, id="S3-27-pro"),
        pytest.param("whatsapp", "free_trial", 0, id="trial"),
        pytest.param("whatsapp", "growth", 4, id="growth"),
        pytest.param("five_role", "standard", 9, id="no-limit"),
    ],
)
def test_pending_invitations_keep_seats(found: Founding, preset: str, plan: str, room: int) -> None:
    """S3-25, S3-27, S3-28: the limit is on inviting; one more is refused with the numbers."""
    acme = found(preset, plan)
    acme.policy("invite_requires_account", value=False)
    for number in range(room):
        acme.invited(f"p{number}@example.org")
    one_more = acme.invite("more@example.org")
    if preset == "five_role":
        assert one_more.status_code == 201
        return
    assert code(one_more) == (402, "seat_limit_reached")
    details = one_more.get_json()["details"]
    assert details["pending"] == room
    assert details["used"] == details["limit"]
    assert one_more.get_json()["levers"]


def test_two_seats_beside_the_owner_are_two(found: Founding) -> None:
    """S3-26: one accepted, one pending; the third is blocked until a seat is free."""
    acme = found("pingback", "mini")
    acme.policy("invite_requires_account", value=False)
    acme.joined(NINA)
    pending = acme.invited("p@example.org")
    assert code(acme.invite("more@example.org")) == (402, "seat_limit_reached")
    acme.owner.post(f"invitations/{pending['id']}:revoke")
    acme.invited("more@example.org")


def test_time_alone_frees_the_seat(found: Founding, clock: Clock) -> None:
    acme = found("pingback", "mini")
    acme.policy("invite_requires_account", value=False)
    for number in range(2):
        acme.invited(f"p{number}@example.org")
    clock.advance(timedelta(days=7, seconds=1))
    acme.invited("more@example.org")


def test_accepting_takes_the_seat_that_was_kept(found: Founding) -> None:
    """Never a second one; refused only where the limit was cut meanwhile."""
    acme = found("pingback", "mini")
    acme.policy("invite_requires_account", value=False)
    acme.joined(NINA)
    acme.joined("bob@example.org")
    acme.run(lambda uow: organisations.change_subscription(uow, seat_limit=3))
    acme.invited("cut@example.org")
    acme.run(lambda uow: organisations.change_subscription(uow, seat_limit=1))
    acme.sign_up("cut@example.org")
    link = acme.mailed("cut@example.org")
    assert code(acme.accept(link, "cut@example.org")) == (402, "seat_limit_reached")
    acme.run(lambda uow: organisations.change_subscription(uow, seat_limit=3))
    assert acme.accept(link, "cut@example.org").status_code == 200


def test_an_expired_subscription_invites_nobody(every: Stage) -> None:
    every.run(lambda uow: organisations.change_subscription(uow, state="expired"))
    assert code(every.invite(NINA)) == (402, "subscription_expired")


def test_too_many_pending_ones_are_refused(acme: Stage) -> None:
    """S2-19: fifty in any case; the answer says when to come back."""
    owner = acme.owner
    sent = bulk(owner, [f"p{number}@example.org" for number in range(PENDING_FLOOR)])
    assert {row["code"] for row in sent} == {"invited"}
    refused = acme.invite("more@example.org")
    assert code(refused) == (429, "rate_limited")
    assert 0 < int(refused.headers["Retry-After"]) <= 7 * 86_400


def test_a_hundred_a_day_are_enough(acme: Stage, clock: Clock) -> None:
    """S2-19: whatever became of them."""
    owner = acme.owner
    for round_ in range(2):
        sent = bulk(owner, [f"p{round_}-{number}@example.org" for number in range(50)])
        assert len(sent) == DAILY_LIMIT // 2
        for row in sent:
            assert owner.post(f"invitations/{row['id']}:revoke").status_code == 200
    refused = acme.invite("more@example.org")
    assert code(refused) == (429, "rate_limited")
    clock.advance(timedelta(seconds=1 + int(refused.headers["Retry-After"])))
    acme.invited("more@example.org")


def test_of_many_each_stands_alone(acme: Stage) -> None:
    """S2-18: a row that is refused changes nothing for the others."""
    wanted = ["a@example.org", "wrong", "owner@acme.test", "A@example.org", "b@example.org"]
    rows = bulk(acme.owner, wanted)
    assert [row["code"] for row in rows] == [
        "invited",
        "bad_email",
        "already_member",
        "already_invited",
        "invited",
    ]
    assert len(acme.mails("a@example.org")) == 1
    with acme.work.read(acme.organisation_id) as uow:
        assert len(uow.all(uow.own(t.invitations))) == 2


@pytest.mark.parametrize("as_file", [False, True], ids=["rows", "csv"])
def test_a_row_of_an_unknown_role_or_an_empty_address_falls_alone(
    acme: Stage, as_file: bool
) -> None:
    """S2-18."""
    wanted = {"a@example.org": "king", "": "member", "b@example.org": "Member"}
    rows = [{"email": email, "role": role} for email, role in wanted.items()]
    text = "email,role\n" + "".join(f'"{email}",{role}\n' for email, role in wanted.items())
    answer = acme.owner.post(
        "invitations:bulk", {"csv": text} if as_file else {"invitations": rows}
    )
    assert [row["code"] for row in answer.get_json()["rows"]] == [
        "invalid_request",
        "bad_email",
        "invited",
    ]


def test_a_file_names_roles_and_chatbots(acme: Stage) -> None:
    shop = acme.chatbot("Shop")
    text = (
        "Email,Role,Chatbots\r\n"
        f'a@example.org,Admin,\r\n"b@example.org",member,{shop}:analytics=read\r\nc@example.org,,\r\n'
    )
    answer = acme.owner.post("invitations:bulk", {"csv": text})
    assert [row["code"] for row in answer.get_json()["rows"]] == ["invited"] * 3
    listed = {x["email"]: x for x in acme.owner.get("invitations").get_json()["items"]}
    assert listed["b@example.org"]["chatbots"] == {str(shop): {"analytics": "read"}}
    assert listed["a@example.org"]["role_id"] != listed["c@example.org"]["role_id"]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param("name\nNina\n", id="no-address"),
        pytest.param("email,shoe\na@example.org,42\n", id="unknown-column"),
        pytest.param("email,role\na@example.org\n", id="too-few-cells"),
        pytest.param("email\na@example.org,x\n", id="too-many-cells"),
        pytest.param("email,chatbots\na@example.org,shop\n", id="no-chatbot"),
        pytest.param("email\n" + "a@example.org\n" * 51, id="too-long"),
        pytest.param('email\n"a@example.org\n', id="open-quote"),
    ],
)
def test_a_file_without_sense_is_refused_as_a_whole(acme: Stage, text: str) -> None:
    answer = acme.owner.post("invitations:bulk", {"csv": text})
    assert code(answer) == (422, "invalid_request")
    assert acme.owner.get("invitations").get_json()["items"] == []


def test_more_than_fifty_rows_are_refused(acme: Stage) -> None:
    rows = [{"email": f"p{number}@example.org"} for number in range(51)]
    refused = acme.owner.post("invitations:bulk", {"invitations": rows})
    assert refused.status_code == 422


def test_counters_equal_a_recount(acme: Stage) -> None:
    ids = [UUID(acme.invited(f"p{number}@example.org")["id"]) for number in range(4)]
    acme.owner.post(f"invitations/{ids[0]}:revoke")
    acme.owner.post(f"/invitations/{acme.mailed('p1@example.org')}:decline")
    acme.joined(NINA)
    i = t.invitations.c
    with acme.work.read(acme.organisation_id) as uow:
        pending = uow.all(uow.own(t.invitations).where(i.state == "pending"))
        assert uow.count("pending_invitations") == len(pending) == 2
        assert uow.count("active_members") == 2


def bulk(owner: Any, emails: list[str]) -> list[dict[str, Any]]:
    rows = [{"email": email, "role": "member"} for email in emails]
    answer = owner.post("invitations:bulk", {"invitations": rows})
    assert answer.status_code == 200, answer.get_data(as_text=True)
    found: list[dict[str, Any]] = answer.get_json()["rows"]
    return found
