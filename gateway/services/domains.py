"""Domains of an organisation: claimed, then proved; a proved one is its alone."""

import re
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row, select

from gateway.domain.errors import AlreadyExists, InvalidRequest
from gateway.domain.events import Fact, Target
from gateway.services.secrets import new_secret
from gateway.storage import tables as t
from gateway.storage.unit_of_work import Record, UnitOfWork

PROOF_PREFIX = "gateway-domain"
_LABEL = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)")


def normalise(name: str) -> str:
    """Return the domain as it is compared: lower-cased A-labels without a final dot.

    :raises InvalidRequest: not a domain name of at least two labels.
    """
    try:
        ascii_name = name.strip().rstrip(".").encode("idna").decode().lower()
    except UnicodeError:
        ascii_name = ""
    labels = ascii_name.split(".")
    if len(labels) < 2 or len(ascii_name) > 253 or not all(map(_LABEL.fullmatch, labels)):
        raise InvalidRequest(f"{name!r} is not a domain name.", field="name")
    return ascii_name


def get(uow: UnitOfWork, domain_id: UUID) -> Record:
    """Return a domain.

    :raises NotFound: absent, or another organisation's.
    """
    return uow.load(t.domains, domain_id)


def claim(uow: UnitOfWork, name: str) -> UUID:
    """Say that a domain is the organisation's; claiming it again returns the same id.

    Nothing tells whether another organisation claims or has proved it.
    """
    name = normalise(name)
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
    d = t.domains.c
    if uow.one(select(d.id).where(d.name == domain.name, d.state == "verified")) is not None:
        raise AlreadyExists(f"{domain.name} is proved to be another organisation's.")
    uow.update(
        t.domains,
        {"id": domain_id},
        state="verified",
        verified_at=uow.now,
        verified_by=str(uow.actor.type),
    )
    uow.terms_changed()
    uow.record(
        Fact(
            "domain.verified",
            (_target(domain_id, domain.name),),
            before={"state": domain.state},
            after={"state": "verified", "by": str(uow.actor.type)},
        )
    )
    return domain_id


def is_proved(uow: UnitOfWork, email: str | None) -> bool:
    """Whether an address lies in a proved domain of the organisation."""
    return lies_in(email, uow.remembered("proved_domains", lambda: _proved(uow)))


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


def _target(domain_id: UUID, name: str) -> Target:
    return Target("domain", str(domain_id), name)
