"""The pages of roles and plans, from the presets that organisations copy."""

import json

from gateway.api import ENDPOINTS
from gateway.domain.permissions import ACTIONS, BOT_ATOMS, ORG_ATOMS, SECTIONS, Level
from gateway.domain.plans import Plan
from gateway.domain.policies import EXPIRED_CHOICES, NUMBERS, POLICIES, keeper, values
from gateway.domain.presets import Preset
from gateway.domain.roles import RoleTemplate
from gateway.services import presets
from tests.architecture.markdown import code, table

YES = "yes"


def roles_page() -> str:
    """Return the page of every preset's roles, and of the endpoints that permissions open."""
    known = presets.packaged().presets
    return (
        "# Roles and the permission matrix\n\n"
        "Each preset brings its roles; an organisation copies them at its birth and may add its"
        " own (`POST …/roles`). `GET …/roles/matrix` shows the same for one organisation, with"
        " its custom roles, from the declarations that enforce it. What a role allows is the most"
        " that somebody may do: scope, plan and subscription may leave less. For each chatbot, see"
        " [how access is decided](../explanation/how-access-is-decided.md).\n"
        + "".join(_preset(preset) for preset in known.values())
        + "\n## Endpoints\n\nWhat each permission opens in the management API.\n\n"
        + table(("permission", "opens"), _opened())
    )


def _preset(preset: Preset) -> str:
    roles = list(preset.roles.values())
    heads = ("permission", *(role.name for role in roles))
    about = [
        ("rank", *(str(role.rank) for role in roles)),
        ("may be invited", *(_yes(role.invitable) for role in roles)),
        ("can be limited to chatbots", *(_yes(role.narrowable) for role in roles)),
    ]
    atoms = [
        (code(atom), *(_yes(atom in role.atoms()) for role in roles))
        for atom in (*sorted(ORG_ATOMS), *sorted(BOT_ATOMS))
    ]
    sections = [(code(section), *(_level(role, section) for role in roles)) for section in SECTIONS]
    toggles = ", ".join(
        code(f"{feature}.{verb}")
        for feature, verbs in sorted(preset.toggles.items())
        for verb in sorted(verbs)
    )
    return (
        f"\n## {code(preset.id)}\n\n"
        + table(heads, [*about, *atoms, *sections])
        + f"\nA custom role may switch on {toggles}, and any section up to write unless it is"
        " named here with read alone.\n"
    )


def _yes(value: bool) -> str:
    return YES if value else ""


def _level(role: RoleTemplate, section: str) -> str:
    level = role.level(section)
    return level.word if level is not Level.NONE else ""


def _opened() -> list[tuple[str, str]]:
    found: dict[str, list[str]] = {}
    for each in ENDPOINTS:
        if each.allow.atom in ACTIONS:
            path = each.path.replace("/organisations/{organisation}", "…")
            found.setdefault(str(each.allow.atom), []).append(code(f"{each.method} {path}"))
    return [(code(atom), ", ".join(ways)) for atom, ways in sorted(found.items())]


def plans_page() -> str:
    """Return the page of every preset's plans."""
    catalogue = presets.packaged()
    rows = [
        (code(preset.id), code(key), *_plan(plan))
        for preset in catalogue.presets.values()
        for key, plan in preset.plans.items()
    ]
    add_ons = [
        (code(name), ", ".join(sorted(features))) for name, features in catalogue.add_ons.items()
    ]
    heads = ("preset", "plan", "base", "each seat", "period", "included seats", "seat limit")
    return (
        "# Plans\n\n"
        "Money is in minor units of its currency. A subscription has one currency.\n\n"
        + table(heads, rows)
        + "\n## Add-ons\n\nThey fit every plan, which keeps its seat limit.\n\n"
        + table(("add-on", "features"), add_ons)
    )


def policies_page() -> str:
    """Return the page of every policy: its values, its defaults, and who may override it."""
    known = presets.packaged().presets
    rows = [
        (
            code(name),
            _values(name),
            keeper(name),
            *(_default(preset, name) for preset in known.values()),
        )
        for name in sorted(POLICIES)
    ]
    heads = ("policy", "values", "overridden by", *(code(name) for name in known))
    return (
        "# Policies\n\n"
        "The switches in which the products differ. `GET …/policies` shows how each stands and who"
        " says so: the organisation, else its plan, its preset, or what all presets share."
        " `PATCH …/policies` overrides some, and with `null` lets what lies below hold again."
        " `organisation` is whoever has `org.update`, `owner` an owner of record; the operator"
        " overrides every policy. Each preset's column shows its own value.\n\n"
        + table(heads, rows)
        + "\nRefused with `policy_conflict`: a single owner while several are of record, or while"
        " the owner's role is held, invited or given by a rule beside the owner of record. Refused"
        " with `successor_required`: ownership that never passes on, while an identity provider"
        " provisions or sign-on is enforced and no break-glass owner can come in.\n"
    )


def _values(name: str) -> str:
    if name in NUMBERS:
        span, unit = NUMBERS[name]
        return f"{span[0]} to {span[-1]} {unit}"
    if name == "subscription_expired":
        return "; ".join(
            f"{code(part)}: {', '.join(map(code, choices))}"
            for part, choices in EXPIRED_CHOICES.items()
        )
    return ", ".join(code(json.dumps(value).strip('"')) for value in values(name))


def _default(preset: Preset, name: str) -> str:
    value = preset.policies[name]
    if isinstance(value, dict):
        return ", ".join(code(each) for each in value.values())
    return code(json.dumps(value).strip('"'))


def _plan(plan: Plan) -> tuple[str, ...]:
    limit = "none" if plan.seat_limit is None else str(plan.seat_limit)
    return _money(plan.base), _money(plan.seat), plan.period, str(plan.included_seats), limit


def _money(amounts: object) -> str:
    found: dict[str, int] = dict(amounts)  # type: ignore[call-overload]
    return ", ".join(f"{amount} {currency}" for currency, amount in found.items()) or "not set"
