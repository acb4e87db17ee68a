"""Taking over another preset: previewed for everybody, and applied exactly as it was previewed."""

from typing import Any
from uuid import UUID

from pydantic import Field

from gateway.api.endpoint import Endpoints, holds_or_operator
from gateway.api.models import Answer, Body, Word
from gateway.api.organisations import Organisation
from gateway.api.organisations import read as read_organisation
from gateway.api.rehearsed import Change, grouped
from gateway.api.subscription import Renewal
from gateway.domain import errors
from gateway.services import preset_switch
from gateway.storage.unit_of_work import UnitOfWork

routes = Endpoints()
PLACE = "/organisations/{organisation}/preset-switch"
UPDATE = holds_or_operator("org.update")


class Follower(Body):
    """Which role follows one of the organisation's."""

    role_id: UUID
    to: Word | None = Field(
        description="Key of the preset's role; null lets a custom role stay as it is."
    )


class PresetWish(Body):
    """The preset to take over; for roles left out the closest follows."""

    preset: Word
    plan: Word | None = Field(
        default=None, description="Default: the present one if the preset has it, else its first."
    )
    roles: list[Follower] = Field(
        default=[],
        max_length=200,
        description="What is said of the owner's role is for those who hold it and are not of"
        " record.",
    )


class Confirmed(PresetWish):
    """The same that was previewed, and the token that the preview gave."""

    plan_token: str | None = Field(default=None, max_length=64)


class RoleMove(Answer):
    """A role of the organisation, what follows it, and who and what names it now."""

    role_id: UUID
    key: str
    name: str
    custom: bool
    to: str | None = Field(description="Null where a custom role stays.")
    to_others: str | None = Field(
        description="Of the owner's role: what follows it for those who are not of record."
    )
    members: list[UUID]
    invitations: list[UUID]
    mapping_rules: list[UUID]
    api_keys: list[UUID]


class Obstacle(Answer):
    """Why the switch would be refused."""

    code: str
    detail: str
    levers: list[str]
    about: dict[str, Any]


class Preview(Answer):
    """What taking over the preset would do."""

    preset: str
    plan: str
    roles: list[RoleMove]
    changes: list[Change]
    renewal_before: Renewal
    renewal_after: Renewal
    refused: list[Obstacle]
    plan_token: str | None = Field(description="Applies exactly this; null where it is refused.")


@routes.endpoint(f"POST {PLACE}:preview", UPDATE)
def preview(uow: UnitOfWork, body: PresetWish) -> Preview:
    """Say what taking over a preset would do to everybody, to seats and to money.

    It is carried out and taken back, so that it says what applying does. Members whose access
    stays as it is are not listed under `changes`.
    """
    found = preset_switch.preview(uow, _wish(body))
    before, after = found.standing
    return Preview(
        **found.said,
        changes=grouped(found.effects),
        renewal_before=Renewal.model_validate(before),
        renewal_after=Renewal.model_validate(after),
        plan_token=None if found.said["refused"] else found.token,
    )


@routes.endpoint(
    f"POST {PLACE}:apply",
    UPDATE,
    errors=(
        errors.PreconditionRequired,
        errors.PlanStale,
        errors.PolicyConflict,
        errors.OwnershipTransferDisabled,
        errors.SuccessorRequired,
    ),
)
def apply(uow: UnitOfWork, body: Confirmed) -> Organisation:
    """Take over a preset exactly as it was previewed, all of it or nothing.

    For owners of record and the operator. Whoever may do more or less by it is told by mail.
    """
    preset_switch.apply(uow, _wish(body), body.plan_token)
    return read_organisation(uow)


def _wish(body: PresetWish) -> preset_switch.Wish:
    return preset_switch.Wish(
        preset=body.preset,
        plan=body.plan,
        roles={each.role_id: each.to for each in body.roles},
    )
