"""What ends at once when somebody loses access, whoever takes it away."""

from uuid import UUID

from gateway.services import conversations
from gateway.storage import tables as t
from gateway.storage.unit_of_work import UnitOfWork


def end_everything_live(uow: UnitOfWork, member_id: UUID, cause: str) -> None:
    """Revoke sessions and API keys and return conversations, in the commit that causes it."""
    end_sessions(uow, member_id, cause)
    uow.update(t.api_keys, {"member_id": member_id, "revoked_at": None}, revoked_at=uow.now)
    conversations.return_to_queue(uow, member_id, cause)


def end_sessions(uow: UnitOfWork, member_id: UUID, cause: str) -> None:
    """Close the organisation to every session of a member; what they open elsewhere stays open.

    Nothing that was proved before opens it again, also where no row says so yet.
    """
    uow.update(t.members, {"id": member_id}, signed_out_at=uow.now)
    live = {"member_id": member_id, "revoked_at": None}
    uow.update(t.session_proofs, live, revoked_at=uow.now, revoked_because=cause)
