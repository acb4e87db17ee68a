"""Sessions: opened by a proof, looked up at each request, and what each opens.

The token is 256 random bits of which a digest is kept. An organisation is open to a session that
has a live proof for it; the proof and the membership behind it are read anew each time.
"""

from typing import Any
from uuid import UUID

from sqlalchemy import Row, Select, and_, bindparam, select, update

from gateway.domain.errors import NotFound, SessionEnded
from gateway.domain.memberships import MemberState
from gateway.domain.sessions import (
    SEEN_EVERY,
    Entrance,
    Factor,
    Session,
    SSOProof,
    opens_by_own_proof,
)
from gateway.services import houses, logout_hints
from gateway.services.secrets import digest_secret
from gateway.storage import tables as t
from gateway.storage.person_work import PersonWork
from gateway.storage.unit_of_work import UnitOfWork


def find(here: PersonWork, token: str | None) -> Session | None:
    """Return the live session of a token; a provider's word that opens nothing more is none."""
    row = here.one(_BY_TOKEN, token=digest_secret(token)) if token else None
    if row is None or row.revoked_at is not None or row.expires_at <= here.now:
        return None
    session = session_of(row)
    return session if session.is_own or opened(here, session) else None


def require(here: PersonWork, token: str | None) -> Session:
    """Return the live session of a token.

    :raises SessionEnded: there is none.
    """
    session = find(here, token)
    if session is None:
        raise _ended()
    return session


def entrance(here: PersonWork, token: str, organisation_id: UUID) -> Entrance:
    """Return what a session is in an organisation, by one statement.

    :raises SessionEnded: the session, or its proof for this organisation, has ended.
    :raises NotFound: the session proves nothing here: as if there were no such organisation.
    """
    row = here.one(_ENTRANCE, token=digest_secret(token), organisation=organisation_id)
    if row is None or row.revoked_at is not None or row.expires_at <= here.now:
        raise _ended()
    if row.member_id is None or row.organisation_state != "live":
        raise NotFound("No such organisation.")
    if not _is_open(here, row):
        raise _ended()
    return Entrance(
        session=session_of(row),
        organisation_id=organisation_id,
        member_id=row.member_id,
        member_name=row.member_name,
        method=row.method,
        break_glass=row.break_glass,
        connection_id=row.connection_id,
        access_epoch=row.access_epoch,
        member_epoch=row.member_epoch,
        proved_at=row.opened_at,
        access_document=row.access_document,
        last_active_at=row.last_active_at,
    )


def follow_epoch(uow: UnitOfWork, entered: Entrance) -> None:
    """Let a session's epoch move up to its member's: access was derived afresh meanwhile."""
    uow.update(
        t.session_proofs,
        {"session_id": entered.session.id},
        access_epoch=entered.member_epoch,
    )


def note_seen(here: PersonWork, session_id: UUID) -> None:
    """Remember that a session was used, to the minute."""
    s = t.sessions.c
    here.execute(
        update(t.sessions)
        .where(s.id == session_id, s.last_seen_at < here.now - SEEN_EVERY)
        .values(last_seen_at=here.now)
    )


def opened(here: PersonWork, session: Session) -> list[Row[Any]]:
    """Return the organisations that a session opens, with their names, by name."""
    rows = here.all(_OPENED, session=session.id)
    return [row for row in rows if row.organisation_state == "live" and _is_open(here, row)]


def sso_proof(here: PersonWork, token: str | None, connection_id: UUID) -> SSOProof | None:
    """Return what a session was proved by through a connection, for a logout there."""
    session = find(here, token)
    if session is None:
        return None
    row = here.one(_SSO_PROOF, session=session.id, connection=connection_id)
    if row is None or row.revoked_at is not None:
        return None
    return SSOProof(
        organisation_id=row.organisation_id,
        session_id=session.id,
        member_id=row.member_id,
        name_id=row.name_id,
        name_id_format=row.subject_format,
        session_index=row.session_index,
        id_token=logout_hints.opened(here.vault, row),
    )


def session_of(row: Row[Any]) -> Session:
    """Return the session that a row holds."""
    return Session(
        id=row.id,
        person_id=row.person_id,
        factors=frozenset(map(Factor, row.factors)),
        proved_at=row.proved_at,
        created_at=row.created_at,
        last_seen_at=row.last_seen_at,
        expires_at=row.expires_at,
    )


# -- inside -----------------------------------------------------------------------


def _ended() -> SessionEnded:
    return SessionEnded("Your session has ended.", levers=("Sign in again.",))


def _is_open(here: PersonWork, row: Row[Any]) -> bool:
    """Whether a proof opens its organisation now; the membership has the last word."""
    if row.proof_revoked_at is not None or row.proof_expires_at <= here.now:
        return False
    if row.signed_out_at is not None and row.signed_out_at >= row.recorded_at:
        return False
    standing = (row.state == MemberState.ACTIVE, row.admin_hold, row.contained)
    if row.method == "sso":
        return standing == (True, False, False)
    rules = houses.rules_of(row)
    asks = rules.enforces_sso or rules.requires_mfa
    if standing == (True, False, False) and not asks and not row.break_glass:
        return True
    member = houses.standing_of(
        row,
        break_glass=row.break_glass_now,
        guest=houses.is_guest(here, row.organisation_id, row.email),
    )
    return opens_by_own_proof(rules, member, frozenset(map(Factor, row.factors))) is None


_BY_TOKEN = select(t.sessions).where(
    t.sessions.c.token_hash == bindparam("token"), t.sessions.c.token_hash != ""
)


def _proofs(*conditions: Any, outer: bool = False) -> Select[Any]:
    """Select sessions with their proofs and what each proof opens."""
    s, p, m, o = t.sessions.c, t.session_proofs.c, t.members.c, t.organisations.c
    query = (
        select(
            *s,
            p.organisation_id,
            p.member_id,
            p.method,
            p.break_glass,
            p.connection_id,
            p.access_epoch,
            p.recorded_at,
            p.proved_at.label("opened_at"),
            p.expires_at.label("proof_expires_at"),
            p.revoked_at.label("proof_revoked_at"),
            m.display_name.label("member_name"),
            m.email,
            m.state,
            m.admin_hold,
            m.contained,
            m.signed_out_at,
            m.access_document,
            m.last_active_at,
            m.access_epoch.label("member_epoch"),
            o.name.label("organisation_name"),
            o.state.label("organisation_state"),
            houses.is_break_glass(p.organisation_id, p.member_id).label("break_glass_now"),
        )
        .select_from(t.sessions)
        .join(t.session_proofs, and_(p.session_id == s.id, *conditions), isouter=outer)
        .outerjoin(t.members, and_(m.organisation_id == p.organisation_id, m.id == p.member_id))
        .outerjoin(t.organisations, o.id == p.organisation_id)
    )
    return houses.with_rules(query, p.organisation_id)


_ENTRANCE = _proofs(
    t.session_proofs.c.organisation_id == bindparam("organisation"), outer=True
).where(t.sessions.c.token_hash == bindparam("token"), t.sessions.c.token_hash != "")

_OPENED = (
    _proofs()
    .where(t.sessions.c.id == bindparam("session"))
    .order_by(t.organisations.c.name, t.organisations.c.id)
)

_SSO_PROOF = (
    select(t.session_proofs, t.identities.c.subject_format)
    .join_from(
        t.session_proofs,
        t.identities,
        and_(
            t.identities.c.organisation_id == t.session_proofs.c.organisation_id,
            t.identities.c.id == t.session_proofs.c.identity_id,
        ),
    )
    .where(
        t.session_proofs.c.session_id == bindparam("session"),
        t.session_proofs.c.connection_id == bindparam("connection"),
    )
)
