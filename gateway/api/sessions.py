"""Sessions: a person's own, and those that open an organisation to its members."""

from datetime import datetime
from uuid import UUID

from pydantic import Field

from gateway.api.calls import Call
from gateway.api.endpoint import PERSON, Endpoints, holds
from gateway.api.models import Answer
from gateway.domain import errors
from gateway.domain.sessions import Session
from gateway.services import acting, identities, session_ends
from gateway.storage import tables as t
from gateway.storage.person_work import PersonWork
from gateway.storage.unit_of_work import UnitOfWork

routes = Endpoints()
OWN = "/sessions"
MEMBER = "/organisations/{organisation}/members/{member}"
READ = holds("members.read")
UPDATE = holds("members.update")
ON_OTHERS = (errors.RoleAboveOwn, errors.OwnAccess)


class OwnSession(Answer):
    """A live session of the person who asks."""

    id: UUID
    current: bool
    factors: list[str] = Field(description="The person's own factors; none for a provider's word.")
    created_at: datetime
    last_seen_at: datetime
    expires_at: datetime
    ip: str | None
    user_agent: str | None


class OwnSessions(Answer):
    """Live sessions, the newest first."""

    items: list[OwnSession]


class MemberSession(Answer):
    """A live session that opens this organisation to a member."""

    id: UUID
    method: str
    connection_id: UUID | None
    proved_at: datetime | None = Field(description="None where the provider did not say when.")
    created_at: datetime
    last_seen_at: datetime
    expires_at: datetime
    ip: str | None
    user_agent: str | None


class MemberSessions(Answer):
    """Live sessions, the newest first."""

    items: list[MemberSession]


class Identity(Answer):
    """An account at a provider that signs a member in here."""

    id: UUID
    connection_id: UUID
    issuer: str
    subject: str
    linked_by: str
    created_at: datetime
    last_used_at: datetime | None


class Identities(Answer):
    """Accounts at providers."""

    items: list[Identity]


@routes.endpoint(f"GET {OWN}", PERSON)
def listing(here: PersonWork, call: Call) -> OwnSessions:
    """List one's own live sessions, as far as this one may see them."""
    session = own_session(call)
    rows = session_ends.listing(here, session)
    return OwnSessions(
        items=[
            OwnSession(
                **{
                    name: getattr(row, name)
                    for name in OwnSession.model_fields
                    if name != "current"
                },
                current=row.id == session.id,
            )
            for row in rows
        ]
    )


@routes.endpoint(f"POST {OWN}/{{session}}:revoke", PERSON, status=204)
def revoke(here: PersonWork, call: Call, session: UUID) -> None:
    """End one of one's own sessions."""
    session_ends.revoke(here, own_session(call), session)


@routes.endpoint(f"POST {OWN}:revoke-others", PERSON, status=204)
def revoke_others(here: PersonWork, call: Call) -> None:
    """End every other session that this one may see."""
    session = own_session(call)
    for row in session_ends.listing(here, session):
        if row.id != session.id:
            session_ends.revoke(here, session, row.id)


@routes.endpoint(f"GET {MEMBER}/sessions", READ)
def of_member(uow: UnitOfWork, member: UUID) -> MemberSessions:
    """List the live sessions that open this organisation to a member."""
    uow.load(t.members, member)
    rows = session_ends.of_member(uow, member)
    return MemberSessions(items=[MemberSession.model_validate(row) for row in rows])


@routes.endpoint(f"POST {MEMBER}/sessions/{{session}}:revoke", UPDATE, status=204, errors=ON_OTHERS)
def revoke_of_member(uow: UnitOfWork, member: UUID, session: UUID) -> None:
    """Close this organisation to one session of a member; what it opens elsewhere stays open."""
    acting.require_may_change(uow, uow.load(t.members, member))
    session_ends.revoke_proof(uow, member, session, "revoked_by_admin")


@routes.endpoint(f"POST {MEMBER}:sign-out", UPDATE, status=204, errors=ON_OTHERS)
def sign_out_member(uow: UnitOfWork, member: UUID) -> None:
    """Close this organisation to every session of a member."""
    acting.require_may_change(uow, uow.load(t.members, member))
    session_ends.revoke_member(uow, member, "revoked_by_admin")


@routes.endpoint(f"GET {MEMBER}/identities", READ)
def identities_of_member(uow: UnitOfWork, member: UUID) -> Identities:
    """List the accounts at providers that sign a member in."""
    rows = identities.of_member(uow, member)
    return Identities(items=[Identity.model_validate(row) for row in rows])


@routes.endpoint(
    f"POST {MEMBER}/identities/{{identity}}:unlink", UPDATE, status=204, errors=ON_OTHERS
)
def unlink(uow: UnitOfWork, member: UUID, identity: UUID) -> None:
    """Let an account sign a member in no more; its sessions end."""
    acting.require_may_change(uow, uow.load(t.members, member))
    identities.unlink(uow, member, identity)


def own_session(call: Call) -> Session:
    """Return the session that asks."""
    session = call.principal.session
    if session is None:
        raise errors.NotPermitted("Only people do this, in a session of their own.")
    return session
