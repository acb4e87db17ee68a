"""Taking over another preset: its roles, policies, words and plans, with everybody remapped."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from gateway.domain import remapping
from gateway.domain.errors import GatewayError, NotPermitted
from gateway.domain.events import Fact
from gateway.domain.invitations import InvitationState
from gateway.domain.memberships import MemberState
from gateway.domain.plans import on_another_plan
from gateway.domain.policies import Layer, decided
from gateway.domain.remapping import Target
from gateway.domain.roles import RoleDefinition
from gateway.services import (
    access,
    acting,
    funnel,
    grants,
    moves,
    notices,
    policies,
    presets,
    rehearsals,
    roles,
    terms,
)
from gateway.services.rehearsals import Document, Effect, Outcome
from gateway.storage import tables as t
from gateway.storage.unit_of_work import Record, UnitOfWork

ACTION = "organisation.preset_switched"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """The preset to take over, its plan, and what follows the roles for which it is said."""

    preset: str
    plan: str | None = None
    roles: remapping.Table = field(default_factory=dict)

    def document(self) -> Document:
        """Return the wish as plain JSON values."""
        said = {str(role): self.roles[role] for role in sorted(self.roles)}
        return {"preset": self.preset, "plan": self.plan, "roles": said}


def preview(uow: UnitOfWork, wish: Wish) -> Outcome:
    """Return what taking over a preset would do; `said` names what is refused.

    :raises InvalidRequest: an unknown preset, plan or role, or a role that cannot follow another;
        or the plan has no price in the subscription's currency.
    """
    return rehearsals.rehearse(uow, wish.document(), lambda unit: _Switch(unit, wish).carry_out())


def apply(uow: UnitOfWork, wish: Wish, token: str | None) -> Outcome:
    """Take over a preset as it was previewed; whose powers changed is told by mail.

    As `preview`, and:

    :raises NotPermitted: the author is neither an owner of record nor the operator.
    :raises PolicyConflict: more owners than the preset allows; or what else was refused.
    :raises PreconditionRequired: no token. :raises PlanStale: the organisation has moved since.
    """
    who = acting.author(uow)
    if who is not None and not who.access.owner_of_record:
        raise NotPermitted(
            "An owner of record takes over another preset.", levers=("Ask an owner of record.",)
        )
    before = presets.of(uow).id
    switch = _Switch(uow, wish)
    done = rehearsals.perform(uow, wish.document(), lambda _: switch.carry_out(), token)
    for refusal in switch.refused:
        raise refusal
    _tell(uow, done, before, switch.follows)
    return done


class _Switch:
    """One switch under way; `refused` is why it must not stay."""

    def __init__(self, uow: UnitOfWork, wish: Wish) -> None:
        self.uow = uow
        self.wish = wish
        self.refused: Sequence[GatewayError] = ()
        self.follows: Mapping[UUID, UUID] = {}
        self.before: Mapping[str, Any] = terms.current(uow).policies
        self.old = presets.of(uow)
        self.preset = presets.packaged().preset(wish.preset)
        self.plan = wish.plan or self._usual_plan()

    def carry_out(self) -> Document:
        """Turn everything, and say what became of each role and what stands against it."""
        uow = self.uow
        present = {role.id: role for role in access.roles_at(uow)}
        held = {role_id: roles.holders(uow, role_id).named() for role_id in present}
        self._turn_terms()
        target = self._target()
        table = remapping.table(present.values(), target, self.wish.roles)
        self.follows = self._turn_roles(present, table, target)
        _Remapped(uow, present, self.follows, _owner_role(present)).everything()
        uow.terms_changed()
        funnel.recompute_all(uow)
        moves.promote_waiting(uow)
        after = terms.current(uow).policies
        self.refused = tuple(policies.conflicts(uow, policies.changed(self.before, after)))
        ranked = sorted(present.values(), key=lambda role: (-role.rank, role.key))
        return {
            "preset": self.preset.id,
            "plan": self.plan,
            "roles": [_said(role, _ways(role, table, target), held[role.id]) for role in ranked],
            "refused": [
                {"code": x.code, "detail": x.message, "levers": list(x.levers), "about": x.details}
                for x in self.refused
            ],
        }

    def _usual_plan(self) -> str:
        present = terms.current(self.uow).plan
        return present if present in self.preset.plans else next(iter(self.preset.plans))

    def _turn_terms(self) -> None:
        uow, preset = self.uow, self.preset
        said = preset.layers_under(self.plan, {})
        row = terms.subscription(uow)
        plan, old_plan = preset.plans[self.plan], self.old.plans[row.plan]
        if plan is not old_plan:
            columns = on_another_plan(row, old_plan, plan, uow.now)
            terms.set_subscription(uow, "subscription.changed", plan=plan.key, **columns)
        present = terms.layers(uow)
        words = {
            layer: {
                name: said.get(name, {}).get(layer)
                for name in present.keys() | said.keys()
                if layer in present.get(name, {}) or layer in said.get(name, {})
            }
            for layer in (Layer.PLAN, Layer.PRESET, Layer.GLOBAL)
        }
        terms.say(uow, words)
        o = t.organisations
        uow.apply(o.update().where(o.c.id == uow.organisation_id).values(preset=preset.id))

    def _target(self) -> Target:
        agreed = {name: decided(words)[1] for name, words in terms.layers(self.uow).items()}
        single = agreed["owners"] == "single"
        return Target(self.preset, self.preset.roles_under(agreed), single)

    def _turn_roles(
        self,
        present: Mapping[UUID, RoleDefinition],
        table: Mapping[UUID, str | None],
        target: Target,
    ) -> dict[UUID, UUID]:
        """End, redefine and make roles, and return which role follows each."""
        uow, owner = self.uow, _owner_role(present)
        ids = {target.owner.key: owner}
        for role in present.values():
            if not role.custom and not role.is_owner_role and table[role.id] == role.key:
                ids[role.key] = role.id
        kept = {*ids.values(), *(role_id for role_id, key in table.items() if key is None)}
        for role_id in present.keys() - kept:
            uow.change(t.role_versions, uow.load(t.roles, role_id), deleted=True)
        uow.flush()  # names are free before others take them
        for key, role_id in ids.items():
            columns = roles.columns(target.roles[key])
            uow.change(t.role_versions, uow.load(t.roles, role_id), **columns)
        uow.flush()
        for key in target.roles.keys() - ids.keys():
            ids[key] = uow.new_id()
            columns = roles.columns(target.roles[key])
            uow.create(t.role_versions, id=ids[key], created_at=uow.now, deleted=False, **columns)
        return {role_id: role_id if key is None else ids[key] for role_id, key in table.items()}


@dataclass(frozen=True, slots=True)
class _Remapped:
    """Whatever names a role comes to name the one that follows it."""

    uow: UnitOfWork
    present: Mapping[UUID, RoleDefinition]
    follows: Mapping[UUID, UUID]
    owner_role: UUID

    def everything(self) -> None:
        """Rewrite grants, mapping rules, invitations and keys; the caller recomputes."""
        self._grants()
        self._rules()
        i, k = t.invitations, t.api_keys
        self._in_place(i, i.c.state == InvitationState.PENDING)
        self._in_place(k, k.c.revoked_at.is_(None))

    def _grants(self) -> None:
        uow, g, m = self.uow, t.grants, t.members.c
        rows = uow.all(
            uow.own(g, *g.c, m.owner_of_record)
            .join(t.members, (m.organisation_id == g.c.organisation_id) & (m.id == g.c.member_id))
            .where(g.c.kind == "role", grants.is_live(uow), g.c.role_id.in_(self._moving))
            .order_by(g.c.valid_from, g.c.id)
        )
        new = []
        for row in rows:
            if row.owner_of_record and row.role_id == self.owner_role:
                continue
            uow.update(g, {"id": row.id}, valid_to=uow.now)
            said = {column.name: getattr(row, column.name) for column in g.c}
            turned = {"id": uow.new_id(), "valid_from": uow.now}
            new.append({**said, **turned, "role_id": self.follows[row.role_id]})
        uow.insert_all(g, new)

    def _rules(self) -> None:
        uow, r = self.uow, t.mapping_rules
        live = uow.own(r).where(r.c.valid_to.is_(None), r.c.role_id.in_(self._moving))
        rows = uow.all(live.order_by(r.c.id))
        for row in rows:
            uow.update(r, {"id": row.id, "valid_to": None}, valid_to=uow.now)
        uow.flush()  # priorities are free before the rules' next intervals take them
        follow = [{"role_id": self.follows[row.role_id], "valid_from": uow.now} for row in rows]
        uow.insert_all(r, [{**row._mapping, **new} for row, new in zip(rows, follow, strict=True)])

    def _in_place(self, table: Any, live: Any) -> None:
        uow, c = self.uow, table.c
        for row in uow.all(
            uow.own(table, c.id, c.role_id).where(live, c.role_id.in_(self._moving))
        ):
            uow.update(table, {"id": row.id}, role_id=self.follows[row.role_id])

    @property
    def _moving(self) -> list[UUID]:
        return [role_id for role_id, follower in self.follows.items() if follower != role_id]


def _owner_role(present: Mapping[UUID, RoleDefinition]) -> UUID:
    return next(role.id for role in present.values() if role.is_owner_role)


def _ways(
    role: RoleDefinition, table: Mapping[UUID, str | None], target: Target
) -> tuple[str | None, str | None]:
    """Return what follows a role, and what follows the owner's for those not of record."""
    follower = table[role.id]
    return (target.owner.key, follower) if role.is_owner_role else (follower, None)


def _said(
    role: RoleDefinition, ways: tuple[str | None, str | None], held: Mapping[str, Sequence[UUID]]
) -> Document:
    return {
        "role_id": str(role.id),
        "key": role.key,
        "name": role.name,
        "custom": role.custom,
        "to": ways[0],
        "to_others": ways[1],
        **{kind: [str(each) for each in ids] for kind, ids in held.items()},
    }


def _tell(uow: UnitOfWork, done: Outcome, before: str, follows: Mapping[UUID, UUID]) -> None:
    """Tell what became of all; before which plan it was, the change of the subscription says."""
    members: dict[str, list[str]] = {}
    for effect in done.effects:
        moved = f"{effect.before.get('role')} > {effect.after.get('role')}"
        members.setdefault(moved, []).append(str(effect.member_id))
    uow.record(
        Fact(
            ACTION,
            (terms.organisation(uow),),
            before={"preset": before},
            after={
                "preset": done.said["preset"],
                "plan": done.said["plan"],
                "roles": {role["key"]: role["to"] for role in done.said["roles"]},
                "role_ids": {str(old): str(new) for old, new in follows.items() if old != new},
                "members": members,
            },
        )
    )
    names = {role.key: role.name for role in access.roles_at(uow)}
    _mail(uow, [effect for effect in done.effects if _has_other_powers(effect)], names)


def _has_other_powers(effect: Effect) -> bool:
    """Whether more than the role's name has changed."""
    return {**effect.before, "role": None} != {**effect.after, "role": None}


def _mail(uow: UnitOfWork, effects: Sequence[Effect], names: Mapping[str, str]) -> None:
    turned: dict[str, list[Record]] = {}
    for effect in effects:
        member = uow.load(t.members, effect.member_id)
        role = names.get(effect.after["role"] or "")
        if member.state == MemberState.ACTIVE and role is not None:
            turned.setdefault(role, []).append(member)
    for role, members in turned.items():
        notices.role_changed(uow, members, role)
