"""Policies of an organisation: overridden by it, and what follows wherever their values change."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gateway.domain.errors import (
    GatewayError,
    InvalidRequest,
    NotPermitted,
    OwnershipTransferDisabled,
    PolicyConflict,
    SuccessorRequired,
)
from gateway.domain.events import Fact, Target
from gateway.domain.memberships import MemberState
from gateway.domain.plans import Plan
from gateway.domain.policies import DEFAULT_ROLE, POLICIES, Keeper, Layer, Layers, decided, keeper
from gateway.services import access, acting, break_glass, funnel, moves, presets, roles, terms
from gateway.storage import tables as t
from gateway.storage.unit_of_work import UnitOfWork

FOR_ACCESS = frozenset({"bot_scope_default", "subscription_expired", DEFAULT_ROLE})
"""Policies that access is derived from; others reach it through roles alone."""


@dataclass(frozen=True, slots=True)
class Policy:
    """A policy's value, the layer that decides it, and what each layer says."""

    name: str
    value: Any
    source: Layer
    said: Layers


def listing(uow: UnitOfWork) -> Sequence[Policy]:
    """Return every policy by name."""
    found = terms.layers(uow)
    return [
        Policy(name, value, source, found[name])
        for name in sorted(found.keys() & POLICIES)
        for source, value in [decided(found[name])]
    ]


def change(uow: UnitOfWork, wishes: Mapping[str, object]) -> None:
    """Override policies from now on, and with None let what lies below hold again.

    Roles, access and the waiting list follow at once. The same again changes nothing.

    :raises InvalidRequest: no such policy, a value that it cannot have, or one without effect
        under this preset.
    :raises NotPermitted: not for this author to override.
    :raises PolicyConflict: owners, or what would make some, stand against it.
    :raises SuccessorRequired: nobody could keep the organisation any more.
    """
    before = terms.current(uow).policies
    for name in wishes:
        _require_may_override(uow, name)
    if terms.override(uow, wishes):
        settle(uow, before)


def follow_plan(uow: UnitOfWork, old: Plan, new: Plan) -> None:
    """Let another plan say what it says of policies; what follows follows at once."""
    before = terms.current(uow).policies
    if terms.say(uow, {Layer.PLAN: {**dict.fromkeys(old.policies), **new.policies}}):
        settle(uow, before)


def settle(uow: UnitOfWork, before: Mapping[str, object]) -> None:
    """Let roles, access and the waiting list follow policies that were these before.

    :raises GatewayError: the first of `conflicts`.
    """
    after = terms.current(uow).policies
    new = changed(before, after)
    for conflict in conflicts(uow, new):
        raise conflict
    if _let_roles_follow(uow, before, after) or new & FOR_ACCESS:
        funnel.recompute_all(uow)
    moves.promote_waiting(uow)


def changed(before: Mapping[str, object], after: Mapping[str, object]) -> set[str]:
    """Return the policies that have another value than before."""
    return {name for name in after if before.get(name) != after[name]}


def conflicts(uow: UnitOfWork, new: set[str]) -> Iterator[GatewayError]:
    """Yield why the policies cannot have their present values, of which these are new."""
    agreed = terms.current(uow).policies
    if "owners" in new and agreed["owners"] == "single":
        yield from _other_owners(uow)
    if new & {"transfer", "last_owner_scim"} and agreed["transfer"] == "forbidden":
        yield from _nobody_left(uow, agreed)


def _other_owners(uow: UnitOfWork) -> Iterator[GatewayError]:
    m = t.members.c
    of_record = uow.own(t.members, m.id).where(m.owner_of_record, m.state != MemberState.REMOVED)
    owners = {row.id for row in uow.all(of_record)}
    if len(owners) > 1:
        yield PolicyConflict(
            "There are several owners of record, and this allows one.",
            levers=("Give all but one of them another role first.",),
            policy="owners",
            holders={"members": sorted(map(str, owners))},
        )
    held = roles.holders(uow, access.organisation_facts(uow).owner_role_id).named()
    holders = {
        kind: [str(each) for each in ids if each not in owners][: roles.NAMED]
        for kind, ids in held.items()
        if kind != "api_keys"
    }
    if any(holders.values()):
        yield PolicyConflict(
            "The owner's role is held or given beside the owner of record, and this allows one.",
            levers=("Give its holders another role, and end what gives it.",),
            policy="owners",
            holders={kind: ids for kind, ids in holders.items() if ids},
        )


def _nobody_left(uow: UnitOfWork, agreed: Mapping[str, Any]) -> Iterator[GatewayError]:
    if agreed["last_owner_scim"] == "succeed":
        yield OwnershipTransferDisabled("Ownership stays with the creator; nobody succeeds.")
    c, s = t.connections.c, t.sso_connections.c
    provisions = uow.own(t.connections, c.id).where(c.kind == "scim", c.state == "active")
    enforced = uow.own(t.sso_connections, s.id).where(s.enforced)
    if any(uow.all(each.limit(1)) for each in (provisions, enforced)) and not break_glass.exist(
        uow
    ):
        yield SuccessorRequired(
            "Where ownership never passes on, a break-glass owner has to keep the organisation.",
            levers=("Appoint an owner with two factors as break-glass owner.",),
        )


def _require_may_override(uow: UnitOfWork, name: str) -> None:
    who = acting.author(uow)
    kept_by = keeper(name)
    owns = who is None or (kept_by is Keeper.OWNER and who.access.owner_of_record)
    if not owns and kept_by is not Keeper.ORGANISATION:
        whom = "An owner of record" if kept_by is Keeper.OWNER else "The operator"
        raise NotPermitted(f"{whom} overrides {name}.", levers=(f"{whom} may do it.",))
    elsewhere = {x.policy for each in presets.packaged().presets.values() for x in each.variants}
    preset = presets.of(uow)
    if name in elsewhere - {variant.policy for variant in preset.variants}:
        raise InvalidRequest(f"No role of the preset {preset.id} follows {name}.", field=name)


def _let_roles_follow(
    uow: UnitOfWork, before: Mapping[str, object], after: Mapping[str, object]
) -> bool:
    """Give the preset's roles what a policy adds to them, or take it away again."""
    preset = presets.of(uow)
    old, new = preset.roles_under(before), preset.roles_under(after)
    other = sorted(key for key in new if new[key] != old[key])
    r = t.roles.c
    for row in uow.all(uow.own(t.roles).where(r.key.in_(other), ~r.deleted)):
        template = new[row.key].document()
        uow.change(t.role_versions, row, definition=template)
        uow.terms_changed()
        target = Target("role", str(row.id), row.name)
        uow.record(Fact("role.updated", (target,), before=row.definition, after=template))
    return bool(other)
