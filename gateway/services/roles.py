"""Custom roles: made from the toggles that the preset offers and the eight sections.

A role is versioned like everything that access follows from: who holds it has the new definition
at the next request, and "what could they do then" still reads the old one.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Row, or_

from gateway.domain.acting import require_may_define
from gateway.domain.errors import AlreadyExists, NotFound, RoleInUse
from gateway.domain.events import Fact, Target
from gateway.domain.invitations import InvitationState
from gateway.domain.permissions import BASE_ATOMS
from gateway.domain.roles import CustomRole, RoleDefinition, RoleTemplate, custom_role
from gateway.domain.text import fold
from gateway.services import acting, funnel, membership_lists, presets
from gateway.storage import tables as t
from gateway.storage.unit_of_work import Record, UnitOfWork

NAMED = 20
"""Holders whom a refusal names; it counts them all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Holders:
    """Whatever gives or holds a role at the moment."""

    members: Sequence[UUID]
    invitations: Sequence[UUID]
    mapping_rules: Sequence[UUID]
    api_keys: Sequence[UUID]

    def __len__(self) -> int:
        return sum(map(len, self.named().values()))

    def named(self) -> dict[str, Sequence[UUID]]:
        """Return the holders by kind."""
        return {
            "members": self.members,
            "invitations": self.invitations,
            "mapping_rules": self.mapping_rules,
            "api_keys": self.api_keys,
        }


def get(uow: UnitOfWork, role_id: UUID) -> Record:
    """Return a live role.

    :raises NotFound: absent, deleted or another organisation's.
    """
    row = uow.load(t.roles, role_id)
    if row.deleted:
        raise NotFound("No such role.")
    return row


def listing(uow: UnitOfWork) -> Sequence[RoleDefinition]:
    """Return the live roles, the highest rank first."""
    r = t.roles.c
    rows = uow.all(uow.own(t.roles).where(~r.deleted).order_by(r.rank.desc(), r.name_key))
    return [RoleDefinition.of(row.id, row.definition) for row in rows]


def toggles(uow: UnitOfWork) -> Mapping[str, frozenset[str]]:
    """Return what a custom role of this organisation may switch on: feature → verbs."""
    return presets.of(uow).toggles


def create(uow: UnitOfWork, wish: CustomRole) -> UUID:
    """Make a custom role.

    :raises InvalidRequest: an atom, level, name or rank out of bounds.
    :raises AlreadyExists: the name is taken, whatever its letter case.
    :raises RoleAboveOwn: it ranks above its author, or holds what they lack.
    """
    role_id = uow.new_id()
    role = custom_role(f"custom_{role_id.hex}", wish, toggles(uow))
    _require_may_define(uow, role)
    _require_free(uow, role.name)
    uow.create(t.role_versions, id=role_id, created_at=uow.now, deleted=False, **columns(role))
    uow.terms_changed()
    _record(uow, "role.created", role_id, role.name, after=role.document())
    return role_id


def change(uow: UnitOfWork, role_id: UUID, wish: CustomRole) -> None:
    """Give a custom role another definition, which its holders have from now on.

    :raises InvalidRequest: as `create`; or the role is the preset's.
    :raises OwnAccess: the author holds the role themselves.
    """
    row = get(uow, role_id)
    before = RoleDefinition.of(row.id, row.definition)
    after = custom_role(before.key, wish, toggles(uow))
    _require_may_define(uow, after, before)
    if after.document() == before.document():
        return
    _require_free(uow, after.name, but=role_id)
    uow.change(t.role_versions, row, **columns(after))
    uow.terms_changed()
    _record(uow, "role.updated", role_id, after.name, before.document(), after.document())
    funnel.recompute(uow, _of_members(uow, role_id))


def delete(uow: UnitOfWork, role_id: UUID) -> None:
    """End a custom role that nobody holds and nothing gives.

    :raises RoleInUse: names the holders.
    """
    row = get(uow, role_id)
    before = RoleDefinition.of(row.id, row.definition)
    _require_may_define(uow, before, before)
    held = holders(uow, role_id)
    if len(held):
        first = {kind: [str(x) for x in ids[:NAMED]] for kind, ids in held.named().items() if ids}
        raise RoleInUse(
            f"{before.name} is in use.",
            levers=("Give its holders another role first.",),
            count=len(held),
            holders=first,
        )
    uow.change(t.role_versions, row, deleted=True)
    uow.terms_changed()
    _record(uow, "role.deleted", role_id, before.name, before.document())


def holders(uow: UnitOfWork, role_id: UUID) -> Holders:
    """Return the members with a role, deactivated ones too, and what would give it to others."""
    i, r, k = t.invitations.c, t.mapping_rules.c, t.api_keys.c
    lives = or_(k.expires_at.is_(None), k.expires_at > uow.now)
    return Holders(
        members=_of_members(uow, role_id),
        invitations=_ids(
            uow,
            t.invitations,
            i.role_id == role_id,
            i.state == InvitationState.PENDING,
            i.expires_at > uow.now,
        ),
        mapping_rules=_ids(uow, t.mapping_rules, r.role_id == role_id, r.valid_to.is_(None)),
        api_keys=_ids(uow, t.api_keys, k.role_id == role_id, k.revoked_at.is_(None), lives),
    )


def _of_members(uow: UnitOfWork, role_id: UUID) -> list[UUID]:
    m = t.members.c
    held = membership_lists.have_role(uow, [role_id])
    return _ids(uow, t.members, held, m.state != "removed")


def _ids(uow: UnitOfWork, table: Any, *where: Any) -> list[UUID]:
    rows: Iterable[Row[Any]] = uow.all(uow.own(table, table.c.id).where(*where).order_by("id"))
    return [row.id for row in rows]


def _require_may_define(
    uow: UnitOfWork, wanted: RoleTemplate, present: RoleDefinition | None = None
) -> None:
    require_may_define(acting.author(uow), wanted, present)
    acting.require_own_atoms(uow, sorted(wanted.atoms() - BASE_ATOMS))


def _require_free(uow: UnitOfWork, name: str, but: UUID | None = None) -> None:
    r = t.roles.c
    taken = uow.one(uow.own(t.roles, r.id).where(r.name_key == fold(name), ~r.deleted))
    if taken is not None and taken.id != but:
        raise AlreadyExists(f"A role is called {name!r} already.", field="name")


def columns(role: RoleTemplate) -> dict[str, Any]:
    return {
        "name": role.name,
        "name_key": fold(role.name),
        "key": role.key,
        "rank": role.rank,
        "definition": role.document(),
    }


def _record(
    uow: UnitOfWork,
    action: str,
    role_id: UUID,
    name: str,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
) -> None:
    uow.record(Fact(action, (Target("role", str(role_id), name),), before=before, after=after))
