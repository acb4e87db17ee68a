"""Invitations are sent, sent again, handed out as links, and taken back."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from gateway.services import domains, members
from gateway.storage import tables as t
from tests.clock import Clock
from tests.service.invitations.stage import Stage, code, token

WEEK, SECOND = timedelta(days=7), timedelta(seconds=1)
NINA = "nina@example.org"
STRANGE = UUID("01234567-89ab-7cde-8f01-23456789abcd")
Founding = Callable[..., Stage]


def test_an_owner_invites_by_mail(every: Stage) -> None:
    """S0-02, S0-09, S2-18: one mail with a link, under every preset."""
    made = every.invited(NINA)
    assert (made["state"], made["delivery"], made["email"]) == ("pending", "queued", NINA)
    (mail,) = every.mails(NINA)
    assert "/invitations/" in mail.payload["text"]
    assert "/invitations/" in mail.payload["html"]
    assert every.facts("invitation.") == ["invitation.created"]
    assert NINA not in every.members(), "nobody joins unasked"


def test_the_mail_speaks_with_the_labels_of_the_preset(every: Stage) -> None:
    """S0-16: organisation, inviter and role are in the mail."""
    every.invited(NINA)
    text = every.mails(NINA)[0].payload["text"]
    word = {"pleep": "team", "whatsapp": "workspace", "pingback": "workspace"}
    assert f"the {word.get(every.preset, 'organization')} Acme" in text
    assert "Olga Acme" in text
    assert every.role.title() in text


def test_the_answer_carries_a_link_that_works_without_the_mail(acme: Stage) -> None:
    """S0-10: copying does not break what was mailed, and the other way round."""
    made = acme.invited(NINA)
    links = [token(made["link"]), acme.mailed(NINA)]
    links += [token(copy(acme, made)) for _ in range(4)]
    for link in links:
        assert acme.owner.get(f"/invitations/{link}").status_code == 200
    assert len(set(links)) == len(links)
    refused = acme.owner.post(f"invitations/{made['id']}:copy-link")
    assert code(refused) == (429, "rate_limited"), "five are out"


def test_a_link_can_be_all_there_is(acme: Stage) -> None:
    acme.invited(NINA, send_mail=False)
    assert acme.mails(NINA) == []


def test_an_address_is_kept_in_one_form(acme: Stage) -> None:
    """S4-04: folded, its domain as A-labels; what is no address is refused."""
    assert acme.invited(" Nina@BÜCHER.example ")["email"] == "nina@xn--bcher-kva.example"
    for wrong in (
        "",
        "x",
        "nina",
        "nina@",
        "@example.org",
        "n ina@example.org",
        "ниna@example.org",
    ):
        assert code(acme.invite(wrong)) == (422, "bad_email")


def test_nobody_is_invited_twice_at_a_time(acme: Stage) -> None:
    acme.invited(NINA)
    assert code(acme.invite("NINA@example.org")) == (409, "already_invited")
    assert code(acme.invite("owner@acme.test")) == (409, "already_member")


def test_chatbots_and_sections_are_checked(found: Founding) -> None:
    """S0-07, S0-12: an unknown or foreign chatbot, section or level is refused."""
    acme, globex = found("pleep"), found("pleep", slug="globex")
    own, foreign = acme.chatbot("Shop"), globex.chatbot("Theirs")
    for chatbot in (foreign, STRANGE):
        wish = [{"chatbot_id": str(chatbot), "sections": {"analytics": "read"}}]
        assert code(acme.invite(NINA, chatbots=wish)) == (422, "invalid_request")
    for sections in ({"secrets": "read"}, {"analytics": "own"}):
        wish = [{"chatbot_id": str(own), "sections": sections}]
        assert code(acme.invite(NINA, chatbots=wish)) == (422, "invalid_request")
    left_out = acme.owner.post("invitations", {"email": NINA, "role": "member"})
    assert code(left_out) == (422, "chatbots_required")


@pytest.mark.parametrize("preset", ["pleep", "five_role", "pingback"])
def test_nobody_is_invited_as_the_single_owner(found: Founding, preset: str) -> None:
    """S3-22: agents and admins alone."""
    acme = found(preset, {"pingback": "pro"}.get(preset))
    acme.policy("invite_requires_account", value=False)
    assert code(acme.invite(NINA, role="owner", chatbots=[])) == (422, "invalid_request")
    assert acme.invite(NINA, role="admin", chatbots=[]).status_code == 201


def test_owners_are_invited_by_owners_alone(acme: Stage) -> None:
    """S4-05: an admin who tries is refused; the three roles are there for an owner."""
    admin = acme.with_role("admin")
    refused = admin.post("invitations", {"email": NINA, "role": "owner"})
    assert code(refused) == (403, "role_above_own")
    for role in ("owner", "admin", "member"):
        acme.invited(f"{role}@example.org", role=role)
    pending = acme.owner.get("invitations").get_json()["items"]
    owners = next(each for each in pending if each["email"] == "owner@example.org")
    for verb in ("resend", "copy-link", "revoke"):
        answer = admin.post(f"invitations/{owners['id']}:{verb}")
        assert code(answer) == (403, "role_above_own")


def test_without_the_permission_nobody_invites(acme: Stage) -> None:
    """S0-24, S0-06: denied by default."""
    member = acme.with_role("member")
    refused = member.post("invitations", {"email": NINA, "role": "member"})
    assert code(refused) == (403, "not_permitted")
    assert code(member.get("invitations")) == (403, "not_permitted")


def test_a_supervisor_invites_agents_alone(found: Founding) -> None:
    """The role that it manages, and no other."""
    acme = found("whatsapp", "scale")
    supervisor = acme.with_role("supervisor")
    assert supervisor.post("invitations", {"email": NINA, "role": "agent"}).status_code == 201
    refused = supervisor.post("invitations", {"email": "o@example.org", "role": "supervisor"})
    assert code(refused) == (403, "role_above_own")


def test_an_account_may_be_asked_for(found: Founding) -> None:
    """S3-21: under that policy an unknown address is refused; being told is counted."""
    acme = found("pingback", "pro")
    assert code(acme.invite(NINA)) == (422, "account_required")
    acme.sign_up(NINA)
    assert acme.invite(NINA).status_code == 201
    answers = [code(acme.invite(f"x{number}@example.org")) for number in range(20)]
    assert answers == [(422, "account_required")] * 19 + [(429, "rate_limited")]
    assert len(acme.facts("invitation.account_asked")) == 20


def test_resending_mails_a_new_link_and_begins_the_week_again(acme: Stage, clock: Clock) -> None:
    """S4-08: older mails are void, copied links are not, and the id stays."""
    made = acme.invited(NINA)
    first, copied = acme.mailed(NINA), token(made["link"])
    clock.advance(WEEK - SECOND)
    again = acme.owner.post(f"invitations/{made['id']}:resend").get_json()
    assert again["id"] == made["id"]
    assert len(acme.mails(NINA)) == 2
    assert code(look(acme, first)) == (410, "invitation_rotated")
    clock.advance(WEEK - SECOND)
    assert look(acme, acme.mailed(NINA)).status_code == 200
    assert look(acme, copied).status_code == 200


def test_resending_is_rate_limited(acme: Stage, clock: Clock) -> None:
    """S4-08, S2-19: three an hour, ten a day, with the time to wait."""
    made = acme.invited(NINA)
    for hour in range(3):
        answers = [acme.owner.post(f"invitations/{made['id']}:resend") for _ in range(4)]
        assert [each.status_code for each in answers] == [200, 200, 200, 429], hour
        assert int(answers[3].headers["Retry-After"]) > 0
        clock.advance(timedelta(hours=1) + SECOND)
    answers = [acme.owner.post(f"invitations/{made['id']}:resend") for _ in range(2)]
    assert [each.status_code for each in answers] == [200, 429]


def test_revoking_kills_every_link(acme: Stage) -> None:
    """S4-09, S4-11: 410 for each; what has ended is not sent again, and a fresh one is free."""
    made = acme.invited(NINA)
    links = [acme.mailed(NINA), token(made["link"]), token(copy(acme, made))]
    revoked = acme.owner.post(f"invitations/{made['id']}:revoke").get_json()
    assert revoked["state"] == "revoked"
    assert {code(look(acme, link)) for link in links} == {(410, "invitation_revoked")}
    for verb in ("resend", "copy-link", "revoke"):
        assert acme.owner.post(f"invitations/{made['id']}:{verb}").status_code == 409
    assert acme.invited(NINA)["id"] != made["id"]


def test_an_invitation_dies_after_seven_days_to_the_second(acme: Stage, clock: Clock) -> None:
    """S4-10, S4-11: and a fresh one is free at once."""
    made = acme.invited(NINA)
    born, dies = (datetime.fromisoformat(made[x]) for x in ("created_at", "expires_at"))
    assert dies - born == timedelta(seconds=604_800)
    clock.now = dies - SECOND
    assert look(acme, acme.mailed(NINA)).status_code == 200
    clock.now = dies
    assert code(look(acme, acme.mailed(NINA))) == (410, "invitation_expired")
    assert acme.owner.get(f"invitations/{made['id']}").get_json()["state"] == "expired"
    assert acme.owner.post(f"invitations/{made['id']}:resend").status_code == 409
    acme.invited(NINA)
    assert acme.facts("invitation.")[-2:] == ["invitation.expired", "invitation.created"]


def test_the_lists_are_told_apart(acme: Stage) -> None:
    """S4-02: pending is who was invited and has not accepted; accepting moves the row."""
    acme.invited("later@example.org")
    acme.joined(NINA)
    listed = {
        state: [
            each["email"]
            for each in acme.owner.get(f"invitations?state={state}").get_json()["items"]
        ]
        for state in ("pending", "accepted")
    }
    assert listed == {"pending": ["later@example.org"], "accepted": [NINA]}
    assert acme.members() == [NINA, "owner@acme.test"]


def test_tokens_are_kept_as_digests_alone(acme: Stage) -> None:
    """256 bits, never in clear, and gone from the answer's replay."""
    headers = {"Idempotency-Key": "once"}
    wish = {"email": NINA, "role": "member"}
    owner = acme.owner
    made = owner.post("invitations", wish, headers=headers).get_json()
    again = owner.post("invitations", wish, headers=headers).get_json()
    assert (again["id"], again["link"]) == (made["id"], None)
    with acme.work.read(acme.organisation_id) as uow:
        rows = uow.all(uow.own(t.invitation_links))
        kept = str(uow.all(uow.own(t.audit_events))) + str(uow.all(uow.own(t.invitations)))
    assert len(rows) == 2
    assert all(len(row.token_hash) == 64 for row in rows)
    assert token(made["link"]) not in kept + str(rows)


def test_a_removed_admin_leaves_no_admins_to_come(acme: Stage) -> None:
    """Invitations of ordinary members stay; those to run the house are revoked."""
    admin = acme.with_role("admin")
    for role in ("admin", "member"):
        admin.post("invitations", {"email": f"{role}@example.org", "role": role})
    me = admin.get("/me").get_json()["member_id"]
    acme.run(lambda uow: members.remove(uow, UUID(me)))
    states = {
        each["email"]: each["state"] for each in acme.owner.get("invitations").get_json()["items"]
    }
    assert states == {"admin@example.org": "revoked", "member@example.org": "pending"}


def test_deactivated_people_are_reactivated_and_not_invited(acme: Stage) -> None:
    member_id = acme.joined(NINA)
    acme.run(lambda uow: members.deactivate(uow, member_id))
    assert code(acme.invite(NINA)) == (409, "member_deactivated")


def test_a_claimed_domain_alone_changes_nothing(acme: Stage) -> None:
    acme.run(lambda uow: domains.force_verify(uow, "example.org"))
    assert acme.invite(NINA).status_code == 201


def look(acme: Stage, link: str) -> Any:
    return acme.owner.get(f"/invitations/{link}")


def copy(acme: Stage, made: dict[str, Any]) -> str:
    answer = acme.owner.post(f"invitations/{made['id']}:copy-link")
    assert answer.status_code == 200
    link: str = answer.get_json()["link"]
    return link
