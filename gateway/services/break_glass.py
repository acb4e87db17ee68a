"""Break-glass owners: who can always come in by their own factors, announced and audited.

They keep an organisation from being locked out by its identity provider: no provisioning matches
them, no enforcement closes the house to them.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, Select, and_, exists, or_, select

from gateway.domain.errors import InvalidRequest, NotFound, NotPermitted
from gateway.domain.events import Fact, Target
from gateway.domain.identity import ActorType
from gateway.domain.memberships import MemberState
from gateway.domain.text import fold
from gateway.services import notices
from gateway.storage import tables as t
from gateway.storage.unit_of_work import Record, UnitOfWork

LIMIT = 2
ANNOUNCE_EVERY = timedelta(days=90)
TABLE = t.break_glass_owners


def exist(uow: UnitOfWork) -> bool:
    """Whether somebody can come in, whatever happens to the provider, with the factors left."""
    m = t.members.c
    able = _appointed(uow, m.person_id).where(
        m.state == MemberState.ACTIVE, m.owner_of_record, ~m.admin_hold
    )
    return any(has_two_factors(uow, row.person_id) for row in uow.all(able))


def appoint(uow: UnitOfWork, member_id: UUID) -> None:
    """Let an owner of record always come in by their own two factors; all owners are told.

    The edge has made sure that the appointing owner proved who they are a moment ago.

    :raises NotPermitted: the author is neither an owner of record nor the operator.
    :raises InvalidRequest: not an active owner of record whom nobody provisions, with a password
        or passkey and a second factor; or two are appointed already.
    """
    _require_author(uow)
    member = uow.load(t.members, member_id)
    present = appointed(uow)
    if member_id in present:
        return
    if len(present) >= LIMIT:
        raise InvalidRequest(f"At most {LIMIT} break-glass owners can be appointed.")
    _require_fit(uow, member)
    uow.insert(
        TABLE,
        member_id=member_id,
        valid_from=uow.now,
        valid_to=None,
        appointed_by=uow.actor.document(),
        announced_at=uow.now,
        confirmed_at=None,
        last_used_at=None,
    )
    uow.terms_changed()
    uow.record(Fact("break_glass.appointed", (_target(member),)))
    announce(uow, member)


def confirm(uow: UnitOfWork, member_id: UUID) -> None:
    """Say that a break-glass owner is still wanted: it is not announced again.

    :raises NotFound: the member is none. :raises NotPermitted: by nobody but another owner, or
        the operator.
    """
    row = _load(uow, member_id)
    _require_author(uow, except_for=member_id)
    if row.confirmed_at is None:
        uow.update(TABLE, {"member_id": member_id, "valid_to": None}, confirmed_at=uow.now)
        member = uow.load(t.members, member_id)
        uow.record(Fact("break_glass.confirmed", (_target(member),)))


def end(uow: UnitOfWork, member_id: UUID) -> None:
    """Make a break-glass owner an ordinary owner again; sessions so opened end.

    :raises NotFound: the member is none. :raises NotPermitted: by nobody but an owner or the
        operator.
    """
    _load(uow, member_id)
    _require_author(uow)
    lapse(uow, member_id)


def lapse(uow: UnitOfWork, member_id: UUID) -> None:
    """End an appointment with the ownership that it rests on; without one nothing happens."""
    if member_id not in appointed(uow):
        return
    uow.update(TABLE, {"member_id": member_id, "valid_to": None}, valid_to=uow.now)
    uow.terms_changed()
    uow.update(
        t.session_proofs,
        {"member_id": member_id, "break_glass": True, "revoked_at": None},
        revoked_at=uow.now,
        revoked_because="break_glass_ended",
    )
    uow.record(Fact("break_glass.ended", (_target(uow.load(t.members, member_id)),)))


def listing(uow: UnitOfWork) -> Sequence[Row[Any]]:
    """Return the break-glass owners, the first appointed first."""
    return uow.all(uow.own(TABLE).where(TABLE.c.valid_to.is_(None)).order_by(TABLE.c.valid_from))


def appointed(uow: UnitOfWork) -> frozenset[UUID]:
    """Return the members who are break-glass owners; nothing is read that is remembered."""
    return uow.remembered("break_glass", lambda: frozenset(row.member_id for row in listing(uow)))


def announce_due(uow: UnitOfWork) -> int:
    """Announce those again whom nobody confirmed in ninety days; say how many."""
    due = [
        row
        for row in listing(uow)
        if row.confirmed_at is None and row.announced_at <= uow.now - ANNOUNCE_EVERY
    ]
    for row in due:
        uow.update(TABLE, {"member_id": row.member_id, "valid_to": None}, announced_at=uow.now)
        announce(uow, uow.load(t.members, row.member_id))
    return len(due)


def alarm(uow: UnitOfWork, connection_id: UUID, said: Sequence[str | None]) -> None:
    """Tell everybody if a provider takes away, or claims, somebody who is a break-glass owner.

    `said` are its names for them: user name, addresses, external id. One that is an address of
    the owner's, or an account that signs them in, counts.
    """
    names = [name for name in said if name]
    keys = [fold(name) for name in names]
    m, p, i = t.members.c, t.persons.c, t.identities.c
    signs_in = exists().where(
        i.organisation_id == m.organisation_id, i.member_id == m.id, i.subject.in_(names)
    )
    own_address = exists().where(p.id == m.person_id, p.email_key.in_(keys))
    meant = _appointed(uow, m.id, m.display_name).where(
        or_(m.email_key.in_(keys), own_address, signs_in)
    )
    for member in uow.all(meant):
        targets = (_target(member), Target("connection", str(connection_id)))
        uow.record(Fact("break_glass.threatened", targets))
        notices.tell(uow, "break_glass.threatened", name=member.display_name)


def announce(uow: UnitOfWork, member: Record) -> None:
    """Mail every owner and administrator who the break-glass owner is."""
    notices.tell(uow, "break_glass.appointed", name=member.display_name)


def used(uow: UnitOfWork, member: Record) -> None:
    """Record and mail that a break-glass owner signed in."""
    uow.update(TABLE, {"member_id": member.id, "valid_to": None}, last_used_at=uow.now)
    uow.record(Fact("break_glass.used", (_target(member),)))
    notices.tell(uow, "break_glass.used", name=member.display_name, when=uow.now)


def _appointed(uow: UnitOfWork, *columns: ColumnElement[Any]) -> Select[Any]:
    m, b = t.members.c, TABLE.c
    here = and_(m.organisation_id == b.organisation_id, m.id == b.member_id)
    return (
        select(*columns)
        .join_from(TABLE, t.members, here)
        .where(b.organisation_id == uow.organisation_id, b.valid_to.is_(None))
        .order_by(b.valid_from, b.member_id)
    )


def _require_fit(uow: UnitOfWork, member: Record) -> None:
    owner = member.owner_of_record and member.state == MemberState.ACTIVE and not member.admin_hold
    if not owner or member.managed_by is not None:
        raise InvalidRequest(
            "A break-glass owner is an active owner of record whom no connection manages.",
            field="member_id",
        )
    if not has_two_factors(uow, member.person_id):
        raise InvalidRequest(
            "A break-glass owner has a password and an authenticator or recovery codes, or a"
            " passkey.",
            field="member_id",
        )


def has_two_factors(uow: UnitOfWork, person_id: UUID) -> bool:
    """Whether a person can prove two factors, or a passkey."""
    totp, codes, keys = t.totp_secrets.c, t.recovery_codes.c, t.passkeys.c
    row = uow.all(
        select(
            t.persons.c.password_hash.is_not(None).label("password"),
            exists(
                select(totp.person_id).where(
                    totp.person_id == person_id, totp.confirmed_at.is_not(None)
                )
            ).label("totp"),
            exists(
                select(codes.person_id).where(codes.person_id == person_id, codes.used_at.is_(None))
            ).label("codes"),
            exists(select(keys.id).where(keys.person_id == person_id)).label("passkey"),
        ).where(t.persons.c.id == person_id)
    )[0]
    return bool(row.passkey or (row.password and (row.totp or row.codes)))


def _require_author(uow: UnitOfWork, except_for: UUID | None = None) -> None:
    if uow.actor.type in (ActorType.OPERATOR, ActorType.SYSTEM):
        return
    own = uow.actor.member_id
    member = uow.load(t.members, own) if own else None
    if member is None or not member.owner_of_record or own == except_for:
        raise NotPermitted("Only another owner of record, or the operator, does this.")


def _load(uow: UnitOfWork, member_id: UUID) -> Row[Any]:
    for row in listing(uow):
        if row.member_id == member_id:
            return row
    raise NotFound("This member is no break-glass owner.")


def _target(member: Any) -> Target:
    return Target("member", str(member.id), member.display_name)
