"""Taking over another preset: previewed for everybody, and applied exactly as it was previewed."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from pydantic import Field

from gateway.api.endpoint import Endpoints, holds_or_operator
from gateway.api.models import Answer, Body, Word
from gateway.api.organisations import Organisation
from gateway.api.organisations import read as read_organisation
from gateway.api.subscription import Renewal
from gateway.domain import errors
from gateway.domain.decisions import powers
from gateway.services import preset_switch
from gateway.services.rehearsals import Effect
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


class Somebody(Answer):
    """A member by id and name."""

    id: UUID
    name: str


class Change(Answer):
    """What the same change means for each of these members."""

    from_role: str | None
    to_role: str | None
    from_scope: str | None
    to_scope: str | None
    gains: list[str]
    losses: list[str]
    members: list[Somebody]


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
        changes=_grouped(found.effects),
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


def _grouped(effects: Iterable[Effect]) -> list[Change]:
    found: dict[tuple[Any, ...], list[Somebody]] = {}
    for effect in effects:
        before, after = powers(effect.before), powers(effect.after)
        change = (
            effect.before.get("role"),
            effect.after.get("role"),
            effect.before.get("scope"),
            effect.after.get("scope"),
            tuple(sorted(after - before)),
            tuple(sorted(before - after)),
        )
        somebody = Somebody(id=effect.member_id, name=effect.name)
        found.setdefault(change, []).append(somebody)
    return [
        Change(
            from_role=change[0],
            to_role=change[1],
            from_scope=change[2],
            to_scope=change[3],
            gains=list(change[4]),
            losses=list(change[5]),
            members=members,
        )
        for change, members in found.items()
    ]
