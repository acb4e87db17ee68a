"""Presets: the roles, labels, policies and plans of a product, checked and typed.

The file is read elsewhere; here its plain values become types, or an error that names the
place which is wrong.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from gateway.domain.errors import InvalidRequest
from gateway.domain.permissions import BASE_ATOMS, ORG_ATOMS, SECTIONS, expand_bot, expand_org
from gateway.domain.plans import Charge, Plan
from gateway.domain.policies import DEFAULT_ROLE, Layer, Layers, Policies, check_policies
from gateway.domain.roles import RECORD_SCOPES, RoleTemplate

Found = TypeVar("Found")


class PresetError(ValueError):
    """The presets file contradicts itself or the product; the message begins with the place."""


@dataclass(frozen=True, slots=True)
class Variant:
    """What a role becomes while a policy is true."""

    policy: str
    role: RoleTemplate


@dataclass(frozen=True, slots=True)
class Preset:
    """One product as data: what an organisation copies at its creation."""

    id: str
    labels: Mapping[str, str]
    roles: Mapping[str, RoleTemplate]
    variants: tuple[Variant, ...]
    default_role: str
    common: Policies
    own_policies: Policies
    plans: Mapping[str, Plan]
    toggles: Mapping[str, frozenset[str]]

    @property
    def owner_role(self) -> str:
        """The key of the role that owners of record have."""
        return next(key for key, role in self.roles.items() if role.is_owner_role)

    @property
    def policies(self) -> Policies:
        """Every policy's value: the preset's, else what all presets share."""
        return {**self.common, **self.own_policies}

    def roles_under(self, policies: Policies) -> dict[str, RoleTemplate]:
        """Return the roles as these policies make them."""
        roles = dict(self.roles)
        for variant in self.variants:
            if policies.get(variant.policy) is True:
                roles[variant.role.key] = variant.role
        return roles

    def layers_under(self, plan: str, overrides: Policies) -> dict[str, Layers]:
        """Return, for every policy, what each layer says that says anything.

        :raises InvalidRequest: an unknown plan, policy or value.
        """
        if plan not in self.plans:
            raise InvalidRequest(f"Preset {self.id} has no plan {plan!r}.", field="plan")
        check_policies(overrides)
        said = {
            Layer.ORGANISATION: overrides,
            Layer.PLAN: self.plans[plan].policies,
            Layer.PRESET: {**self.own_policies, DEFAULT_ROLE: self.default_role},
            Layer.GLOBAL: self.common,
        }
        names = {name for policies in said.values() for name in policies}
        return {
            name: {str(layer): said[layer][name] for layer in said if name in said[layer]}
            for name in sorted(names)
        }


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Every preset, and the add-ons that fit each of their plans."""

    presets: Mapping[str, Preset]
    add_ons: Mapping[str, frozenset[str]]

    def preset(self, preset_id: str) -> Preset:
        """Return a preset.

        :raises InvalidRequest: there is none of that name.
        """
        if preset_id not in self.presets:
            known = ", ".join(sorted(self.presets))
            raise InvalidRequest(f"There is no preset {preset_id!r}; there are {known}.")
        return self.presets[preset_id]

    @property
    def prorated(self) -> dict[str, Plan]:
        """Every plan that prorates, by its key, which no other preset has."""
        plans = [plan for preset in self.presets.values() for plan in preset.plans.values()]
        return {plan.key: plan for plan in plans if plan.charge is Charge.PRORATED}

    def features(self, plan: Plan, add_ons: Iterable[str]) -> frozenset[str]:
        """Return what a plan with these add-ons can do."""
        features = set(plan.features)
        for name in add_ons:
            if name not in self.add_ons:
                raise InvalidRequest(f"There is no add-on {name!r}.", add_on=name)
            features |= self.add_ons[name]
        return frozenset(features)


def catalogue(document: Mapping[str, Any]) -> Catalogue:
    """Return the typed presets of a document.

    :raises PresetError: names the place that is wrong.
    """
    _only(document, "presets file", _TOP)
    if tuple(document.get("sections", ())) != SECTIONS:
        raise PresetError(f"sections: expected exactly {', '.join(SECTIONS)}")
    shared = _Shared(
        _policies(document["global_policies"], "global_policies"),
        _toggles(document["custom_roles"], "custom_roles"),
    )
    presets = {
        name: _preset(name, _mapping(values, f"presets.{name}"), shared)
        for name, values in _mapping(document["presets"], "presets").items()
    }
    add_ons = {
        name: frozenset(feature for feature, present in features.items() if present)
        for name, features in _mapping(document["add_ons"], "add_ons").items()
    }
    _require_plain_prorating(presets)
    return Catalogue(presets, add_ons)


@dataclass(frozen=True, slots=True)
class _Shared:
    policies: Policies
    toggles: Mapping[str, frozenset[str]]


_TOP = frozenset({"sections", "custom_roles", "presets", "add_ons", "global_policies"})
_PRESET = frozenset({"labels", "roles", "custom_roles", "default_role", "policies", "plans"})
_ROLE = frozenset(
    {
        "name",
        "rank",
        "narrowable",
        "org",
        "bot",
        "invitable",
        "grant_only_by",
        "manages",
        "is_owner_role",
        "record_scope",
        "when",
    }
)
_PLAN = frozenset(
    {
        "base",
        "seat",
        "period",
        "included_seats",
        "seat_limit",
        "charge",
        "features",
        "policies",
    }
)


def _preset(name: str, values: Mapping[str, Any], shared: _Shared) -> Preset:
    place = f"presets.{name}"
    _only(values, place, _PRESET)
    roles: dict[str, RoleTemplate] = {}
    variants: list[Variant] = []
    for key, role in _take(values, "roles", dict, place).items():
        where = f"{place}.roles.{key}"
        roles[key] = _role(key, _mapping(role, where), where)
        variants += _variants(roles[key], role.get("when", {}), f"{where}.when")
    toggles = (
        _toggles(values["custom_roles"], f"{place}.custom_roles")
        if "custom_roles" in values
        else shared.toggles
    )
    plans = {
        key: _plan(key, _mapping(plan, f"{place}.plans.{key}"), f"{place}.plans.{key}")
        for key, plan in _take(values, "plans", dict, place).items()
    }
    preset = Preset(
        id=name,
        labels=_take(values, "labels", dict, place),
        roles=roles,
        variants=tuple(variants),
        default_role=_take(values, "default_role", str, place),
        common=shared.policies,
        own_policies=_policies(values.get("policies", {}), f"{place}.policies"),
        plans=plans,
        toggles=toggles,
    )
    _require_coherent(preset, place)
    return preset


def _role(key: str, values: Mapping[str, Any], place: str) -> RoleTemplate:
    _only(values, place, _ROLE)
    try:
        org_atoms = expand_org(_take(values, "org", list, place))
        ceiling = expand_bot(_take(values, "bot", list, place))
    except InvalidRequest as refusal:
        raise PresetError(f"{place}: {refusal.message}") from refusal
    if not org_atoms >= BASE_ATOMS:
        raise PresetError(f"{place}.org: every role carries {', '.join(sorted(BASE_ATOMS))}")
    record_scope = values.get("record_scope", {})
    for kind, limit in record_scope.items():
        if limit not in RECORD_SCOPES.get(kind, ()):
            raise PresetError(f"{place}.record_scope.{kind}: unknown limit {limit!r}")
    return RoleTemplate(
        key=key,
        name=_take(values, "name", str, place),
        rank=_take(values, "rank", int, place),
        narrowable=_take(values, "narrowable", bool, place),
        org_atoms=org_atoms,
        sections={section: level for section, level in ceiling.sections.items() if level},
        bot_atoms=ceiling.atoms,
        record_scope=record_scope,
        invitable=_take(values, "invitable", bool, place),
        grant_only_by=frozenset(values.get("grant_only_by", ())),
        manages=frozenset(values.get("manages", ())),
        is_owner_role=values.get("is_owner_role", key == "owner"),
        custom=False,
    )


def _variants(role: RoleTemplate, when: Mapping[str, Any], place: str) -> list[Variant]:
    variants = []
    for policy, gains in when.items():
        where = f"{place}.{policy}"
        _only(_mapping(gains, where), where, frozenset({"org", "manages"}))
        try:
            org_atoms = role.org_atoms | expand_org(gains.get("org", ()))
        except InvalidRequest as refusal:
            raise PresetError(f"{where}: {refusal.message}") from refusal
        manages = role.manages | frozenset(gains.get("manages", ()))
        variants.append(Variant(policy, replace(role, org_atoms=org_atoms, manages=manages)))
    return variants


def _plan(key: str, values: Mapping[str, Any], place: str) -> Plan:
    _only(values, place, _PLAN)
    base, seat = values.get("base", {}), values.get("seat", {})
    if set(base) != set(seat):
        raise PresetError(f"{place}: base and seat need prices in the same currencies")
    for amount in (*base.values(), *seat.values(), values.get("included_seats", 0)):
        if type(amount) is not int or amount < 0:
            raise PresetError(f"{place}: money and seats are integers that are not negative")
    limit = values.get("seat_limit")
    if limit is not None and (type(limit) is not int or limit < 0):
        raise PresetError(f"{place}.seat_limit: expected a number of seats, or null for no limit")
    charge = values.get("charge", Charge.NEXT_RENEWAL)
    if charge not in list(Charge):
        raise PresetError(f"{place}.charge: expected {' or '.join(Charge)}")
    if charge == Charge.PRORATED and not seat:
        raise PresetError(f"{place}.charge: without a price for a seat there is nothing to prorate")
    return Plan(
        key=key,
        base=base,
        seat=seat,
        period=values.get("period", "month"),
        included_seats=values.get("included_seats", 0),
        seat_limit=limit,
        charge=Charge(charge),
        features=frozenset(values.get("features", ())),
        policies=_policies(values.get("policies", {}), f"{place}.policies"),
    )


def _toggles(values: Any, place: str) -> dict[str, frozenset[str]]:
    toggles: dict[str, frozenset[str]] = {}
    for feature, verbs in _take(_mapping(values, place), "toggles", dict, place).items():
        for verb in verbs:
            known = f"{feature}.{verb}" in ORG_ATOMS or feature in SECTIONS
            if not known:
                raise PresetError(f"{place}.toggles: there is no permission {feature}.{verb}")
        toggles[feature] = frozenset(verbs)
    return toggles


def _policies(values: Any, place: str) -> Policies:
    try:
        check_policies(_mapping(values, place))
    except InvalidRequest as refusal:
        raise PresetError(f"{place}: {refusal.message}") from refusal
    return dict(values)


def _require_plain_prorating(presets: Mapping[str, Preset]) -> None:
    """Refuse a prorated plan whose key another preset has.

    A subscription remembers its former plans by key, whatever preset the organisation has now.
    """
    keys = [key for preset in presets.values() for key in preset.plans]
    for name, preset in presets.items():
        for key, plan in preset.plans.items():
            if plan.charge is Charge.PRORATED and keys.count(key) > 1:
                place = f"presets.{name}.plans.{key}.charge"
                raise PresetError(f"{place}: another preset has a plan of that name")


def _require_coherent(preset: Preset, place: str) -> None:
    owners = [key for key, role in preset.roles.items() if role.is_owner_role]
    if len(owners) != 1:
        raise PresetError(f"{place}.roles: exactly one is the owner's, not {len(owners)}")
    for key, role in preset.roles.items():
        _require_coherent_role(role, preset, f"{place}.roles.{key}")
    if preset.default_role not in preset.roles:
        raise PresetError(f"{place}.default_role: there is no role {preset.default_role!r}")
    for variant in preset.variants:
        if variant.policy not in preset.policies:
            raise PresetError(f"{place}: there is no policy {variant.policy!r}")


def _require_coherent_role(role: RoleTemplate, preset: Preset, place: str) -> None:
    if not role.is_owner_role and role.rank >= preset.roles[preset.owner_role].rank:
        raise PresetError(f"{place}.rank: not below the owner's")
    for other in (*role.manages, *role.grant_only_by):
        if other not in preset.roles:
            raise PresetError(f"{place}: there is no role {other!r}")


def _mapping(value: Any, place: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise PresetError(f"{place}: expected names with values")
    return value


def _only(values: Mapping[str, Any], place: str, known: frozenset[str]) -> None:
    for name in values:
        if name not in known:
            raise PresetError(f"{place}: there is nothing called {name!r} here")


def _take(values: Mapping[str, Any], name: str, kind: type[Found], place: str) -> Found:
    value = values.get(name)
    if type(value) is not kind:
        raise PresetError(f"{place}.{name}: expected {_KIND_WORDS[kind]}")
    return value


_KIND_WORDS: Mapping[type[Any], str] = {
    dict: "names with values",
    list: "a list",
    str: "text",
    int: "a whole number",
    bool: "true or false",
}
