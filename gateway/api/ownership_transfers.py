"""Passing the ownership of an organisation on."""

from uuid import UUID

from gateway.api.calls import Call
from gateway.api.endpoint import Endpoints, holds
from gateway.api.models import Answer, Body
from gateway.domain import errors
from gateway.services import ownership
from gateway.storage.unit_of_work import UnitOfWork

routes = Endpoints()


class Transfer(Body):
    """The member who is to own the organisation."""

    to: UUID


class Transferred(Answer):
    """Who owns the organisation now."""

    owner_id: UUID


@routes.endpoint(
    "POST /organisations/{organisation}/ownership-transfers",
    holds("org.read"),
    status=201,
    errors=(errors.OwnershipTransferDisabled, errors.StepUpRequired),
)
def transfer(uow: UnitOfWork, call: Call, body: Transfer) -> Transferred:
    """Pass the ownership on; only an owner of record does, right after proving who they are.

    The new owner is an active member with a verified address; whoever owned it before gets the
    role below, and both are told by mail.
    """
    ownership.require_transferable(uow)
    call.principal.require_fresh(uow.now)
    ownership.transfer(uow, body.to)
    return Transferred(owner_id=body.to)
