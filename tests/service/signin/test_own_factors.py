"""Accounts of people's own: passwords, codes, mailed links; nobody learns who has one."""

from datetime import timedelta
from functools import partial
from uuid import UUID

import pyotp
import pytest

from gateway.domain.errors import (
    InvalidRequest,
    RateLimited,
    SignInFailed,
    StepUpRequired,
)
from gateway.domain.identity import Context
from gateway.domain.sessions import Factor
from gateway.services import (
    credentials,
    mailed_links,
    organisations,
    own_signin,
    people,
    sessions,
    throttle,
)
from gateway.services.own_signin import CodeNeeded, PasswordDue
from gateway.services.session_openings import Opened
from gateway.storage import person_work
from gateway.storage import tables as t
from tests.clock import Clock
from tests.factories import provision
from tests.service.signin.lodge import Lodge

PASSWORD = "correct horse battery"
HASH = people.hash_password(PASSWORD)


@pytest.fixture
def owner(acme: Lodge) -> UUID:
    """Acme's owner, with a password."""
    person_id = acme.person_of("owner@acme.test")
    acme.person(lambda here: here.change(t.persons, person_id, password_hash=HASH))
    return person_id


def enter(acme: Lodge, email: str, password: str, ip: str = "192.0.2.1") -> Opened | CodeNeeded:
    """Sign in as the pages do."""
    context = Context(ip=ip, user_agent="Firefox", request_id="r1")
    found = person_work.run(acme.work, lambda here: own_signin.known(here, email), context)
    if not people.password_matches(found.password_hash, password):
        person_work.run(acme.work, lambda here: own_signin.wrong(here, email), context)
        raise SignInFailed("credentials_wrong")
    reached = person_work.run(
        acme.work,
        lambda here: own_signin.right(here, found, replaces=None, return_to="/home"),
        context,
    )
    assert not isinstance(reached, PasswordDue)
    return reached


def link_in(acme: Lodge, to: str) -> str | None:
    """The secret of the newest link mailed to an address."""
    text = acme.mailed(to)
    return text.partition("token=")[2].split()[0] if "token=" in text else None


def test_a_password_opens_the_house_in_any_case_of_the_address(acme: Lodge, owner: UUID) -> None:
    """S1-05: the sign-in address is compared case-insensitively."""
    opened = enter(acme, " Owner@ACME.test ", PASSWORD)
    assert isinstance(opened, Opened)
    entered = acme.entrance(opened.token)
    assert entered.session.person_id == owner
    assert entered.session.factors == {Factor.PASSWORD}


@pytest.mark.parametrize(
    ("email", "password"),
    [
        pytest.param("owner@acme.test", "wrong horse battery", id="wrong"),
        pytest.param("second@acme.test", PASSWORD, id="no-password"),
        pytest.param("nobody@acme.test", PASSWORD, id="no-account"),
        pytest.param("", "", id="nothing"),
    ],
)
@pytest.mark.usefixtures("owner")
def test_every_wrong_proof_is_refused_alike(acme: Lodge, email: str, password: str) -> None:
    with pytest.raises(SignInFailed) as refusal:
        enter(acme, email, password)
    assert refusal.value.reason == "credentials_wrong"
    assert acme.counted(t.failed_proofs) == {"failed_proofs": 1}


@pytest.mark.usefixtures("owner")
def test_tries_are_counted_whether_or_not_there_is_an_account(acme: Lodge, clock: Clock) -> None:
    for email in ("owner@acme.test", "nobody@acme.test"):
        for _ in range(throttle.PASSWORD_HERE.tries):
            with pytest.raises(SignInFailed):
                enter(acme, email, "wrong")
        with pytest.raises(RateLimited):
            enter(acme, email, PASSWORD)
    enter(acme, "owner@acme.test", PASSWORD, ip="192.0.2.2")
    clock.advance(throttle.QUARTER)
    enter(acme, "owner@acme.test", PASSWORD)


@pytest.mark.usefixtures("owner")
def test_wrong_passwords_appear_in_the_houses_that_they_would_have_opened(acme: Lodge) -> None:
    """S2-06: the login history shows failures, too."""
    for email in ("owner@acme.test", "nobody@acme.test"):
        with pytest.raises(SignInFailed):
            enter(acme, email, "wrong")
    assert acme.person(own_signin.tell_failures) == 2
    told = acme.rows(t.audit_events, action="signin.failed")
    assert [(x.after["code"], x.outcome) for x in told] == [("credentials_wrong", "refused")]
    assert acme.counted(t.failed_proofs) == {"failed_proofs": 0}


# -- second factors ------------------------------------------------------------------


def add_authenticator(acme: Lodge, person_id: UUID) -> pyotp.TOTP:
    secret, uri = acme.person(lambda here: credentials.begin_totp(here, person_id, "Gateway"))
    assert secret in uri
    totp = pyotp.TOTP(secret)
    code = totp.at(acme.work.clock())
    acme.person(lambda here: credentials.confirm_totp(here, person_id, code))
    return totp


def test_an_authenticators_code_is_asked_for_and_taken_once(
    acme: Lodge, owner: UUID, clock: Clock
) -> None:
    totp = add_authenticator(acme, owner)
    clock.advance(timedelta(seconds=30))
    step = enter(acme, "owner@acme.test", PASSWORD)
    assert isinstance(step, CodeNeeded)
    code = totp.at(clock())
    opened, way = acme.person(
        lambda here: own_signin.with_code(here, step.token, code, replaces=None)
    )
    assert (acme.entrance(opened.token).session.is_own, way) == (True, "/home")
    again = enter(acme, "owner@acme.test", PASSWORD)
    assert isinstance(again, CodeNeeded)
    for token in (again.token, step.token, "unknown"):
        with pytest.raises(SignInFailed):
            acme.person(partial(own_signin.with_code, token=token, code=code, replaces=None))


def test_the_secret_is_kept_sealed(acme: Lodge, owner: UUID) -> None:
    secret, _ = acme.person(lambda here: credentials.begin_totp(here, owner, "Gateway"))
    with acme.work.platform() as database:
        stored = database.execute(t.totp_secrets.select()).one()
    assert secret not in stored.secret


def test_an_authenticator_that_was_not_confirmed_is_not_asked_for(acme: Lodge, owner: UUID) -> None:
    acme.person(lambda here: credentials.begin_totp(here, owner, "Gateway"))
    with pytest.raises(InvalidRequest):
        acme.person(lambda here: credentials.confirm_totp(here, owner, "000000"))
    assert isinstance(enter(acme, "owner@acme.test", PASSWORD), Opened)


def recover(acme: Lodge, code: str) -> None:
    step = enter(acme, "owner@acme.test", PASSWORD)
    assert isinstance(step, CodeNeeded)
    acme.person(lambda here: own_signin.with_code(here, step.token, code, replaces=None))


def test_each_recovery_code_works_once(acme: Lodge, owner: UUID) -> None:
    codes = acme.person(lambda here: credentials.new_recovery_codes(here, owner))
    assert len(set(codes)) == credentials.CODES
    recover(acme, f" {codes[0].upper()} ")
    with pytest.raises(SignInFailed):
        recover(acme, codes[0])
    assert acme.person(lambda here: credentials.codes_left(here, owner)) == credentials.CODES - 1


def test_codes_are_throttled_by_account(acme: Lodge, owner: UUID) -> None:
    add_authenticator(acme, owner)
    step = enter(acme, "owner@acme.test", PASSWORD)
    assert isinstance(step, CodeNeeded)
    for _ in range(throttle.CODE_ACCOUNT.tries):
        acme.person(lambda here: own_signin.person_of_step(here, step.token))
    with pytest.raises(RateLimited):
        acme.person(lambda here: own_signin.person_of_step(here, step.token))


# -- changing credentials ---------------------------------------------------------------


def test_credentials_change_only_right_after_an_own_proof(
    acme: Lodge, owner: UUID, clock: Clock
) -> None:
    """S1-07: one's own password changes, never by an identity provider's word."""
    opened = acme.by_password(owner)
    session = acme.entrance(opened.token).session
    acme.person(lambda here: credentials.require_own_proof(here, session))
    clock.advance(timedelta(minutes=5, seconds=1))
    with pytest.raises(StepUpRequired):
        acme.person(lambda here: credentials.require_own_proof(here, session))
    provision(acme.work, acme.house, "ann@acme.test")
    token = acme.sign_in("ann@acme.test")
    with pytest.raises(StepUpRequired):
        acme.person(lambda here: credentials.require_own_proof(here, sessions.require(here, token)))


def test_a_new_password_ends_every_other_session(acme: Lodge, owner: UUID) -> None:
    here, there = acme.by_password(owner), acme.by_password(owner)
    fresh = people.hash_password("another horse battery")
    acme.person(lambda unit: credentials.set_password(unit, owner, fresh, keep=here.id))
    acme.entrance(here.token)
    assert acme.person(lambda unit: sessions.find(unit, there.token)) is None


# -- mailed links ------------------------------------------------------------------------


def ask(acme: Lodge, email: str) -> None:
    acme.person(lambda here: mailed_links.ask(here, email, "https://gateway.test"))


def test_a_mailed_link_creates_an_account_whose_mailbox_is_proved(acme: Lodge) -> None:
    """S0-17: whoever has no account creates one."""
    ask(acme, "New@Example.org")
    token = link_in(acme, "new@example.org")
    assert token is not None
    person_id = acme.person(lambda here: mailed_links.sign_up(here, token, "Nina New", HASH))
    person = acme.person(lambda here: credentials.load(here, person_id))
    assert (person.email, person.email_verified) == ("new@example.org", True)
    opened = enter(acme, "new@example.org", PASSWORD)
    assert isinstance(opened, Opened)
    assert opened.organisations == ()
    with pytest.raises(SignInFailed):
        acme.person(lambda here: mailed_links.sign_up(here, token, "Mallory", HASH))


def test_a_mailed_link_sets_the_password_and_ends_every_session(
    acme: Lodge, owner: UUID, clock: Clock
) -> None:
    before = acme.by_password(owner)
    ask(acme, "owner@acme.test")
    token = link_in(acme, "owner@acme.test")
    assert token is not None
    acme.person(lambda here: mailed_links.peek(here, token))
    fresh = people.hash_password("another horse battery")
    acme.person(lambda here: mailed_links.set_password(here, token, fresh))
    assert acme.person(lambda here: sessions.find(here, before.token)) is None
    enter(acme, "owner@acme.test", "another horse battery")
    with pytest.raises(SignInFailed):
        acme.person(lambda here: mailed_links.set_password(here, token, HASH))
    clock.advance(timedelta(hours=1))
    ask(acme, "owner@acme.test")
    late = link_in(acme, "owner@acme.test")
    clock.advance(mailed_links.LIFETIME)
    with pytest.raises(SignInFailed):
        acme.person(lambda here: mailed_links.peek(here, late))


def test_a_mailbox_does_not_stand_for_the_second_factor(acme: Lodge, owner: UUID) -> None:
    add_authenticator(acme, owner)
    ask(acme, "owner@acme.test")
    token = link_in(acme, "owner@acme.test")
    assert token is not None
    acme.person(lambda here: mailed_links.set_password(here, token, HASH))
    assert isinstance(enter(acme, "owner@acme.test", PASSWORD), CodeNeeded)


def test_asking_for_a_link_changes_as_much_for_everybody(acme: Lodge) -> None:
    counts = []
    for email in ("owner@acme.test", "nobody@acme.test"):
        before = acme.counted(t.letters, t.mailed_links, t.throttles)
        ask(acme, email)
        after = acme.counted(t.letters, t.mailed_links, t.throttles)
        counts.append({name: after[name] - before[name] for name in after})
    assert counts[0]["letters"] == counts[1]["letters"] == 1
    assert counts[0]["mailed_links"] == counts[1]["mailed_links"] == 1


def test_no_mailbox_is_flooded(acme: Lodge) -> None:
    for _ in range(throttle.MAIL_ACCOUNT.tries + 3):
        ask(acme, "nobody@acme.test")
    assert acme.counted(t.letters)["letters"] == throttle.MAIL_ACCOUNT.tries


def test_a_confined_person_has_no_password_to_set(acme: Lodge, globex: Lodge) -> None:
    """Whom a provider alone can prove gets no second way in by mail."""
    globex.do(
        lambda uow: organisations.add_member(
            uow, email="mia@acme.test", display_name="Mia", role="viewer"
        )
    )
    known = globex.person_of("mia@acme.test")
    acme.configure(jit=True)
    confined = acme.entrance(acme.sign_in("m1", "mia@acme.test")).session.person_id
    assert confined != known
    ask(acme, "mia@acme.test")
    token = link_in(acme, "mia@acme.test")
    assert token is not None
    person_id = acme.person(lambda here: mailed_links.set_password(here, token, HASH))
    assert person_id == known
