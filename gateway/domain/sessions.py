"""Sessions: what opens an organisation, for how long, and what it takes to change credentials.

A proof opens only what it proves. Single sign-on opens the organisation that owns the connection;
a person's own password or passkey opens every organisation that does not ask for more.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

STEP_UP = timedelta(minutes=5)
"""How long ago somebody may have proved who they are, to do what is sensitive."""

SEEN_EVERY = timedelta(seconds=60)
"""How exactly it is kept when a session was last used."""

LONGEST_SESSION = timedelta(hours=12)
"""How long a session lives where no organisation asks for less."""


class Factor(StrEnum):
    """What a person proves of their own."""

    PASSWORD = "password"  # noqa: S105 - the name of a factor
    TOTP = "totp"
    RECOVERY_CODE = "recovery_code"
    PASSKEY = "passkey"


def is_strong(factors: frozenset[Factor]) -> bool:
    """Whether the factors are two, or a passkey, which proves possession and person in one."""
    second = Factor.TOTP in factors or Factor.RECOVERY_CODE in factors
    return Factor.PASSKEY in factors or (Factor.PASSWORD in factors and second)


@dataclass(frozen=True, slots=True, kw_only=True)
class HouseRules:
    """What one organisation asks of proofs that are not its identity provider's."""

    enforces_sso: bool
    requires_mfa: bool
    session_length: timedelta

    @classmethod
    def of(cls, policies: Mapping[str, Any], *, enforces_sso: bool) -> "HouseRules":
        """Return the rules of an organisation's policies."""
        return cls(
            enforces_sso=enforces_sso,
            requires_mfa=bool(policies.get("require_mfa", False)),
            session_length=timedelta(
                hours=int(policies.get("session_hours", LONGEST_SESSION.total_seconds() // 3600))
            ),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What matters of the member whom a person would be here."""

    active: bool
    admin_hold: bool
    contained: bool
    break_glass: bool
    guest: bool


def opens_by_own_proof(
    rules: HouseRules, member: Standing, factors: frozenset[Factor]
) -> str | None:
    """Return None where the person's own factors open the organisation, else why not.

    Break-glass owners come in by two factors whatever is enforced, also while contained; guests
    from outside of the proved domains have no account at the organisation's provider.
    """
    if not factors:
        return "not_proved"
    if not member.active or member.admin_hold:
        return "member_inactive"
    if member.break_glass:
        return None if is_strong(factors) else "factor_required"
    if member.contained:
        return "contained"
    if rules.enforces_sso and not member.guest:
        return "sso_enforced"
    if rules.requires_mfa and not is_strong(factors):
        return "factor_required"
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A live session of a person."""

    id: UUID
    person_id: UUID
    factors: frozenset[Factor]
    proved_at: datetime | None
    created_at: datetime
    last_seen_at: datetime
    expires_at: datetime

    @property
    def is_own(self) -> bool:
        """Whether the person's own password or passkey proved it."""
        return bool(self.factors)

    def is_unseen(self, now: datetime) -> bool:
        """Whether it is time to note that the session is in use."""
        return now - self.last_seen_at >= SEEN_EVERY

    def is_fresh(self, now: datetime) -> bool:
        """Whether own factors proved it a moment ago."""
        return self.is_own and self.proved_at is not None and now - self.proved_at <= STEP_UP


@dataclass(frozen=True, slots=True, kw_only=True)
class Entrance:
    """What a session is in one organisation that it opens.

    `proved_at` is None where the provider did not say when the person signed in: never fresh.
    """

    session: Session
    organisation_id: UUID
    member_id: UUID
    member_name: str
    method: str
    break_glass: bool
    connection_id: UUID | None
    access_epoch: int
    member_epoch: int
    proved_at: datetime | None
    access_document: Mapping[str, Any]
    last_active_at: datetime | None

    def is_fresh(self, now: datetime) -> bool:
        """Whether somebody proved a moment ago, in a way this organisation takes, to be there."""
        lately = self.proved_at is not None and now - self.proved_at <= STEP_UP
        return lately or self.session.is_fresh(now)


@dataclass(frozen=True, slots=True, kw_only=True)
class SSOProof:
    """What a logout at the identity provider has to name."""

    organisation_id: UUID
    session_id: UUID
    member_id: UUID
    name_id: str | None
    name_id_format: str | None
    session_index: str | None
    id_token: str | None = field(default=None, repr=False)
