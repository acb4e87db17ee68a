"""Where access comes from: grants, origins of a role and of a scope, and what would change it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from uuid import UUID


class GrantSource(StrEnum):
    """Why a grant is there; what identity providers give is derived and never a grant."""

    CREATOR = "creator"
    MANUAL = "manual"
    INVITATION = "invitation"
    TRANSFER = "transfer"
    DEFAULT = "default"
    CONVERTED = "converted"


class Origin(StrEnum):
    """Where somebody's role comes from."""

    OWNER_OF_RECORD = "owner_of_record"
    RULE = "rule"
    UNMAPPED_DEFAULT = "unmapped_default"
    UNMAPPED_NO_ACCESS = "unmapped_no_access"
    GRANT = "grant"
    NOTHING = "nothing"


class ScopeOrigin(StrEnum):
    """Where somebody's chatbot scope comes from."""

    ROLE = "role"
    RULE = "rule"
    CONNECTION = "connection"
    PRESET = "preset"
    MEMBER = "member"


class OwnerBotAccess(StrEnum):
    """What the owner keeps of the chatbots while the subscription is expired."""

    NONE = "none"
    READ_ONLY = "read_only"
    FULL = "full"


@dataclass(frozen=True, slots=True)
class HeldRole:
    """The effective role, as far as decisions and lists need it."""

    id: UUID
    key: str
    rank: int
    is_owner_role: bool


@dataclass(frozen=True, slots=True)
class RoleSource:
    """Why somebody has this role, with the rule and its group, or the grant, behind it."""

    origin: Origin
    rule_id: UUID | None = None
    group_id: UUID | None = None
    grant_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Lever:
    """One thing that somebody can do to change a decision: `by` is who, as an atom or a place."""

    kind: str
    by: str
    text: str
    ids: Mapping[str, str] = field(default_factory=dict)


_BY_CODE: Mapping[str, Lever] = {
    "member_inactive": Lever("reactivate", "members.update", "Reactivate the member."),
    "on_hold": Lever("lift_hold", "members.update", "Lift the hold."),
    "contained": Lever(
        "end_containment",
        "identity_provider",
        "Activate the owner in the identity provider, or appoint another owner.",
    ),
    "subscription_expired": Lever("renew", "billing.manage", "Renew the subscription."),
    "plan_feature": Lever("upgrade", "billing.manage", "Add the feature to the plan."),
}
_BY_HAND = Lever(
    "change_access", "members.update", "Change the member's role, chatbot scope or grants."
)
_TRANSFER = Lever("transfer_ownership", "org.transfer", "Transfer the ownership to another member.")


def levers(code: str, managed_by: UUID | None, source: RoleSource) -> tuple[Lever, ...]:
    """Return what would change a refusal of this code, for somebody with such access."""
    if code in _BY_CODE and not (code == "member_inactive" and managed_by):
        return (_BY_CODE[code],)
    if source.origin is Origin.OWNER_OF_RECORD:
        return (_TRANSFER,)
    if managed_by is None:
        return (_BY_HAND,)
    ids = {"connection": str(managed_by)}
    if code == "member_inactive":
        return (Lever("activate", "identity_provider", "Activate the user in the provider.", ids),)
    group = {"group": str(source.group_id)} if source.group_id else {}
    rule = {"rule": str(source.rule_id)} if source.rule_id else {}
    return (
        Lever(
            "change_groups",
            "identity_provider",
            "Change the person's groups in the identity provider.",
            ids | group,
        ),
        Lever(
            "change_rules",
            "mappings.manage",
            "Change what the groups give in the mapping rules.",
            ids | rule,
        ),
    )
