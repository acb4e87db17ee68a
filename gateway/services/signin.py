"""The one verb in which every sign-in through an identity provider ends.

It links the account, makes the newcomer a member, follows the groups and opens a session, or
refuses and leaves nothing but a record of the refusal: all of it in one transaction with the
message's single use.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from gateway.domain.addresses import address
from gateway.domain.errors import Refused, SeatLimitReached, SignInFailed
from gateway.domain.events import Fact, Target
from gateway.domain.memberships import MemberState
from gateway.domain.plans import Cause, Outcome
from gateway.domain.signin import (
    MAX_AGE,
    MAX_SKEW,
    AssertedIdentity,
    Attempt,
    Landing,
    Link,
    LinkProposed,
    SignedIn,
    TestResult,
    Trace,
)
from gateway.services import (
    asserted_groups,
    attempts,
    certificates,
    domains,
    identities,
    invited,
    linking,
    members,
    people,
    replay,
    seats,
    session_openings,
    sign_in_tests,
    sso_connections,
    traces,
)
from gateway.services.attempts import begin as begin_attempt
from gateway.services.attempts import consume, find
from gateway.services.sso_connections import Rules
from gateway.storage import tables as t
from gateway.storage.unit_of_work import UnitOfWork

__all__ = ["Replay", "begin", "complete", "consume", "fail", "find"]

REPLAY_MEMORY = MAX_AGE + 2 * MAX_SKEW
"""How long a message is remembered where it does not say itself how long it lives."""

Ending = SignedIn | LinkProposed | TestResult | Refused


@dataclass(frozen=True, slots=True)
class Replay:
    """What makes a message unique, and until when it could be taken once more."""

    key: str
    until: datetime | None = None


def begin(
    uow: UnitOfWork,
    connection_id: UUID,
    *,
    test: str | None = None,
    return_to: str | None = None,
    session_id: UUID | None = None,
    force: bool = False,
) -> Attempt:
    """Begin a sign-in through a connection; see `attempts.begin`.

    :raises SignInFailed: nobody signs in through it now, or the test ticket is spent.
    """
    sso_connections.require_usable(uow, connection_id, test=test is not None)
    return begin_attempt(
        uow,
        connection_id,
        test=test,
        return_to=return_to,
        session_id=session_id,
        force=force,
    )


def complete(
    uow: UnitOfWork,
    attempt: Attempt,
    asserted: AssertedIdentity,
    replayed: Replay | None,
    trace: Trace,
) -> Ending:
    """End an attempt that the caller has consumed; run it under the organisation's lock.

    Every check of the protocol has passed. A refusal is returned, so that its record is kept.
    """
    try:
        rules = sso_connections.require_usable(uow, attempt.connection_id, test=attempt.test)
        _require_meant(uow, attempt, asserted)
        _use_once(uow, attempt, replayed)
    except SignInFailed as error:
        return _refused(uow, attempt, error, trace)
    landing = identities.land(uow, rules, asserted)
    if attempt.test:
        return sign_in_tests.finish(uow, rules, attempt, asserted, landing, trace)
    if landing.proposed:
        return _proposed(uow, attempt, asserted, landing, trace)
    try:
        with uow.savepoint():
            reached = _reach(uow, rules, asserted, landing)
    except SeatLimitReached:
        return _refused(uow, attempt, SignInFailed("seat_limit_reached"), trace, landing)
    except SignInFailed as error:
        return _refused(uow, attempt, error, trace, landing)
    if reached.member.state != MemberState.ACTIVE:
        return _refused(uow, attempt, SignInFailed("waitlisted"), trace, landing)
    return _signed_in(uow, attempt, asserted, reached)


def fail(
    uow: UnitOfWork, connection_id: UUID, attempt: Attempt | None, code: str, trace: Trace
) -> None:
    """Keep the redacted trace of a sign-in that a protocol refused, and end its attempt.

    Without an attempt of ours anybody may have sent the message, and with one whoever knows the
    address: only so many are kept.
    """
    trace.code = code
    if attempt is None:
        traces.keep_unasked(uow, connection_id, trace)
        return
    attempts.spend(uow, attempt)
    if not attempt.test and not traces.may_keep(uow, connection_id):
        return
    traces.keep(uow, connection_id, trace, test=attempt.test, started_by=attempt.started_by)
    if not attempt.test:
        _record_failure(uow, connection_id, code, None)


# -- inside ------------------------------------------------------------------------


def _require_meant(uow: UnitOfWork, attempt: Attempt, asserted: AssertedIdentity) -> None:
    if asserted.connection_id != attempt.connection_id:
        raise SignInFailed("attempt_elsewhere")
    if asserted.hosted_domain not in (None, *domains.proved(uow)):
        raise SignInFailed("hosted_domain_unproved")


def _use_once(uow: UnitOfWork, attempt: Attempt, replayed: Replay | None) -> None:
    if replayed is None:
        return
    until = max(replayed.until or uow.now, uow.now) + REPLAY_MEMORY
    until = min(until, uow.now + timedelta(days=1))
    if not replay.remember(uow, attempt.connection_id, replayed.key, until):
        raise SignInFailed("replayed")


@dataclass(frozen=True, slots=True)
class _Reached:
    """Whose sign-in it is, by which link."""

    member: Any
    identity_id: UUID


def _reach(uow: UnitOfWork, rules: Rules, asserted: AssertedIdentity, landing: Landing) -> _Reached:
    """Return the member, whom a first sign-in may make, linked and with this sign-in's groups.

    :raises SeatLimitReached: no seat for a newcomer; nothing of them is kept.
    :raises SignInFailed: it reaches nobody, or the groups give more than the connection is
        trusted with.
    """
    if landing.refusal is not None:
        raise SignInFailed(landing.refusal)
    if landing.member_id is None:
        member = _join(uow, rules, asserted, landing)
    else:
        member = uow.load(t.members, landing.member_id)
    identity_id = landing.identity_id or identities.link(
        uow, asserted, member, landing.link or Link.KNOWN
    )
    if member.managed_by == rules.id and member.state == MemberState.ACTIVE:
        asserted_groups.follow(uow, rules.id, member.id, asserted.groups)
        member = uow.load(t.members, member.id)
        if identities.outranks(uow, rules, member):
            raise SignInFailed("connection_unapproved")
    return _Reached(member, identity_id)


def _join(uow: UnitOfWork, rules: Rules, asserted: AssertedIdentity, landing: Landing) -> Any:
    email = address(asserted.email or "")
    invited.supersede(uow, email)
    admission = seats.ask(uow, Cause.JIT)
    waits = admission.outcome is Outcome.WAITLISTED
    name = (asserted.display_name or "").strip()[:200] or email
    person_id = people.create(uow, email=email, display_name=name, confined=landing.confined)
    member_id = members.join(
        uow,
        members.Joining(
            person_id=person_id,
            email=email,
            display_name=name,
            source="jit",
            managed_by=rules.id,
            state=MemberState.WAITLISTED if waits else MemberState.ACTIVE,
        ),
    )
    return uow.load(t.members, member_id)


def _signed_in(
    uow: UnitOfWork, attempt: Attempt, asserted: AssertedIdentity, reached: _Reached
) -> SignedIn:
    uow.update(t.identities, {"id": reached.identity_id}, last_used_at=uow.now)
    opened = session_openings.open_by_provider(
        uow,
        session_openings.ByProvider(
            connection_id=attempt.connection_id,
            identity_id=reached.identity_id,
            person_id=reached.member.person_id,
            member=reached.member,
            name_id=asserted.name_id or asserted.subject,
            session_index=asserted.session_index,
            id_token=asserted.id_token,
            proved_at=asserted.authenticated_at,
            ends_at=asserted.session_expires_at,
        ),
        replaces=attempt.session_id,
    )
    _note_success(uow, attempt, asserted, reached.member)
    return SignedIn(opened.token, attempt.return_to, opened.expires_at)


def _note_success(
    uow: UnitOfWork, attempt: Attempt, asserted: AssertedIdentity, member: Any
) -> None:
    connection_id = attempt.connection_id
    rules = sso_connections.rules(uow, connection_id)
    if asserted.signed_by is not None:
        certificates.prove(uow, connection_id, asserted.signed_by)
    if member.owner_of_record:
        uow.update(t.sso_connections, {"id": connection_id}, owner_proved_at=uow.now)
    uow.record(
        Fact(
            "signin.succeeded",
            (
                Target("member", str(member.id), member.display_name),
                Target("connection", str(connection_id), rules.name),
            ),
            after={"method": rules.protocol},
        )
    )


def _proposed(
    uow: UnitOfWork,
    attempt: Attempt,
    asserted: AssertedIdentity,
    landing: Landing,
    trace: Trace,
) -> LinkProposed:
    """Refuse, and let whoever has an account here prove that both are theirs."""
    code = landing.refusal or "unknown_person"
    _keep(uow, attempt, code, trace)
    _record_failure(uow, attempt.connection_id, code, None)
    return linking.propose(uow, attempt, asserted, code)


def _refused(
    uow: UnitOfWork,
    attempt: Attempt,
    error: SignInFailed,
    trace: Trace,
    landing: Landing | None = None,
) -> Refused:
    _keep(uow, attempt, error.reason, trace)
    if not attempt.test:
        member_id = landing.member_id if landing else None
        _record_failure(uow, attempt.connection_id, error.reason, member_id)
    return Refused(error)


def _keep(uow: UnitOfWork, attempt: Attempt, code: str, trace: Trace) -> None:
    trace.code = code
    trace.cross("person", code)
    traces.keep(uow, attempt.connection_id, trace, test=attempt.test, started_by=attempt.started_by)


def _record_failure(
    uow: UnitOfWork, connection_id: UUID, code: str, member_id: UUID | None
) -> None:
    rules = sso_connections.rules(uow, connection_id)
    targets = [Target("connection", str(connection_id), rules.name)]
    if member_id is not None:
        targets.insert(0, Target("member", str(member_id)))
    said = {"method": rules.protocol, "code": code}
    uow.record(Fact("signin.failed", tuple(targets), after=said, outcome="refused"))
