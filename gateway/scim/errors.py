"""Every refusal in SCIM's form (RFC 7644 §3.12): the only place where SCIM statuses are chosen."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from scim2_models import SCIMException

from gateway.domain import errors

ERROR_SCHEMA = "urn:ietf:params:scim:api:messages:2.0:Error"
Form = tuple[int, str | None]

SCIM_ERRORS: dict[type[errors.GatewayError], Form] = {
    errors.NotFound: (404, None),
    errors.NotVisible: (404, None),
    errors.InvalidRequest: (400, "invalidValue"),
    errors.TokenInvalid: (401, None),
    errors.SessionEnded: (401, None),
    errors.SignInFailed: (401, None),
    errors.StepUpRequired: (403, None),
    errors.NotPermitted: (403, None),
    errors.RoleAboveOwn: (403, None),
    errors.OwnAccess: (403, None),
    errors.PlanFeature: (403, None),
    errors.OwnershipTransferDisabled: (403, None),
    errors.SubscriptionExpired: (403, None),
    errors.SeatLimitReached: (403, None),
    errors.AlreadyExists: (409, "uniqueness"),
    errors.AlreadyMember: (409, "uniqueness"),
    errors.AlreadyInvited: (409, "uniqueness"),
    errors.MemberDeactivated: (409, "uniqueness"),
    errors.InvitesManagedByIdP: (409, None),
    errors.AccountRequired: (400, "invalidValue"),
    errors.ChatbotsRequired: (400, "invalidValue"),
    errors.EmailMismatch: (403, None),
    errors.InvitationRevoked: (409, None),
    errors.InvitationExpired: (409, None),
    errors.InvitationRotated: (409, None),
    errors.InvitationUsed: (409, None),
    errors.ManagedByIdP: (409, None),
    errors.DeprovisionedByIdP: (409, None),
    errors.RoleInUse: (409, None),
    errors.PolicyConflict: (409, None),
    errors.PlanStale: (409, None),
    errors.InvalidTransition: (409, None),
    errors.LastOwner: (400, "mutability"),
    errors.SuccessorRequired: (400, "mutability"),
    errors.PreconditionFailed: (412, None),
    errors.PreconditionRequired: (428, None),
    errors.FeedDropped: (409, None),
    errors.ScopeUndecided: (400, "invalidValue"),
    errors.NotEligible: (400, "invalidValue"),
    errors.BadEmail: (400, "invalidValue"),
    errors.IdempotencyMismatch: (400, "invalidValue"),
    errors.RateLimited: (429, None),
    errors.Frozen: (503, None),
    errors.TryAgain: (503, None),
}
CHALLENGE = 'Bearer realm="SCIM"'
RETRY_AFTER = 1
"""Seconds to wait where a refusal names none."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A refusal on its way out."""

    status: int
    detail: str
    scim_type: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def body(self) -> str:
        """The JSON text of the answer."""
        said: dict[str, Any] = {"schemas": [ERROR_SCHEMA], "status": str(self.status)}
        if self.scim_type:
            said["scimType"] = self.scim_type
        return json.dumps({**said, "detail": self.detail}, ensure_ascii=False)


def refusal_of(error: errors.GatewayError | SCIMException) -> Refusal:
    """Return the SCIM form of a refusal; an unlisted one is a bug and raises KeyError."""
    if isinstance(error, SCIMException):
        return _of_protocol(error)
    status, scim_type = SCIM_ERRORS[type(error)]
    return Refusal(status, error.message, scim_type, _headers(error, status))


def unexpected(request_id: str) -> Refusal:
    """Return the answer to a bug of ours, whose text stays in the log."""
    return Refusal(500, f"Something went wrong here; quote request {request_id}.")


def _of_protocol(error: SCIMException) -> Refusal:
    found = error.to_error()
    allowed = getattr(error, "allowed", None)
    headers = {"Allow": ", ".join(allowed)} if allowed else {}
    return Refusal(
        found.status or 500, found.detail or str(error), found.scim_type or None, headers
    )


def _headers(error: errors.GatewayError, status: int) -> dict[str, str]:
    if status == 401:
        return {"WWW-Authenticate": CHALLENGE}
    if status in (429, 503):
        return {"Retry-After": str(error.details.get("retry_after", RETRY_AFTER))}
    return {}
