"""Domains of an organisation: claimed, then proved; a proved one is its alone.

The proof is a TXT record with a secret of this organisation and this domain. It is looked for
again every day, and a proof that is gone for a week counts no more. Nothing tells an organisation
whether another one claims or has proved the same name.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, and_, or_, select

from gateway.domain.domain_names import a_labels, is_shared
from gateway.domain.errors import AlreadyExists, InvalidRequest, NotFound
from gateway.domain.events import Fact, Target
from gateway.services import notices
from gateway.services.secrets import new_secret
from gateway.storage import tables as t
from gateway.storage.unit_of_work import Record, UnitOfWork

PROOF_PREFIX = "gateway-domain"
RECORD_LABEL = "_gateway-domain"
"""Label below which the proof of a domain lies in the DNS."""

BY_DNS = "dns"
LOOK_EVERY = timedelta(days=1)
LOOK_AGAIN = timedelta(hours=1)
"""How soon it is looked again for a proof that was not there."""


class Sighting(StrEnum):
    """What the DNS said about a proof: it is there, it is not, or nobody answered."""

    SHOWN = "shown"
    ABSENT = "absent"
    SILENT = "silent"


GRACE: Mapping[Sighting, timedelta] = {
    Sighting.ABSENT: timedelta(days=7),
    Sighting.SILENT: timedelta(days=30),
}
"""How long a proof may be out of sight before it counts no more."""


def normalise(name: str) -> str:
    """Return the domain as it is compared: lower-cased A-labels without a final dot.

    :raises InvalidRequest: not a domain name of at least two labels.
    """
    known = a_labels(name.strip())
    if known is None:
        raise InvalidRequest(f"{name!r} is not a domain name.", field="name")
    return known


def record_name(name: str) -> str:
    """Return where the TXT record that proves a domain has to be."""
    return f"{RECORD_LABEL}.{name}"


def get(uow: UnitOfWork, domain_id: UUID) -> Record:
    """Return a domain.

    :raises NotFound: absent, released, or another organisation's.
    """
    domain = uow.load(t.domains, domain_id)
    if domain.state == "released":
        raise NotFound("No such domain.")
    return domain


def claim(uow: UnitOfWork, name: str) -> UUID:
    """Say that a domain is the organisation's; claiming it again returns the same id.

    Nothing tells whether another organisation claims or has proved it.

    :raises InvalidRequest: not a domain name, or one below which anybody may have a name.
    """
    name = normalise(name)
    if is_shared(name):
        raise InvalidRequest(f"{name} is nobody's alone; claim the name below it.", field="name")
    d = t.domains.c
    known: UUID | None = uow.scalar(
        uow.own(t.domains, d.id).where(d.name == name, d.state != "released")
    )
    if known is not None:
        return known
    domain_id = uow.new_id()
    uow.insert(
        t.domains,
        id=domain_id,
        name=name,
        state="claimed",
        created_at=uow.now,
        token=new_secret(PROOF_PREFIX),
    )
    uow.record(Fact("domain.claimed", (_target(domain_id, name),), after={"name": name}))
    return domain_id


def force_verify(uow: UnitOfWork, name: str) -> UUID:
    """Prove a domain by the operator's word; an audited act.

    :raises AlreadyExists: another organisation has proved it.
    """
    domain_id = claim(uow, name)
    domain = uow.load(t.domains, domain_id)
    if domain.state == "verified":
        return domain_id
    if _is_taken(uow, domain.name):
        raise AlreadyExists(f"{domain.name} is proved to be another organisation's.")
    _prove(uow, domain, str(uow.actor.type))
    return domain_id


def verify(uow: UnitOfWork, domain_id: UUID, seen: Sighting) -> None:
    """Prove a domain by what the DNS said a moment ago.

    :raises NotFound: absent, or another organisation's.
    :raises InvalidRequest: it does not prove it; told alike where another organisation has it.
    """
    domain = get(uow, domain_id)
    if domain.state == "verified":
        return
    if seen is not Sighting.SHOWN or _is_taken(uow, domain.name):
        raise InvalidRequest(
            "The DNS does not prove this domain to be yours.",
            levers=(
                f"Publish a TXT record {record_name(domain.name)} with the value {domain.token}.",
                "Wait until it is seen everywhere, which may take as long as its TTL.",
                "A domain proves one organisation at a time.",
            ),
        )
    _prove(uow, domain, BY_DNS)


def due(database: Connection, now: datetime, limit: int = 100) -> Sequence[Any]:
    """Return the proofs that are to be looked for again, of all organisations."""
    d = t.domains.c
    is_time = or_(
        d.checked_at.is_(None),
        d.checked_at <= now - LOOK_EVERY,
        and_(d.missing_since.is_not(None), d.checked_at <= now - LOOK_AGAIN),
    )
    query = (
        select(d.organisation_id, d.id, d.name, d.token)
        .where(d.state == "verified", d.verified_by == BY_DNS, is_time)
        .order_by(d.checked_at, d.id)
        .limit(limit)
    )
    return database.execute(query).all()


def look_again(uow: UnitOfWork, domain_id: UUID, seen: Sighting) -> None:
    """Note whether a proof is still there; one that has been gone for too long counts no more.

    From then on nobody is sent to the organisation's provider by this domain, and a first sign-in
    makes no member.
    """
    domain = uow.load(t.domains, domain_id)
    if domain.state != "verified" or domain.verified_by != BY_DNS:
        return
    since = None if seen is Sighting.SHOWN else domain.missing_since or uow.now
    if since is not None and uow.now - since >= GRACE[seen]:
        _lapse(uow, domain, since)
        return
    uow.update(t.domains, {"id": domain_id}, checked_at=uow.now, missing_since=since)
    if since is not None and domain.missing_since is None:
        target = _target(domain_id, domain.name)
        uow.record(Fact("domain.proof_missing", (target,), after={"seen": str(seen)}))
        notices.domain_unproved(uow, domain.name, record_name(domain.name), lapsed=False)


def release(uow: UnitOfWork, domain_id: UUID) -> None:
    """Give up a domain; it proves nothing any more, and a new claim needs a new proof.

    :raises NotFound: absent, or another organisation's.
    """
    domain = get(uow, domain_id)
    uow.update(t.domains, {"id": domain_id}, state="released", missing_since=None)
    uow.terms_changed()
    uow.record(
        Fact("domain.released", (_target(domain_id, domain.name),), before={"state": domain.state})
    )


def is_proved(uow: UnitOfWork, email: str | None) -> bool:
    """Whether an address lies in a proved domain of the organisation."""
    return lies_in(email, proved(uow))


def proved(uow: UnitOfWork) -> frozenset[str]:
    """Return the organisation's proved domains; nothing is read that is remembered."""
    return uow.remembered("proved_domains", lambda: _proved(uow))


def lies_in(email: str | None, proved: frozenset[str]) -> bool:
    """Whether an address lies in one of these domains; a subdomain is another domain."""
    domain = (email or "").rpartition("@")[2]
    if not domain or not proved:
        return False
    try:
        return normalise(domain) in proved
    except InvalidRequest:
        return False


def listing(uow: UnitOfWork) -> Sequence[Row[Any]]:
    """Return the organisation's domains by name."""
    d = t.domains.c
    return uow.all(uow.own(t.domains).where(d.state != "released").order_by(d.name))


def _proved(uow: UnitOfWork) -> frozenset[str]:
    d = t.domains.c
    rows = uow.all(uow.own(t.domains, d.name).where(d.state == "verified"))
    return frozenset(row.name for row in rows)


def _is_taken(uow: UnitOfWork, name: str) -> bool:
    d = t.domains.c
    return uow.one(select(d.id).where(d.name == name, d.state == "verified")) is not None


def _prove(uow: UnitOfWork, domain: Record, by: str) -> None:
    uow.update(
        t.domains,
        {"id": domain.id},
        state="verified",
        verified_at=uow.now,
        verified_by=by,
        checked_at=uow.now,
        missing_since=None,
    )
    uow.terms_changed()
    uow.record(
        Fact(
            "domain.verified",
            (_target(domain.id, domain.name),),
            before={"state": domain.state},
            after={"state": "verified", "by": by},
        )
    )


def _lapse(uow: UnitOfWork, domain: Record, since: datetime) -> None:
    uow.update(
        t.domains,
        {"id": domain.id},
        state="claimed",
        verified_at=None,
        verified_by=None,
        checked_at=uow.now,
        missing_since=None,
    )
    uow.terms_changed()
    uow.record(
        Fact(
            "domain.lapsed",
            (_target(domain.id, domain.name),),
            before={"state": "verified"},
            after={"state": "claimed", "missing_since": since.isoformat()},
        )
    )
    notices.domain_unproved(uow, domain.name, record_name(domain.name), lapsed=True)


def _target(domain_id: UUID, name: str) -> Target:
    return Target("domain", str(domain_id), name)
