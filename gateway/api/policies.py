"""Policies: the switches in which products differ, and who says how they stand."""

from typing import Any

from pydantic import Field

from gateway.api.endpoint import Endpoints, holds_or_operator
from gateway.api.models import Answer, Body, Word
from gateway.domain import errors
from gateway.domain.policies import NUMBERS, keeper, values
from gateway.services import policies
from gateway.storage.unit_of_work import UnitOfWork

routes = Endpoints()
PLACE = "/organisations/{organisation}/policies"
Value = str | bool | int | dict[Word, Word]


class PolicyChange(Body):
    """Policies to override; null lets what lies below hold again, what is left out stays."""

    policies: dict[Word, Value | None] = Field(min_length=1, max_length=50)


class Policy(Answer):
    """One switch: how it stands, and who says so."""

    name: str
    value: Any
    source: str = Field(description="`organisation`, `plan`, `preset` or `global`.")
    said: dict[str, Any] = Field(description="What each of these says; the first of them decides.")
    overridden_by: str = Field(
        description="`organisation`: whoever may change it; `owner`: owners of record;"
        " `operator`. The operator may always."
    )
    allowed: list[Any] = Field(description="The values it may have; empty for a number.")
    least: int | None
    most: int | None
    unit: str | None


class Policies(Answer):
    """Every policy of an organisation, by name."""

    policies: list[Policy]


@routes.endpoint(f"GET {PLACE}", holds_or_operator("settings.read"), tagged=True)
def read(uow: UnitOfWork) -> Policies:
    """Read how every policy stands, who says so, and what it may be."""
    return Policies(policies=[_shown(each) for each in policies.listing(uow)])


@routes.endpoint(
    f"PATCH {PLACE}",
    holds_or_operator("org.update"),
    tagged=True,
    errors=(
        errors.PolicyConflict,
        errors.OwnershipTransferDisabled,
        errors.SuccessorRequired,
    ),
)
def change(uow: UnitOfWork, body: PolicyChange) -> Policies:
    """Override policies, or end overrides; roles, access and the waiting list follow at once.

    All of them change or none. What ownership rests on is an owner of record's to override, and
    what was agreed on money the operator's.
    """
    policies.change(uow, body.policies)
    return read(uow)


def _shown(policy: policies.Policy) -> Policy:
    span, unit = NUMBERS.get(policy.name, (None, None))
    return Policy(
        name=policy.name,
        value=policy.value,
        source=policy.source,
        said=dict(policy.said),
        overridden_by=keeper(policy.name),
        allowed=list(values(policy.name)),
        least=span and span[0],
        most=span and span[-1],
        unit=unit,
    )
