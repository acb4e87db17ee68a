"""Opening sessions: by a person's own factors, or by an identity provider's word.

Every sign-in makes a new session with a new token; what the browser had before ends, and what it
had proved of the same person is carried over.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import and_, bindparam, select, update

from gateway.domain.events import Fact, Target
from gateway.domain.identity import Actor, ActorType
from gateway.domain.sessions import (
    LONGEST_SESSION,
    Factor,
    Session,
    is_strong,
    opens_by_own_proof,
)
from gateway.services import break_glass as break_glass_owners
from gateway.services import houses, logout_hints, new_sign_ins
from gateway.services.houses import House
from gateway.services.secrets import digest_secret, new_secret
from gateway.storage import tables as t
from gateway.storage.person_work import PersonWork
from gateway.storage.unit_of_work import UnitOfWork

PREFIX = "gws"


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A new session: its token in clear for the only time, and the organisations it opens.

    `closed` says by organisation why the person's own factors did not open it.
    """

    id: UUID
    token: str = field(repr=False)
    expires_at: datetime
    organisations: tuple[UUID, ...]
    closed: dict[UUID, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ByProvider:
    """What an identity provider proved: whom, through which identity, and until when.

    `proved_at` is None where it did not say when the person signed in there.
    """

    connection_id: UUID
    identity_id: UUID
    person_id: UUID
    member: Any
    name_id: str | None
    session_index: str | None
    proved_at: datetime | None
    ends_at: datetime | None
    id_token: str | None = field(default=None, repr=False)


def open_by_own(
    here: PersonWork,
    person_id: UUID,
    factors: frozenset[Factor],
    *,
    replaces: UUID | None = None,
) -> Opened:
    """Open a session by the person's own factors, with every organisation that takes them.

    The session that it replaces ends; where it was the same person's, what its provider proved
    is carried over.
    """
    new_sign_ins.tell(here, person_id, factors, replaces=replaces)
    session = _insert(here, person_id, factors, here.now)
    kept = _replace(here, replaces, session) if replaces else {}
    organisations, closed = list(kept), {}
    founder = _unproved_founder(here, person_id)
    for house in houses.of_person(here, person_id):
        if house.organisation_id in kept:
            continue
        refusal = opens_by_own_proof(house.rules, house.standing, factors)
        if founder not in (None, house.organisation_id):
            refusal = "mailbox_unproved"
        if refusal is None:
            _prove_own(here, session, house, factors)
            organisations.append(house.organisation_id)
        else:
            closed[house.organisation_id] = refusal
    return Opened(
        id=session.id,
        token=session.token,
        expires_at=session.expires_at,
        organisations=tuple(organisations),
        closed=closed,
    )


def enter(here: PersonWork, session: Session, organisation_id: UUID) -> bool:
    """Open one more organisation by what the session has proved already; say whether it does.

    For memberships that began while the session was live.
    """
    if _unproved_founder(here, session.person_id) not in (None, organisation_id):
        return False
    for house in houses.of_person(here, session.person_id):
        if house.organisation_id != organisation_id:
            continue
        if opens_by_own_proof(house.rules, house.standing, session.factors) is not None:
            return False
        here.execute(
            t.session_proofs.delete().where(
                t.session_proofs.c.organisation_id == organisation_id,
                t.session_proofs.c.session_id == session.id,
            )
        )
        _prove_own(here, _Made(session.id, "", session.expires_at), house, session.factors)
        return True
    return False


def _unproved_founder(here: PersonWork, person_id: UUID) -> UUID | None:
    """Return the organisation that made an account whose mailbox nobody has proved.

    Its admin chose the first password and may know it, so that it proves nothing elsewhere.
    """
    p = t.persons.c
    founder: UUID | None = here.connection.execute(
        select(p.founded_by).where(p.id == person_id, ~p.email_verified)
    ).scalar()
    return founder


def open_by_provider(uow: UnitOfWork, proof: ByProvider, replaces: UUID | None = None) -> Opened:
    """Open a session by an identity provider's word: for this organisation, and no other.

    A session of the same person that the browser had is carried over: the new one opens what it
    opened. Another person's ends.
    """
    here = PersonWork.beside(uow)
    new_sign_ins.tell(here, proof.person_id, (), replaces=replaces)
    session = _insert(here, proof.person_id, frozenset(), None)
    kept = _replace(here, replaces, session, but_not=uow.organisation_id) if replaces else {}
    length = houses.rules_of(uow.all(_RULES, organisation=uow.organisation_id)[0]).session_length
    ends = [session.expires_at, uow.now + length]
    if proof.ends_at is not None and proof.ends_at > uow.now:
        ends.append(proof.ends_at)
    _insert_proof(
        uow,
        session.id,
        proof.member.id,
        method="sso",
        connection_id=proof.connection_id,
        identity_id=proof.identity_id,
        name_id=proof.name_id,
        session_index=proof.session_index,
        id_token=logout_hints.sealed(uow, proof.identity_id, proof.id_token),
        access_epoch=proof.member.access_epoch,
        proved_at=min(proof.proved_at, uow.now) if proof.proved_at else None,
        expires_at=min(ends),
    )
    return Opened(
        id=session.id,
        token=session.token,
        expires_at=session.expires_at,
        organisations=(*kept, uow.organisation_id),
        closed={},
    )


@dataclass(frozen=True, slots=True)
class _Made:
    id: UUID
    token: str = field(repr=False)
    expires_at: datetime


def _insert(
    here: PersonWork, person_id: UUID, factors: frozenset[Factor], proved_at: datetime | None
) -> _Made:
    made = _Made(here.new_id(), new_secret(PREFIX), here.now + LONGEST_SESSION)
    here.insert(
        t.sessions,
        id=made.id,
        person_id=person_id,
        token_hash=digest_secret(made.token),
        factors=sorted(factors),
        proved_at=proved_at,
        created_at=here.now,
        last_seen_at=here.now,
        expires_at=made.expires_at,
        ip=here.context.ip,
        user_agent=(here.context.user_agent or "")[:255] or None,
    )
    return made


def _replace(
    here: PersonWork, old_id: UUID, new: _Made, but_not: UUID | None = None
) -> dict[UUID, None]:
    """End the old session; carry a same person's proofs over, own factors included."""
    s, p = t.sessions, t.session_proofs
    old = here.one(select(s).where(s.c.id == old_id))
    if old is None or old.revoked_at is not None or old.expires_at <= here.now:
        return {}
    gone = {"revoked_at": here.now, "revoked_because": "replaced"}
    here.execute(update(s).where(s.c.id == old_id).values(gone))
    person = here.all(select(s.c.person_id, s.c.factors).where(s.c.id == new.id))[0]
    kept: dict[UUID, None] = {}
    if old.person_id == person.person_id:
        by_provider_only = bool(person.factors)
        kept = _carry_over(here, old_id, new, but_not, by_provider_only=by_provider_only)
        if not person.factors and old.factors:
            own = {"factors": old.factors, "proved_at": old.proved_at}
            expires_at = min(old.expires_at, new.expires_at)
            here.change(s, new.id, **own, expires_at=expires_at)
    live = and_(p.c.session_id == old_id, p.c.revoked_at.is_(None))
    here.execute(update(p).where(live).values(gone))
    return kept


def _carry_over(
    here: PersonWork, old_id: UUID, new: _Made, but_not: UUID | None, *, by_provider_only: bool
) -> dict[UUID, None]:
    p = t.session_proofs
    live = select(p).where(
        p.c.session_id == old_id, p.c.revoked_at.is_(None), p.c.expires_at > here.now
    )
    if by_provider_only:
        live = live.where(p.c.method == "sso")
    kept: dict[UUID, None] = {}
    for row in here.all(live.order_by(p.c.organisation_id)):
        if row.organisation_id != but_not:
            here.insert(p, **{**row._asdict(), "session_id": new.id})
            kept[row.organisation_id] = None
    return kept


def _prove_own(here: PersonWork, session: _Made, house: House, factors: frozenset[Factor]) -> None:
    actor = Actor(ActorType.MEMBER, str(house.member_id), house.member_name, house.member_id)
    uow = here.within(house.organisation_id, actor)
    break_glass = house.standing.break_glass
    _insert_proof(
        uow,
        session.id,
        house.member_id,
        method="own",
        break_glass=break_glass,
        access_epoch=house.access_epoch,
        proved_at=here.now,
        expires_at=min(session.expires_at, here.now + house.rules.session_length),
    )
    target = Target("member", str(house.member_id), house.member_name)
    said = {"method": "+".join(sorted(factors)), "strong": is_strong(factors)}
    uow.record(Fact("signin.succeeded", (target,), after=said))
    if break_glass:
        break_glass_owners.used(uow, uow.load(t.members, house.member_id))


def _insert_proof(uow: UnitOfWork, session_id: UUID, member_id: UUID, **values: Any) -> None:
    uow.insert(
        t.session_proofs,
        **{
            "session_id": session_id,
            "member_id": member_id,
            "break_glass": False,
            "recorded_at": uow.now,
            "connection_id": None,
            "identity_id": None,
            "name_id": None,
            "session_index": None,
            "id_token": None,
            **values,
        },
    )


_RULES = houses.with_rules(
    select(t.organisations.c.id).select_from(t.organisations), t.organisations.c.id
).where(t.organisations.c.id == bindparam("organisation"))
