"""Direct creation, and the mails that tell members what became of them."""

import socketserver
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest

from gateway.delivery.worker import Worker
from gateway.demo.catcher import Catcher
from gateway.services.outbox import PAUSES
from gateway.storage import tables as t
from tests.clock import Clock
from tests.factories import PASSWORD
from tests.service.api.test_paging import walk
from tests.service.invitations.stage import Stage, code
from tests.service.test_worker import mailer_to

NINA = "nina@example.org"
WISH = {"email": NINA, "display_name": "Nina New", "password": PASSWORD, "role": "agent"}
Founding = Callable[..., Stage]


@pytest.fixture
def acme(found: Founding) -> Stage:
    """A workspace that makes its people itself."""
    return found("whatsapp", "scale")


@pytest.fixture
def catcher() -> Iterator[Catcher]:
    catcher = Catcher.open()
    with catcher.running():
        yield catcher


class NoSuchMailbox(socketserver.StreamRequestHandler):
    """A mail server that knows nobody (RFC 5321 §4.2.3)."""

    word = b"550 no such mailbox"

    def handle(self) -> None:
        self.wfile.write(b"220 here\r\n")
        while line := self.rfile.readline():
            answers = {b"RCPT": self.word, b"QUIT": b"221 bye"}
            self.wfile.write(answers.get(line[:4].upper(), b"250 ok") + b"\r\n")


class NotNow(NoSuchMailbox):
    """A mail server that asks for patience."""

    word = b"451 try again later"


@pytest.fixture
def refusing() -> Iterator[int]:
    """The port of a mail server that takes nothing."""
    yield from listening(NoSuchMailbox)


@pytest.fixture
def busy() -> Iterator[int]:
    """The port of a mail server that takes nothing yet."""
    yield from listening(NotNow)


def listening(kind: type[NoSuchMailbox]) -> Iterator[int]:
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), kind) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield int(server.server_address[1])
        server.shutdown()


def test_somebody_is_made_a_member_at_once(acme: Stage) -> None:
    """S1-03, S1-08: active without an accept step, with the role that was chosen."""
    made = acme.owner.post("members", WISH)
    assert made.status_code == 201, made.get_data(as_text=True)
    shown = acme.owner.get(f"members/{made.get_json()['id']}").get_json()
    assert (shown["state"], shown["source"], shown["email"]) == ("active", "direct", NINA)
    assert shown["access"]["role"]["key"] == "agent"


@pytest.mark.parametrize("missing", ["display_name", "email", "password"])
def test_name_address_and_password_are_asked_for(acme: Stage, missing: str) -> None:
    """S1-04, S1-05, S1-06."""
    wish = {name: value for name, value in WISH.items() if name != missing}
    assert acme.owner.post("members", wish).status_code == 422
    assert acme.owner.post("members", {**WISH, missing: " "}).status_code == 422


def test_the_address_is_the_login_and_belongs_to_one(acme: Stage) -> None:
    """S1-05: whatever its letters' case."""
    acme.owner.post("members", {**WISH, "must_change_password": False})
    assert acme.browser(NINA.upper()).session is not None
    again = acme.owner.post("members", {**WISH, "email": NINA.upper()})
    assert code(again) == (409, "already_member")


def test_the_first_password_is_hashed_and_never_mailed(acme: Stage) -> None:
    """S1-06, S1-09: the welcome says where to sign in, and no password."""
    acme.owner.post("members", WISH)
    with acme.work.platform() as database:
        row = database.execute(t.persons.select().where(t.persons.c.email_key == NINA)).one()
    assert row.password_hash.startswith("$argon2id$")
    (mail,) = acme.mails(NINA)
    assert mail.type == "member.welcome"
    assert "http://localhost/login" in mail.payload["text"]
    assert PASSWORD not in str(mail.payload)
    short = acme.owner.post("members", {**WISH, "email": "b@example.org", "password": "short"})
    assert code(short) == (422, "invalid_request")


def test_the_password_can_be_changed_later(acme: Stage) -> None:
    """S1-07: by the person, in a fresh session."""
    acme.owner.post("members", {**WISH, "must_change_password": False})
    browser = acme.browser(NINA)
    changed = browser.api("POST", "/me/password", {"password": "another long password"})
    assert changed.status_code == 204
    old = acme.browser().post("/login/password", email=NINA, password=PASSWORD)
    assert old.status_code == 403


def test_a_first_password_may_have_to_be_changed_first(acme: Stage) -> None:
    """S1-07: it opens the page of a new password, and nothing else."""
    acme.owner.post("members", WISH)
    browser = acme.browser()
    asked = browser.post("/login/password", email=NINA, password=PASSWORD)
    assert asked.headers["Location"].startswith("/login/set-password?token=")
    assert not browser.session
    page = browser.get(asked.headers["Location"])
    assert browser.submit(page, password="my own long password").status_code == 303
    landed = browser.post("/login/password", email=NINA, password="my own long password")
    assert landed.status_code == 303
    assert acme.browser().session is None
    with acme.work.platform() as database:
        row = database.execute(t.persons.select().where(t.persons.c.email_key == NINA)).one()
    assert (row.email_verified, row.founded_by) == (False, acme.organisation_id)


def test_who_has_an_account_is_invited_and_the_answer_does_not_tell(acme: Stage) -> None:
    """Nobody sets a foreign password."""
    acme.sign_up("known@example.org")
    answers = [
        acme.owner.post("members", {**WISH, "email": email}).get_json()
        for email in (NINA, "known@example.org")
    ]
    assert [sorted(each) for each in answers] == [["display_name", "email", "id"]] * 2
    assert "known@example.org" not in acme.members()
    assert acme.browser("known@example.org").session is not None
    link = acme.mailed("known@example.org")
    assert acme.accept(link, "known@example.org").status_code == 200


@pytest.mark.parametrize("preset", ["pleep", "five_role", "pingback", "members_invitations"])
def test_elsewhere_nobody_is_made_a_member_unasked(found: Founding, preset: str) -> None:
    acme = found(preset, {"pingback": "pro"}.get(preset))
    refused = acme.owner.post("members", {**WISH, "role": acme.role})
    assert code(refused) == (422, "invalid_request")


def test_direct_creation_asks_for_a_seat(found: Founding) -> None:
    acme = found("whatsapp", "free_trial")
    assert code(acme.owner.post("members", WISH)) == (402, "seat_limit_reached")


def test_a_member_is_told_of_a_new_role_and_of_the_end(found: Founding) -> None:
    """S4-14: one mail for a change, none where nothing changes."""
    acme = found("members_invitations")
    member_id = acme.joined(NINA)
    with acme.work.read(acme.organisation_id) as uow:
        roles = {row.key: str(row.id) for row in uow.all(uow.own(t.roles))}
    for _ in range(2):
        acme.owner.patch(f"members/{member_id}", {"role_id": roles["admin"]})
    acme.owner.post(f"members/{member_id}:remove")
    mails = [(mail.type, mail.payload["subject"]) for mail in acme.mails(NINA)[1:]]
    assert mails == [
        ("member.role_changed", "Your role in Acme has changed"),
        ("member.removed", "You are no longer a member of Acme"),
    ]


def test_a_mail_arrives_as_text_and_html(found: Founding, catcher: Catcher, clock: Clock) -> None:
    """S0-16: with the link in both; afterwards the link is nowhere any more."""
    acme = found("members_invitations")
    made = acme.invited(NINA)
    link = acme.mailed(NINA)
    run(acme, clock, catcher.smtp_port)
    (mail,) = catcher.mailbox.listing()
    assert mail["to"] == NINA
    assert f"/invitations/{link}" in mail["text"]
    assert f'href="http://localhost/invitations/{link}"' in mail["html"]
    assert "multipart/alternative" in mail["headers"]["Content-Type"]
    assert acme.owner.get(f"invitations/{made['id']}").get_json()["delivery"] == "sent"
    assert link not in str([row.payload for row in acme.mails(NINA)])


def test_names_are_no_links_in_a_mail(found: Founding) -> None:
    """64 characters of plain text, whoever chose them."""
    acme = found("members_invitations")
    name = "Win at https://evil.example <b>now</b> " + "x" * 100
    acme.run(lambda uow: uow.update(t.members, {"id": acme.owner_id}, display_name=name))
    acme.invited(NINA)
    payload = acme.mails(NINA)[0].payload
    for form in ("text", "html"):
        assert "https://evil" not in payload[form]
        assert "evil.example" not in payload[form]
        assert "<b>now" not in payload["html"]
    assert "x" * 65 not in payload["text"]


def test_a_mail_that_bounces_shows_on_its_invitation(
    found: Founding, refusing: int, clock: Clock
) -> None:
    """A refusal of the mail server, or one that the operator reports later."""
    acme = found("members_invitations")
    made = acme.invited(NINA)
    run(acme, clock, refusing)
    bounced = acme.owner.get("invitations?delivery=bounced").get_json()["items"]
    assert [(x["id"], x["bounce_reason"][:3]) for x in bounced] == [(made["id"], "550")]
    assert "invitation.bounced" in acme.facts("invitation.")
    again = acme.owner.post(f"invitations/{made['id']}:resend").get_json()
    assert (again["delivery"], again["bounce_reason"]) == ("queued", None)


def test_a_mail_that_is_refused_for_now_is_tried_again(
    found: Founding, busy: int, catcher: Catcher, clock: Clock
) -> None:
    acme = found("members_invitations")
    made = acme.invited(NINA)
    run(acme, clock, busy)
    shown = acme.owner.get(f"invitations/{made['id']}").get_json()
    assert (shown["delivery"], shown["bounce_reason"]) == ("queued", None)
    clock.advance(PAUSES[0])
    run(acme, clock, catcher.smtp_port)
    shown = acme.owner.get(f"invitations/{made['id']}").get_json()
    assert (shown["delivery"], len(catcher.mailbox.listing())) == ("sent", 1)


def test_invitations_are_listed_in_each_order_and_behind_each_filter(
    found: Founding, refusing: int, clock: Clock
) -> None:
    acme = found("members_invitations")
    made = []
    for name in ("cy", "ann", "bea"):
        clock.advance(timedelta(minutes=1))
        made.append(acme.invited(f"{name}@people.test", role="admin" if name == "cy" else "member"))
    run(acme, clock, refusing)
    clock.advance(timedelta(minutes=1))
    acme.owner.post(f"invitations/{made[0]['id']}:resend")
    acme.owner.post(f"invitations/{made[1]['id']}:revoke")

    def shown(**query: str) -> list[str]:
        items = walk(acme.owner, "invitations", 2, **query)
        return [each["email"].partition("@")[0] for each in items]

    assert shown() == ["cy", "ann", "bea"]
    assert shown(sort="-created") == ["bea", "ann", "cy"]
    assert shown(sort="email") == ["ann", "bea", "cy"]
    assert shown(sort="expires") == ["ann", "bea", "cy"]
    assert shown(sort="-expires") == ["cy", "bea", "ann"]
    assert shown(state="pending") == ["cy", "bea"]
    assert shown(state="revoked") == shown(q="ANN") == ["ann"]
    assert shown(delivery="bounced") == ["ann", "bea"]
    assert shown(role=made[0]["role_id"]) == ["cy"]
    clock.advance(timedelta(days=7, seconds=1))
    assert shown(state="expired") == ["cy", "bea"]


def run(acme: Stage, clock: Clock, port: int) -> None:
    """Let a worker send what is due."""
    clock.advance(timedelta(seconds=1))
    Worker(acme.work, mailer_to(port)).send_mail()
