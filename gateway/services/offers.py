"""What an organisation has to give away, as its identity provider may read it: roles and seats."""

from dataclasses import dataclass

from gateway.domain.plans import seats_used
from gateway.services import access, seats, terms
from gateway.storage.unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True)
class Offer:
    """One role or entitlement; `limit` None means that any number may hold it."""

    id: str
    value: str
    display: str
    type: str
    supported: bool = True
    limit: int | None = None
    used: int | None = None


def roles(uow: UnitOfWork) -> list[Offer]:
    """Return the preset's roles, the highest first; an owner's comes by no provider."""
    found = [role for role in access.roles_at(uow) if not role.custom]
    return [
        Offer(str(role.id), role.key, role.name, "organisation", supported=not role.is_owner_role)
        for role in sorted(found, key=lambda role: (-role.rank, role.key))
    ]


def entitlements(uow: UnitOfWork) -> list[Offer]:
    """Return the seat: how many there may be, and how many are in use."""
    policy = terms.current(uow).seat_policy()
    used = seats_used(seats.count(uow), policy)
    return [Offer("seat", "seat", "Seat", "license", limit=policy.limit, used=used)]
