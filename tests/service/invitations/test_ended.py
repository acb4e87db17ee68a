"""What each link and verb answers once an invitation has ended, and who ends it unasked."""

from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import UUID

import pytest

from gateway.domain.connections import Connection
from gateway.domain.errors import Refused
from gateway.services import connections, directory, domains, policies
from gateway.storage import person_work
from gateway.storage import tables as t
from gateway.storage.unit_of_work import UnitOfWork
from tests import factories
from tests.clock import Clock
from tests.factories import PASSWORD_HASH
from tests.service.invitations.conftest import Founding
from tests.service.invitations.stage import Stage, code

NINA = "nina@example.org"
ANN = "ann@acme.test"
SECOND = timedelta(seconds=1)


def accepted(acme: Stage, link: str) -> None:
    assert acme.accept(link, NINA).status_code == 200


def declined(acme: Stage, link: str) -> None:
    assert acme.owner.post(f"/invitations/{link}:decline").status_code == 204


def revoked(acme: Stage, _: str) -> None:
    assert acme.owner.post(f"invitations/{pending(acme)}:revoke").status_code == 200


def expired(acme: Stage, _: str) -> None:
    acme.clock.advance(timedelta(days=7) + SECOND)


def superseded(acme: Stage, _: str) -> None:
    acme.run(lambda uow: provide(uow, acme, NINA))


def rotated(acme: Stage, _: str) -> None:
    assert acme.owner.post(f"invitations/{pending(acme)}:resend").status_code == 200


def pending(acme: Stage) -> str:
    (row,) = acme.owner.get("invitations?state=pending").get_json()["items"]
    found: str = row["id"]
    return found


def provide(uow: UnitOfWork, acme: Stage, email: str, *, active: bool | None = True) -> UUID | None:
    """The identity provider creates somebody."""
    record = factories.user_record(email, email, active=active)
    made = directory.create_user(uow, provider(uow, acme), record)
    assert not isinstance(made, Refused)
    return made.member_id


def provider(uow: UnitOfWork, acme: Stage) -> Connection:
    """The connection that provisions, made when first asked for."""
    for row in connections.listing(uow):
        return connections.get(uow, row.id)
    domains.force_verify(uow, "acme.test")
    domains.force_verify(uow, "example.org")
    factories.appoint_break_glass(uow, acme.owner_id)
    policies.change(uow, {"invites_when_scim": "on"})
    return connections.get(uow, connections.create(uow, "Okta", None))


ENDS: dict[str, tuple[Callable[[Stage, str], None], tuple[int, str]]] = {
    "accepted": (accepted, (409, "invitation_used")),
    "declined": (declined, (410, "invitation_revoked")),
    "revoked": (revoked, (410, "invitation_revoked")),
    "expired": (expired, (410, "invitation_expired")),
    "superseded": (superseded, (410, "invitation_revoked")),
    "rotated": (rotated, (410, "invitation_rotated")),
}


@pytest.mark.parametrize("end", ENDS)
def test_a_link_says_why_it_has_ended_whatever_is_asked_of_it(acme: Stage, end: str) -> None:
    """S4-09, S4-10, S4-11: seen, accepted or declined; nothing changes by it."""
    acme.invited(NINA)
    acme.sign_up(NINA)
    link = acme.mailed(NINA)
    ending, answer = ENDS[end]
    ending(acme, link)
    told = acme.facts("invitation.")
    assert code(acme.owner.get(f"/invitations/{link}")) == answer
    assert code(acme.owner.post(f"/invitations/{link}:decline")) == answer
    refused = acme.accept(link, NINA)
    assert code(refused) == answer
    assert refused.get_json()["levers"]
    assert acme.facts("invitation.") == told


@pytest.mark.parametrize("end", sorted(set(ENDS) - {"rotated"}))
def test_what_has_ended_never_leaves_its_state(acme: Stage, end: str) -> None:
    """S4-11: it is neither sent, nor copied, nor revoked again."""
    made = acme.invited(NINA)
    acme.sign_up(NINA)
    ENDS[end][0](acme, acme.mailed(NINA))
    for verb in ("resend", "copy-link", "revoke"):
        refused = acme.owner.post(f"invitations/{made['id']}:{verb}")
        assert code(refused) == (409, "invalid_transition")
    assert acme.owner.get(f"invitations/{made['id']}").get_json()["state"] == end
    assert len(acme.mails(NINA)) == 1


def test_the_last_second_still_counts_for_an_acceptance(acme: Stage, clock: Clock) -> None:
    """S4-10."""
    made = acme.invited(NINA)
    acme.sign_up(NINA)
    link = acme.mailed(NINA)
    clock.now = datetime.fromisoformat(made["expires_at"]) - SECOND
    browser = acme.browser(NINA)
    assert browser.api("POST", f"/invitations/{link}:accept").status_code == 200


@pytest.mark.parametrize("end", ["declined", "revoked", "expired"])
def test_whatever_ends_an_invitation_frees_its_seat(found: Founding, end: str) -> None:
    """S3-28."""
    acme = found("whatsapp", "growth")
    for number in range(3):
        acme.invited(f"other{number}@example.org")
    acme.clock.advance(timedelta(hours=1))
    acme.invited(NINA)
    assert code(acme.invite("more@example.org")) == (402, "seat_limit_reached")
    if end == "revoked":
        listed = acme.owner.get(f"invitations?q={NINA}").get_json()["items"]
        acme.owner.post(f"invitations/{listed[0]['id']}:revoke")
    else:
        ENDS[end][0](acme, acme.mailed(NINA))
    assert acme.invite("more@example.org").status_code == 201


def test_whom_the_provider_took_away_is_not_invited(acme: Stage) -> None:
    """Only the provider brings them back."""
    acme.run(lambda uow: provide(uow, acme, ANN, active=False))
    assert code(acme.invite(ANN)) == (409, "deprovisioned_by_idp")


def test_whom_the_provider_takes_away_meanwhile_is_not_let_in(acme: Stage) -> None:
    """Asked again at the acceptance, of the person, under whichever address they were here."""
    member_id = acme.run(lambda uow: provide(uow, acme, ANN, active=False))
    acme.invited(NINA)
    with acme.work.read(acme.organisation_id) as uow:
        person_id = uow.load(t.members, member_id).person_id
    own = {"email": NINA, "email_key": NINA, "email_verified": True, "confined_to": None}
    person_work.run(
        acme.work,
        lambda here: here.change(t.persons, person_id, password_hash=PASSWORD_HASH, **own),
    )
    assert code(acme.accept(acme.mailed(NINA), NINA)) == (409, "deprovisioned_by_idp")
    assert acme.owner.get(f"invitations/{pending(acme)}").status_code == 200


@pytest.mark.parametrize("active", [True, False])
def test_who_is_provisioned_has_no_invitation_any_more(acme: Stage, active: bool) -> None:
    acme.run(lambda uow: provider(uow, acme))
    acme.invited(ANN)
    acme.sign_up(ANN)
    link = acme.mailed(ANN)
    acme.run(lambda uow: provide(uow, acme, ANN, active=active))
    (row,) = acme.owner.get("invitations").get_json()["items"]
    assert row["state"] == "superseded"
    assert code(acme.accept(link, ANN)) == (410, "invitation_revoked")
    listed = acme.owner.get("members?state=active").get_json()["items"]
    assert [each["email"] for each in listed].count(ANN) == int(active)


def test_five_links_are_out_at_a_time(acme: Stage) -> None:
    """The one of the answer is the first; each stays good beside the others."""
    made = acme.invited(NINA)
    links = [made["link"]]
    for _ in range(4):
        answer = acme.owner.post(f"invitations/{made['id']}:copy-link")
        assert answer.status_code == 200
        links.append(answer.get_json()["link"])
    refused = acme.owner.post(f"invitations/{made['id']}:copy-link")
    assert code(refused) == (429, "rate_limited")
    assert int(refused.headers["Retry-After"]) > 0
    for link in links:
        place = link.rpartition("/")[2]
        assert acme.owner.get(f"/invitations/{place}").status_code == 200


def test_the_newest_link_counts_as_a_resend_and_answers_alike(acme: Stage) -> None:
    """S2-19: three an hour, whoever asks; the fourth changes nothing and says nothing."""
    acme.invited(NINA)
    link = acme.mailed(NINA)
    answers = [acme.owner.post(f"/invitations/{link}:mail-newest") for _ in range(5)]
    assert [each.status_code for each in answers] == [204] * 5
    assert len(acme.mails(NINA)) == 4
    assert code(acme.owner.post(f"invitations/{pending(acme)}:resend")) == (429, "rate_limited")
