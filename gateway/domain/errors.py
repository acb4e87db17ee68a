"""The one error family of the product.

Services raise these; each adapter owns one table that turns their codes into its wire
form (SCIM Error, problem+json). Nothing below an adapter knows HTTP.
"""

from gateway.domain.signin_failures import FAILURES


class GatewayError(Exception):
    """A refusal the caller can understand. Never raised for bugs.

    `details` are facts for the answer (limits, numbers, ids); `levers` say what would help.
    """

    code = "error"
    """Stable identifier, part of the public API and listed in docs/reference/errors.md."""

    def __init__(self, message: str, *, levers: tuple[str, ...] = (), **details: object) -> None:
        super().__init__(message)
        self.message = message
        self.levers = levers
        self.details = details


class NotFound(GatewayError):
    """Absent, or another organisation's: the two look the same."""

    code = "not_found"


class NotVisible(GatewayError):
    """There, but not for this principal; answered like `not_found`."""

    code = "not_visible"


class InvalidRequest(GatewayError):
    """The request cannot be understood or breaks a stated bound."""

    code = "invalid_request"


class TokenInvalid(GatewayError):
    """No credential, or one that opens nothing: unknown, expired, revoked and foreign are alike."""

    code = "token_invalid"


class SessionEnded(GatewayError):
    """The session's row is revoked or expired."""

    code = "session_ended"


class SignInFailed(GatewayError):
    """A sign-in did not succeed; `reason` is one of the stable codes of failed sign-ins."""

    code = "sign_in_failed"

    def __init__(self, reason: str) -> None:
        if reason not in FAILURES:
            raise ValueError(f"unknown failure {reason}")
        super().__init__("Signing in did not succeed.", reason=reason)
        self.reason = reason


class StepUpRequired(GatewayError):
    """The act needs somebody who proved a moment ago who they are."""

    code = "step_up_required"


class NotPermitted(GatewayError):
    """The principal's effective access lacks the atom."""

    code = "not_permitted"


class RoleAboveOwn(GatewayError):
    """The target's or the given role ranks above the actor's."""

    code = "role_above_own"


class OwnAccess(GatewayError):
    """Nobody changes their own role, grants, scope or hold, nor what would give them more."""

    code = "own_access"


class PlanFeature(GatewayError):
    """The organisation's plan lacks the feature."""

    code = "plan_feature"


class OwnershipTransferDisabled(GatewayError):
    """The preset ties ownership to the creator."""

    code = "ownership_transfer_disabled"


class SubscriptionExpired(GatewayError):
    """The subscription ended; renewing restores everything."""

    code = "subscription_expired"


class SeatLimitReached(GatewayError):
    """No free seat; details carry limit, used and pending."""

    code = "seat_limit_reached"


class AlreadyExists(GatewayError):
    """A unique key is taken inside the same organisation or connection."""

    code = "already_exists"


class AlreadyMember(GatewayError):
    """The person is a member of the organisation."""

    code = "already_member"


class AlreadyInvited(GatewayError):
    """The address has a pending invitation."""

    code = "already_invited"


class MemberDeactivated(GatewayError):
    """The person is a member here who was deactivated by hand; reactivate instead."""

    code = "member_deactivated"


class InvitesManagedByIdP(GatewayError):
    """The identity provider adds people here, so that nobody is invited by hand."""

    code = "invites_managed_by_idp"


class AccountRequired(GatewayError):
    """Only people with an account are invited here."""

    code = "account_required"


class ChatbotsRequired(GatewayError):
    """Members see selected chatbots only, and the invitation names none."""

    code = "chatbots_required"


class EmailMismatch(GatewayError):
    """The signed-in person has not proved the address that was invited."""

    code = "email_mismatch"


class InvitationRevoked(GatewayError):
    """The invitation was revoked, declined, or made needless; details carry its `state`."""

    code = "invitation_revoked"


class InvitationExpired(GatewayError):
    """The invitation's time is over."""

    code = "invitation_expired"


class InvitationRotated(GatewayError):
    """A newer link was mailed; this one opens nothing."""

    code = "invitation_rotated"


class InvitationUsed(GatewayError):
    """The invitation was accepted before."""

    code = "invitation_used"


class ManagedByIdP(GatewayError):
    """The identity provider decides this; details name group, rule and connection."""

    code = "managed_by_idp"


class DeprovisionedByIdP(GatewayError):
    """The identity provider took this person away; only it can bring them back."""

    code = "deprovisioned_by_idp"


class RoleInUse(GatewayError):
    """A role with holders cannot be deleted; details name them."""

    code = "role_in_use"


class PolicyConflict(GatewayError):
    """A policy cannot have this value while something stands against it; details name it."""

    code = "policy_conflict"


class PlanStale(GatewayError):
    """What was previewed would not happen any more: it is to be previewed and decided on again."""

    code = "plan_stale"


class InvalidTransition(GatewayError):
    """The life cycle has no such move from the present state."""

    code = "invalid_transition"


class LastOwner(GatewayError):
    """An organisation keeps at least one owner of record."""

    code = "last_owner"


class SuccessorRequired(GatewayError):
    """SCIM needs somebody to keep the organisation when its owner is deprovisioned.

    So whoever alone could is not taken away by hand.
    """

    code = "successor_required"


class PreconditionFailed(GatewayError):
    """The resource's version is not the one the caller named."""

    code = "precondition_failed"


class PreconditionRequired(GatewayError):
    """The change needs the version (or plan) it was decided on."""

    code = "precondition_required"


class FeedDropped(GatewayError):
    """The feed begins later than it was asked for; details say where."""

    code = "feed_dropped"


class ScopeUndecided(GatewayError):
    """A first chatbot rule needs the connection's scope chosen."""

    code = "scope_undecided"


class NotEligible(GatewayError):
    """Whoever was named cannot take the conversation; details say what is `lacking`."""

    code = "not_eligible"


class BadEmail(GatewayError):
    """Not an address that the product mails or matches."""

    code = "bad_email"


class IdempotencyMismatch(GatewayError):
    """The same Idempotency-Key came with another body."""

    code = "idempotency_mismatch"


class RateLimited(GatewayError):
    """Too many requests; details carry `retry_after` in seconds."""

    code = "rate_limited"


class Frozen(GatewayError):
    """The connection is frozen; details carry `retry_after` in seconds."""

    code = "frozen"


class TryAgain(GatewayError):
    """The database stayed busy through every retry; nothing changed."""

    code = "try_again"


class Refused:
    """A refusal that leaves a trace: the unit commits, and the edge answers with the error."""

    __slots__ = ("error",)

    def __init__(self, error: GatewayError) -> None:
        self.error = error
