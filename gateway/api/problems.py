"""Refusals as problem documents (RFC 9457); the one place where the API chooses statuses."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from pydantic import BaseModel, ConfigDict, Field
from pydantic_core import to_jsonable_python

from gateway.domain import errors

MEDIA_TYPE = "application/problem+json"

STATUSES: Mapping[type[errors.GatewayError], int] = {
    errors.NotFound: 404,
    errors.NotVisible: 404,
    errors.InvalidRequest: 422,
    errors.TokenInvalid: 401,
    errors.SessionEnded: 401,
    errors.SignInFailed: 403,
    errors.StepUpRequired: 403,
    errors.NotPermitted: 403,
    errors.RoleAboveOwn: 403,
    errors.OwnAccess: 403,
    errors.PlanFeature: 403,
    errors.OwnershipTransferDisabled: 403,
    errors.SubscriptionExpired: 402,
    errors.SeatLimitReached: 402,
    errors.AlreadyExists: 409,
    errors.AlreadyMember: 409,
    errors.AlreadyInvited: 409,
    errors.MemberDeactivated: 409,
    errors.InvitesManagedByIdP: 409,
    errors.AccountRequired: 422,
    errors.ChatbotsRequired: 422,
    errors.EmailMismatch: 403,
    errors.InvitationRevoked: 410,
    errors.InvitationExpired: 410,
    errors.InvitationRotated: 410,
    errors.InvitationUsed: 409,
    errors.ManagedByIdP: 409,
    errors.DeprovisionedByIdP: 409,
    errors.RoleInUse: 409,
    errors.PolicyConflict: 409,
    errors.PlanStale: 409,
    errors.InvalidTransition: 409,
    errors.LastOwner: 409,
    errors.SuccessorRequired: 422,
    errors.PreconditionFailed: 412,
    errors.PreconditionRequired: 428,
    errors.FeedDropped: 410,
    errors.ScopeUndecided: 422,
    errors.NotEligible: 422,
    errors.BadEmail: 422,
    errors.IdempotencyMismatch: 422,
    errors.RateLimited: 429,
    errors.Frozen: 503,
    errors.TryAgain: 503,
}
"""The status of every refusal; one that is missing here is a bug, and a test finds it."""

RETRY_AFTER = 1
"""Seconds to wait where a refusal asks for patience and names no time itself."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """One field of a request that cannot be taken."""

    place: str
    field: str
    detail: str


@dataclass
class Unreadable(Exception):
    """A request that never reached a rule: its form, size, type, path or method is wrong."""

    status: int
    code: str
    message: str
    troubles: tuple[Trouble, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)


WIRE_CODES: Mapping[str, tuple[int, str]] = {
    "invalid_request": (400, "The body is not JSON."),
    "method_not_allowed": (405, "The path exists, but not with this method."),
    "too_large": (413, "The body is larger than the API takes."),
    "unsupported_media_type": (415, "The body is not `application/json`."),
    "internal_error": (500, "A defect of the gateway; nothing of its cause is shown."),
}
"""Codes of answers that stand for no refusal of a rule."""


class FieldProblem(BaseModel):
    """Why one field cannot be taken, and where it stands."""

    model_config = ConfigDict(extra="forbid")

    place: str = Field(alias="in", description="`body`, `query` or `header`.")
    field: str = Field(description="Path of the field, its parts joined by dots.")
    detail: str


class Problem(BaseModel):
    """What went wrong (RFC 9457), and what would help."""

    model_config = ConfigDict(extra="forbid")

    type: str
    code: str
    title: str
    status: int
    detail: str
    levers: list[str] = Field(description="What would change the answer.")
    decision_id: str | None = Field(
        default=None, description="Names the decision that refused; quote it when you ask why."
    )
    details: dict[str, object] | None = Field(
        default=None, description="Numbers and ids that the refusal rests on."
    )
    errors: list[FieldProblem] | None = Field(
        default=None, description="The fields that cannot be taken."
    )


@dataclass(frozen=True, slots=True)
class Refusal:
    """A problem document with its status and headers, ready to be sent."""

    status: int
    body: bytes
    headers: Mapping[str, str]


def refused(error: errors.GatewayError) -> Refusal:
    """Return the form of a refusal; an unlisted one is a bug and raises KeyError."""
    status = STATUSES[type(error)]
    details = {name: value for name, value in error.details.items() if name not in _OWN_PLACE}
    problem = _problem(status, _shown_code(error), error.message)
    problem.levers = list(error.levers)
    problem.details = to_jsonable_python(details, fallback=str) or None
    if "decision_id" in error.details:
        problem.decision_id = str(error.details["decision_id"])
    if isinstance(error, errors.InvalidRequest) and "field" in error.details:
        place = str(error.details.get("place", "body"))
        trouble = {"in": place, "field": str(error.details["field"]), "detail": error.message}
        problem.errors = [FieldProblem.model_validate(trouble)]
    return Refusal(status, _written(problem), _headers(status, error))


def unreadable(wrong: Unreadable) -> Refusal:
    """Return the form of a request that reached no rule."""
    problem = _problem(wrong.status, wrong.code, wrong.message)
    if wrong.troubles:
        problem.errors = [
            FieldProblem.model_validate({"in": x.place, "field": x.field, "detail": x.detail})
            for x in wrong.troubles
        ]
    return Refusal(wrong.status, _written(problem), wrong.headers)


def broken() -> Refusal:
    """Return the answer to a defect of ours: it tells nothing but that it happened."""
    message = "Something went wrong here. The request id of this answer names it in the log."
    return Refusal(500, _written(_problem(500, "internal_error", message)), {})


_OWN_PLACE = frozenset({"decision_id", "field", "place"})


def _shown_code(error: errors.GatewayError) -> str:
    """Return the code; what exists but is not visible is told like what is absent."""
    return errors.NotFound.code if isinstance(error, errors.NotVisible) else error.code


def _problem(status: int, code: str, detail: str) -> Problem:
    title = code.replace("_", " ").replace("idp", "IdP").capitalize()
    return Problem(
        type=f"urn:gateway:problem:{code}",
        code=code,
        title=title,
        status=status,
        detail=detail,
        levers=[],
    )


def _headers(status: int, error: errors.GatewayError) -> dict[str, str]:
    if status == 401:
        return {"WWW-Authenticate": 'Bearer realm="gateway"'}
    if status in (429, 503):
        return {"Retry-After": str(error.details.get("retry_after", RETRY_AFTER))}
    return {}


def _written(problem: Problem) -> bytes:
    return problem.model_dump_json(by_alias=True, exclude_none=True).encode()
