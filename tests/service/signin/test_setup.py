"""The life of a sign-on connection, and who may set it up."""

from datetime import timedelta
from uuid import UUID

import pytest

from gateway.domain.errors import (
    InvalidRequest,
    InvalidTransition,
    NotFound,
    PlanFeature,
    SignInFailed,
    SuccessorRequired,
)
from gateway.domain.identity import Actor, ActorType
from gateway.domain.sessions import Factor
from gateway.domain.signin import TestResult as Tested
from gateway.domain.signin import Trace
from gateway.services import (
    asserted_groups,
    break_glass,
    certificates,
    connections,
    credentials,
    mapping,
    organisations,
    people,
    signin,
    sso_connections,
    sso_setup,
    sso_views,
)
from gateway.services.traces import FAILED_LIMIT
from gateway.storage import tables as t
from gateway.storage.unit_of_work import UnitOfWork
from tests.clock import Clock
from tests.factories import provision
from tests.service.signin.lodge import VAULT, Lodge, certificate


def by(member_id: UUID) -> Actor:
    return Actor(ActorType.MEMBER, str(member_id), "Somebody", member_id)


def draft(lodge: Lodge, **settings: object) -> Lodge:
    """A second connection of the same organisation."""
    made = lodge.do(lambda uow: sso_setup.create(uow, "saml", "Second", "generic", **settings))
    return Lodge(lodge.work, lodge.house, made)


WHOLE = {
    "issuer": "https://idp.acme.test/saml",
    "sso_url": "https://idp.acme.test/sso",
}


def test_single_sign_on_needs_the_plan(acme: Lodge) -> None:
    """S4-22: without the enterprise add-on nothing of it can be set up or used."""
    acme.do(lambda uow: organisations.change_subscription(uow, add_ons=()))
    with pytest.raises(PlanFeature):
        draft(acme)
    with pytest.raises(SignInFailed, match="Signing in") as refusal:
        acme.attempt()
    assert refusal.value.reason == "plan_feature"


def test_a_connection_is_drawn_up_tested_and_then_active(acme: Lodge) -> None:
    second = draft(acme)
    with pytest.raises(InvalidRequest, match="lacks issuer, sso_url, certificates"):
        second.do(lambda uow: sso_setup.begin_test(uow, second.connection_id))
    with pytest.raises(SignInFailed):
        second.attempt()
    second.configure(**WHOLE, certificates=[certificate()])
    with pytest.raises(InvalidRequest, match="test"):
        second.do(lambda uow: sso_setup.activate(uow, second.connection_id))
    provision(acme.work, acme.house, "ann@acme.test")
    test(second, "ann@acme.test")
    second.do(lambda uow: sso_setup.activate(uow, second.connection_id))
    second.sign_in("ann@acme.test")
    second.configure(sso_url="https://idp.acme.test/other")
    second.do(lambda uow: sso_setup.disable(uow, second.connection_id))
    with pytest.raises(InvalidRequest, match="test"):
        second.do(lambda uow: sso_setup.activate(uow, second.connection_id))


def test(lodge: Lodge, subject: str, **said: object) -> Tested:
    """Make a test sign-in."""
    ticket = lodge.do(lambda uow: sso_setup.begin_test(uow, lodge.connection_id))
    ended = lodge.end(lodge.says(subject, **said), test=ticket.secret)  # type: ignore[arg-type]
    assert isinstance(ended, Tested), ended
    return ended


test.__test__ = False  # type: ignore[attr-defined]


def test_a_test_sign_in_shows_everything_and_makes_nothing(acme: Lodge) -> None:
    user = provision(acme.work, acme.house, "ann@acme.test", "e1")
    group = acme.house.connection
    before = acme.counted(t.sessions, t.identities, t.members, t.persons, t.session_proofs)
    shown = test(acme, "ann@acme.test", email="ann@acme.test", groups=["Support"]).document
    assert acme.counted(*(t.sessions, t.identities, t.members, t.persons, t.session_proofs)) == (
        before
    )
    assert shown["landing"]["member"] == str(user.member_id)
    assert shown["landing"]["link"] == "scim"
    assert shown["groups"] == {"said": "named", "names": ["Support"], "count": 1}
    assert shown["access"]["decided_by"] == "elsewhere", "provisioning has precedence"
    assert shown["difference"]["groups_only_in_sign_in"] == ["Support"]
    assert shown["checks"][-1] == {
        "name": "person",
        "passed": True,
        "detail": "would sign in (scim)",
    }
    assert group.state == "active"


def test_a_test_of_a_newcomer_shows_which_rule_would_decide(acme: Lodge) -> None:
    acme.configure(jit=True)
    support = acme.do(lambda uow: asserted_groups.named(uow, acme.connection_id, "Support"))
    developer = acme.role("developer")
    rule = acme.do(
        lambda uow: mapping.create_rule(
            uow, acme.connection_id, support, "role", role_id=developer, priority=1
        )
    )
    shown = test(acme, "n1", email="nina@acme.test", groups=["Support", "Other"]).document
    assert shown["access"]["role"] == "developer"
    assert shown["access"]["winner"] == str(rule)
    assert (
        acme.entrance(acme.sign_in("n1", "nina@acme.test", groups=["Support"])).access_document[
            "role"
        ]["key"]
        == "developer"
    )
    later = acme.entrance(acme.sign_in("n1", "nina@acme.test", groups=[]))
    assert later.access_document["role"]["key"] == "viewer"


def test_a_test_ticket_makes_one_test(acme: Lodge) -> None:
    ticket = acme.do(lambda uow: sso_setup.begin_test(uow, acme.connection_id))
    acme.end(acme.says("x"), test=ticket.secret)
    for spent in (ticket.secret, "test_unknown"):
        with pytest.raises(SignInFailed):
            acme.attempt(test=spent)


def test_failures_are_kept_for_seven_days_without_what_is_secret(acme: Lodge) -> None:
    attempt = acme.attempt()
    trace = Trace()
    trace.tick("gate")
    trace.cross("signature", "fits none of 1\n<script>" + "x" * 1_000)
    acme.do(lambda uow: signin.fail(uow, acme.connection_id, attempt, "signature_invalid", trace))
    kept = acme.rows(t.signin_traces)[0]
    assert (kept.code, kept.outcome) == ("signature_invalid", "refused")
    assert len(kept.document["checks"][1]["detail"]) <= 255
    assert "\n" not in kept.document["checks"][1]["detail"]
    assert (kept.expires_at - kept.occurred_at).days == 7


def test_strangers_cannot_fill_the_traces(acme: Lodge) -> None:
    for _ in range(40):
        acme.do(lambda uow: signin.fail(uow, acme.connection_id, None, "attempt_unknown", Trace()))
    assert len(acme.rows(t.signin_traces)) == 30
    assert acme.rows(t.audit_events, action="signin.failed") == []


def test_whoever_knows_the_address_fills_neither_the_traces_nor_the_history(
    acme: Lodge, clock: Clock
) -> None:
    """Each attempt ends all the same; a minute later failures are kept again."""

    def fail(uow: UnitOfWork, times: int) -> None:
        for _ in range(times):
            attempt = signin.begin(uow, acme.connection_id)
            signin.fail(uow, acme.connection_id, attempt, "malformed", Trace())
            with pytest.raises(SignInFailed):
                signin.consume(uow, acme.connection_id, attempt.handle, attempt.cookie)

    acme.do(lambda uow: fail(uow, FAILED_LIMIT + 10))
    assert len(acme.rows(t.signin_traces)) == FAILED_LIMIT
    assert len(acme.rows(t.audit_events, action="signin.failed")) == FAILED_LIMIT
    clock.advance(timedelta(minutes=1, seconds=1))
    acme.do(lambda uow: fail(uow, 1))
    assert len(acme.rows(t.signin_traces)) == FAILED_LIMIT + 1


def test_disabling_makes_roles_manual_and_ends_sessions(acme: Lodge) -> None:
    acme.configure(jit=True)
    token = acme.sign_in("n1", "nina@acme.test")
    member_id = acme.entrance(token).member_id
    acme.do(lambda uow: sso_setup.disable(uow, acme.connection_id))
    acme.do(lambda uow: sso_setup.disable(uow, acme.connection_id))
    live = [row for row in acme.rows(t.session_proofs) if row.revoked_at is None]
    assert live == []
    grants = acme.rows(t.grants, member_id=member_id)
    assert [row.source for row in grants] == ["converted"]
    acme.do(lambda uow: sso_setup.activate(uow, acme.connection_id))
    acme.sign_in("n1", "nina@acme.test")


def test_a_deleted_connection_is_gone_with_its_links(acme: Lodge) -> None:
    provision(acme.work, acme.house, "ann@acme.test")
    acme.sign_in("ann@acme.test")
    preview = acme.see(lambda uow: sso_views.deletion_preview(uow, acme.connection_id))
    assert (preview["identities"], preview["sessions"]) == (1, 1)
    acme.do(lambda uow: sso_setup.delete(uow, acme.connection_id))
    assert acme.rows(t.identities) == []
    with pytest.raises(NotFound):
        acme.see(lambda uow: sso_views.load(uow, acme.connection_id))
    with acme.work.platform() as database:
        slug = acme.rows(t.sso_connections, id=acme.connection_id)[0].slug
        assert sso_connections.saml_by_slug(database, VAULT, slug) is None


def test_a_scim_connection_is_no_sign_on_connection_and_the_other_way_round(acme: Lodge) -> None:
    with pytest.raises(NotFound):
        acme.do(lambda uow: connections.update(uow, acme.connection_id, name="x"))
    with pytest.raises(NotFound):
        acme.do(lambda uow: sso_setup.update(uow, acme.house.connection.id, name="x"))
    draft_of = draft(acme, **WHOLE)
    with pytest.raises(InvalidTransition):
        draft_of.do(lambda uow: sso_setup.disable(uow, draft_of.connection_id))


# -- enforcement and break-glass owners --------------------------------------------------


def test_enforcement_waits_for_an_owner_to_come_in(acme: Lodge) -> None:
    def enforce() -> None:
        acme.do(lambda uow: sso_setup.set_enforced(uow, acme.connection_id, enforced=True))

    with pytest.raises(InvalidRequest, match="owner"):
        enforce()
    provision(acme.work, acme.house, "owner@acme.test")
    acme.sign_in("owner@acme.test")
    enforce()
    opened = acme.by_password(acme.person_of("second@acme.test"))
    assert opened.closed == {acme.organisation_id: "sso_enforced"}


def arm(acme: Lodge) -> None:
    """Give the owner a password and recovery codes."""
    person_id = acme.person_of("owner@acme.test")
    password_hash = people.hash_password("correct horse battery")
    acme.person(lambda here: here.change(t.persons, person_id, password_hash=password_hash))
    acme.person(lambda here: credentials.new_recovery_codes(here, person_id))


def test_a_break_glass_owner_comes_in_whatever_is_enforced(acme: Lodge) -> None:
    owner_id = acme.house.owner_id
    with pytest.raises(InvalidRequest, match="password"):
        acme.do(lambda uow: break_glass.appoint(uow, owner_id))
    arm(acme)
    acme.do(lambda uow: break_glass.appoint(uow, owner_id))
    acme.do(lambda uow: uow.update(t.sso_connections, {"id": acme.connection_id}, enforced=True))
    person_id = acme.person_of("owner@acme.test")
    assert acme.by_password(person_id).closed == {acme.organisation_id: "factor_required"}
    opened = acme.by_password(person_id, Factor.PASSWORD, Factor.RECOVERY_CODE)
    assert acme.entrance(opened.token).break_glass
    assert len(acme.rows(t.audit_events, action="break_glass.used")) == 1
    mails = {row.type for row in acme.rows(t.outbox, channel="mail")}
    assert {"break_glass.appointed", "break_glass.used"} <= mails
    acme.do(lambda uow: break_glass.end(uow, owner_id))
    closed = acme.by_password(person_id, Factor.PASSWORD, Factor.RECOVERY_CODE).closed
    assert closed == {acme.organisation_id: "sso_enforced"}


def test_provisioning_never_matches_a_break_glass_owner(acme: Lodge) -> None:
    arm(acme)
    owner_id = acme.house.owner_id
    acme.do(lambda uow: break_glass.appoint(uow, owner_id))
    user = provision(acme.work, acme.house, "owner@acme.test")
    assert user.member_id is None
    assert [row.kind for row in acme.rows(t.attention_items)] == ["break_glass_matched"]


def test_scim_may_rest_on_a_break_glass_owner_instead_of_a_successor(acme: Lodge) -> None:
    with pytest.raises(SuccessorRequired):
        acme.do(lambda uow: connections.create(uow, "Entra"))
    arm(acme)
    acme.do(lambda uow: break_glass.appoint(uow, acme.house.owner_id))
    acme.do(lambda uow: connections.create(uow, "Entra"))


# -- whom a connection is trusted with ----------------------------------------------------


def test_nobody_signs_in_as_somebody_above_who_chose_the_keys(acme: Lodge) -> None:
    """An admin who swaps the provider's certificate does not become the owner."""
    provision(acme.work, acme.house, "owner@acme.test")
    provision(acme.work, acme.house, "ann@acme.test")
    acme.sign_in("owner@acme.test")
    admin = by(acme.house.successor_id)
    acme.do(
        lambda uow: sso_setup.add_certificate(uow, acme.connection_id, certificate("evil")), admin
    )
    assert acme.refusal(acme.says("owner@acme.test")) == "connection_unapproved"
    acme.sign_in("ann@acme.test")
    acme.do(lambda uow: sso_setup.approve(uow, acme.connection_id), admin)
    assert acme.refusal(acme.says("owner@acme.test")) == "connection_unapproved"
    acme.do(lambda uow: sso_setup.approve(uow, acme.connection_id), by(acme.house.owner_id))
    acme.sign_in("owner@acme.test")


# -- certificates ---------------------------------------------------------------------------


def test_a_second_certificate_is_staged_until_it_signs(acme: Lodge) -> None:
    pem = certificate("next")
    acme.do(lambda uow: sso_setup.add_certificate(uow, acme.connection_id, pem))
    acme.do(lambda uow: sso_setup.add_certificate(uow, acme.connection_id, pem))
    live = acme.see(lambda uow: certificates.live_of(uow, acme.connection_id))
    assert [row.state for row in live] == ["active", "staged"]
    provision(acme.work, acme.house, "ann@acme.test")
    acme.sign_in("ann@acme.test", signed_by=certificates.fingerprint(pem))
    live = acme.see(lambda uow: certificates.live_of(uow, acme.connection_id))
    assert [row.state for row in live] == ["active", "active"]
    old = next(row for row in live if row.fingerprint != certificates.fingerprint(pem))
    acme.do(lambda uow: certificates.retire(uow, acme.connection_id, old.id))
    last = acme.see(lambda uow: certificates.live_of(uow, acme.connection_id))[0]
    with pytest.raises(InvalidRequest):
        acme.do(lambda uow: certificates.retire(uow, acme.connection_id, last.id))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "garbage",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----",
        certificate() + certificate(),
        certificate(days=0),
        "A" * 30_000,
    ],
    ids=["empty", "garbage", "no-certificate", "two", "ended", "huge"],
)
def test_garbage_is_no_certificate(acme: Lodge, text: str) -> None:
    with pytest.raises(InvalidRequest):
        acme.do(lambda uow: sso_setup.add_certificate(uow, acme.connection_id, text))


def test_our_keys_are_sealed_and_two_are_kept(acme: Lodge) -> None:
    for _ in range(3):
        acme.do(lambda uow: certificates.add_key(uow, acme.connection_id))
    assert len(acme.see(lambda uow: certificates.keys_of(uow, acme.connection_id))) == 2
    assert not any("PRIVATE" in row.private_key for row in acme.rows(t.sso_keys))
    slug = acme.rows(t.sso_connections)[0].slug
    with acme.work.platform() as database:
        found = sso_connections.saml_by_slug(database, VAULT, slug)
    assert found is not None
    assert [key.private_key.startswith("-----BEGIN PRIVATE KEY") for key in found.keys] == [
        True,
        True,
    ]
    assert "PRIVATE" not in repr(found)


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("sso_url", "javascript:alert(1)"),
        ("sso_url", "file:///etc/passwd"),
        ("sso_url", "https://user:secret@idp.test/"),
        ("sso_url", "https://idp.test/#x"),
        ("slo_url", "//idp.test/slo"),
        ("sso_binding", "artifact"),
        ("clock_skew", 121),
        ("clock_skew", True),
        ("allow_cbc", "yes"),
        ("attributes", {"role": "x"}),
        ("nothing", 1),
    ],
)
def test_settings_have_bounds(acme: Lodge, setting: str, value: object) -> None:
    with pytest.raises(InvalidRequest):
        acme.configure(**{setting: value})


def test_addresses_are_unguessable_and_none_begins_another(acme: Lodge, globex: Lodge) -> None:
    slugs = [row.slug for lodge in (acme, globex) for row in lodge.rows(t.sso_connections)]
    assert len(set(slugs)) == 2
    assert {len(slug) for slug in slugs} == {48}
