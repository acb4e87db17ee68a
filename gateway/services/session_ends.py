"""The one place where sessions end, whoever ends them: dead at the next request."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, and_, exists, select, update

from gateway.domain.errors import NotFound
from gateway.domain.events import Fact, Target
from gateway.domain.sessions import Session
from gateway.services import offboarding
from gateway.storage import tables as t
from gateway.storage.person_work import PersonWork
from gateway.storage.unit_of_work import UnitOfWork

S, P = t.sessions, t.session_proofs


# -- by an organisation: it ends what opens it, and nothing else -------------------


def revoke_member(uow: UnitOfWork, member_id: UUID, cause: str) -> None:
    """End every proof of a member; what a person proved elsewhere stays.

    Deactivation, hold and removal end them by `offboarding`, with everything else that is live.
    """
    member = uow.load(t.members, member_id)
    offboarding.end_sessions(uow, member_id, cause)
    uow.record(
        Fact(
            "session.revoked",
            (Target("member", str(member_id), member.display_name),),
            after={"cause": cause},
        )
    )


def revoke_proof(uow: UnitOfWork, member_id: UUID, session_id: UUID, cause: str) -> None:
    """End one session of a member in this organisation.

    :raises NotFound: no live one with this id.
    """
    if not _end_proofs(uow, and_(P.c.member_id == member_id, P.c.session_id == session_id), cause):
        raise NotFound("No such session.")
    _record(uow, member_id, cause)


def end_by_provider(
    uow: UnitOfWork, connection_id: UUID, *, subject: str | None, session_indexes: Sequence[str]
) -> int:
    """End what a provider's logout names; say how many sessions it was.

    `subject` is the NameID or `sub`; without indexes all of the subject's sessions end. At least
    one of both is given, and only what this connection proved is touched.
    """
    named: list[ColumnElement[bool]] = [P.c.connection_id == connection_id]
    if subject is not None:
        named.append(P.c.name_id == subject)
    if session_indexes:
        named.append(P.c.session_index.in_(session_indexes))
    if len(named) == 1:
        return 0
    members = _end_proofs(uow, and_(*named), "provider_logout")
    for member_id in sorted(set(members)):
        _record(uow, member_id, "provider_logout")
    return len(members)


def end_by_connection(uow: UnitOfWork, connection_id: UUID, cause: str) -> int:
    """End everything that a connection proved; say how many sessions it was."""
    return len(_end_proofs(uow, P.c.connection_id == connection_id, cause))


def of_member(uow: UnitOfWork, member_id: UUID) -> Sequence[Row[Any]]:
    """Return the live sessions of a member, as far as this organisation may see them."""
    query = (
        select(
            S.c.id,
            S.c.created_at,
            S.c.last_seen_at,
            S.c.ip,
            S.c.user_agent,
            P.c.method,
            P.c.connection_id,
            P.c.proved_at,
            P.c.expires_at,
        )
        .join_from(P, S, S.c.id == P.c.session_id)
        .where(
            P.c.organisation_id == uow.organisation_id,
            P.c.member_id == member_id,
            *_live(uow.now),
        )
        .order_by(S.c.created_at.desc(), S.c.id)
        .limit(200)
    )
    return uow.all(query)


# -- by the person -----------------------------------------------------------------


def sign_out(here: PersonWork, session_id: UUID, cause: str = "signed_out") -> None:
    """End a session, with everything that it opens."""
    _end_sessions(here, S.c.id == session_id, cause)


def revoke_person(here: PersonWork, person_id: UUID, cause: str, keep: UUID | None = None) -> None:
    """End every session of a person but one."""
    mine = S.c.person_id == person_id
    _end_sessions(here, mine if keep is None else and_(mine, S.c.id != keep), cause)


def listing(here: PersonWork, session: Session) -> Sequence[Row[Any]]:
    """Return the live sessions that somebody may see: by own proof all of the person's.

    A provider's proof shows those that open the same organisations, for that is all it proves.
    """
    return here.all(
        select(S)
        .where(_reachable(session), S.c.revoked_at.is_(None), S.c.expires_at > here.now)
        .order_by(S.c.created_at.desc(), S.c.id)
        .limit(200)
    )


def revoke(here: PersonWork, session: Session, session_id: UUID) -> None:
    """End one of the sessions that `listing` shows.

    With a provider's proof alone, what the other session opens elsewhere stays open.

    :raises NotFound: none of them has this id.
    """
    live = and_(S.c.id == session_id, S.c.revoked_at.is_(None), S.c.expires_at > here.now)
    if here.one(select(S.c.id).where(live, _reachable(session))) is None:
        raise NotFound("No such session.")
    if session.is_own or session_id == session.id:
        _end_sessions(here, S.c.id == session_id, "revoked_by_person")
        return
    shared = and_(P.c.session_id == session_id, _shares_organisation(session))
    here.execute(update(P).where(shared, P.c.revoked_at.is_(None)).values(_gone(here)))
    _end_empty(here, [session_id], "revoked_by_person")


# -- inside ------------------------------------------------------------------------


def _live(now: Any) -> tuple[ColumnElement[bool], ...]:
    return (
        P.c.revoked_at.is_(None),
        P.c.expires_at > now,
        S.c.revoked_at.is_(None),
        S.c.expires_at > now,
    )


def _gone(here: PersonWork) -> dict[str, Any]:
    return {"revoked_at": here.now, "revoked_because": "revoked_by_person"}


def _end_proofs(uow: UnitOfWork, which: ColumnElement[bool], cause: str) -> list[UUID]:
    """End live proofs here, and sessions that open nothing any more; return whose they were."""
    live = and_(P.c.organisation_id == uow.organisation_id, which, P.c.revoked_at.is_(None))
    rows = uow.all(select(P.c.session_id, P.c.member_id).where(live))
    if not rows:
        return []
    uow.execute(update(P).where(live).values(revoked_at=uow.now, revoked_because=cause))
    _end_empty(PersonWork.beside(uow), [row.session_id for row in rows], cause)
    return [row.member_id for row in rows]


def _end_empty(here: PersonWork, session_ids: Sequence[UUID], cause: str) -> None:
    """End those of the sessions that neither own factors nor any live proof hold up."""
    other = exists(select(P.c.session_id).where(P.c.session_id == S.c.id, P.c.revoked_at.is_(None)))
    empty = and_(S.c.id.in_(session_ids), S.c.proved_at.is_(None), S.c.revoked_at.is_(None), ~other)
    here.execute(update(S).where(empty).values(revoked_at=here.now, revoked_because=cause))


def _end_sessions(here: PersonWork, which: ColumnElement[bool], cause: str) -> None:
    live = and_(which, S.c.revoked_at.is_(None))
    gone = {"revoked_at": here.now, "revoked_because": cause}
    ids = select(S.c.id).where(live).scalar_subquery()
    here.execute(update(P).where(P.c.session_id.in_(ids), P.c.revoked_at.is_(None)).values(gone))
    here.execute(update(S).where(live).values(gone))


def _reachable(session: Session) -> ColumnElement[bool]:
    mine = S.c.person_id == session.person_id
    if session.is_own:
        return mine
    shared = exists(select(P.c.session_id).where(P.c.session_id == S.c.id, _shares(session)))
    return and_(mine, shared)


def _shares(session: Session) -> ColumnElement[bool]:
    return and_(P.c.revoked_at.is_(None), _shares_organisation(session))


def _shares_organisation(session: Session) -> ColumnElement[bool]:
    own = t.session_proofs.alias("own_proofs")
    return P.c.organisation_id.in_(
        select(own.c.organisation_id).where(
            own.c.session_id == session.id, own.c.revoked_at.is_(None)
        )
    )


def _record(uow: UnitOfWork, member_id: UUID, cause: str) -> None:
    target = Target("member", str(member_id))
    uow.record(Fact("session.revoked", (target,), after={"cause": cause}))
