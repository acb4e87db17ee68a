"""Sign-ins under way: each is begun by us, bound to one browser, and finished once."""

import secrets
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import delete, update

from gateway.domain.errors import SignInFailed
from gateway.domain.signin import ATTEMPT_LIFETIME, Attempt, way_back
from gateway.services.secrets import Issued, digest_secret, new_secret
from gateway.storage import tables as t
from gateway.storage.unit_of_work import UnitOfWork

TABLE = t.signin_attempts


def issue_test_ticket(uow: UnitOfWork, connection_id: UUID) -> Issued:
    """Let whoever opens the sign-in address with this secret make one test sign-in."""
    ticket = Issued(uow.new_id(), new_secret("test"))
    _insert(uow, connection_id, ticket.id, handle=ticket.secret, started_by=uow.actor.member_id)
    return ticket


def begin(
    uow: UnitOfWork,
    connection_id: UUID,
    *,
    test: str | None = None,
    return_to: str | None = None,
    session_id: UUID | None = None,
    force: bool = False,
) -> Attempt:
    """Return a new attempt with its secrets; `test` is a ticket that makes it a test.

    `session_id` is the browser's live session; with `force` the provider has to ask again who is
    there, and the session is proved afresh.

    :raises SignInFailed: the ticket is spent or none of this connection's.
    """
    started_by = _spend_ticket(uow, connection_id, test) if test else None
    handle, cookie = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
    attempt = Attempt(
        id=uow.new_id(),
        connection_id=connection_id,
        handle=handle,
        cookie=cookie,
        nonce=secrets.token_urlsafe(32),
        code_verifier=secrets.token_urlsafe(48),
        # An xs:ID begins with a letter or underscore.
        request_id=f"_{secrets.token_hex(20)}",
        return_to=way_back(return_to),
        test=test is not None,
        created_at=uow.now,
        expires_at=uow.now + ATTEMPT_LIFETIME,
        started_by=started_by,
        session_id=session_id,
        force=force,
    )
    _insert(
        uow,
        connection_id,
        attempt.id,
        handle=handle,
        cookie=cookie,
        nonce=attempt.nonce,
        code_verifier=attempt.code_verifier,
        request_id=attempt.request_id,
        return_to=attempt.return_to,
        test=attempt.test,
        started_by=started_by,
        session_id=session_id,
        force=force,
    )
    return attempt


def find(uow: UnitOfWork, connection_id: UUID, handle: str, cookie: str | None) -> Attempt:
    """Return the attempt that a provider's answer belongs to, if this browser began it.

    :raises SignInFailed: unknown, too late, finished before, or begun by another browser.
    """
    row = _row(uow, connection_id, handle)
    if row is None or not row.cookie_hash or row.expires_at <= uow.now:
        raise SignInFailed("attempt_unknown")
    if row.consumed_at is not None:
        raise SignInFailed("attempt_used")
    if not cookie or not secrets.compare_digest(row.cookie_hash, digest_secret(cookie)):
        raise SignInFailed("attempt_elsewhere")
    return Attempt(
        id=row.id,
        connection_id=connection_id,
        handle=handle,
        cookie=cookie,
        nonce=row.nonce,
        code_verifier=row.code_verifier,
        request_id=row.request_id,
        return_to=row.return_to,
        test=row.test,
        created_at=row.created_at,
        expires_at=row.expires_at,
        started_by=row.started_by,
        session_id=row.session_id,
        force=row.force,
    )


def consume(uow: UnitOfWork, connection_id: UUID, handle: str, cookie: str | None) -> Attempt:
    """Return the attempt as `find` does, and let nobody finish it again.

    :raises SignInFailed: as `find`, also where another request was quicker.
    """
    attempt = find(uow, connection_id, handle, cookie)
    if not _use(uow, attempt.id):
        raise SignInFailed("attempt_used")
    return attempt


def spend(uow: UnitOfWork, attempt: Attempt) -> None:
    """Let nobody finish an attempt, whether or not it was finished."""
    _use(uow, attempt.id)


def forget_old(uow: UnitOfWork) -> int:
    """Delete attempts that nobody can finish any more; say how many."""
    a = TABLE.c
    gone = delete(TABLE).where(a.organisation_id == uow.organisation_id, a.expires_at < uow.now)
    return uow.execute(gone).rowcount


def _spend_ticket(uow: UnitOfWork, connection_id: UUID, ticket: str) -> UUID | None:
    row = _row(uow, connection_id, ticket)
    if row is None or row.cookie_hash or row.expires_at <= uow.now or not _use(uow, row.id):
        raise SignInFailed("attempt_unknown")
    started_by: UUID | None = row.started_by
    return started_by


def _use(uow: UnitOfWork, attempt_id: UUID) -> bool:
    a = TABLE.c
    unused = (
        update(TABLE)
        .where(
            a.organisation_id == uow.organisation_id,
            a.id == attempt_id,
            a.consumed_at.is_(None),
        )
        .values(consumed_at=uow.now)
    )
    return uow.execute(unused).rowcount == 1


def _row(uow: UnitOfWork, connection_id: UUID, handle: str) -> Any:
    a = TABLE.c
    return uow.one(
        uow.own(TABLE).where(
            a.connection_id == connection_id,
            a.handle_hash == digest_secret(handle),
            a.handle_hash != "",
        )
    )


def _insert(
    uow: UnitOfWork,
    connection_id: UUID,
    attempt_id: UUID,
    *,
    handle: str,
    cookie: str | None = None,
    **values: Any,
) -> None:
    expires_at: datetime = uow.now + ATTEMPT_LIFETIME
    uow.insert(
        TABLE,
        **{
            "id": attempt_id,
            "connection_id": connection_id,
            "handle_hash": digest_secret(handle),
            "cookie_hash": digest_secret(cookie) if cookie else "",
            "nonce": "",
            "code_verifier": "",
            "request_id": "",
            "return_to": "/",
            "test": True,
            "started_by": None,
            "session_id": None,
            "force": False,
            "created_at": uow.now,
            "expires_at": expires_at,
            **values,
        },
    )
