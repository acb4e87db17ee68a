"""Proofs of domains: looked for in the DNS, and looked for again, with nothing open meanwhile."""

from functools import partial
from uuid import UUID

from gateway.domain.identity import SYSTEM, Context
from gateway.net.dns import Resolver, Silent
from gateway.services import domains
from gateway.services.domains import Sighting
from gateway.storage.unit_of_work import Work


def look(resolver: Resolver, name: str, token: str) -> Sighting:
    """Return what the DNS says about the proof of a domain."""
    try:
        texts = resolver.txt(domains.record_name(name))
    except Silent:
        return Sighting.SILENT
    return Sighting.SHOWN if token in {text.strip() for text in texts} else Sighting.ABSENT


def look_for(work: Work, resolver: Resolver, organisation_id: UUID, domain_id: UUID) -> Sighting:
    """Return what the DNS says about the proof of one organisation's domain.

    :raises NotFound: absent, or another organisation's.
    """
    with work.read(organisation_id) as uow:
        domain = domains.get(uow, domain_id)
    return look(resolver, domain.name, domain.token)


def look_again(work: Work, resolver: Resolver) -> int:
    """Look again for every proof that is due; say how many there were."""
    with work.platform() as database:
        rows = domains.due(database, work.clock())
    for row in rows:
        seen = look(resolver, row.name, row.token)
        verb = partial(domains.look_again, domain_id=row.id, seen=seen)
        work.run(row.organisation_id, SYSTEM, verb, Context(cause="dns"))
    return len(rows)
