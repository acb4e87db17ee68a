"""Which account at a provider is whose, and who is refused without leaving a row."""

from dataclasses import replace

import pytest

from gateway.domain.connections import Connection
from gateway.domain.errors import Refused, SignInFailed
from gateway.domain.signin import Groups, LinkProposed, SignedIn
from gateway.services import (
    asserted_groups,
    connections,
    directory,
    invitations,
    mapping,
    members,
    organisations,
    seats,
    signin,
    terms,
)
from gateway.storage import tables as t
from gateway.storage.unit_of_work import UnitOfWork
from tests.factories import provision, user_record
from tests.service.signin.lodge import Lodge

PEOPLE = (t.persons, t.members, t.identities, t.sessions, t.session_proofs, t.link_proposals)


def test_a_provisioned_person_signs_in_by_the_subject_rule(acme: Lodge) -> None:
    user = provision(acme.work, acme.house, "ann@acme.test", "e1")
    token = acme.sign_in("ANN@acme.test")
    assert acme.entrance(token).member_id == user.member_id
    assert [row.linked_by for row in acme.rows(t.identities)] == ["scim"]


@pytest.mark.parametrize(
    ("known", "asserted"),
    [
        pytest.param("kim@acme.test", "\u212aim@acme.test", id="sign-for-kelvin"),
        pytest.param("strasse@acme.test", "straße@acme.test", id="sharp-s"),
        pytest.param("straße@acme.test", "STRASSE@acme.test", id="sharp-s-the-other-way"),
        pytest.param("sam@acme.test", "\u017fam@acme.test", id="long-s"),
        pytest.param("fin@acme.test", "\ufb01n@acme.test", id="ligature"),
        pytest.param("ann@acme.test", "\u0430nn@acme.test", id="cyrillic"),
        pytest.param("ida@acme.test", "\u0131da@acme.test", id="dotless-i"),
        pytest.param("ida@acme.test", "\u0130da@acme.test", id="dotted-i"),
    ],
)
def test_a_name_that_looks_alike_reaches_nobody(acme: Lodge, known: str, asserted: str) -> None:
    provision(acme.work, acme.house, known, "e1")
    before = acme.counted(t.identities, t.sessions)
    assert isinstance(acme.end(acme.says(asserted)), LinkProposed)
    assert acme.counted(t.identities, t.sessions) == before


def test_letters_beyond_ascii_are_upper_or_lower_case_too(acme: Lodge) -> None:
    user = provision(acme.work, acme.house, "émile@acme.test", "e1")
    for said in ("ÉMILE@acme.test", "e\u0301mile@acme.test"):
        assert acme.entrance(acme.sign_in(said)).member_id == user.member_id


def test_the_second_sign_in_goes_by_the_identity_alone(acme: Lodge) -> None:
    user = provision(acme.work, acme.house, "ann@acme.test", "e1")
    acme.sign_in("ann@acme.test")
    acme.configure(subject_match="external_id")
    assert acme.entrance(acme.sign_in("ann@acme.test")).member_id == user.member_id
    assert len(acme.rows(t.identities)) == 1


def test_the_subject_rule_may_compare_a_claim_with_the_external_id(acme: Lodge) -> None:
    user = provision(acme.work, acme.house, "ann@acme.test", "e1")
    acme.configure(subject_match="external_id", subject_claim="employee")
    said = acme.says("opaque-1", attributes={"employee": ("e1",)})
    ended = acme.end(said)
    assert isinstance(ended, SignedIn)
    assert acme.entrance(ended.token).member_id == user.member_id
    for values in ((), ("e1", "e2")):
        other = acme.says("opaque-2", attributes={"employee": values})
        assert isinstance(acme.end(other), LinkProposed)


def test_an_external_id_is_compared_exactly(acme: Lodge) -> None:
    provision(acme.work, acme.house, "ann@acme.test", "e1")
    acme.configure(subject_match="external_id")
    assert isinstance(acme.end(acme.says("E1")), LinkProposed)


def test_an_email_address_never_links_by_itself(acme: Lodge) -> None:
    """nOAuth: whoever may write the e-mail attribute must not become the owner."""
    before = acme.counted(t.members, t.identities, t.sessions)
    for jit in (False, True):
        acme.configure(jit=jit)
        said = acme.says("mallory", "owner@acme.test", email_verified=True)
        assert isinstance(acme.end(said), LinkProposed)
    assert acme.counted(t.members, t.identities, t.sessions) == before


def test_a_deactivated_person_is_refused_and_leaves_no_row(acme: Lodge) -> None:
    """A SCIM deactivation, then a sign-in: nothing but the record of the refusal."""
    user = provision(acme.work, acme.house, "ann@acme.test", "e1")
    record = user_record("ann@acme.test", "e1", active=False)
    acme.do(
        lambda uow: directory.update_user(uow, acme.house.connection, user.id, record),
        acme.house.idp,
    )
    before = acme.counted(*PEOPLE)
    acme.configure(jit=True)
    assert acme.refusal(acme.says("ann@acme.test", "ann@acme.test")) == "deprovisioned_by_idp"
    assert acme.refusal(acme.says("other", "ann@acme.test")) == "deprovisioned_by_idp"
    assert acme.counted(*PEOPLE) == before
    assert {row.code for row in acme.rows(t.signin_traces)} == {"deprovisioned_by_idp"}


def test_a_deleted_person_does_not_come_back_by_signing_in(acme: Lodge) -> None:
    user = provision(acme.work, acme.house, "ann@acme.test", "e1")
    acme.sign_in("ann@acme.test", "ann@acme.test")
    acme.do(lambda uow: directory.delete_user(uow, acme.house.connection, user.id), acme.house.idp)
    acme.configure(jit=True)
    before = acme.counted(*PEOPLE)
    for subject in ("ann@acme.test", "never-seen"):
        code = acme.refusal(acme.says(subject, "ann@acme.test"))
        assert code in ("deprovisioned_by_idp", "member_removed")
    assert acme.counted(*PEOPLE) == before


def test_whoever_is_provisioned_anew_signs_in_again(acme: Lodge) -> None:
    first = provision(acme.work, acme.house, "ann@acme.test", "e1")
    acme.sign_in("ann@acme.test")
    acme.do(lambda uow: directory.delete_user(uow, acme.house.connection, first.id), acme.house.idp)
    again = provision(acme.work, acme.house, "ann@acme.test", "e1")
    assert acme.entrance(acme.sign_in("ann@acme.test")).member_id == again.member_id


def test_a_reused_user_name_does_not_inherit_the_account_of_the_one_before(acme: Lodge) -> None:
    acme.configure(subject_match="external_id")
    first = provision(acme.work, acme.house, "ann@acme.test", "e1")
    acme.sign_in("e1")
    gone = user_record("ann@acme.test", "e1", active=False)
    acme.do(
        lambda uow: directory.update_user(uow, acme.house.connection, first.id, gone),
        acme.house.idp,
    )
    second = provision(acme.work, acme.house, "ann@acme.test", "e2")
    assert second.member_id != first.member_id
    assert acme.entrance(acme.sign_in("e2")).member_id == second.member_id
    ended = acme.end(acme.says("e1"))
    assert not isinstance(ended, SignedIn)


def test_a_held_member_is_refused(acme: Lodge) -> None:
    user = provision(acme.work, acme.house, "ann@acme.test")
    assert user.member_id is not None
    member_id = user.member_id
    acme.do(lambda uow: members.hold(uow, member_id))
    assert acme.refusal(acme.says("ann@acme.test")) == "on_hold"


def test_two_directories_that_both_know_the_subject_are_not_guessed_between(acme: Lodge) -> None:
    def connect(uow: UnitOfWork) -> Connection:
        made = connections.create(uow, "Entra", acme.house.successor_id)
        return connections.get(uow, made)

    provision(acme.work, acme.house, "ann@acme.test")
    entra = replace(acme.house, connection=acme.do(connect))
    provision(acme.work, entra, "ann@acme.test")
    assert acme.refusal(acme.says("ann@acme.test")) == "subject_ambiguous"
    acme.configure(directory_id=acme.house.connection.id)
    acme.sign_in("ann@acme.test")


# -- new members ---------------------------------------------------------------------


def test_a_newcomer_in_a_proved_domain_becomes_a_member_where_that_is_on(acme: Lodge) -> None:
    assert isinstance(acme.end(acme.says("n1", "nina@acme.test")), LinkProposed)
    acme.configure(jit=True)
    token = acme.sign_in("n1", "nina@acme.test")
    member = acme.see(lambda uow: members.get(uow, acme.entrance(token).member_id))
    assert (member.source, member.managed_by) == ("jit", acme.connection_id)
    assert acme.entrance(acme.sign_in("n1")).member_id == member.id


@pytest.mark.parametrize(
    ("email", "code"),
    [
        pytest.param(None, "email_missing", id="none"),
        pytest.param("nina@elsewhere.test", "email_domain_unproved", id="elsewhere"),
        pytest.param("nina@sub.acme.test", "email_domain_unproved", id="subdomain"),
        pytest.param("nina@acme.test.evil.test", "email_domain_unproved", id="suffix"),
        pytest.param("nina@evil.test@acme.test", "email_missing", id="two-ats"),
        pytest.param("nína@acme.test", "email_missing", id="unicode-local-part"),
        pytest.param("\u212aim@acme.test", "email_missing", id="sign-for-kelvin"),
    ],
)
def test_nobody_becomes_a_member_with_another_address(
    acme: Lodge, email: str | None, code: str
) -> None:
    acme.configure(jit=True)
    before = acme.counted(t.members, t.persons)
    ended = acme.end(acme.says("n1", email))
    assert isinstance(ended, LinkProposed)
    assert ended.code == code
    assert acme.counted(t.members, t.persons) == before


def test_a_newcomer_never_becomes_a_person_who_is_known_elsewhere(
    acme: Lodge, globex: Lodge
) -> None:
    """Mia uses her Acme address at Globex; Acme's provider does not get hold of that account."""
    globex.do(
        lambda uow: organisations.add_member(
            uow, email="mia@acme.test", display_name="Mia", role="viewer"
        )
    )
    known = globex.person_of("mia@acme.test")
    acme.configure(jit=True)
    entrance = acme.entrance(acme.sign_in("m1", "mia@acme.test"))
    assert entrance.session.person_id != known
    assert acme.person_of("mia@acme.test") == known


def test_provisioning_adopts_whoever_signed_in_first(acme: Lodge) -> None:
    acme.configure(jit=True)
    entrance = acme.entrance(acme.sign_in("n1", "nina@acme.test", groups=["Support"]))
    user = provision(acme.work, acme.house, "nina@acme.test", "e9")
    assert user.member_id == entrance.member_id
    member = acme.see(lambda uow: members.get(uow, entrance.member_id))
    assert member.managed_by == acme.house.connection.id
    acme.sign_in("n1", "nina@acme.test", groups=["Sales"])
    assert acme.see(lambda uow: members.get(uow, member.id)).managed_by == user.connection_id


def test_a_newcomer_who_was_invited_needs_no_invitation_any_more(acme: Lodge) -> None:
    acme.configure(jit=True)
    acme.do(lambda uow: terms.override(uow, {"invites_when_scim": "on"}))
    wish = invitations.Wish(email="nina@acme.test", role_id=acme.role("viewer"))
    made = acme.do(lambda uow: invitations.create(uow, wish, "http://gateway.test"))
    assert not isinstance(made, Refused)
    before = acme.see(seats.count)
    acme.sign_in("n1", "nina@acme.test")
    assert acme.rows(t.invitations, id=made.id)[0].state == "superseded"
    after = acme.see(seats.count)
    assert (after.pending, after.active) == (before.pending - 1, before.active + 1)


def test_a_newcomer_without_a_free_seat_leaves_nothing_behind(acme: Lodge) -> None:
    acme.configure(jit=True)
    acme.do(lambda uow: _limit(uow, "block", 2))
    before = acme.counted(*PEOPLE)
    assert acme.refusal(acme.says("n1", "nina@acme.test")) == "seat_limit_reached"
    assert acme.counted(*PEOPLE) == before


def test_a_newcomer_may_wait_for_a_seat_and_then_come_in(acme: Lodge) -> None:
    acme.configure(jit=True)
    acme.do(lambda uow: _limit(uow, "block", 2, "waitlist"))
    for _ in range(2):
        assert acme.refusal(acme.says("n1", "nina@acme.test")) == "waitlisted"
    acme.do(lambda uow: organisations.change_subscription(uow, seat_limit=3))
    acme.sign_in("n1", "nina@acme.test")


def _limit(uow: UnitOfWork, overage: str, limit: int, scim: str = "refuse") -> None:

    terms.override(uow, {"seat_overage": overage})
    terms.override(uow, {"scim_overage": scim})
    organisations.change_subscription(uow, seat_limit=limit)


# -- attempts and messages -------------------------------------------------------------


def test_a_message_is_taken_once(acme: Lodge) -> None:
    provision(acme.work, acme.house, "ann@acme.test")
    said = acme.says("ann@acme.test")
    assert isinstance(acme.end(said, "assertion-1"), SignedIn)
    again = acme.end(said, "assertion-1")
    assert isinstance(again, Refused)
    assert again.error.details["reason"] == "replayed"
    assert isinstance(acme.end(said, "assertion-2"), SignedIn)


def bring_back(lodge: Lodge, handle: str, cookie: str | None) -> None:
    lodge.do(lambda uow: signin.consume(uow, lodge.connection_id, handle, cookie))


def test_an_attempt_is_finished_once_by_the_browser_that_began_it(acme: Lodge) -> None:

    begun = acme.do(lambda uow: signin.begin(uow, acme.connection_id))
    for handle, cookie, code in (
        (begun.handle, None, "attempt_elsewhere"),
        (begun.handle, "another", "attempt_elsewhere"),
        ("unknown", begun.cookie, "attempt_unknown"),
    ):
        with pytest.raises(SignInFailed) as refusal:
            bring_back(acme, handle, cookie)
        assert refusal.value.reason == code
    bring_back(acme, begun.handle, begun.cookie)
    with pytest.raises(SignInFailed) as refusal:
        bring_back(acme, begun.handle, begun.cookie)
    assert refusal.value.reason == "attempt_used"


def test_nobody_signs_in_through_another_organisations_attempt(acme: Lodge, globex: Lodge) -> None:

    begun = acme.do(lambda uow: signin.begin(uow, acme.connection_id))
    with pytest.raises(SignInFailed) as refusal:
        bring_back(globex, begun.handle, begun.cookie)
    assert refusal.value.reason == "attempt_unknown"


def test_who_comes_again_in_other_groups_is_mailed_of_another_role(acme: Lodge) -> None:
    """S4-14: not the newcomer, whom nobody told of a role before."""
    acme.configure(jit=True)

    def rule(uow: UnitOfWork) -> None:
        for priority, (name, key) in enumerate((("Eng", "developer"), ("Support", "billing")), 1):
            group = asserted_groups.named(uow, acme.connection_id, name)
            wish = {"role_id": acme.role(key), "priority": priority}
            mapping.create_rule(uow, acme.connection_id, group, "role", **wish)

    acme.do(rule)
    token = acme.sign_in("n1", "nina@acme.test", groups=["Support"])
    member_id = acme.entrance(token).member_id
    acme.do(lambda uow: uow.update(t.members, {"id": member_id}, last_active_at=uow.now))
    acme.sign_in("n1", "nina@acme.test", groups=["Support"])
    assert acme.rows(t.outbox, type="member.role_changed") == []
    acme.sign_in("n1", "nina@acme.test", groups=["Support", "Eng"])
    acme.sign_in("n1", "nina@acme.test", groups=["Eng"])
    (mail,) = acme.rows(t.outbox, type="member.role_changed")
    assert mail.payload["to"] == "nina@acme.test"
    assert "is Developer now" in mail.payload["text"]


def test_groups_are_absent_too_many_or_named(acme: Lodge) -> None:
    """Absent groups, an overage and an empty list are three different things."""
    acme.configure(jit=True)

    def held() -> set[object]:
        rows = acme.rows(t.asserted_memberships)
        return {row.group_id for row in rows if row.valid_to is None}

    acme.sign_in("n1", "nina@acme.test", groups=["Support", "Sales"])
    both = held()
    assert len(both) == 2
    acme.sign_in("n1", "nina@acme.test", groups=Groups.ABSENT)
    acme.sign_in("n1", "nina@acme.test", groups=Groups.OVERAGE)
    assert held() == both
    assert [row.kind for row in acme.rows(t.attention_items)] == ["group_overage"]
    acme.sign_in("n1", "nina@acme.test", groups=["Sales"])
    assert len(held()) == 1
    acme.sign_in("n1", "nina@acme.test", groups=[])
    assert held() == set()


def test_a_group_may_be_called_by_any_one_line(acme: Lodge) -> None:
    """A space that does not break is no reason to keep somebody out."""
    acme.configure(jit=True)
    acme.sign_in("n1", "nina@acme.test", groups=["Équipe\u00a0A"])
    assert [row.display_name for row in acme.rows(t.directory_groups)] == ["Équipe\u00a0A"]
    with pytest.raises(SignInFailed):
        Groups.of(["Support\x85Admins"])
