"""Links by proof: an unknown account at the provider and an account here, both the same person's.

The provider proves one half; whoever sits at the browser proves the other with a password or a
passkey of their own. The page is the same whether or not there is anything to link.
"""

import secrets
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, select, update

from gateway.domain.errors import SignInFailed, StepUpRequired
from gateway.domain.memberships import MemberState
from gateway.domain.sessions import Session
from gateway.domain.signin import AssertedIdentity, Attempt, Link, LinkProposed
from gateway.services import identities, outbox, sso_connections
from gateway.services.secrets import digest_secret
from gateway.storage import tables as t
from gateway.storage.unit_of_work import UnitOfWork

LIFETIME = timedelta(minutes=10)
TABLE = t.link_proposals


def propose(
    uow: UnitOfWork, attempt: Attempt, asserted: AssertedIdentity, code: str
) -> LinkProposed:
    """Keep for ten minutes what the provider proved, under a secret of this browser alone."""
    token = secrets.token_urlsafe(32)
    expires_at = uow.now + LIFETIME
    uow.insert(
        TABLE,
        id=uow.new_id(),
        connection_id=attempt.connection_id,
        token_hash=digest_secret(token),
        issuer=asserted.issuer,
        subject=asserted.subject,
        subject_format=asserted.subject_format,
        return_to=attempt.return_to,
        created_at=uow.now,
        expires_at=expires_at,
        consumed_at=None,
    )
    return LinkProposed(token, attempt.return_to, expires_at, code)


def organisation_of(database: Connection, token: str) -> UUID | None:
    """Return where a proposal belongs, for the unit that will accept it."""
    p = TABLE.c
    found: UUID | None = database.execute(
        select(p.organisation_id).where(p.token_hash == digest_secret(token), p.token_hash != "")
    ).scalar()
    return found


def accept(uow: UnitOfWork, token: str, session: Session) -> str:
    """Link the account to the session's person, once, and return the way back.

    :raises StepUpRequired: the person's own proof is missing or older than five minutes.
    :raises SignInFailed: the proposal is unknown, late or used, nobody signs in through its
        connection any more, or the person is no active member here.
    """
    if not session.is_fresh(uow.now):
        raise StepUpRequired("Prove first that this account is yours.")
    proposal = _take(uow, token)
    sso_connections.require_usable(uow, proposal.connection_id, test=False)
    m = t.members.c
    member = uow.one(
        uow.own(t.members).where(
            m.person_id == session.person_id,
            m.state == MemberState.ACTIVE,
            ~m.admin_hold,
            ~m.contained,
        )
    )
    if member is None:
        raise SignInFailed("unknown_person")
    asserted = AssertedIdentity(
        connection_id=proposal.connection_id,
        issuer=proposal.issuer,
        subject=proposal.subject,
        subject_format=proposal.subject_format,
    )
    identities.link(uow, asserted, member, Link.PROOF)
    if member.email:
        outbox.post(uow, "identity_linked", member.email)
    way: str = proposal.return_to
    return way


def _take(uow: UnitOfWork, token: str) -> Any:
    p = TABLE.c
    proposal = uow.one(uow.own(TABLE).where(p.token_hash == digest_secret(token)))
    if proposal is None or proposal.expires_at <= uow.now:
        raise SignInFailed("attempt_unknown")
    unused = (
        update(TABLE)
        .where(
            p.organisation_id == uow.organisation_id,
            p.id == proposal.id,
            p.consumed_at.is_(None),
        )
        .values(consumed_at=uow.now)
    )
    if not uow.execute(unused).rowcount:
        raise SignInFailed("attempt_used")
    return proposal
