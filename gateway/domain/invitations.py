"""Invitations: their life, their links, and how many an organisation may send."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NoReturn
from uuid import UUID

from gateway.domain import transitions
from gateway.domain.errors import (
    ChatbotsRequired,
    GatewayError,
    InvalidRequest,
    InvalidTransition,
    InvitationExpired,
    InvitationRevoked,
    InvitationRotated,
    InvitationUsed,
    RateLimited,
)
from gateway.domain.mapping import Scope
from gateway.domain.permissions import parse_sections
from gateway.domain.roles import RoleTemplate


class InvitationState(StrEnum):
    """Where an invitation stands."""

    PENDING = "pending"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    REVOKED = "revoked"
    EXPIRED = "expired"
    SUPERSEDED = "superseded"


TRANSITIONS: Mapping[InvitationState, frozenset[InvitationState]] = {
    state: frozenset(InvitationState) - {state} if state is InvitationState.PENDING else frozenset()
    for state in InvitationState
}
"""Whatever has ended stays ended: a fresh invitation is another one (S4-11)."""


class Delivery(StrEnum):
    """What became of the newest mail of an invitation."""

    QUEUED = "queued"
    SENT = "sent"
    BOUNCED = "bounced"


class LinkKind(StrEnum):
    """How a link came to its reader: only one that was mailed proves the mailbox."""

    MAILED = "mailed"
    COPIED = "copied"


LINKS_LIMIT = 5
"""Copied links of one invitation that live at once."""

PENDING_FLOOR, PENDING_PER_SEAT = 50, 5
"""So many invitations may be pending in any case, and so many for each seat."""

DAILY_LIMIT = 100
"""Invitations that an organisation sends in 24 hours."""

BULK_LIMIT = 50
"""Rows of one call."""

DAY = timedelta(days=1)


def state_at(state: InvitationState, expires_at: datetime, now: datetime) -> InvitationState:
    """Return the state as time has left it: exactly at its end an invitation is dead (S4-10)."""
    if state is InvitationState.PENDING and expires_at <= now:
        return InvitationState.EXPIRED
    return state


def require_transition(present: InvitationState, wanted: InvitationState) -> None:
    """Refuse a move that the table does not list."""
    transitions.require(
        TRANSITIONS, "An invitation", present, wanted, levers=("Invite the person afresh.",)
    )


def require_pending(present: InvitationState) -> None:
    """Refuse to do anything with an invitation that has ended (S4-11)."""
    if present is not InvitationState.PENDING:
        raise InvalidTransition(
            f"This invitation is {present}.",
            levers=("Invite the person afresh.",),
            present=str(present),
        )


_ENDS: Mapping[InvitationState, tuple[type[GatewayError], str]] = {
    InvitationState.ACCEPTED: (InvitationUsed, "This invitation has been accepted."),
    InvitationState.DECLINED: (InvitationRevoked, "This invitation was declined."),
    InvitationState.REVOKED: (InvitationRevoked, "This invitation was revoked."),
    InvitationState.SUPERSEDED: (InvitationRevoked, "This invitation is no longer needed."),
    InvitationState.EXPIRED: (InvitationExpired, "This invitation has expired."),
}


def refuse_link(state: InvitationState) -> NoReturn:
    """Say why a link no longer leads anywhere; of a pending invitation it was replaced."""
    if state is InvitationState.PENDING:
        raise InvitationRotated(
            "A newer link was mailed.",
            levers=("Let the newest link be mailed to the invited address.",),
        )
    error, message = _ENDS[state]
    raise error(message, levers=("Ask for a fresh invitation.",), state=str(state))


def require_invitable(role: RoleTemplate) -> None:
    """Refuse a role that nobody is invited to, such as the single owner's."""
    if not role.invitable:
        raise InvalidRequest(f"Nobody is invited as {role.name}.", field="role_id")


def runs_the_house(role: RoleTemplate) -> bool:
    """Whether the role is an owner's or an admin's: no chatbot can be kept from it."""
    return not role.narrowable


Sections = Mapping[str, str] | None
Chatbots = Mapping[UUID, Sections]
"""Chatbot → section → level; without sections, everything that the role allows."""


@dataclass(frozen=True, slots=True)
class Reach:
    """Which chatbots somebody will see: all, or these with these levels."""

    scope: Scope
    chatbots: Mapping[UUID, Mapping[str, str]]

    def document(self) -> dict[str, dict[str, str]]:
        """Return the chatbots as plain JSON values."""
        return {str(chatbot): dict(levels) for chatbot, levels in self.chatbots.items()}


def reach(role: RoleTemplate, default: Scope, chatbots: Chatbots | None) -> Reach:
    """Return what an invitation opens; chatbots that are named narrow it to these (S4-06).

    :raises ChatbotsRequired: none are named where members see selected ones only.
    :raises InvalidRequest: a section or level that does not exist (S0-12).
    """
    if chatbots is None:
        if default is Scope.SELECTED and role.narrowable:
            raise ChatbotsRequired(
                f"Say which chatbots {role.name} may see.",
                levers=("Send `chatbots`; an empty list opens none.",),
            )
        return Reach(default, {})
    everything = {name: level.word for name, level in role.sections.items()}
    named = {
        chatbot: everything
        if levels is None
        else {name: level.word for name, level in parse_sections(levels).items()}
        for chatbot, levels in chatbots.items()
    }
    return Reach(Scope.SELECTED, named)


@dataclass(frozen=True, slots=True)
class Sent:
    """What an organisation has sent: pending invitations, and those of the last 24 hours."""

    pending: int
    first_expiry: datetime | None
    today: int
    first_today: datetime | None


def require_within_limits(sent: Sent, seats: int, now: datetime) -> None:
    """Refuse one more invitation above the limits (S2-19).

    :raises RateLimited: `retry_after` is when the first of those that count no longer does.
    """
    most = max(PENDING_FLOOR, PENDING_PER_SEAT * seats)
    if sent.pending >= most:
        _slow_down(f"{most} invitations are pending.", sent.first_expiry, now, limit=most)
    if sent.today >= DAILY_LIMIT:
        free = sent.first_today and sent.first_today + DAY
        _slow_down(f"{DAILY_LIMIT} invitations a day.", free, now, limit=DAILY_LIMIT)


def _slow_down(message: str, free: datetime | None, now: datetime, *, limit: int) -> NoReturn:
    seconds = 1 if free is None else max(1, -int((now - free).total_seconds() // 1))
    raise RateLimited(
        f"Too many invitations: {message}",
        levers=("Revoke pending invitations that nobody needs.",),
        retry_after=seconds,
        limit=limit,
    )


def masked(email: str) -> str:
    """Return an address as a stranger with the link may see it: first letter and domain."""
    local, _, domain = email.rpartition("@")
    return f"{local[:1]}…@{domain}"
