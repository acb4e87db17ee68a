"""What a session opens, and when it is over."""

from datetime import timedelta
from uuid import UUID

import pytest

from gateway.domain.errors import NotFound, SessionEnded
from gateway.domain.sessions import Factor
from gateway.services import (
    directory,
    members,
    offboarding,
    organisations,
    retention,
    session_ends,
    sessions,
    terms,
)
from gateway.storage import tables as t
from tests.clock import Clock
from tests.factories import provision, user_record
from tests.service.signin.lodge import Lodge


def mia(acme: Lodge, globex: Lodge) -> UUID:
    """Mia is provisioned at Acme, and has a password that opens Globex."""
    provision(acme.work, acme.house, "mia@acme.test", "m1")
    globex.do(
        lambda uow: organisations.add_member(
            uow, email="mia@acme.test", display_name="Mia", role="viewer"
        )
    )
    return acme.person_of("mia@acme.test")


def is_over(lodge: Lodge, token: str) -> bool:
    with pytest.raises((SessionEnded, NotFound)) as refusal:
        lodge.entrance(token)
    return isinstance(refusal.value, SessionEnded)


def test_a_providers_proof_opens_its_own_organisation_alone(acme: Lodge, globex: Lodge) -> None:
    """Mia, signed in by Acme's provider, learns nothing of Globex: it is not there."""
    person_id = mia(acme, globex)
    token = acme.sign_in("mia@acme.test")
    assert acme.entrance(token).session.person_id == person_id
    with pytest.raises(NotFound, match="No such organisation"):
        globex.entrance(token)
    with pytest.raises(NotFound, match="No such organisation"):
        acme.entrance(token, UUID(int=1))
    session = acme.person(lambda here: sessions.require(here, token))
    shown = acme.person(lambda here: sessions.opened(here, session))
    assert [row.organisation_id for row in shown] == [acme.organisation_id]
    assert not session.is_own


def test_a_password_opens_every_organisation_that_takes_it(acme: Lodge, globex: Lodge) -> None:
    """S0-01: one person, one account of their own, wherever they are a member."""
    opened = acme.by_password(mia(acme, globex))
    assert set(opened.organisations) == {acme.organisation_id, globex.organisation_id}
    assert globex.entrance(opened.token).method == "own"


def test_enforcement_closes_the_organisation_not_the_person(acme: Lodge, globex: Lodge) -> None:
    person_id = mia(acme, globex)
    before = acme.by_password(person_id)
    acme.do(lambda uow: uow.update(t.sso_connections, {"id": acme.connection_id}, enforced=True))
    assert is_over(acme, before.token)
    after = acme.by_password(person_id)
    assert after.organisations == (globex.organisation_id,)
    assert after.closed == {acme.organisation_id: "sso_enforced"}
    globex.entrance(after.token)
    acme.entrance(acme.sign_in("mia@acme.test"))


def test_a_plan_that_has_lost_single_sign_on_enforces_none(acme: Lodge) -> None:
    """S4-22: nobody comes in through the provider, and nobody is locked out by it."""
    person_id = acme.person_of("owner@acme.test")
    acme.do(lambda uow: uow.update(t.sso_connections, {"id": acme.connection_id}, enforced=True))
    assert acme.by_password(person_id).closed == {acme.organisation_id: "sso_enforced"}
    acme.do(lambda uow: organisations.change_subscription(uow, add_ons=()))
    opened = acme.by_password(person_id)
    assert acme.entrance(opened.token).method == "own"
    acme.do(lambda uow: organisations.change_subscription(uow, add_ons=("enterprise",)))
    assert is_over(acme, opened.token)
    assert acme.by_password(person_id).closed == {acme.organisation_id: "sso_enforced"}


def test_enforcement_leaves_guests_their_password(acme: Lodge) -> None:
    acme.do(
        lambda uow: organisations.add_member(
            uow, email="guest@elsewhere.test", display_name="Guest", role="viewer"
        )
    )
    acme.do(lambda uow: uow.update(t.sso_connections, {"id": acme.connection_id}, enforced=True))
    opened = acme.by_password(acme.person_of("guest@elsewhere.test"))
    assert acme.entrance(opened.token).method == "own"


def test_an_organisation_may_ask_for_two_factors(acme: Lodge) -> None:
    person_id = acme.person_of("owner@acme.test")
    weak = acme.by_password(person_id)
    acme.entrance(weak.token)
    acme.do(lambda uow: terms.override(uow, {"require_mfa": True}))
    assert is_over(acme, weak.token)
    assert acme.by_password(person_id).closed == {acme.organisation_id: "factor_required"}
    for factors in ((Factor.PASSWORD, Factor.TOTP), (Factor.PASSKEY,)):
        acme.entrance(acme.by_password(person_id, *factors).token)


def test_an_organisation_may_shorten_sessions(acme: Lodge, clock: Clock) -> None:
    acme.do(lambda uow: terms.override(uow, {"session_hours": 2}))
    opened = acme.by_password(acme.person_of("owner@acme.test"))
    clock.advance(timedelta(hours=2) - timedelta(seconds=1))
    acme.entrance(opened.token)
    clock.advance(timedelta(seconds=1))
    assert is_over(acme, opened.token)


def test_a_deprovisioned_persons_next_request_is_refused(acme: Lodge, globex: Lodge) -> None:
    """S2-21: what SCIM ends is over at the next request, and nowhere else."""
    person_id = mia(acme, globex)
    by_provider, by_password = acme.sign_in("mia@acme.test"), acme.by_password(person_id)
    user = acme.rows(t.directory_users, user_name="mia@acme.test")[0]
    gone = user_record("mia@acme.test", "m1", active=False)
    acme.do(
        lambda uow: directory.update_user(uow, acme.house.connection, user.id, gone),
        acme.house.idp,
    )
    assert is_over(acme, by_provider)
    assert is_over(acme, by_password.token)
    globex.entrance(by_password.token)


def test_a_session_from_before_does_not_come_back_with_the_member(
    acme: Lodge, clock: Clock
) -> None:
    user = provision(acme.work, acme.house, "ann@acme.test", "e1")
    assert user.member_id is not None
    member_id = user.member_id
    token = acme.sign_in("ann@acme.test")
    acme.do(lambda uow: members.deactivate(uow, member_id))
    acme.do(lambda uow: members.reactivate(uow, member_id))
    assert is_over(acme, token)
    clock.advance(timedelta(seconds=1))
    acme.entrance(acme.sign_in("ann@acme.test"))


def test_a_proof_made_while_access_ended_opens_nothing(acme: Lodge) -> None:
    """Also where the row came a moment too late to be ended with the others."""
    person_id = acme.person_of("second@acme.test")
    opened = acme.by_password(person_id)
    member_id = acme.entrance(opened.token).member_id
    acme.do(lambda uow: uow.update(t.members, {"id": member_id}, signed_out_at=uow.now))
    assert is_over(acme, opened.token)


def test_an_older_epoch_is_not_refused_but_moves_up(acme: Lodge) -> None:
    token = acme.sign_in_member()
    entered = acme.entrance(token)
    viewer = acme.role("viewer")
    acme.do(lambda uow: members.set_role(uow, entered.member_id, viewer))
    later = acme.entrance(token)
    assert later.member_epoch > later.access_epoch
    assert later.access_document["role"]["key"] == "viewer"
    acme.do(lambda uow: sessions.follow_epoch(uow, later))
    moved = acme.entrance(token)
    assert moved.access_epoch == moved.member_epoch


def test_every_sign_in_has_a_new_token_and_ends_the_session_before(
    acme: Lodge, globex: Lodge
) -> None:
    person_id = mia(acme, globex)
    first = acme.by_password(person_id)
    attempt = acme.attempt(session_id=first.id)
    assert attempt.session_id == first.id
    second = acme.sign_in_with(acme.says("mia@acme.test"), session_id=first.id)
    assert is_over(acme, first.token)
    assert acme.entrance(second).method == "sso"
    assert globex.entrance(second).method == "own", "what was proved of the same person stays"


def test_another_persons_session_is_not_carried_over(acme: Lodge, globex: Lodge) -> None:
    mia(acme, globex)
    other = globex.by_password(globex.person_of("owner@globex.test"))
    token = acme.sign_in_with(acme.says("mia@acme.test"), session_id=other.id)
    assert is_over(globex, other.token)
    with pytest.raises(NotFound):
        globex.entrance(token)


def test_a_providers_logout_ends_what_it_names(acme: Lodge) -> None:
    provision(acme.work, acme.house, "ann@acme.test")
    one = acme.sign_in_with(acme.says("ann@acme.test", session_index="s1"))
    two = acme.sign_in_with(acme.says("ann@acme.test", session_index="s2"))

    def log_out(subject: str | None, *indexes: str) -> int:
        return acme.do(
            lambda uow: session_ends.end_by_provider(
                uow, acme.connection_id, subject=subject, session_indexes=indexes
            )
        )

    assert log_out("bob@acme.test", "s1") == 0
    assert log_out(None) == 0
    assert log_out("ann@acme.test", "s1") == 1
    assert is_over(acme, one)
    acme.entrance(two)
    assert log_out("ann@acme.test") == 1
    assert is_over(acme, two)


def test_an_admin_ends_what_opens_the_organisation_and_nothing_else(
    acme: Lodge, globex: Lodge
) -> None:
    opened = acme.by_password(mia(acme, globex))
    member_id = acme.entrance(opened.token).member_id
    shown = acme.see(lambda uow: session_ends.of_member(uow, member_id))
    assert [row.id for row in shown] == [opened.id]
    acme.do(lambda uow: session_ends.revoke_member(uow, member_id, "admin"))
    assert is_over(acme, opened.token)
    globex.entrance(opened.token)


def test_a_person_sees_and_ends_only_what_the_session_proves(acme: Lodge, globex: Lodge) -> None:
    own = acme.by_password(mia(acme, globex))
    token = acme.sign_in("mia@acme.test")
    by_provider = acme.person(lambda here: sessions.require(here, token))
    member_id = acme.entrance(own.token).member_id
    acme.do(lambda uow: offboarding.end_sessions(uow, member_id, "test"))
    shown = acme.person(lambda here: session_ends.listing(here, by_provider))
    assert own.id not in {row.id for row in shown}
    with pytest.raises(NotFound):
        acme.person(lambda here: session_ends.revoke(here, by_provider, own.id))
    globex.entrance(own.token)


def test_ending_a_shared_session_by_a_providers_proof_leaves_the_rest_open(
    acme: Lodge, globex: Lodge
) -> None:
    own = acme.by_password(mia(acme, globex))
    token = acme.sign_in("mia@acme.test")
    by_provider = acme.person(lambda here: sessions.require(here, token))
    acme.person(lambda here: session_ends.revoke(here, by_provider, own.id))
    assert is_over(acme, own.token)
    globex.entrance(own.token)


def test_signing_out_ends_everything(acme: Lodge, globex: Lodge) -> None:
    opened = acme.by_password(mia(acme, globex))
    acme.person(lambda here: session_ends.sign_out(here, opened.id))
    assert is_over(acme, opened.token)
    assert is_over(globex, opened.token)


def test_a_session_ends_by_time(acme: Lodge, clock: Clock) -> None:
    opened = acme.by_password(acme.person_of("owner@acme.test"))
    clock.advance(timedelta(hours=12))
    assert is_over(acme, opened.token)


def test_a_contained_owner_is_locked_out_until_released(acme: Lodge) -> None:
    """Sessions die, and neither provider nor password opens the house again."""
    user = provision(acme.work, acme.house, "owner@acme.test", "o1")
    opened = acme.by_password(acme.person_of("owner@acme.test"))
    gone = user_record("owner@acme.test", "o1", active=False)
    acme.do(
        lambda uow: directory.update_user(uow, acme.house.connection, user.id, gone),
        acme.house.idp,
    )
    assert is_over(acme, opened.token)
    again = acme.by_password(acme.person_of("owner@acme.test"))
    assert again.closed == {acme.organisation_id: "contained"}
    code = acme.refusal(acme.says("owner@acme.test"))
    assert code in ("contained", "deprovisioned_by_idp")


def test_a_session_is_forgotten_a_year_after_it_ended(acme: Lodge, clock: Clock) -> None:
    provision(acme.work, acme.house, "mia@acme.test", "m1")
    acme.sign_in("mia@acme.test")
    person_id = acme.person_of("mia@acme.test")
    acme.person(lambda here: session_ends.revoke_person(here, person_id, "signed_out"))
    clock.advance(retention.SESSIONS_KEPT - timedelta(hours=1))
    token = acme.sign_in("mia@acme.test")
    assert acme.work.run_platform(retention.forget_sessions) == 0
    clock.advance(timedelta(hours=1))
    assert acme.work.run_platform(retention.forget_sessions) == 1
    assert acme.entrance(token).session.person_id == person_id
