"""Who acts, and what they may therefore do to others; asked by every verb that touches access."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from gateway.domain import acting as rules
from gateway.domain.access import of_service_key
from gateway.domain.acting import Acting, Author
from gateway.domain.decisions import role_of
from gateway.domain.errors import InvalidRequest, ManagedByIdP, NotPermitted, RoleAboveOwn
from gateway.domain.identity import ActorType
from gateway.domain.roles import RoleDefinition
from gateway.services import access
from gateway.services.principals import covers
from gateway.storage import tables as t
from gateway.storage.unit_of_work import UnitOfWork

UNBOUNDED = frozenset(
    {
        ActorType.OPERATOR,
        ActorType.SYSTEM,
        ActorType.SCIM_CONNECTION,
        ActorType.SSO_CONNECTION,
    }
)
"""Nobody's role bounds these: connections were bounded when their rules were saved."""


def author(uow: UnitOfWork) -> Acting:
    """Return the acting principal with its effective access, read under the unit's lock.

    :raises NotPermitted: its role is gone.
    """
    actor = uow.actor
    if actor.type in UNBOUNDED:
        return None
    if actor.member_id is not None:
        held = access.effective(uow, actor.member_id)
    else:
        key = uow.load(t.api_keys, UUID(actor.id))
        organisation = access.organisation_facts(uow)
        held = of_service_key(key.id, organisation.roles.get(key.role_id), organisation)
    if held.role is None or held.standing is not None:
        raise NotPermitted("Your access has ended.")
    return Author(held, _role(uow, held.role.id))


def require_atom(uow: UnitOfWork, atom: str) -> None:
    """Refuse an author who does not hold a permission, or whose key leaves it out.

    :raises NotPermitted: or another refusal of a decision.
    """
    who = author(uow)
    if who is None:
        return
    who.access.require(atom)
    if uow.actor.type is ActorType.API_KEY and not covers(_scopes(uow), atom):
        raise NotPermitted(f"This key's scopes do not include {atom}.", atom=atom)


def require_own_atoms(uow: UnitOfWork, atoms: Sequence[str]) -> None:
    """Refuse to hand out what the author, or the key that they use, could not do themselves.

    :raises RoleAboveOwn: names what is lacking.
    """
    who = author(uow)
    if who is None:
        return
    own = who.role.atoms()
    if uow.actor.type is ActorType.API_KEY:
        scopes = _scopes(uow)
        own = frozenset(atom for atom in own if covers(scopes, atom))
    lacking = [atom for atom in atoms if not covers(own, atom)]
    if lacking:
        raise RoleAboveOwn(f"You do not have {', '.join(sorted(lacking))} yourself.")


def require_may_change(uow: UnitOfWork, member: Row[Any]) -> None:
    """Refuse to change or end the access of oneself or of somebody who ranks higher."""
    who = author(uow)
    if who is not None:
        role_id = role_of(member.access_document)
        target = _role(uow, role_id) if role_id is not None else None
        rules.require_may_act_on(who, member.id, target)


def require_may_give(uow: UnitOfWork, member: Row[Any] | None, role_id: UUID) -> RoleDefinition:
    """Return the role, if the author may give it to this member (None: somebody new).

    :raises InvalidRequest: there is no such role.
    """
    role = next((role for role in access.roles_at(uow) if role.id == role_id), None)
    if role is None:
        raise InvalidRequest("There is no such role.", field="role")
    if member is not None:
        require_may_change(uow, member)
    rules.require_may_give(author(uow), role)
    return role


def require_unmanaged(uow: UnitOfWork, member: Row[Any]) -> None:
    """Refuse to edit by hand what a live connection decides.

    :raises ManagedByIdP: names connection, rule and group, and both levers.
    """
    if managing(uow, member) is None:
        return
    held = access.effective(uow, member.id)
    raise ManagedByIdP(
        "The identity provider decides this member's role.",
        levers=(
            "Change the person's groups in the identity provider.",
            "Change the mapping rule.",
        ),
        connection=str(held.managed_by),
        rule=_text(held.source.rule_id),
        group=_text(held.source.group_id),
    )


def managing(uow: UnitOfWork, member: Any) -> UUID | None:
    """Return the live connection that decides for this member, if one does."""
    if member.managed_by is None:
        return None
    managed_by: UUID = member.managed_by
    decides = uow.load(t.connections, managed_by).state == "active"
    return managed_by if decides else None


def _scopes(uow: UnitOfWork) -> frozenset[str]:
    """Return what the acting key's scopes name."""
    return frozenset(uow.load(t.api_keys, UUID(uow.actor.id)).scopes)


def _role(uow: UnitOfWork, role_id: UUID) -> RoleDefinition:
    row = uow.load(t.roles, role_id)
    return RoleDefinition.of(row.id, row.definition)


def _text(value: UUID | None) -> str | None:
    return None if value is None else str(value)
