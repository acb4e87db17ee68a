"""Acting on others: nobody gives, changes or ends access above their own, nor their own.

Every verb that touches access asks here first. The operator and the product itself have no
bounds; a person, and a key capped by a person, have those of their effective role.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from uuid import UUID

from gateway.domain.decisions import Access
from gateway.domain.errors import InvalidRequest, OwnAccess, RoleAboveOwn
from gateway.domain.mapping import MappingRule, RuleKind, Scope
from gateway.domain.permissions import BASE_ATOMS, FORBIDDEN_IN_CUSTOM_ROLES, Level
from gateway.domain.roles import RoleDefinition, RoleTemplate


@dataclass(frozen=True, slots=True)
class Author:
    """Who acts: their effective access and role."""

    access: Access
    role: RoleDefinition


Acting = Author | None
"""None is the operator or the product itself, whom no role bounds."""


def require_may_act_on(author: Acting, target_id: UUID, target: RoleTemplate | None) -> None:
    """Refuse to change or end the access of oneself or of somebody who ranks higher.

    `target` is the effective role, which is kept through deactivation and holds. A role that
    manages only certain others acts on nobody else.

    :raises OwnAccess: the target is the author; leaving is not asked here.
    :raises RoleAboveOwn: the target's rank is above, or the role is not one to manage.
    """
    if author is None:
        return
    if author.access.member_id == target_id:
        raise OwnAccess(
            "Nobody changes their own access.", levers=("Ask another member who may do it.",)
        )
    rank = 0 if target is None else target.rank
    if rank > author.role.rank or not _manages(author.role, target):
        raise RoleAboveOwn("This member's role is above yours.", rank=rank)


def require_may_give(author: Acting, role: RoleTemplate) -> None:
    """Refuse to give a role to a member: above one's own, or not for this author to give.

    An owner's role is given by owners of record alone, since accepting it makes one of them.

    :raises RoleAboveOwn: names the role.
    """
    if author is None:
        return
    _require_within(author.role, role)
    if role.is_owner_role and not author.access.owner_of_record:
        raise _above(role, "Only an owner of record appoints owners.")


def require_may_give_scope(author: Acting, scope: Scope) -> None:
    """Refuse a narrowed author to open all chatbots to somebody."""
    if author is not None and scope is Scope.ALL and author.access.scope is not Scope.ALL:
        raise RoleAboveOwn("Your own access is limited to selected chatbots.")


def require_may_grant(author: Acting, chatbot_id: UUID, sections: Mapping[str, Level]) -> None:
    """Refuse a narrowed author to grant on a chatbot what they do not have there.

    A role that manages others grants them any level on the chatbots that it sees.
    """
    if author is None or author.access.scope is Scope.ALL:
        return
    if not author.access.visible(chatbot_id):
        raise RoleAboveOwn("You do not have this chatbot yourself.", chatbot=str(chatbot_id))
    for section, level in sections.items():
        if not author.role.manages and level > author.access.level(chatbot_id, section):
            raise RoleAboveOwn(
                f"You do not have {section}.{level.word} there yourself.",
                chatbot=str(chatbot_id),
                section=section,
            )


def require_may_raise(
    author: Acting,
    roles: tuple[RoleTemplate | None, RoleTemplate],
    scope: Scope,
    granted: Iterable[tuple[UUID, str, Level]],
) -> None:
    """Refuse a narrowed author to open by another role what they do not have themselves.

    `roles` are the member's and the one that is given. What the member was granted was bounded by
    the former; `scope` is whether they see every chatbot instead.
    """
    present, wanted = roles

    def opened(section: str, most: Level) -> Level:
        before = Level.NONE if present is None else min(most, present.level(section))
        after = min(most, wanted.level(section))
        return after if after > before else Level.NONE

    if any(opened(section, Level.WRITE) for section in wanted.sections):
        require_may_give_scope(author, scope)
    for chatbot_id, section, level in granted:
        if more := opened(section, level):
            require_may_grant(author, chatbot_id, {section: more})


def require_may_map(
    author: Acting, rule: MappingRule, roles: Mapping[UUID, RoleDefinition], owners: str
) -> None:
    """Refuse to save a mapping rule that gives more than its author may give.

    `owners` is the policy: where there is a single owner, no group gives that role.

    :raises InvalidRequest: a group cannot give the owner's role here, or the role is gone.
    """
    role = roles.get(rule.role_id) if rule.role_id is not None else None
    if rule.kind is RuleKind.ROLE and role is None:
        raise InvalidRequest("There is no such role.", field="role_id")
    if role is not None and role.is_owner_role and owners == "single":
        raise InvalidRequest(
            f"No group gives {role.name}: this organisation has a single owner.",
            levers=("Transfer ownership instead.",),
            field="role_id",
        )
    require_may_unmap(author, rule, roles)


def require_may_unmap(
    author: Acting, rule: MappingRule, roles: Mapping[UUID, RoleDefinition]
) -> None:
    """Refuse to change or end a rule that gives more than the author may give.

    A rule that gives nothing any more, its role being gone, may always go.
    """
    if rule.chatbot_id is not None:
        require_may_grant(author, rule.chatbot_id, rule.sections)
    if author is not None and rule.role_id is not None and rule.role_id in roles:
        _require_within(author.role, roles[rule.role_id])
    if rule.bot_scope is not None:
        require_may_give_scope(author, rule.bot_scope)


def strongest(
    rules: Iterable[MappingRule], roles: Mapping[UUID, RoleDefinition]
) -> RoleDefinition | None:
    """Return the role of the highest rank that these rules can give."""
    given = [
        roles[rule.role_id] for rule in rules if rule.role_id is not None and rule.role_id in roles
    ]
    return max(given, key=lambda role: (role.rank, role.id.int), default=None)


def require_may_change_connection(
    author: Acting,
    rules: Iterable[MappingRule],
    roles: Mapping[UUID, RoleDefinition],
    default_role: RoleDefinition | None,
) -> None:
    """Refuse to change a connection that can give a role above the author's.

    `default_role` is what its unmapped people get, or nothing.
    """
    if author is None:
        return
    candidates = (strongest(rules, roles), default_role)
    for role in candidates:
        if role is not None and role.rank > author.role.rank:
            raise _above(role, f"This connection can give {role.name}, which is above your role.")


def require_may_define(
    author: Acting, wanted: RoleTemplate, present: RoleDefinition | None = None
) -> None:
    """Refuse a custom role that holds what its author lacks, outranks them, or is their own.

    `present` is the role that is being edited or deleted.

    :raises InvalidRequest: a preset's role, which stays as it is.
    """
    if present is not None and not present.custom:
        raise InvalidRequest(f"{present.name} belongs to the preset and cannot be changed.")
    if wanted.atoms() & FORBIDDEN_IN_CUSTOM_ROLES:
        raise _above(wanted, "No custom role holds these permissions.")
    if author is None:
        return
    if present is not None and present.id == author.role.id:
        raise OwnAccess("Nobody changes the role that they hold.")
    if max(wanted.rank, present.rank if present else 0) > author.role.rank:
        raise _above(wanted, "A custom role ranks no higher than its author.")
    lacking = wanted.atoms() - author.role.atoms() - BASE_ATOMS
    if lacking:
        raise _above(wanted, f"You do not have {', '.join(sorted(lacking))} yourself.")


def _require_within(own: RoleDefinition, role: RoleTemplate) -> None:
    if role.rank > own.rank:
        raise _above(role, f"{role.name} is above your role.")
    if role.grant_only_by and own.key not in role.grant_only_by:
        raise _above(role, f"Only {', '.join(sorted(role.grant_only_by))} gives {role.name}.")
    if not _manages(own, role):
        raise _above(role, f"Your role manages {', '.join(sorted(own.manages))} only.")
    # Rank alone would let a role of much rank and few permissions hand out more than it has.
    if not own.manages and _administrative(role) - own.org_atoms - own.bot_atoms:
        raise _above(role, f"{role.name} holds permissions that you lack.")


def _administrative(role: RoleTemplate) -> frozenset[str]:
    return (role.org_atoms - BASE_ATOMS) | (role.bot_atoms - {"chatbot.read"})


def _manages(own: RoleTemplate, other: RoleTemplate | None) -> bool:
    return not own.manages or (other is not None and other.key in own.manages)


def _above(role: RoleTemplate, message: str) -> RoleAboveOwn:
    return RoleAboveOwn(message, role=role.key)
