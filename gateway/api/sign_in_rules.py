"""Rules of signing in: what an organisation asks of people's own factors, and who did what."""

from datetime import datetime
from uuid import UUID

from pydantic import Field

from gateway.api.endpoint import Endpoints, freshly, holds, holds_or_operator
from gateway.api.models import Answer, Body
from gateway.services import break_glass, policies, terms
from gateway.storage.unit_of_work import UnitOfWork

routes = Endpoints()
RULES = "/organisations/{organisation}/sign-in-policy"
GLASS = "/organisations/{organisation}/break-glass-owners"


class SignInPolicy(Answer):
    """What members with a password or passkey of their own are asked for."""

    require_mfa: bool
    session_hours: int


class SignInPolicyChange(Body):
    """What may change; what is left out stays."""

    require_mfa: bool | None = None
    session_hours: int | None = Field(default=None, ge=1, le=12)


class Appointment(Body):
    """The owner to appoint."""

    member_id: UUID


class BreakGlassOwner(Answer):
    """An owner who may always come in by two factors of their own."""

    member_id: UUID
    appointed_at: datetime
    confirmed_at: datetime | None
    last_used_at: datetime | None


class BreakGlassOwners(Answer):
    """The break-glass owners, at most two."""

    items: list[BreakGlassOwner]


@routes.endpoint(f"GET {RULES}", holds("settings.read"), tagged=True)
def read_policy(uow: UnitOfWork) -> SignInPolicy:
    """Read what people's own factors are asked for."""
    agreed = terms.current(uow).policies
    return SignInPolicy(require_mfa=agreed["require_mfa"], session_hours=agreed["session_hours"])


@routes.endpoint(f"PATCH {RULES}", holds("org.update"), tagged=True)
def change_policy(uow: UnitOfWork, body: SignInPolicyChange) -> SignInPolicy:
    """Change what people's own factors are asked for; open sessions that lack it close at once."""
    policies.change(uow, body.model_dump(exclude_none=True))
    return read_policy(uow)


@routes.endpoint(f"GET {GLASS}", holds("members.read"))
def list_break_glass(uow: UnitOfWork) -> BreakGlassOwners:
    """List the break-glass owners."""
    return BreakGlassOwners(
        items=[
            BreakGlassOwner(
                member_id=row.member_id,
                appointed_at=row.valid_from,
                confirmed_at=row.confirmed_at,
                last_used_at=row.last_used_at,
            )
            for row in break_glass.listing(uow)
        ]
    )


@routes.endpoint(f"POST {GLASS}", freshly(holds_or_operator("org.update")), status=201)
def appoint(uow: UnitOfWork, body: Appointment) -> BreakGlassOwners:
    """Let an owner of record always come in by two factors; all owners and admins are told."""
    break_glass.appoint(uow, body.member_id)
    return list_break_glass(uow)


@routes.endpoint(f"POST {GLASS}/{{member}}:confirm", holds_or_operator("org.update"))
def confirm(uow: UnitOfWork, member: UUID) -> BreakGlassOwners:
    """Say that a break-glass owner is still wanted."""
    break_glass.confirm(uow, member)
    return list_break_glass(uow)


@routes.endpoint(f"POST {GLASS}/{{member}}:end", holds_or_operator("org.update"), status=204)
def end(uow: UnitOfWork, member: UUID) -> None:
    """Make a break-glass owner an ordinary owner again."""
    break_glass.end(uow, member)
