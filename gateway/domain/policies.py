"""Policies: the named switches in which products differ, and the values each may have."""

from collections.abc import Mapping
from enum import StrEnum
from itertools import product
from typing import Any, NoReturn

from gateway.domain.errors import InvalidRequest

Policies = Mapping[str, Any]
"""Policy name → value."""


class Layer(StrEnum):
    """Who says a policy's value; the first of these that says one decides."""

    ORGANISATION = "organisation"
    PLAN = "plan"
    PRESET = "preset"
    GLOBAL = "global"


Layers = Mapping[str, Any]
"""Layer → the value that it says."""


class Keeper(StrEnum):
    """Who may override a policy beside the operator; `ORGANISATION` is whoever may change it."""

    ORGANISATION = "organisation"
    OWNER = "owner"
    OPERATOR = "operator"


CHOICES: Mapping[str, tuple[object, ...]] = {
    "owners": ("single", "multi"),
    "transfer": ("allowed", "forbidden"),
    "invite_requires_account": (True, False),
    "direct_create": (True, False),
    "admin_manages_agents": (True, False),
    "bot_scope_default": ("all", "selected"),
    "owner_counts_as_seat": (True, False),
    "pending_counts_as_seat": (True, False),
    "seat_overage": ("block", "bill"),
    "notify_role_change": (True, False),
    "welcome_email": (True, False),
    "on_remove_resources": ("to_owner",),
    "invites_when_scim": ("off", "guests_only", "on"),
    "resend": ("rotate_and_extend",),
    "last_owner_scim": ("refuse_and_contain", "succeed"),
    "scim_overage": ("refuse", "waitlist", "bill"),
    "require_mfa": (True, False),
}
"""Policies with a few values each."""

EXPIRED_CHOICES: Mapping[str, tuple[str, ...]] = {
    "owner_bot_access": ("none", "read_only", "full"),
    "others": ("suspended",),
}
"""What the parts of `subscription_expired` may be."""

INVITATION_DAYS = range(1, 31)
"""Days that an invitation may live."""

SESSION_HOURS = range(1, 13)
"""Hours that a browser session may last."""

LOG_DAYS = range(1, 366)
"""Days for which the requests of identity providers may be kept."""

AUDIT_DAYS = range(30, 3651)
"""Days for which events of the audit may be kept."""

FEED_DAYS = range(31, 3651)
"""Days for which the event feed may be read on: longer than deliveries stay in their log."""

NUMBERS: Mapping[str, tuple[range, str]] = {
    "invite_ttl_days": (INVITATION_DAYS, "days"),
    "session_hours": (SESSION_HOURS, "hours"),
    "scim_log_days": (LOG_DAYS, "days"),
    "audit_days": (AUDIT_DAYS, "days"),
    "feed_days": (FEED_DAYS, "days"),
}
"""Policies that are a number."""

POLICIES = frozenset({*CHOICES, *NUMBERS, "subscription_expired"})
"""Every policy there is."""

DEFAULT_ROLE = "default_role"
"""Kept beside the policies: the key of the role that people get whom nothing gives another."""

KEEPERS: Mapping[str, Keeper] = {
    "owners": Keeper.OWNER,
    "last_owner_scim": Keeper.OWNER,
    "admin_manages_agents": Keeper.OWNER,
    "transfer": Keeper.OPERATOR,
    "owner_counts_as_seat": Keeper.OPERATOR,
    "pending_counts_as_seat": Keeper.OPERATOR,
    "seat_overage": Keeper.OPERATOR,
    "scim_overage": Keeper.OPERATOR,
    "subscription_expired": Keeper.OPERATOR,
    "audit_days": Keeper.OPERATOR,
    "feed_days": Keeper.OPERATOR,
    "scim_log_days": Keeper.OPERATOR,
}
"""Policies that not everybody who may change the organisation overrides: what ownership rests on,
what roles hold, what was agreed on money, and how long it is remembered who did what.
"""


def keeper(name: str) -> Keeper:
    """Return who may override a policy."""
    return KEEPERS.get(name, Keeper.ORGANISATION)


def decided(layers: Layers) -> tuple[Layer, Any]:
    """Return the layer that decides, and the value that it says."""
    layer = next(layer for layer in Layer if layer in layers)
    return layer, layers[layer]


def values(name: str) -> tuple[object, ...]:
    """Return the values that a policy may have; nothing for one that is a number."""
    if name == "subscription_expired":
        parts = [[(part, choice) for choice in EXPIRED_CHOICES[part]] for part in EXPIRED_CHOICES]
        return tuple(dict(choice) for choice in product(*parts))
    return CHOICES.get(name, ())


def check_policies(policies: Policies) -> None:
    """Refuse an unknown policy and a value that it cannot have."""
    for name, value in policies.items():
        check_policy(name, value)


def check_policy(name: str, value: object) -> None:
    """Refuse an unknown policy and a value that it cannot have."""
    require_policy(name)
    if name in CHOICES:
        if not any(type(value) is type(choice) and value == choice for choice in CHOICES[name]):
            _refuse(name, value, CHOICES[name])
    elif name in NUMBERS:
        bounds, unit = NUMBERS[name]
        if type(value) is not int or value not in bounds:
            _refuse(name, value, (f"a number of {unit} from {bounds[0]} to {bounds[-1]}",))
    else:
        _check_expired(value)


def require_policy(name: str) -> None:
    """Refuse an unknown policy."""
    if name not in POLICIES:
        raise InvalidRequest(f"There is no policy {name!r}.", field=name)


def _check_expired(value: object) -> None:
    if not isinstance(value, dict) or set(value) != set(EXPIRED_CHOICES):
        _refuse("subscription_expired", value, tuple(EXPIRED_CHOICES))
    for part, choices in EXPIRED_CHOICES.items():
        if value[part] not in choices:
            _refuse(f"subscription_expired.{part}", value[part], choices)


def _refuse(name: str, value: object, choices: tuple[object, ...]) -> NoReturn:
    allowed = ", ".join(str(choice).lower() for choice in choices)
    raise InvalidRequest(f"Policy {name} cannot be {value!r}; allowed: {allowed}.", field=name)
