"""Invitations are answered: seen, accepted with an old or a new account, declined."""

from collections.abc import Callable
from uuid import UUID

import pytest

from gateway.domain.sessions import Factor
from gateway.services import (
    connections,
    direct_creation,
    domains,
    members,
    organisations,
    policies,
    session_openings,
)
from gateway.storage import person_work
from gateway.storage import tables as t
from gateway.storage.unit_of_work import UnitOfWork
from tests import factories
from tests.factories import PASSWORD, PASSWORD_HASH
from tests.service.console.browser import says
from tests.service.invitations.stage import Stage, code, token

NINA = "nina@example.org"
Founding = Callable[..., Stage]


def test_a_new_account_is_created_on_the_way(every: Stage) -> None:
    """S0-17, S0-18, S4-07: by the pages; nobody is a member before they accept."""
    every.invited(NINA)
    link, browser = every.mailed(NINA), every.browser()
    page = browser.get(f"/invitations/{link}")
    assert all(x in says(page) for x in ("Acme", "Olga Acme", "n…@example.org", "Create account"))
    form = browser.get(f"/invitations/{link}/account")
    assert browser.submit(form, name="Nina", password="short").status_code == 422
    landed = browser.submit(form, name="Nina", password=PASSWORD)
    assert landed.headers["Location"] == f"/invitations/{link}"
    assert NINA not in every.members()
    joined = browser.submit(browser.get(f"/invitations/{link}"))
    assert joined.headers["Location"] == "/"
    assert NINA in every.members()
    assert "Acme" in says(browser.get("/"))
    assert browser.get(f"/invitations/{link}").status_code == 409


def test_an_existing_account_is_signed_in_to(every: Stage) -> None:
    """S0-17, S4-07: the same person, never a second one."""
    person_id = every.sign_up(NINA)
    every.invited(NINA)
    link, browser = every.mailed(NINA), every.browser()
    page = says(browser.get(f"/invitations/{link}"))
    assert f"/login?return_to=%2Finvitations%2F{link}" in page
    landed = browser.post(
        "/login/password", email=NINA, password=PASSWORD, return_to=f"/invitations/{link}"
    )
    assert landed.headers["Location"] == f"/invitations/{link}"
    assert browser.submit(browser.get(f"/invitations/{link}")).status_code == 303
    with every.work.platform() as database:
        persons = database.execute(t.persons.select().where(t.persons.c.email_key == NINA)).all()
    assert [row.id for row in persons] == [person_id]


def test_what_was_promised_is_what_holds(found: Founding) -> None:
    """S0-08, S0-19, S0-11: chatbots, sections and role of the invitation, and nothing else."""
    acme = found("pleep")
    shop, other = acme.chatbot("Shop"), acme.chatbot("Other")
    wish = [{"chatbot_id": str(shop), "sections": {"conversations": "write", "analytics": "read"}}]
    member_id = acme.joined(NINA, chatbots=wish)
    nina = acme.key_of(member_id)
    listed = nina.get("chatbots").get_json()["items"]
    assert [each["name"] for each in listed] == ["Shop"]
    held = acme.owner.get(f"members/{member_id}").get_json()["access"]
    assert held["chatbots"] == {str(shop): {"analytics": "read", "conversations": "write"}}
    assert nina.get(f"chatbots/{other}").status_code == 404
    for verb in (
        nina.delete(f"chatbots/{shop}"),
        nina.patch(f"chatbots/{shop}", {"name": "Mine"}),
        nina.patch(f"chatbots/{shop}", {"settings": {"tone": "rude"}}),
    ):
        assert verb.status_code in (403, 422)


def test_sections_left_out_are_all_that_the_role_allows(found: Founding) -> None:
    """S4-06, S0-03: two people, each with access of their own."""
    acme = found("members_invitations")
    shop = acme.chatbot("Shop")
    acme.chatbot("Other")
    narrow = acme.joined(NINA, chatbots=[{"chatbot_id": str(shop)}])
    broad = acme.joined("bob@example.org")
    seen = {
        name: [x["name"] for x in acme.key_of(member).get("chatbots").get_json()["items"]]
        for name, member in (("narrow", narrow), ("broad", broad))
    }
    assert seen == {"narrow": ["Shop"], "broad": ["Shop", "Other"]}
    held = acme.owner.get(f"members/{narrow}").get_json()["access"]["chatbots"][str(shop)]
    assert set(held.values()) == {"write"}
    assert len(held) == 8


def test_chatbots_are_listed_with_their_house(found: Founding) -> None:
    """S0-01, S0-20: one person in two organisations, with a session of their own."""
    acme, globex = found("members_invitations"), found("members_invitations", slug="globex")
    for house in (acme, globex):
        house.invited(NINA)
    acme.sign_up(NINA)
    browser = acme.browser(NINA)
    for house in (acme, globex):
        answer = browser.api("POST", f"/invitations/{house.mailed(NINA)}:accept")
        assert answer.status_code == 200
    opened = browser.client.get("/api/v1/me").get_json()["organisations"]
    assert [each["name"] for each in opened] == ["Acme", "Globex"]
    assert browser.client.get(
        f"/api/v1/organisations/{acme.organisation_id}/members/{opened[0]['member_id']}"
    ).status_code in (200, 403)


def test_another_person_cannot_accept(acme: Stage) -> None:
    """The invitation stays as it was for whom it is."""
    acme.invited(NINA)
    acme.sign_up("mallory@example.org")
    link = acme.mailed(NINA)
    assert code(acme.accept(link, "mallory@example.org")) == (403, "email_mismatch")
    browser = acme.browser("mallory@example.org")
    page = says(browser.get(f"/invitations/{link}"))
    assert "another account" in page
    assert "Accept" not in page
    acme.sign_up(NINA)
    assert acme.accept(link, NINA).status_code == 200
    assert code(acme.accept(link, NINA)) == (409, "invitation_used")


def test_nobody_accepts_unseen(acme: Stage) -> None:
    """A session, its form token, and a key that is no person's."""
    acme.invited(NINA)
    acme.sign_up(NINA)
    link = acme.mailed(NINA)
    assert code(acme.owner.post(f"/invitations/{link}:accept")) == (403, "not_permitted")
    assert acme.browser().post(f"/api/v1/invitations/{link}:accept").status_code == 401
    browser = acme.browser(NINA)
    assert browser.post(f"/api/v1/invitations/{link}:accept").status_code == 403
    assert browser.post(f"/invitations/{link}/accept").status_code == 403
    assert NINA not in acme.members()


def test_a_copied_link_does_not_prove_the_mailbox(acme: Stage) -> None:
    """Nobody creates the invited account with it; the newest link is mailed instead."""
    copied = token(acme.invited(NINA, send_mail=False)["link"])
    browser = acme.browser()
    page = browser.get(f"/invitations/{copied}")
    assert "Create account" not in says(page)
    assert browser.get(f"/invitations/{copied}/account").status_code == 303
    made = browser.post(f"/invitations/{copied}/account", name="Eve", password=PASSWORD)
    assert made.status_code == 303
    told = browser.submit(page)
    assert "its newest link is on its way" in says(told)
    assert len(acme.mails(NINA)) == 1
    assert browser.get(f"/invitations/{acme.mailed(NINA)}/account").status_code == 200


def test_an_unproved_address_is_proved_by_the_mailed_link(found: Founding) -> None:
    acme, globex = found("members_invitations"), found("members_invitations", slug="globex")
    person_work.run(
        acme.work,
        lambda here: here.execute(
            t.persons.update()
            .where(t.persons.c.email_key == "owner@globex.test")
            .values(password_hash=PASSWORD_HASH)
        ),
    )
    made = acme.invited("owner@globex.test")
    copied = acme.accept(token(made["link"]), "owner@globex.test")
    assert code(copied) == (403, "email_mismatch")
    mailed = acme.accept(acme.mailed("owner@globex.test"), "owner@globex.test")
    assert mailed.status_code == 200
    assert globex.members() == ["owner@globex.test"]


def test_a_password_that_an_admin_chose_opens_no_other_house(found: Founding) -> None:
    """Until the mailbox is proved, an account that an organisation made opens that one alone."""
    maker, acme = found("whatsapp", "scale"), found("members_invitations", slug="globex")
    newcomer = direct_creation.Newcomer(
        email=NINA, display_name="Nina", password_hash=PASSWORD_HASH, must_change_password=False
    )
    maker.run(lambda uow: direct_creation.create(uow, newcomer, "http://localhost"))
    acme.invited(NINA)
    assert code(acme.accept(acme.mailed(NINA), NINA)) == (403, "email_mismatch")
    with acme.work.platform() as database:
        person_id = (
            database.execute(t.persons.select().where(t.persons.c.email_key == NINA)).one().id
        )
    acme.run(
        lambda uow: members.join(
            uow,
            members.Joining(person_id=person_id, email=NINA, display_name="N", source="scim"),
        )
    )
    opened = person_work.run(
        acme.work,
        lambda here: session_openings.open_by_own(here, person_id, frozenset({Factor.PASSWORD})),
    )
    assert opened.organisations == (maker.organisation_id,)
    assert opened.closed == {acme.organisation_id: "mailbox_unproved"}


def test_a_link_is_declined_by_whoever_has_it(every: Stage) -> None:
    every.invited(NINA)
    link, browser = every.mailed(NINA), every.browser()
    assert every.owner.post(f"/invitations/{link}:decline").status_code == 204
    over = browser.get(f"/invitations/{link}")
    assert over.status_code == 410
    assert "declined" in says(over)
    assert every.invite(NINA).status_code == 201, "and may be invited afresh"


def test_an_old_link_has_the_newest_mailed(acme: Stage) -> None:
    """To the invited address alone; the page says why the old one ended."""
    made = acme.invited(NINA)
    old = acme.mailed(NINA)
    acme.owner.post(f"invitations/{made['id']}:resend")
    browser = acme.browser()
    page = browser.get(f"/invitations/{old}")
    assert page.status_code == 410
    assert "invitation_rotated" in says(page)
    told = browser.submit(page)
    assert len(acme.mails(NINA)) == 3
    assert acme.owner.get(f"/invitations/{acme.mailed(NINA)}").status_code == 200
    acme.owner.post(f"invitations/{made['id']}:revoke")
    assert says(browser.post(f"/invitations/{old}/mail-newest")) == says(told)
    assert len(acme.mails(NINA)) == 3
    assert says(browser.post(f"/invitations/{'x' * 43}/mail-newest")) == says(told)


def test_looking_never_uses_a_link_up(acme: Stage) -> None:
    """Mail scanners look first."""
    acme.invited(NINA)
    link = acme.mailed(NINA)
    acme.sign_up(NINA)
    for _ in range(5):
        assert acme.owner.get(f"/invitations/{link}").status_code == 200
        assert acme.browser().get(f"/invitations/{link}").status_code == 200
    assert acme.accept(link, NINA).status_code == 200
    assert acme.owner.get(f"/invitations/{'x' * 43}").status_code == 404
    assert acme.owner.get("/invitations/short").status_code == 404


def test_an_accepted_owner_is_one_of_record(acme: Stage) -> None:
    """S4-05: several owners, each invited by an owner."""
    member_id = acme.joined(NINA, role="owner")
    shown = acme.owner.get(f"members/{member_id}").get_json()
    assert shown["owner_of_record"]
    assert shown["source"] == "invitation"


def test_whoever_lost_their_rank_gives_nothing_any_more(acme: Stage) -> None:
    admin = acme.with_role("admin")
    admin.post("invitations", {"email": NINA, "role": "admin"})
    me = UUID(admin.get("/me").get_json()["member_id"])
    with acme.work.read(acme.organisation_id) as uow:
        roles = {row.key: row.id for row in uow.all(uow.own(t.roles))}
    acme.run(lambda uow: members.set_role(uow, me, roles["member"]))
    acme.sign_up(NINA)
    assert code(acme.accept(acme.mailed(NINA), NINA)) == (403, "role_above_own")


def test_a_re_invited_person_starts_afresh(found: Founding) -> None:
    """S4-20: another membership, without the grants of the first."""
    acme = found("members_invitations")
    shop = acme.chatbot("Shop")
    first = acme.joined(NINA, chatbots=[{"chatbot_id": str(shop)}])
    assert acme.owner.post(f"members/{first}:remove").status_code == 204
    acme.invited(NINA, chatbots=[])
    answer = acme.accept(acme.mailed(NINA), NINA)
    second = UUID(answer.get_json()["member_id"])
    assert second != first
    assert acme.owner.get(f"members/{second}").get_json()["access"]["chatbots"] == {}
    assert acme.owner.get(f"members/{first}").get_json()["state"] == "removed"


@pytest.mark.parametrize(
    ("policy", "outcomes"),
    [
        pytest.param("off", {"in": 409, "out": 409}, id="off"),
        pytest.param("guests_only", {"in": 409, "out": 201}, id="guests"),
        pytest.param("on", {"in": 201, "out": 201}, id="on"),
    ],
)
def test_with_provisioning_the_provider_invites(
    found: Founding, policy: str, outcomes: dict[str, int]
) -> None:
    """S4-25: off by default; guests have an address outside of the proved domains."""
    acme = found("members_invitations")

    def provision(uow: UnitOfWork) -> None:
        domains.force_verify(uow, "acme.test")
        factories.appoint_break_glass(uow, acme.owner_id)
        connections.create(uow, "Okta", None)
        policies.change(uow, {"invites_when_scim": policy})

    assert acme.invite("early@acme.test").status_code == 201
    acme.run(provision)
    answers = {"in": acme.invite("ann@acme.test"), "out": acme.invite("guest@example.org")}
    assert {name: x.status_code for name, x in answers.items()} == outcomes
    refused = [code(x)[1] for x in answers.values() if x.status_code == 409]
    assert set(refused) <= {"invites_managed_by_idp"}


def test_who_is_provisioned_needs_no_invitation_any_more(found: Founding) -> None:
    """Superseded: the seat is used once."""
    acme = found("members_invitations")
    acme.invited(NINA)
    acme.run(
        lambda uow: organisations.add_member(uow, email=NINA, display_name="Nina", role="member")
    )
    assert acme.facts("invitation.")[-1] == "invitation.superseded"
    over = acme.owner.get(f"/invitations/{acme.mailed(NINA)}")
    assert code(over) == (410, "invitation_revoked")


def test_two_clicks_make_one_membership(acme: Stage) -> None:
    acme.invited(NINA)
    acme.sign_up(NINA)
    link = acme.mailed(NINA)
    assert [acme.accept(link, NINA).status_code for _ in range(2)] == [200, 409]
    assert acme.members().count(NINA) == 1
