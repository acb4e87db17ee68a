"""Keys of programs: operator keys of the installation, API keys of an organisation.

An API key belongs to a member, and is then worth what that member may do at the moment, or to
the organisation with a role of its own. Its scopes only ever take away. A secret is shown once;
a SHA-256 digest is what is kept.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, insert, update

from gateway.domain.acting import require_may_act_on, require_may_give, require_may_give_scope
from gateway.domain.decisions import role_of
from gateway.domain.errors import InvalidRequest, NotFound
from gateway.domain.events import Fact, Target
from gateway.domain.mapping import Scope
from gateway.domain.memberships import MemberState
from gateway.domain.permissions import require_action
from gateway.domain.roles import RoleDefinition
from gateway.services import acting
from gateway.services.principals import KEY_PREFIX, OPERATOR_PREFIX
from gateway.services.secrets import Issued, digest_secret, new_secret
from gateway.storage import tables as t
from gateway.storage.unit_of_work import Record, UnitOfWork

NAME_LIMIT = 64


def create(
    uow: UnitOfWork,
    name: str,
    scopes: Sequence[str],
    *,
    member_id: UUID | None = None,
    role_id: UUID | None = None,
    expires_at: datetime | None = None,
) -> Issued:
    """Issue a key that a member owns, or the organisation with a role; its secret, this once.

    :raises InvalidRequest: both or no owner, an unknown scope, an expiry in the past.
    :raises NotFound: no such active member or role.
    :raises RoleAboveOwn: the owner, the role or a scope is more than the author has.
    """
    _require_sound(name, scopes, expires_at, uow.now)
    if (member_id is None) == (role_id is None):
        message = "A key belongs either to a member (member_id) or to a role (role_id)."
        raise InvalidRequest(message, field="member_id")
    _require_owner(uow, member_id, role_id)
    acting.require_own_atoms(uow, scopes)
    issued = Issued(uow.new_id(), new_secret(KEY_PREFIX))
    uow.insert(
        t.api_keys,
        id=issued.id,
        member_id=member_id,
        role_id=role_id,
        name=name.strip(),
        key_hash=digest_secret(issued.secret),
        scopes=sorted(set(scopes)),
        created_at=uow.now,
        expires_at=expires_at,
    )
    _record(uow, "api_key.created", issued.id, name, member_id, {"scopes": sorted(set(scopes))})
    return issued


def revoke(uow: UnitOfWork, key_id: UUID) -> None:
    """Kill a key at once; a dead one stays dead and nothing is recorded.

    :raises NotFound: no such key.
    """
    row = get(uow, key_id)
    if row.revoked_at is not None:
        return
    _require_owner(uow, row.member_id, row.role_id, live=False)
    uow.update(t.api_keys, {"id": key_id}, revoked_at=uow.now)
    _record(uow, "api_key.revoked", key_id, row.name, row.member_id)


def get(uow: UnitOfWork, key_id: UUID) -> Record:
    """Return a key of this organisation, dead or alive."""
    return uow.load(t.api_keys, key_id, noun="API key")


def listing(uow: UnitOfWork, after: UUID | None = None, limit: int = 50) -> Sequence[Row[Any]]:
    """Return keys, dead ones too, the oldest first; never a secret."""
    wanted = uow.own(t.api_keys)
    if after is not None:
        wanted = wanted.where(t.api_keys.c.id > after)
    return uow.all(wanted.order_by(t.api_keys.c.id).limit(limit))


def issue_operator_key(
    database: Connection, now: datetime, new_id: Callable[[], UUID], name: str
) -> Issued:
    """Issue an installation-wide key."""
    if not 0 < len(name.strip()) <= NAME_LIMIT:
        raise InvalidRequest(f"A key's name has 1 to {NAME_LIMIT} characters.", field="name")
    issued = Issued(new_id(), new_secret(OPERATOR_PREFIX))
    row = {"id": issued.id, "name": name.strip(), "key_hash": digest_secret(issued.secret)}
    database.execute(insert(t.operator_keys).values(**row, created_at=now))
    return issued


def revoke_operator_key(database: Connection, now: datetime, key_id: UUID) -> None:
    """Kill an operator key.

    :raises NotFound: no such live key.
    """
    k = t.operator_keys.c
    live = update(t.operator_keys).where(k.id == key_id, k.revoked_at.is_(None))
    if not database.execute(live.values(revoked_at=now)).rowcount:
        raise NotFound("No such operator key.")


def _require_sound(
    name: str, scopes: Sequence[str], expires_at: datetime | None, now: datetime
) -> None:
    if not 0 < len(name.strip()) <= NAME_LIMIT:
        raise InvalidRequest(f"A key's name has 1 to {NAME_LIMIT} characters.", field="name")
    if not scopes:
        raise InvalidRequest("A key has at least one scope.", field="scopes")
    for scope in scopes:
        require_action(scope)
    if expires_at is not None and expires_at <= now:
        raise InvalidRequest("A key expires in the future.", field="expires_at")


def _require_owner(
    uow: UnitOfWork, member_id: UUID | None, role_id: UUID | None, *, live: bool = True
) -> None:
    """Judge a key like the access that it hands out: a member's own, or a role's."""
    author = acting.author(uow)
    if role_id is not None:
        role = uow.load(t.roles, role_id, noun="role")
        if live and role.deleted:
            raise NotFound("No such role.")
        require_may_give(author, RoleDefinition.of(role.id, role.definition))
        require_may_give_scope(author, Scope.ALL)
        return
    member = uow.load(t.members, member_id) if member_id else None
    if member is None or (live and not _may_act(member)):
        raise NotFound("No such member.")
    if uow.actor.member_id == member.id:
        return
    role_id = role_of(member.access_document)
    held = uow.load(t.roles, role_id) if role_id else None
    role_held = RoleDefinition.of(held.id, held.definition) if held else None
    require_may_act_on(author, member.id, role_held)


def _may_act(member: Record) -> bool:
    return member.state == MemberState.ACTIVE and not (member.admin_hold or member.contained)


def _record(
    uow: UnitOfWork,
    action: str,
    key_id: UUID,
    name: str,
    member_id: UUID | None,
    after: dict[str, Any] | None = None,
) -> None:
    owner = (Target("member", str(member_id)),) if member_id else ()
    uow.record(Fact(action, (Target("api_key", str(key_id), name), *owner), after=after))
