"""Mapping rules: what an identity provider's groups give."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from gateway.api.endpoint import Endpoints, holds
from gateway.api.models import Answer, Body, Page, Query
from gateway.api.paging import Paging
from gateway.domain import errors
from gateway.domain.mapping import MappingRule
from gateway.services import lists, mapping
from gateway.storage.unit_of_work import UnitOfWork

routes = Endpoints()
ALL = "/organisations/{organisation}/mapping-rules"
ONE = "/organisations/{organisation}/mapping-rules/{rule}"
MANAGE = holds("mappings.manage")
GIVING = (errors.RoleAboveOwn, errors.OwnAccess)
UNFIT = (errors.AlreadyExists, *GIVING, errors.ScopeUndecided)

Priority = Annotated[int, Field(ge=1, le=1_000_000)]
Sections = dict[
    Literal[
        "conversations",
        "knowledge_base",
        "testing",
        "improvement",
        "broadcasts",
        "integrations",
        "extensions",
        "analytics",
    ],
    Literal["none", "read", "write"],
]


class RuleChange(Body):
    """What may change about a rule, as far as its kind has it; what is left out stays."""

    role_id: UUID | None = None
    priority: Priority | None = Field(default=None, description="The lowest number wins.")
    bot_scope: Literal["all", "selected"] | None = None
    chatbot_id: UUID | None = None
    sections: Sections | None = None
    team_id: UUID | None = None


class NewRule(RuleChange):
    """A rule to make: a role with its priority, a chatbot with its sections, or a team."""

    connection_id: UUID
    group_id: UUID
    kind: Literal["role", "chatbot", "team"]


class RuleFilter(Query):
    """Which rules are wanted."""

    connection: UUID | None = None


class Rule(Answer):
    """A live mapping rule."""

    id: UUID
    connection_id: UUID
    group_id: UUID
    kind: str
    role_id: UUID | None
    priority: int | None
    bot_scope: str | None
    chatbot_id: UUID | None
    sections: dict[str, str] | None
    team_id: UUID | None


@routes.endpoint(f"POST {ALL}", MANAGE, status=201, tagged=True, errors=UNFIT)
def create(uow: UnitOfWork, body: NewRule) -> Rule:
    """Map a group; its people have the new access when this is answered."""
    return read(uow, mapping.create_rule(uow, **body.model_dump(exclude_unset=True)))


@routes.endpoint(f"GET {ALL}", MANAGE)
def listing(uow: UnitOfWork, page: Paging, query: RuleFilter) -> Page[Rule]:
    """List the live mapping rules."""
    rows = lists.rules(uow, page.after, page.fetch, query.connection)
    return page.page(rows, _shown)


@routes.endpoint(f"GET {ONE}", MANAGE, tagged=True)
def read(uow: UnitOfWork, rule: UUID) -> Rule:
    """Read a mapping rule."""
    return _shown(mapping.get(uow, rule))


@routes.endpoint(f"PATCH {ONE}", MANAGE, tagged=True, errors=UNFIT)
def change(uow: UnitOfWork, rule: UUID, body: RuleChange) -> Rule:
    """Change a mapping rule."""
    mapping.update_rule(uow, rule, **body.model_dump(exclude_unset=True))
    return read(uow, rule)


@routes.endpoint(f"DELETE {ONE}", MANAGE, status=204, tagged=True, errors=GIVING)
def delete(uow: UnitOfWork, rule: UUID) -> None:
    """Delete a rule; its people fall through to the next one, or to the connection's default."""
    mapping.delete_rule(uow, rule)


def _shown(rule: MappingRule) -> Rule:
    values = {name: getattr(rule, name) for name in Rule.model_fields}
    sections = {name: level.word for name, level in rule.sections.items()}
    return Rule(**{**values, "sections": sections or None})
