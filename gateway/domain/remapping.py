"""Remapping: what becomes of each role of an organisation when it takes over another preset."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from uuid import UUID

from gateway.domain.errors import InvalidRequest
from gateway.domain.permissions import BASE_ATOMS, SECTIONS
from gateway.domain.presets import Preset
from gateway.domain.roles import RoleDefinition, RoleTemplate

Table = Mapping[UUID, str | None]
"""Role of the organisation → key of the preset's role that follows it; None: a custom one stays."""


@dataclass(frozen=True, slots=True)
class Target:
    """The preset to take over, with its roles as the organisation's policies make them."""

    preset: Preset
    roles: Mapping[str, RoleTemplate]
    single_owner: bool

    @property
    def owner(self) -> RoleTemplate:
        """The role of owners of record."""
        return self.roles[self.preset.owner_role]

    @property
    def others(self) -> list[RoleTemplate]:
        """The roles below, the strongest first."""
        below = [role for role in self.roles.values() if not role.is_owner_role]
        return sorted(below, key=lambda role: (-role.rank, role.key))


def table(
    present: Iterable[RoleDefinition], target: Target, wishes: Table
) -> dict[UUID, str | None]:
    """Return what follows each role: as wished, else what comes closest.

    Owners of record stay owners, whatever is said of their role: that is for others who hold it.

    :raises InvalidRequest: a wish for no role of the organisation, or one that cannot be.
    """
    known = {role.id: role for role in present}
    if wishes.keys() - known.keys():
        raise InvalidRequest("The organisation has no such role.", field="roles")
    for role_id, wish in wishes.items():
        _require_possible(known[role_id], wish, target)
    return {
        role.id: wishes[role.id] if role.id in wishes else closest(role, target)
        for role in known.values()
    }


def closest(role: RoleDefinition, target: Target) -> str | None:
    """Return the role that comes closest to one without giving more rank than it has.

    The owner's role becomes the owner's, or where one alone has it, the strongest below. A custom
    role stays where it can. Others become what has their key or name, else the strongest that
    ranks no higher and that everybody may give, else the preset's default.
    """
    if role.is_owner_role:
        return target.others[0].key if target.single_owner else target.owner.key
    if role.custom and why_not_kept(role, target) is None:
        return None
    alike = (
        *(other for other in target.others if other.key == role.key),
        *(other for other in target.others if other.name == role.name),
        *(x for x in target.others if x.rank <= role.rank and not x.grant_only_by),
    )
    if alike:
        return alike[0].key
    return target.preset.default_role


def why_not_kept(role: RoleTemplate, target: Target) -> str | None:
    """Return why a custom role cannot stay as it is, if it cannot."""
    toggles = target.preset.toggles
    offered = {f"{feature}.{verb}" for feature, verbs in toggles.items() for verb in verbs}
    if role.org_atoms - BASE_ATOMS - offered:
        return "it holds what the preset does not offer"
    bounded = [name for name in SECTIONS if name in toggles and role.level(name)]
    if any(role.level(name).word not in toggles[name] for name in bounded):
        return "it opens a section further than the preset offers"
    if role.rank > target.owner.rank:
        return "it would rank above the owner"
    if role.name.casefold() in {other.name.casefold() for other in target.roles.values()}:
        return "a role of the preset has its name"
    return None


def _require_possible(role: RoleDefinition, wish: str | None, target: Target) -> None:
    problem = _problem(role, wish, target)
    if problem is not None:
        raise InvalidRequest(f"{role.name}: {problem}.", field="roles", role=str(role.id))


def _problem(role: RoleDefinition, wish: str | None, target: Target) -> str | None:
    if wish is None:
        return why_not_kept(role, target) if role.custom else "only custom roles can stay"
    if wish not in target.roles:
        return f"the preset's roles are {', '.join(target.roles)}"
    if target.roles[wish].is_owner_role and (target.single_owner or not role.is_owner_role):
        return "ownership is transferred, not mapped"
    return None
